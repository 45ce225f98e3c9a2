package crowd

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Workload is what is played: first as many sockets as the groups have connect, then all that they say goes on for
// Warmup, which does not count, and for Duration.
type Workload struct {
	Warmup   time.Duration `yaml:"warmup" json:"warmup_ns"`
	Duration time.Duration `yaml:"duration" json:"duration_ns"`
	Groups   []Group       `yaml:"groups" json:"groups"`
}

// Group is sockets that do the same, on channels of their own.
type Group struct {
	Name      string  `yaml:"name" json:"name"`             // lower case, digits and hyphens
	Kind      string  `yaml:"kind" json:"kind"`             // of its channels: public, private, presence or cache
	Sockets   int     `yaml:"sockets" json:"sockets"`       // 0: nobody listens
	Channels  int     `yaml:"channels" json:"channels"`     // 0 is 1
	Subscribe int     `yaml:"subscribe" json:"subscribe"`   // channels of each socket; 0 is 1
	UserInfo  int     `yaml:"user_info" json:"user_info"`   // bytes of user_info of a member of a presence channel
	Publish   Publish `yaml:"publish" json:"publish"`       // through the HTTP API
	Whisper   Whisper `yaml:"whisper" json:"whisper"`       // client events; not on public and cache channels
	Churn     float64 `yaml:"churn" json:"churn,omitempty"` // sockets a second that leave for good; new ones take their places
	Drop      Drop    `yaml:"drop" json:"drop"`
	Table     Table   `yaml:"table" json:"table"`
}

// Publish is events for each channel.
type Publish struct {
	Rate  float64 `yaml:"rate" json:"rate"`   // a second
	Size  int     `yaml:"size" json:"size"`   // bytes of data
	Batch int     `yaml:"batch" json:"batch"` // events in one request; 0 is 1
}

// Whisper is client events for each channel, all from one of its sockets.
type Whisper struct {
	Rate float64 `yaml:"rate" json:"rate"` // a second
	Size int     `yaml:"size" json:"size"` // bytes of data
}

// Drop is connections that are cut, without a word to the server.
type Drop struct {
	Rate   float64       `yaml:"rate" json:"rate"` // a second
	Away   time.Duration `yaml:"away" json:"away_ns"`
	Replay bool          `yaml:"replay" json:"replay"` // who comes back asks for what he missed, as resound-replay does
}

// Table makes each event the change of one of so many rows: the data is JSON with the row's id.
type Table struct {
	Rows int `yaml:"rows" json:"rows,omitempty"`
}

// The kinds of channels.
const (
	Public   = "public"
	Private  = "private"
	Presence = "presence"
	Cache    = "cache"
)

var prefixes = map[string]string{Public: "", Private: "private-", Presence: "presence-", Cache: "cache-"}

var goodName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// minRate and maxRate bound events a second of a channel, and sockets that leave; maxTotal bounds the events of a workload,
// which a load could not make anyway; maxBatch the events of a request; maxSubscribe the commands that a socket sends at
// once; maxSockets is more than a machine has ports and memory for, and a number that somebody mistyped.
const (
	maxRate      = 1e5
	minRate      = 1e-6
	maxTotal     = 1e6
	maxBatch     = 1000
	maxSubscribe = 500
	maxSockets   = 1 << 20
)

// Sockets is how many all groups have.
func (w *Workload) Sockets() (n int) {
	for _, g := range w.Groups {
		n += g.Sockets
	}
	return n
}

