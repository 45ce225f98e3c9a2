package channels

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"resound/protocol"
)

// collected reports whether the garbage collector has taken what p points to.
func collected[T any](p weak.Pointer[T]) bool {
	for range 3 {
		runtime.GC()
		if p.Value() == nil {
			return true
		}
	}
	return false
}

// A channel that everybody has left is garbage, with its queue and its frames, even in the middle
// of a broadcast.
func TestEmptyChannelIsCollected(t *testing.T) {
	n := newNode(t, 2)
	var sockets []*testSocket
	for i := range 8 {
		s := n.socket(i % 2)
		s.subscribe("gone")
		s.subscribe(room, fmt.Sprintf(`{"user_id":%d}`, i))
		sockets = append(sockets, s)
	}
	n.settle()
	gone, members := weak.Make(n.app.find([]byte("gone"))), weak.Make(n.app.find([]byte(room)))
	user := weak.Make(sockets[0].subs.find([]byte(room)).user)
	n.publish("gone", `1`, nobody)
	n.publish(room, `1`, nobody)
	n.loops[0].turn(all, 3)
	for _, s := range sockets {
		s.unsubscribe("gone")
		s.unsubscribe(room)
	}
	n.settle()
	for _, l := range n.loops {
		l.tasks = nil // the room of a mailbox is the engine's to keep clean
	}
	if !collected(gone) || !collected(members) || !collected(user) {
		t.Error("a channel that nobody is on is kept")
	}
	for i := range n.app.table {
		if n.app.table[i].channels != nil {
			t.Errorf("shard %d keeps the room of its channels", i)
		}
	}
	runtime.KeepAlive(n)
	runtime.KeepAlive(sockets)
}

// Who left is garbage though the channel goes on, the newest subscriber as well as the oldest.
func TestSubscriptionsThatEndedAreCollected(t *testing.T) {
	n := newNode(t, 1)
	var ended []weak.Pointer[testSocket]
	var stay []*testSocket
	for i := range 12 {
		s := n.socket(0)
		s.subscribe("a")
		s.subscribe(room, fmt.Sprintf(`{"user_id":%d}`, i%4))
		if i >= 3 && i < 9 {
			stay = append(stay, s)
			continue
		}
		ended = append(ended, weak.Make(s))
		s.hangUp()
	}
	n.settle()
	for _, l := range n.loops {
		l.tasks = nil
	}
	for i, p := range ended {
		if !collected(p) {
			t.Errorf("socket %d of those that left is kept", i)
		}
	}
	runtime.KeepAlive(n)
	runtime.KeepAlive(stay)
}

// frameKeeper remembers the last frame weakly.
type frameKeeper struct {
	counter
	last weak.Pointer[protocol.Frame]
}

func (k *frameKeeper) Send(f *protocol.Frame) { k.last = weak.Make(f) }

// The channel lives on, what was delivered on it does not.
func TestDeliveredFramesAreCollected(t *testing.T) {
	n := newNode(t, 1)
	k := &frameKeeper{}
	k.id = protocol.SocketID{A: 1, B: 1}
	if err := n.app.Subscribe(k, &k.subs, protocol.Command{Channel: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	n.settle()
	n.loops[0].tasks = nil
	if n.app.Channel([]byte("a")).Subscriptions != 1 || !collected(k.last) {
		t.Error("a frame that everybody has is kept")
	}
	runtime.KeepAlive(n)
}

// Most of a crowd leaves a channel that goes on: the room that it took goes too.
func TestCrowdLeavesNoRoom(t *testing.T) {
	const crowd = 5000
	n := newNode(t, 1)
	var sockets []*testSocket
	for i := range crowd {
		s := n.socket(0)
		s.onSend = func(string) {}
		id := i
		if i%2 == 0 {
			id = 0 // half of them are one user
		}
		s.subscribe(room, fmt.Sprintf(`{"user_id":%d}`, id))
		n.settle()
		sockets = append(sockets, s)
	}
	ch := n.app.find([]byte(room))
	before, users := cap(ch.local[0].subs), ch.roster.byKey
	for _, s := range sockets[10:] {
		s.unsubscribe(room)
		n.settle()
	}
	subs, roster, tabs := cap(ch.local[0].subs), cap(ch.roster.users), cap(ch.roster.byKey["0"].sockets)
	if before < crowd || subs > smallList || roster > smallList || tabs > smallList {
		t.Errorf("10 of %d are left, with room for %d subscriptions, %d users, %d sockets of one", crowd, subs, roster, tabs)
	}
	users["probe"] = nil // the map of the crowd must not be the map of today
	if _, same := ch.roster.byKey["probe"]; same {
		t.Error("the roster keeps the map of the crowd")
	}
	delete(users, "probe")
	if got := n.app.Channel([]byte(room)); got.Users != 6 || got.Subscriptions != 10 {
		t.Errorf("%+v, want 6 users with 10 sockets", got)
	}
	sockets[3].unsubscribe(room)
	if got := n.app.Channel([]byte(room)); got.Users != 5 || got.Subscriptions != 9 {
		t.Errorf("%+v, want 5 users with 9 sockets", got)
	}
}

func TestShrunk(t *testing.T) {
	for _, tc := range []struct{ length, room, want int }{
		{0, smallList, smallList}, {1, 100, 50}, {25, 100, 100}, {24, 100, 50}, {1000, 1000, 1000}, {0, 8, 8},
	} {
		list := make([]int, tc.length, tc.room)
		for i := range list {
			list[i] = i
		}
		got := shrunk(list)
		if cap(got) != tc.want || len(got) != tc.length {
			t.Errorf("%+v: length %d, room %d", tc, len(got), cap(got))
		}
		for i, v := range got {
			if v != i {
				t.Fatalf("%+v: element %d is %d", tc, i, v)
			}
		}
	}
}
