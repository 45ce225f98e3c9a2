package main

import (
	"context"

	"resound/bench"
)

type roomsCommand struct {
	Rooms     int     `default:"1000" placeholder:"N" help:"Channels (default ${default})."`
	Sockets   int     `default:"2000" placeholder:"N" help:"Sockets in all, spread evenly over the rooms (default ${default})."`
	Subscribe int     `default:"1" placeholder:"N" help:"Rooms that each socket is in (default ${default})."`
	Kind      string  `default:"public" enum:"public,private,presence,cache" placeholder:"KIND" help:"Of the channels: public, private, presence or cache (default ${default})."`
	Rate      float64 `default:"1000" placeholder:"N" help:"Events a second in all rooms together (default ${default})."`
	Size      int     `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 33 (default ${default})."`
	Batch     int     `default:"1" placeholder:"N" help:"Events of a room in one request (default ${default})."`
	pace
}

func (c roomsCommand) Help() string {
	return `Many channels with a few sockets each: what routing costs, and not fan-out.

    resound-bench rooms --rooms 5000 --sockets 10000 --rate 2000
    resound-bench rooms --rooms 200 --sockets 1000 --subscribe 20 --kind private`
}

func (c roomsCommand) run(ctx context.Context) error {
	return c.groups(ctx, "rooms", bench.Rooms{Rooms: c.Rooms, Sockets: c.Sockets, Subscribe: c.Subscribe, Size: c.Size, Batch: c.Batch, Kind: c.Kind, Rate: c.Rate}.Groups())
}
