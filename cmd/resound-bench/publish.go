package main

import (
	"context"
	"fmt"

	"resound/bench"
)

type publishCommand struct {
	Connections int  `default:"64" placeholder:"N" help:"HTTP connections at once (default ${default})."`
	Payload     int  `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 16 (default ${default})."`
	Rounds      int  `default:"15" placeholder:"N" help:"Turns of each server (default ${default})."`
	Requests    int  `default:"20000" placeholder:"N" help:"Requests in a turn over kept-alive connections (default ${default})."`
	Fresh       int  `default:"4000" placeholder:"N" help:"Requests in a turn with a connection for each (default ${default})."`
	Bare        bool `default:"true" negatable:"" help:"Measure a bare HTTP server as well."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (publishCommand) Help() string {
	return `Closed loop: each connection asks again when it has its answer. At a rate, and in batches, rooms publishes.

    resound-bench publish --connections 16
    resound-bench publish --payload 1024 --durability off --durability process
    resound-bench rooms --rate 2000 --batch 5`
}

func (c publishCommand) run(ctx context.Context) error {
	if c.Connections < 1 || c.Rounds < 1 || c.Requests < 1 || c.Fresh < 1 || c.Payload < 16 {
		return fmt.Errorf("each number has to be at least 1, and --payload 16")
	}
	targets, err := c.targets()
	if err != nil {
		return err
	}
	if c.Bare {
		targets = append([]bench.Target{bench.BareHTTP}, targets...)
	}
	p := progress()
	return report(ctx, c.output, p, bench.Publish{
		Targets: targets, Connections: c.Connections, Payload: c.Payload, Rounds: c.Rounds, Requests: c.Requests, Fresh: c.Fresh,
		Cores: c.cores(), Progress: p,
	})
}
