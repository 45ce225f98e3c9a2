package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type memoryCommand struct {
	Kinds    []string      `default:"plain,presence,busy" enum:"plain,presence,busy" placeholder:"KIND,..." help:"What to measure: plain, presence, busy (default all)."`
	Few      int           `default:"5000" placeholder:"N" help:"Sockets at the first point (default ${default})."`
	Many     int           `default:"19000" placeholder:"N" help:"Sockets at the second point (default ${default})."`
	Members  int           `default:"10" placeholder:"N" help:"Members of a presence channel (default ${default})."`
	UserInfo int           `default:"100" placeholder:"BYTES" help:"Bytes of a member's user_info (default ${default})."`
	Payload  int           `default:"64" placeholder:"BYTES" help:"Bytes of the events that busy sockets get (default ${default})."`
	Settle   time.Duration `default:"6s" placeholder:"TIME" help:"How long to wait at least before memory is read; a runtime gives back late what it does not need, this server after three quiet seconds (default ${default})."`
	Repeat   int           `default:"1" placeholder:"N" help:"How often to do all of it (default ${default})."`
	Raw      bool          `default:"true" negatable:"" help:"Measure the baseline as well."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (memoryCommand) Help() string {
	return `What one more socket takes: the slope between two numbers of sockets, each on a server that has just started.

    resound-bench memory
    resound-bench memory --few 1000 --many 9000 --kinds presence --members 100 --user-info 400
    resound-bench memory --server old=./resound-old --server new=bin/resound --repeat 3`
}

func (c memoryCommand) run(ctx context.Context) error {
	if c.Few < 1 || c.Many <= c.Few || c.Members < 1 || c.Repeat < 1 {
		return fmt.Errorf("each number has to be at least 1, and --many more than --few")
	}
	targets, err := c.measured(c.Raw)
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.MemoryScenario{
		Targets: targets, Kinds: c.Kinds, Few: c.Few, Many: c.Many, Members: c.Members, UserInfo: c.UserInfo, Payload: c.Payload,
		Settle: c.Settle, Repeat: c.Repeat, Cores: c.cores(), Progress: p,
	})
}