// Complete fills in what was left out, and says what cannot be played.
func (w *Workload) Complete() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if w.Duration < time.Second {
		fail("duration is %v: at least 1s, or there is no second to show", w.Duration)
	}
	if w.Warmup < 0 {
		fail("warmup is %v: at least 0s", w.Warmup)
	}
	if len(w.Groups) == 0 {
		fail("no groups: at least one, with sockets or with publish")
	}
	names := map[string]bool{}
	total := 0.0
	for i := range w.Groups {
		g := &w.Groups[i]
		if g.Name == "" {
			g.Name = fmt.Sprintf("group-%d", i+1)
		}
		if names[g.Name] {
			fail("two groups are called %q: channels are named after their group", g.Name)
		}
		names[g.Name] = true
		for _, err := range g.complete() {
			fail("group %q: %w", g.Name, err)
		}
		total += float64(g.Channels) * (g.Publish.Rate + g.Whisper.Rate)
	}
	sockets := w.Sockets()
	if total > maxTotal {
		fail("%.0f events a second in all: at most %.0f", total, float64(maxTotal))
	}
	if sockets > maxSockets {
		fail("%d sockets in all: at most %d", sockets, maxSockets)
	}
	if len(w.Groups) > 0 && sockets == 0 && total == 0 {
		fail("no group has sockets or publishes: nothing would happen")
	}
	return errors.Join(errs...)
}

// complete is Complete of a group.
func (g *Group) complete() (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		v *int
		n int
	}{{&g.Channels, 1}, {&g.Subscribe, 1}, {&g.Publish.Batch, 1}, {&g.Publish.Size, 64}, {&g.Whisper.Size, 64}} {
		if *d.v == 0 {
			*d.v = d.n
		}
	}
	if g.Kind == "" {
		g.Kind = Public
	}
	prefix, known := prefixes[g.Kind]
	if !known {
		fail("kind is %q: public, private, presence or cache", g.Kind)
	}
	if !goodName.MatchString(g.Name) {
		fail("the name has to be lower case letters, digits and single hyphens")
	}
	if len(prefix)+len(g.Name) > 140 {
		fail("the name is too long for a channel's")
	}
	if g.Sockets < 0 || g.Channels < 0 || g.Subscribe < 0 || g.UserInfo < 0 || g.Table.Rows < 0 || g.Publish.Batch < 0 || g.Drop.Away < 0 {
		fail("a number is below 0")
	}
	for _, rate := range []float64{g.Publish.Rate, g.Whisper.Rate, g.Churn, g.Drop.Rate} {
		if !(rate == 0 || rate >= minRate && rate <= maxRate) { // not a number is neither
			fail("rates are from 0 to %.0f a second, and the least but 0 is %v: %v is none", float64(maxRate), minRate, rate)
		}
	}
	if g.Publish.Batch > maxBatch {
		fail("batch is %d: at most %d events in one request", g.Publish.Batch, maxBatch)
	}
	if g.Subscribe > maxSubscribe {
		fail("each socket subscribes to %d channels: at most %d", g.Subscribe, maxSubscribe)
	}
	if g.Subscribe > g.Channels {
		fail("each socket subscribes to %d of %d channels", g.Subscribe, g.Channels)
	} else if g.Sockets > 0 && g.Sockets*g.Subscribe < g.Channels {
		fail("%d sockets with %d channels each leave some of %d channels empty: more sockets, or a larger subscribe", g.Sockets, g.Subscribe, g.Channels)
	}
	if least := g.minSize(); g.Publish.Size < least || g.Whisper.Size < minData {
		fail("size is at least %d for publish and %d for whisper, to hold the event's number and time", least, minData)
	}
	if g.Whisper.Rate > 0 && g.Kind != Private && g.Kind != Presence {
		fail("whispers go over private and presence channels, not over %s ones", g.Kind)
	}
	if g.Whisper.Rate > 0 && g.Sockets*g.Subscribe < 2*g.Channels {
		fail("whispers need two sockets on each channel, one that whispers and one that hears it: %d sockets with %d channels each are too few for %d channels", g.Sockets, g.Subscribe, g.Channels)
	}
	if g.Sockets == 0 && (g.Churn > 0 || g.Drop.Rate > 0) {
		fail("churn and drop need sockets")
	}
	return errs
}

// channel is the name of one of the group's channels.
func (g *Group) channel(i int) string {
	return fmt.Sprintf("%s%s-%d", prefixes[g.Kind], g.Name, i)
}
