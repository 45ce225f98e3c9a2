package channels

import (
	"slices"
	"strings"
	"testing"
)

// Who is on a presence channel is the same on all nodes, and each user is told of once.
func TestMembersOfAllNodes(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	sx := x.watch(room, `{"user_id":1,"user_info":{"n":"one"}}`)
	sy := y.socket(0)
	sy.subscribe(room, `{"user_id":2}`)
	y.settleAll()
	if got := sy.got(); len(got) != 1 || !strings.Contains(got[0], `\"1\":{\"n\":\"one\"}`) || !strings.Contains(got[0], `\"count\":2`) {
		t.Errorf("who is here: %s", got)
	}
	x.expectAll(sx, "another came", addedFrame(room, `{"user_id":2}`))
	again := x.watch(room, `{"user_id":2}`)
	sx.expect("the same on another node")
	sy.expect("the same on another node")
	sy.unsubscribe(room)
	x.expectAll(sx, "one of two places left")
	again.unsubscribe(room)
	x.expectAll(sx, "both left", removedFrame(room, "2"))
}

// A node that is gone takes its members with it, but for those who are elsewhere too.
func TestMembersOfALostNode(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 3, 1, 1<<20, 100)
	x, y, z := b.nodes[0], b.nodes[1], b.nodes[2]
	s := x.watch(room, `{"user_id":1}`)
	y.watch(room, `{"user_id":2}`)
	z.watch(room, `{"user_id":2}`)
	y.watch(room, `{"user_id":3}`)
	s.frames = nil
	y.part()
	b.lapse(y.id)
	x.expectAll(s, "lost", removedFrame(room, "3"))
	x.part()
	x.hub.NodeGone(0)
	x.expectAll(s, "alone for long", removedFrame(room, "2"))
	x.rejoin()
	x.expectAll(s, "back", addedFrame(room, `{"user_id":2}`))
	y.rejoin()
	x.expectAll(s, "the other is back", addedFrame(room, `{"user_id":3}`))
}

// What members do while their node is alone is known when it is back.
func TestMembersWhoLeftAlone(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := x.watch(room, `{"user_id":1}`)
	leaves := y.watch(room, `{"user_id":2}`)
	stays := y.watch(room, `{"user_id":3}`)
	s.frames = nil
	y.part()
	leaves.hangUp()
	y.watch(room, `{"user_id":4}`)
	stays.frames = nil
	x.expectAll(s, "nothing is heard")
	y.rejoin()
	x.expectAll(s, "back", addedFrame(room, `{"user_id":4}`), removedFrame(room, "2"))
	y.expectAll(stays, "who stayed")
	if r := b.topic(room).records; len(r) != 3 {
		t.Errorf("%d records: %v", len(r), r)
	}
}

// A change of members that a node did not hear is looked up.
func TestMissedChangeOfMembers(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := x.watch(room, `{"user_id":1}`)
	two := y.socket(0)
	two.subscribe(room, `{"user_id":2}`)
	for y.hub.ReplayOne() {
		y.settle()
	}
	if len(x.inbox) == 0 {
		t.Fatal("nothing is to be heard")
	}
	x.inbox = nil
	three := y.watch(room, `{"user_id":3}`)
	got := s.got()
	slices.Sort(got)
	if want := []string{addedFrame(room, `{"user_id":2}`), addedFrame(room, `{"user_id":3}`)}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	two.hangUp()
	b.settleAll()
	s.frames = nil
	x.inbox = nil
	three.hangUp()
	x.expectAll(s, "all heard", removedFrame(room, "3"))
}

// Whom a page watches may sign in on any node.
func TestWatchlistOfAllNodes(t *testing.T) {
	b := newBus(t, 3, 1, 1<<20, 100)
	x, y, z := b.nodes[0], b.nodes[1], b.nodes[2]
	signIn := func(n *busNode, data string) *testSocket {
		s := n.socket(0)
		if err := s.say(s.signinMessage(data)); err != nil {
			t.Fatal(err)
		}
		n.settleAll()
		return s
	}
	two := signIn(y, `{"id":"2"}`)
	s := signIn(x, `{"id":"1","watchlist":["2","3"]}`)
	got := s.got()
	if len(got) != 2 || got[1] != watchFrame(`{"name":"online","user_ids":["2"]},{"name":"offline","user_ids":["3"]}`) {
		t.Errorf("told\n%s", strings.Join(got, "\n"))
	}
	three := signIn(z, `{"id":"3"}`)
	x.expectAll(s, "came", watchFrame(`{"name":"online","user_ids":["3"]}`))
	again := signIn(x, `{"id":"3"}`)
	s.expect("came again here")
	three.hangUp()
	x.expectAll(s, "one of two left")
	again.hangUp()
	x.expectAll(s, "both left", watchFrame(`{"name":"offline","user_ids":["3"]}`))
	y.part()
	two.hangUp()
	x.expectAll(s, "nothing is heard")
	y.rejoin()
	x.expectAll(s, "left while alone", watchFrame(`{"name":"offline","user_ids":["2"]}`))
	s.hangUp()
	b.settleAll()
	for topic, n := range x.subs {
		if n != 0 {
			t.Errorf("%s is still heard", topic)
		}
	}
}

// What a node has noted is noted again from time to time, should Redis have forgotten it.
func TestRecordsAreNotedAgain(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x := b.nodes[0]
	x.watch(room, `{"user_id":1}`)
	b.topic(room).records = nil
	x.clock += renotePeriod + 1
	x.hub.Tick(x.now())
	b.settleAll()
	if r := b.topic(room).records; len(r) != 1 {
		t.Errorf("%d records", len(r))
	}
}

// A node that is alone says what it knows of a watchlist, and the rest when it is back.
func TestWatchlistAlone(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	two := y.socket(0)
	two.signIn(`{"id":"2"}`)
	y.settleAll()
	x.part()
	s := x.socket(0)
	const data = `{"id":"1","watchlist":["2"]}`
	s.signIn(data)
	x.expectAll(s, "alone", signedFrame(data), watchFrame(`{"name":"offline","user_ids":["2"]}`))
	x.rejoin()
	x.expectAll(s, "back", watchFrame(`{"name":"online","user_ids":["2"]}`))
}
