package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type idleCommand struct {
	Sockets  int           `default:"19000" placeholder:"N" help:"Sockets (default ${default})."`
	Warm     time.Duration `default:"30s" placeholder:"TIME" help:"How long to wait before it counts (default ${default})."`
	Duration time.Duration `default:"60s" placeholder:"TIME" help:"How long it counts (default ${default})."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (idleCommand) Help() string {
	return `    resound-bench idle --sockets 5000
    resound-bench idle --warm 5s --duration 20s --server-args=--ping-interval=10`
}

func (c idleCommand) run(ctx context.Context) error {
	if c.Sockets < 1 || c.Duration < time.Second {
		return fmt.Errorf("--sockets is at least 1 and --duration 1s")
	}
	targets, err := c.targets()
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.Idle{Targets: targets, Sockets: c.Sockets, Warm: c.Warm, Duration: c.Duration, Cores: c.cores(), Progress: p})
}
