package model

import (
	"errors"
	"fmt"
	"time"
)

// Demand is what a server has to do.
type Demand struct {
	Viewers       int     `json:"viewers"`       // sockets at the same time
	Channels      int     `json:"channels"`      // over which subscriptions are spread evenly
	Rate          Rate    `json:"rate"`          // events a second, on each channel
	Size          int     `json:"size"`          // bytes of an event's data
	Envelope      int     `json:"envelope"`      // bytes around the data in a frame: names of event and channel, JSON
	Subscriptions int     `json:"subscriptions"` // of each viewer
	Together      float64 `json:"together"`      // events of a channel that are published at once, and go out together
	Presence      bool    `json:"presence"`      // the channels are presence channels
	UserInfo      int     `json:"user_info"`     // bytes of a member
	Fresh         bool    `json:"fresh"`         // each publish has a connection of its own, as PHP's have
	Stay          Age     `json:"stay"`          // how long a viewer stays: others come as they go
	Within        Age     `json:"within"`        // the time in which all come back, after a restart
	Kept          bool    `json:"kept"`          // events are kept in the log
	History       int     `json:"history"`       // newest of a channel that are kept
	Age           Age     `json:"age"`           // and for how long
	Slow          float64 `json:"slow"`          // part of the viewers that do not read
	Backlog       int     `json:"backlog"`       // bytes that one may leave unread
	Ping          Age     `json:"ping"`          // silence after which a socket is pinged
}

// DefaultDemand is what a demand is where nothing else is said: Laravel's publishes, the server's defaults.
func DefaultDemand() Demand {
	return Demand{Viewers: 10000, Channels: 1, Rate: 1, Size: 400, Envelope: 100, Subscriptions: 1, Together: 1, Fresh: true,
		Stay: Age(10 * time.Minute), Within: Age(30 * time.Second), Kept: true, History: 1000, Age: Age(time.Hour), Slow: 0.01, Backlog: 1 << 20, Ping: Age(time.Minute)}
}

// Check says what cannot be.
func (d Demand) Check() error {
	switch {
	case d.Viewers < 1 || d.Channels < 1 || d.Subscriptions < 1:
		return errors.New("viewers, channels and subscriptions are at least 1 each")
	case d.Subscriptions > d.Channels:
		return fmt.Errorf("a viewer cannot have %d subscriptions where there are %d channels: give more --channels or fewer --subscriptions", d.Subscriptions, d.Channels)
	case d.Rate < 0 || d.Size < 1 || d.Envelope < 0:
		return errors.New("a rate is not negative, and an event has at least a byte")
	case d.Together < 1:
		return errors.New("at least one event goes out at a time: --together is 1 or more")
	case d.Slow < 0 || d.Slow > 1:
		return errors.New("--slow is a part of the viewers, from 0 to 1")
	case d.Stay <= 0 || d.Within <= 0 || d.Ping <= 0:
		return errors.New("--stay, --within and --ping are times above zero")
	}
	return nil
}

// readers is the subscriptions of a channel.
func (d Demand) readers() float64 {
	return float64(d.Viewers) * float64(d.Subscriptions) / float64(d.Channels)
}

// publishes and deliveries are a second's.
func (d Demand) publishes() float64  { return float64(d.Rate) * float64(d.Channels) }
func (d Demand) deliveries() float64 { return d.publishes() * d.readers() }

// frame is the bytes of an event on a socket.
func (d Demand) frame() float64 { return float64(d.Size + d.Envelope) }

// connects is a second's, as viewers come and go.
func (d Demand) connects() float64 { return float64(d.Viewers) / d.Stay.seconds() }

// changes is deliveries a second that say who joined or left a presence channel.
func (d Demand) changes() float64 {
	if !d.Presence {
		return 0
	}
	return 2 * d.connects() * float64(d.Subscriptions) * d.readers()
}
