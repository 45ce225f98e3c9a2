package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// WhatIf is a recording that is played with more or fewer of everything. 1 is as it was.
type WhatIf struct {
	Viewers  float64 // subscriptions of each channel
	Channels float64 // channels like those that there were
	Rate     float64 // messages of each channel
	Size     float64 // bytes of their data
	Peak     bool    // play the busiest interval all the time, and not the mean
}

// cluster is channels that are alike, so that a thousand of them are one group of a workload.
type cluster struct {
	kind                                   string
	channels, subscriptions, messages, all float64
	bytes                                  float64
}

// alike says which cluster a channel belongs to: of its kind, and within a factor of two in all else.
type alike struct {
	kind                      string
	subscriptions, rate, size int
}

// frameRest is what a message has on the wire beside its data: the frame's header, the names of event and channel, JSON.
const frameRest = 50

// leastSize is the least data of an event of a workload, which carries its number and when it was due.
const leastSize = 48

// Workload is what to play.
func (r *Recording) Workload(f WhatIf, warmup, duration time.Duration) (Workload, error) {
	for name, factor := range map[string]float64{"viewers": f.Viewers, "channels": f.Channels, "rate": f.Rate, "size": f.Size} {
		if !(factor > 0 && factor <= 1e6) {
			return Workload{}, fmt.Errorf("%s: %v is not a factor above 0", name, factor)
		}
	}
	if !r.Counted {
		return Workload{}, errors.New("the recording has no messages, because its server has no counters (info=traffic): record a Resound server")
	}
	w := Workload{Warmup: warmup, Duration: duration}
	for i, c := range r.clusters(r.peak(f.Peak)) {
		g := Group{Name: fmt.Sprintf("recorded-%d", i+1), Kind: playedKind(c.kind), Channels: max(int(math.Round(c.channels*f.Channels)), 1)}
		g.Sockets = int(math.Round(c.subscriptions / c.channels * f.Viewers * float64(g.Channels)))
		if g.Sockets == 0 {
			continue
		}
		if c.messages > 0 {
			size := (c.bytes/c.all - frameRest) * f.Size
			g.Publish = PublishRate{Rate: c.messages / c.channels * f.Rate, Size: max(int(math.Round(size)), leastSize)}
		}
		w.Groups = append(w.Groups, g)
	}
	if len(w.Groups) == 0 {
		return w, errors.New("nobody is left to play: the factors are too small")
	}
	return w, w.Complete()
}

// peak returns the intervals to take messages from: all of them, or the one with most deliveries.
func (r *Recording) peak(only bool) (from, to int) {
	if !only {
		return 0, r.Intervals
	}
	_, deliveries := r.rates()
	busiest := slices.Index(deliveries, slices.Max(deliveries))
	return busiest, busiest + 1
}

// clusters puts channels together that are alike, those with most deliveries first. Messages are those of the intervals from
// and before to, for a second; sizes are of the whole recording.
func (r *Recording) clusters(from, to int) []cluster {
	found := map[alike]*cluster{}
	seconds := float64(to-from) * r.Every.Seconds()
	for _, c := range r.Channels {
		messages := 0.0
		for _, n := range c.Messages[from:to] {
			messages += float64(n) / seconds
		}
		key := alike{playedKind(c.Kind), octave(c.Subscriptions), octave(messages * 60), octave(c.size())}
		if found[key] == nil {
			found[key] = &cluster{kind: c.Kind}
		}
		f := found[key]
		f.channels, f.subscriptions, f.messages = f.channels+1, f.subscriptions+c.Subscriptions, f.messages+messages
		f.bytes, f.all = f.bytes+float64(c.Bytes), f.all+c.total()
	}
	var list []cluster
	for _, c := range found {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b cluster) int {
		return cmp.Or(cmp.Compare(b.messages*b.subscriptions/b.channels, a.messages*a.subscriptions/a.channels), cmp.Compare(b.subscriptions, a.subscriptions),
			cmp.Compare(b.channels, a.channels), cmp.Compare(a.kind, b.kind))
	})
	return list
}

// octave is which power of two a number is above; 0 has its own.
func octave(f float64) int {
	if f <= 0 {
		return math.MinInt
	}
	return int(math.Floor(math.Log2(f)))
}

// playedKind is the kind of a workload's channels that is nearest to a recorded one: what is encrypted is as private and as large.
func playedKind(kind string) string {
	if kind == "encrypted" {
		return PrivateChannels
	}
	return kind
}
