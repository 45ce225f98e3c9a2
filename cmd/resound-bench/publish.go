package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type publishCommand struct {
	Connections int     `default:"64" placeholder:"N" help:"HTTP connections at once (default ${default})."`
	Payload     int     `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 16 (default ${default})."`
	Rounds      int     `default:"15" placeholder:"N" help:"Turns of each server (default ${default})."`
	Requests    int     `default:"20000" placeholder:"N" help:"Requests in a turn over kept-alive connections (default ${default})."`
	Fresh       int     `default:"4000" placeholder:"N" help:"Requests in a turn with a connection for each (default ${default})."`
	Batch       int     `default:"1" placeholder:"N" help:"Events of a request: above 1 they go to batch_events (default ${default}). Servers may have a limit, as 10."`
	Rate        float64 `default:"0" placeholder:"N" help:"Events a second, sent when they are due, instead of one request behind the other."`
	Bare        bool    `default:"true" negatable:"" help:"Measure a bare HTTP server as well."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (publishCommand) Help() string {
	return `Closed loop: each connection asks again when it has its answer. With --rate it is an open loop for ten seconds over kept-alive
connections, and latency counts from when a publish was due; --rounds, --requests, --fresh and --bare are of the closed loop.

    resound-bench publish --connections 16
    resound-bench publish --payload 1024 --durability off --durability process
    resound-bench publish --batch 10
    resound-bench publish --rate 20000`
}

func (c publishCommand) run(ctx context.Context) error {
	if c.Batch < 1 || c.Batch > 1000 || !(c.Rate >= 0) || c.Connections < 1 || c.Rounds < 1 || c.Requests < 1 || c.Fresh < 1 || c.Payload < 16 {
		return fmt.Errorf("each number has to be at least 1, and --payload 16")
	}
	if c.Rate > 0 {
		return pace{Warmup: 2 * time.Second, Duration: 10 * time.Second, Loads: 1, Publishers: c.Connections, Patience: 5 * time.Second, servers: c.servers, output: c.output}.
			groups(ctx, "publish", []bench.Group{{Name: "publish", Publish: bench.PublishRate{Rate: c.Rate, Size: c.Payload, Batch: c.Batch}}})
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
		Targets: targets, Connections: c.Connections, Payload: c.Payload, Rounds: c.Rounds, Requests: c.Requests, Fresh: c.Fresh, Batch: c.Batch,
		Cores: c.cores(), Progress: p,
	})
}
