package main

import (
	"context"
	"slices"
	"time"

	"resound/bench"
)

type replayCommand struct {
	Sockets  int           `default:"1000" placeholder:"N" help:"Sockets in all, spread evenly over the channels (default ${default})."`
	Channels int           `default:"10" placeholder:"N" help:"Channels (default ${default})."`
	Rate     float64       `default:"10" placeholder:"N" help:"Events a second for each channel (default ${default})."`
	Size     int           `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 33 (default ${default})."`
	Drops    float64       `default:"50" placeholder:"N" help:"Connections a second that are cut, without a word to the server (default ${default})."`
	Away     time.Duration `default:"2s" placeholder:"TIME" help:"How long each of them is away (default ${default})."`
	Replay   bool          `default:"true" negatable:"" help:"Who comes back asks for what he missed, as resound-replay does. Without it that does not count as lost, and any server can do it."`
	pace
}

func (c replayCommand) Help() string {
	return `Phones in a tunnel: sockets are cut off, come back, and get what they missed. Servers that are started keep a history for it
(--durability=process), unless --durability says something else.

    resound-bench replay --sockets 2000 --drops 100 --away 5s
    resound-bench replay --durability process --durability disk
    resound-bench replay --no-replay`
}

func (c replayCommand) run(ctx context.Context) error {
	if c.Replay && slices.Equal(c.Durability, []string{"off"}) {
		c.Durability = []string{"process"}
	}
	return c.groups(ctx, "replay", bench.Comeback{Sockets: c.Sockets, Channels: c.Channels, Size: c.Size, Rate: c.Rate, Drops: c.Drops, Away: c.Away, Replay: c.Replay}.Groups())
}
