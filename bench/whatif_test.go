package bench

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// recorded is ten seconds of three dashboards that are alike, one that is large, and a chat that nobody spoke in.
func recorded() *Recording {
	every := func(n uint32) (list []uint32) {
		for range 10 {
			list = append(list, n)
		}
		return list
	}
	peak := every(1)
	peak[4] = 11
	return &Recording{Every: time.Second, Intervals: 10, Connections: make([]int, 11), Counted: true, Channels: []RecordedChannel{
		{Kind: "public", Subscriptions: 500, Messages: peak, Bytes: 20 * 450},
		{Kind: "private", Subscriptions: 20, Messages: every(2), Bytes: 20 * 250},
		{Kind: "private", Subscriptions: 30, Messages: every(2), Bytes: 20 * 250},
		{Kind: "encrypted", Subscriptions: 25, Messages: every(2), Bytes: 20 * 250},
		{Kind: "presence", Subscriptions: 8, Messages: every(0)},
	}}
}

func TestWhatIf(t *testing.T) {
	same := WhatIf{Viewers: 1, Channels: 1, Rate: 1, Size: 1}
	w, err := recorded().Workload(same, time.Second, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := []Group{
		{Kind: "public", Sockets: 500, Channels: 1, Publish: PublishRate{Rate: 2, Size: 400}},
		{Kind: "private", Sockets: 75, Channels: 3, Publish: PublishRate{Rate: 2, Size: 200}},
		{Kind: "presence", Sockets: 8, Channels: 1},
	}
	if len(w.Groups) != len(want) || w.Warmup != time.Second || w.Duration != 10*time.Second {
		t.Fatalf("%+v", w)
	}
	for i, g := range w.Groups {
		if x := want[i]; g.Kind != x.Kind || g.Sockets != x.Sockets || g.Channels != x.Channels || math.Abs(g.Publish.Rate-x.Publish.Rate) > 1e-9 || x.Publish.Rate > 0 && g.Publish.Size != x.Publish.Size {
			t.Errorf("group %d is %+v, want %+v", i, g, x)
		}
	}
	text, err := FormatWorkload(w)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseWorkload([]byte(text)); err != nil || !reflect.DeepEqual(again, w) || strings.Contains(text, "churn") {
		t.Errorf("%+v comes back from\n%s\nas %+v, %v", w, text, again, err)
	}
	more, err := recorded().Workload(WhatIf{Viewers: 2, Channels: 3, Rate: 0.5, Size: 1.5, Peak: true}, 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if g := more.Groups[0]; g.Sockets != 3000 || g.Channels != 3 || g.Publish.Rate != 5.5 || g.Publish.Size != 600 || more.Sockets() != 3000+75*2*3+8*2*3 {
		t.Errorf("twice the viewers of three times the channels in the busiest second: %+v, %d sockets", g, more.Sockets())
	}
	silent := recorded()
	silent.Counted = false
	for says, try := range map[string]func() error{
		"viewers: 0 is not": func() error {
			_, err := recorded().Workload(WhatIf{Channels: 1, Rate: 1, Size: 1}, 0, time.Second)
			return err
		},
		"rate: NaN is not": func() error {
			_, err := recorded().Workload(WhatIf{1, 1, math.NaN(), 1, false}, 0, time.Second)
			return err
		},
		"nobody is left": func() error {
			_, err := recorded().Workload(WhatIf{1e-6, 1, 1, 1, false}, 0, time.Second)
			return err
		},
		"no counters": func() error { _, err := silent.Workload(same, 0, time.Second); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// A recording is played against a real server, and what is recorded of that is the same again.
func TestWhatIfIsPlayed(t *testing.T) {
	w, err := recorded().Workload(WhatIf{Viewers: 0.2, Channels: 1, Rate: 3, Size: 1}, 300*time.Millisecond, 1200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Play{Targets: []Target{resound(t)}, Name: "what-if", Workload: w, Patience: 5 * time.Second, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	total := r.Columns[0].Rounds[0].Result.Total()
	if total.Events.Delivered == 0 || total.Events.Lost+total.Events.Duplicates+total.Events.Disorder != 0 {
		t.Errorf("%+v", total.Events)
	}
}
