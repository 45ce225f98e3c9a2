package channels

import (
	"testing"
	"time"

	"resound/internal/overload"
)

// guard makes a node's governor be at a share of memory.
func guard(n *testNode) *overload.Governor {
	g := overload.New(nil)
	n.hub.Govern(g)
	return g
}

func atShare(s float64) overload.Reading { return overload.Reading{Memory: overload.Usage{Share: s}} }

// While client events are thinned a channel is told its count with the interval, however small it is, and gets the right one.
func TestCountsAreToldLessOften(t *testing.T) {
	n := newNode(t, 1)
	settings := *n.app.Settings()
	settings.SubscriptionCount = true
	n.app.settings.Store(newSettings(&settings))
	guard(n).Step(atShare(0.87))
	first := n.socket(0)
	for _, s := range []*testSocket{first, n.socket(0), n.socket(0)} {
		s.subscribe("news")
	}
	n.settle()
	first.expect("at once", succeededFrame("news"))
	n.pass(countInterval * time.Second)
	n.settle()
	first.expect("with the interval", `{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":3}","channel":"news"}`)
}

// While memory is at risk what a page has missed waits, and it gets all of it afterwards. A subscription is answered.
func TestReplaysWaitWhileMemoryIsAtRisk(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	g := guard(n)
	epoch, serial := n.away(t, "a")
	for i := 1; i <= 3; i++ {
		n.publish("a", string(rune('0'+i)), nobody)
	}
	g.Step(atShare(0.95))
	s := n.socket(0)
	s.optIn("a", from(epoch, serial))
	if got := s.gotAll(); len(got) != 1 {
		t.Fatalf("at risk it gets %q", got)
	}
	n.pass(time.Second)
	if got := s.gotAll(); len(got) != 0 {
		t.Fatalf("a second later it gets %q", got)
	}
	if count := g.Stats().Shed[overload.Replay][overload.Memory]; count != 2 {
		t.Errorf("%d were counted", count)
	}
	for range 100 {
		g.Step(atShare(0.1))
	}
	n.pass(time.Second)
	if got := s.gotAll(); len(got) != 4 || got[0] != recovered("a", 3) || got[3] != numbered("a", "3", 3) {
		t.Errorf("afterwards it gets %q", got)
	}
}
