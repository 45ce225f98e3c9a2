package channels

import (
	"testing"

	"resound/internal/apps"
)

// Where what all had noted is lost, nobody is told that members have gone and come: each node notes its own again, one later than the other. Who
// has gone meanwhile is told of when all have had the time to.
func TestMembersOverALossOfRecords(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	sx := x.watch(room, `{"user_id":1}`)
	sy := y.watch(room, `{"user_id":2}`)
	leaves := y.watch(room, `{"user_id":3}`)
	b.settleAll()
	sx.frames, sy.frames = nil, nil
	b.begin(2)
	y.joined = false // what it notes is lost with the rest
	leaves.hangUp()
	y.settle()
	sy.frames = nil
	y.joined = true
	x.hub.Rejoined() // and looks before the other has noted anything
	x.expectAll(sx, "lost")
	y.hub.Rejoined()
	x.expectAll(sx, "noted again")
	sy.expect("on the node that was later")
	for range recheckTime + 1 {
		for _, n := range b.nodes {
			n.clock++
			n.hub.Tick(n.now())
		}
		b.settleAll()
	}
	sx.expect("looked at again", removedFrame(room, "3"))
	sy.expect("looked at again there")
}

// The same with those whom pages watch.
func TestWatchlistOverALossOfRecords(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	two, three := y.socket(0), y.socket(0)
	two.signIn(`{"id":"2"}`)
	three.signIn(`{"id":"3"}`)
	s := x.socket(0)
	s.signIn(`{"id":"1","watchlist":["2","3"]}`)
	b.settleAll()
	s.frames = nil
	b.begin(2)
	y.joined = false
	three.hangUp()
	y.joined = true
	x.hub.Rejoined()
	x.expectAll(s, "lost")
	y.hub.Rejoined()
	x.expectAll(s, "noted again")
	for range recheckTime + 1 {
		x.clock++
		x.hub.Tick(x.now())
		b.settleAll()
	}
	s.expect("looked at again", watchFrame(`{"name":"offline","user_ids":["3"]}`))
}

// Counts too: a channel is not told of fewer for a moment.
func TestCountsOverALossOfRecords(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	b.follow(func(a *apps.App) { a.SubscriptionCount = true })
	x, y := b.nodes[0], b.nodes[1]
	s := x.watch("a")
	y.watch("a")
	b.settleAll()
	s.frames = nil
	b.begin(2)
	x.hub.Rejoined()
	x.expectAll(s, "lost")
	y.hub.Rejoined()
	x.expectAll(s, "noted again")
}
