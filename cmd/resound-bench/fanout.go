package main

import (
	"context"
	"fmt"

	"resound/bench"
)

type fanoutCommand struct {
	Sockets    int   `default:"1000" placeholder:"N" help:"Sockets in all (default ${default})."`
	Channels   []int `default:"1" placeholder:"N,..." help:"Channels that the sockets are spread over; events go to one after the other. Several numbers are measured beside each other (default ${default})."`
	Window     int   `default:"1" placeholder:"N" help:"Events that are published at once; the next ones are when all sockets have them (default ${default})."`
	Payload    int   `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 16 (default ${default})."`
	Publishers int   `default:"1" placeholder:"N" help:"Kept-alive HTTP connections that a window is spread over; requests on one are pipelined (default ${default})."`
	Rounds     int   `default:"15" placeholder:"N" help:"Turns of each server (default ${default})."`
	Deliveries int   `default:"0" placeholder:"N" help:"Deliveries in a turn, about; 0 is ten windows to each socket, from 50,000 to 1,000,000 deliveries (default ${default})."`
	Awake      bool  `default:"true" negatable:"" help:"Begin each turn with events that are not counted. Without, the first 16 of each socket that had been silent cost the server an acknowledgement each."`
	Raw        bool  `default:"true" negatable:"" help:"Measure the baseline as well."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (fanoutCommand) Help() string {
	return `Closed loop: the next events are published when every socket has those before, so the times are those of the work. The
open-loop form is steady.

    resound-bench fanout --sockets 10000 --window 8
    resound-bench fanout --sockets 10000 --channels 1,1000
    resound-bench fanout --server old=./resound-old --server new=bin/resound --json fanout.json
    resound-bench fanout --command 'mine=./server --port {port} --key {key} --secret {secret}'`
}

func (c fanoutCommand) run(ctx context.Context) error {
	switch {
	case c.Sockets < 1 || c.Window < 1 || c.Publishers < 1 || c.Rounds < 1:
		return fmt.Errorf("each number has to be at least 1")
	case c.Deliveries < 0:
		return fmt.Errorf("--deliveries is 0 or more")
	case c.Window > 1024:
		return fmt.Errorf("--window is at most 1024")
	case c.Payload < 16:
		return fmt.Errorf("--payload is at least 16")
	}
	for _, n := range c.Channels {
		if n < 1 || c.Sockets%n != 0 {
			return fmt.Errorf("%d sockets do not spread evenly over %d channels", c.Sockets, n)
		}
	}
	targets, err := c.measured(c.Raw)
	if err != nil {
		return err
	}
	if c.Deliveries == 0 {
		c.Deliveries = min(max(10*c.Window*c.Sockets, 50_000), 1_000_000)
	}
	p := progress()
	return report(ctx, c.output, p, bench.Fanout{
		Targets: targets, Channels: c.Channels, Sockets: c.Sockets, Window: c.Window, Payload: c.Payload, Publishers: c.Publishers,
		Rounds: c.Rounds, Deliveries: c.Deliveries, Awake: c.Awake, Cores: c.cores(), Progress: p,
	})
}
