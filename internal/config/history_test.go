package config

import (
	"reflect"
	"testing"
	"time"

	"resound/internal/apps"
)

// The example of the page: what is kept of each channel, and by which rule.
func TestHistoryOfChannels(t *testing.T) {
	w := newWorld(t).laravel(t, shopApp+"RESOUND_HISTORY_AGE=10m\n")
	w.write(t, "resound.yaml", `
history_bytes: 50000
history:
  - channels: "private-orders.*"
    messages: 10000
    age: 24h
    bytes: 10485760
    rewind: 10
    conflate: event
    replay_messages: 5000
    replay_bytes: 4194304
  - channels: [presence-*, "*.typing"]
    messages: 0
  - channels: "a,b"
    conflate: /row/id
    rewind: ~
apps:
- {app_id: own, key: k1, secret: s, history_messages: 7, history: [{channels: "*.typing", age: 1d}]}
- {app_id: none, key: k2, secret: s, history: []}
- {app_id: margin, key: k3, secret: s, history: , replay_messages: 3}
`)
	c := w.start(t)
	plain := apps.DefaultHistory()
	plain.Age, plain.Bytes = 10*time.Minute, 50000
	with := func(h apps.History, change func(*apps.History)) apps.History {
		change(&h)
		return h
	}
	orders := apps.History{Messages: 10000, Age: 24 * time.Hour, Bytes: 10 << 20, Rewind: 10, Conflate: apps.ConflateEvent, ReplayMessages: 5000, ReplayBytes: 4 << 20}
	none := with(plain, func(h *apps.History) { h.Messages = 0 })
	for _, tc := range []struct {
		app, channel string
		want         apps.History
	}{
		{"1001", "private-orders.1", orders},
		{"1001", "presence-orders.typing", none},
		{"1001", "orders.typing", none},
		{"1001", "private-orders.typing", orders}, // the first rule counts
		{"1001", "a,b", with(plain, func(h *apps.History) { h.Conflate = "/row/id" })},
		{"1001", "a", plain},
		{"own", "x.typing", with(plain, func(h *apps.History) { h.Messages, h.Age = 7, 24*time.Hour })},
		{"own", "private-orders.1", with(plain, func(h *apps.History) { h.Messages = 7 })},
		{"none", "x.typing", plain},
		{"margin", "private-orders.1", orders},
		{"margin", "x.typing", with(none, func(h *apps.History) { h.ReplayMessages = 3 })},
	} {
		if got := *c.byID(t, tc.app).HistoryOf(tc.channel); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s of %s\ngot  %+v\nwant %+v", tc.channel, tc.app, got, tc.want)
		}
	}
	// The application of demo mode has the rules too.
	if got := *c.NewApp("1", "k", "s").HistoryOf("a.typing"); !reflect.DeepEqual(got, none) {
		t.Errorf("a made-up application keeps %+v", got)
	}
}

// With the same id the application is one: its entry's list, and the rest as the other places say.
func TestHistoryOfFileAndEnv(t *testing.T) {
	w := newWorld(t).laravel(t, shopApp+"RESOUND_HISTORY_MESSAGES=9\n")
	w.write(t, "resound.yaml", "history: [{channels: a, age: 5}]\napps: [{app_id: 1001, history_messages: 8, history: [{channels: b, age: 6}, {channels: c, messages: 4}]}]\n")
	a := w.start(t).byID(t, "1001")
	for channel, want := range map[string]struct {
		messages int
		age      time.Duration
	}{"a": {9, time.Hour}, "b": {9, 6 * time.Second}, "c": {4, time.Hour}} {
		if h := a.HistoryOf(channel); h.Messages != want.messages || h.Age != want.age {
			t.Errorf("%s: %+v", channel, h)
		}
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "60": time.Minute, "90m": 90 * time.Minute, "24h": 24 * time.Hour, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "3650d": maxAge,
	} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
		if got, err := parseAge(wholeSeconds(want)); err != nil || got != want {
			t.Errorf("%q comes back as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "x", "-1", "-1d", "3651d", "99999d", "1.5d", "1h1d", "500ms", "9223372036854775807", "1w"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
