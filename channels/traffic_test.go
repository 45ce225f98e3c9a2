package channels

import (
	"testing"

	"resound/protocol"
)

// Counters say what was sent, to the event, also where events go out together, are excluded, or are not for anybody.
func TestStatsCountWhatWasSent(t *testing.T) {
	n := newNode(t, 2)
	a, b, c := n.socket(0), n.socket(1), n.socket(1)
	for _, s := range []*testSocket{a, b, c} {
		s.subscribe("one")
	}
	a.subscribe("two")
	n.publish("one", `"x"`, a.ID())
	for range 3 {
		n.publish("one", `"joined"`, nobody)
	}
	n.publish("two", `"y"`, nobody)
	n.publish("nowhere", `"z"`, nobody)
	n.settle()
	frame := func(data, channel string) int {
		return protocol.Event(protocol.Raw(`"e"`), channel, protocol.Raw(data)).Len()
	}
	want := AppStats{
		ID: "1", Channels: 2, Subscriptions: 4, Published: 6, PublishedBytes: 3 + 3*8 + 3 + 3, Delivered: 2 + 9 + 1,
		DeliveredBytes: uint64(2*frame(`"x"`, "one") + 9*frame(`"joined"`, "one") + frame(`"y"`, "two")),
	}
	if got := n.hub.Stats(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
