package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type slowCommand struct {
	Readers  int           `default:"1000" placeholder:"N" help:"Sockets that read (default ${default})."`
	Others   int           `default:"1000" placeholder:"N" help:"Sockets that stop (default ${default})."`
	Rate     float64       `default:"40" placeholder:"N" help:"Events a second (default ${default})."`
	Payload  int           `default:"6000" placeholder:"BYTES" help:"Bytes of their data (default ${default})."`
	Duration time.Duration `default:"12s" placeholder:"TIME" help:"How long each of the three parts takes (default ${default})."`
	Settle   time.Duration `default:"3s" placeholder:"TIME" help:"How long to wait at least before memory is read (default ${default})."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (slowCommand) Help() string {
	return `What sockets that stop reading cost those that read, and when the server closes them.

    resound-bench slow --others 5000
    resound-bench slow --rate 100 --payload 2000 --server-args=--backlog=262144`
}

func (c slowCommand) run(ctx context.Context) error {
	if c.Readers < 1 || c.Others < 1 || c.Rate < 1 || c.Payload < 16 || c.Duration < time.Second {
		return fmt.Errorf("each number has to be at least 1, --payload 16 and --duration 1s")
	}
	targets, err := c.targets()
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.Slow{
		Targets: targets, Readers: c.Readers, Others: c.Others, Rate: c.Rate, Payload: c.Payload, Duration: c.Duration, Settle: c.Settle,
		Cores: c.cores(), Progress: p,
	})
}
