package main

import (
	"context"

	"resound/bench"
)

type presenceCommand struct {
	Channels int     `default:"50" placeholder:"N" help:"Presence channels (default ${default})."`
	Members  int     `default:"20" placeholder:"N" help:"Members of each (default ${default})."`
	UserInfo int     `default:"100" placeholder:"BYTES" help:"Bytes of a member's user_info (default ${default})."`
	Churn    float64 `default:"50" placeholder:"N" help:"Members a second, in all, that leave and are replaced (default ${default})."`
	Rate     float64 `default:"1" placeholder:"N" help:"Events a second for each channel; 0 is none (default ${default})."`
	Size     int     `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 33 (default ${default})."`
	pace
}

func (c presenceCommand) Help() string {
	return `Members that come and go: how long a subscription takes, and until the others are told.

    resound-bench presence --channels 100 --members 50 --churn 200
    resound-bench presence --channels 1 --members 2000 --churn 5`
}

func (c presenceCommand) run(ctx context.Context) error {
	return c.groups(ctx, "presence", bench.PresenceChurn{Channels: c.Channels, Members: c.Members, UserInfo: c.UserInfo, Size: c.Size, Churn: c.Churn, Rate: c.Rate}.Groups())
}
