package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"resound/bench"
)

// pace is what all open-loop scenarios have in common.
type pace struct {
	Warmup     time.Duration `default:"3s" placeholder:"TIME" help:"How long to play before it counts (default ${default})."`
	Duration   time.Duration `default:"20s" placeholder:"TIME" help:"How long it counts (default ${default})."`
	Loads      int           `default:"0" placeholder:"N" help:"Load processes that share the sockets. Default: one for each 19,000 of them."`
	Publishers int           `default:"4" placeholder:"N" help:"Kept-alive HTTP connections of each load process; requests on one are pipelined (default ${default})."`
	Rounds     int           `default:"0" placeholder:"N" help:"Turns of each server. Default: 1, and 3 when several are compared."`
	Patience   time.Duration `default:"5s" placeholder:"TIME" help:"How long to wait for what is still missing, before it counts as lost (default ${default})."`
	servers
	output
}

// play runs a workload.
func (p pace) play(ctx context.Context, name string, w bench.Workload) error {
	if p.Loads < 0 || p.Loads > 64 || p.Publishers < 1 || p.Publishers > 1000 || p.Rounds < 0 || p.Patience <= 0 {
		return fmt.Errorf("--loads is from 0 to 64, --publishers from 1 to 1000, and --patience more than 0s")
	}
	targets, err := p.targets()
	if err != nil {
		return err
	}
	if p.Rounds == 0 {
		p.Rounds = 1
		if len(targets) > 1 {
			p.Rounds = 3
		}
	}
	line := progress()
	return report(ctx, p.output, line, bench.Play{Targets: targets, Name: name, Workload: w, Loads: p.Loads, Publishers: p.Publishers,
		Rounds: p.Rounds, Patience: p.Patience, Cores: p.cores(), Progress: line})
}

// groups plays a preset.
func (p pace) groups(ctx context.Context, name string, groups []bench.Group) error {
	return p.play(ctx, name, bench.Workload{Warmup: p.Warmup, Duration: p.Duration, Groups: groups})
}

type mixedCommand struct {
	File    string `arg:"" optional:"" placeholder:"FILE.yaml" help:"The workload: groups of sockets, and what they do."`
	Example bool   `help:"Print a workload that shows every key, to start from."`
	pace
}

func (c mixedCommand) Help() string {
	return `Plays any mix of what the other commands do, from a file; warmup and duration are those of the file.

    resound-bench mixed --example > mine.yaml
    resound-bench mixed mine.yaml --server-args=--durability=process`
}

func (c mixedCommand) run(ctx context.Context) error {
	if c.Example {
		_, err := os.Stdout.WriteString(bench.ExampleWorkload)
		return err
	}
	if c.File == "" {
		return fmt.Errorf("mixed needs a file: `resound-bench mixed --example > mine.yaml` makes one, `resound-bench mixed mine.yaml` plays it")
	}
	w, err := bench.ReadWorkload(c.File)
	if err != nil {
		return err
	}
	return c.play(ctx, "mixed", w)
}
