package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"resound/bench"
)

type whatIfCommand struct {
	File     string `arg:"" placeholder:"recording.json" help:"What resound-bench record has written."`
	Viewers  factor `default:"x1" placeholder:"xN" help:"So many times the subscriptions of each channel (default ${default})."`
	Channels factor `default:"x1" placeholder:"xN" help:"So many times the channels, each with its own viewers (default ${default})."`
	Rate     factor `default:"x1" placeholder:"xN" help:"So many times the messages of each channel (default ${default})."`
	Size     factor `default:"x1" placeholder:"xN" help:"So many times the bytes of their data (default ${default})."`
	Peak     bool   `help:"Play the busiest interval of the recording all the time, and not its mean."`
	Show     bool   `help:"Only print the workload, as YAML for resound-bench mixed."`
	pace
}

func (whatIfCommand) Help() string {
	return `Plays a recording, with more of everything, to a server that this command starts, or to any other. Messages have
the recorded sizes and rates, evenly spaced, and what they say is made up; a socket is opened for each subscription.

Examples:

    resound-bench record --address 127.0.0.1:8080 --for 10m
    resound-bench what-if recording.json --viewers x2
    resound-bench what-if recording.json --channels x10 --rate 150% --peak
    resound-bench what-if recording.json --viewers x5 --show > mine.yaml`
}

func (c whatIfCommand) run(ctx context.Context) error {
	recording, err := bench.LoadRecording(c.File)
	if err != nil {
		return err
	}
	w, err := recording.Workload(bench.WhatIf{
		Viewers: float64(c.Viewers), Channels: float64(c.Channels), Rate: float64(c.Rate), Size: float64(c.Size), Peak: c.Peak,
	}, c.Warmup, c.Duration)
	if err != nil {
		return err
	}
	if c.Show {
		text, err := bench.FormatWorkload(w)
		if err == nil {
			fmt.Print(text)
		}
		return err
	}
	return c.play(ctx, "what-if", w)
}

// factor is a number such as x2, 2 or 200%.
type factor float64

// UnmarshalText is for kong.
func (f *factor) UnmarshalText(text []byte) error {
	s, percent := strings.CutSuffix(strings.TrimPrefix(strings.ToLower(string(text)), "x"), "%")
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) {
		return fmt.Errorf("%q is no factor, such as x2, 1.5 or 150%%", text)
	}
	if percent {
		v /= 100
	}
	*f = factor(v)
	return nil
}
