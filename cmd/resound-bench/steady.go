package main

import (
	"context"

	"resound/bench"
)

type steadyCommand struct {
	Sockets int     `default:"1000" placeholder:"N" help:"Sockets (default ${default})."`
	Rate    float64 `default:"40" placeholder:"N" help:"Events a second (default ${default})."`
	Size    int     `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 33 (default ${default})."`
	pace
}

func (c steadyCommand) Help() string {
	return `The open-loop form of fanout: one channel, and events when they are due, whether or not those before have arrived.

    resound-bench steady --sockets 10000 --rate 20
    resound-bench steady --rate 100 --server old=./resound-old --server new=bin/resound`
}

func (c steadyCommand) run(ctx context.Context) error {
	return c.groups(ctx, "steady", bench.Steady{Sockets: c.Sockets, Size: c.Size, Rate: c.Rate}.Groups())
}
