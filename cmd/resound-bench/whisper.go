package main

import (
	"context"

	"resound/bench"
)

type whisperCommand struct {
	Channels int     `default:"50" placeholder:"N" help:"Private channels (default ${default})."`
	Members  int     `default:"20" placeholder:"N" help:"Sockets on each (default ${default})."`
	Rate     float64 `default:"5" placeholder:"N" help:"Whispers a second on each channel, all of one of its sockets (default ${default})."`
	Size     int     `default:"64" placeholder:"BYTES" help:"Bytes of a whisper's data, at least 33 (default ${default})."`
	pace
}

func (c whisperCommand) Help() string {
	return `Client events: "is typing", cursors. They go from socket to socket, and not over the HTTP API.

    resound-bench whisper --channels 200 --members 10 --rate 10`
}

func (c whisperCommand) run(ctx context.Context) error {
	return c.groups(ctx, "whisper", bench.WhisperRooms{Channels: c.Channels, Members: c.Members, Size: c.Size, Rate: c.Rate}.Groups())
}
