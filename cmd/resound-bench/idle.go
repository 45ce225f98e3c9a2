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
