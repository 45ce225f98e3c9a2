package redisbroker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
	"resound/persist"
	"resound/protocol"
)

// TestOneOrder: two nodes publish at once, and three hear all of it in one order, without a hole.
func TestOneOrder(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b, c := join(t, r.Addr()), join(t, r.Addr()), join(t, r.Addr())
	for _, n := range []*node{a, b, c} {
		n.subscribe("x", "y")
	}
	base := a.load("x").Serial
	const each, writers = 200, 4
	var wg sync.WaitGroup
	for _, n := range []*node{a, b} {
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					payload := fmt.Sprintf("%d %d %d", n.Node(), w, i)
					if err := n.Publish(outgoing("x", payload, n.newID())).Wait(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	const all = 2 * writers * each
	for _, n := range []*node{a, b, c} {
		n.until("all events", func() bool { return len(n.events) == all })
		for i, d := range n.events {
			if want := base + uint64(i) + 1; d.at.Serial != want || d.e.Serial != want {
				t.Fatalf("event %d has serial %d and %d, want %d", i, d.at.Serial, d.e.Serial, want)
			}
			if o := a.events[i]; string(o.e.Payload) != string(d.e.Payload) || o.at != d.at || o.e.ID != d.e.ID {
				t.Fatalf("event %d is %v for one node and %v for another", i, o.String(), d.String())
			}
		}
	}
	list, first := c.fetch("x", c.Log("app1", "x"), base)
	if first != base+1 || len(list) != all {
		t.Errorf("the log has %d events from %d on, want %d from %d on", len(list), first, all, base+1)
	}
	if s := a.Stats(); s.Published != writers*each || s.Trips >= s.Published {
		t.Errorf("%d publishes in %d round trips: they share none", s.Published, s.Trips)
	}
}

// TestOrderOfOneTopic: what one node does on one topic is done in the order of the calls, whatever it is.
func TestOrderOfOneTopic(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	var list []channels.Ticket
	const n = 300
	for i := range n {
		list = append(list, a.Publish(outgoing("x", fmt.Sprint(i), uint64(i))))
		a.Say("app1", "x", protocol.SocketID{A: 1, B: 2}, fmt.Append(nil, i))
		a.Put("app1", "x", "key", fmt.Append(nil, i))
	}
	for _, w := range list {
		if err := w.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	b.until("everything", func() bool { return len(b.events) == n && len(b.heard) == n && len(b.noted) == n })
	for i := range n {
		if string(b.events[i].e.Payload) != fmt.Sprint(i) || b.heard[i] != fmt.Sprintf("app1 x 1.2 %d false", i) || b.noted[i] != fmt.Sprintf("app1 x key=%d", i) {
			t.Fatalf("%d: %v, %s, %s", i, b.events[i].String(), b.heard[i], b.noted[i])
		}
		if i > 0 && b.versions[i] != b.versions[i-1]+1 {
			t.Errorf("version %d comes behind %d", b.versions[i], b.versions[i-1])
		}
	}
	if len(a.heard) != 0 {
		t.Errorf("a node hears itself: %q", a.heard)
	}
}

// TestOnlyWhatIsHeard: a node gets no message of a topic that it does not hear.
func TestOnlyWhatIsHeard(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x", "x", "end")
	b.Unsubscribe("app1", "x")
	b.subscribe("y")
	b.Unsubscribe("app1", "y")
	eventually(t, "unsubscribed", func() bool {
		return len(r.Do("PUBSUB", "NUMSUB", b.key("topic", "y")).([]any)) == 2 && r.Do("PUBSUB", "NUMSUB", b.key("topic", "y")).([]any)[1] == int64(0)
	})
	before := b.Stats().Received
	a.publish("y", "1")
	a.publish("z", "2")
	a.publish("x", "3")
	a.publish("end", "4")
	b.until("two events", func() bool { return len(b.events) == 2 })
	if got := b.Stats().Received - before; got != 2 {
		t.Errorf("%d messages came for two events", got)
	}
}

// TestBreak: a new epoch, an entry, and a message.
func TestBreak(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	s := b.load("x")
	a.publish("x", "1")
	if err := a.Break("app1", "x").Wait(); err != nil {
		t.Fatal(err)
	}
	a.publish("x", "2")
	b.until("three", func() bool { return len(b.events) == 3 })
	for i, d := range b.events {
		epoch := s.Epoch + uint32(min(i, 1))
		if d.at.Serial != s.Serial+uint64(i)+1 || d.at.Epoch != epoch || d.e.Epoch != epoch || d.e.Break != (i == 1) {
			t.Errorf("event %d: %+v %+v", i, d.at, d.e)
		}
	}
	list, _ := a.fetch("x", s.Log, s.Serial)
	if len(list) != 3 || !list[1].Break || list[1].Epoch != s.Epoch+1 || list[2].Epoch != s.Epoch+1 || list[0].Epoch != s.Epoch {
		t.Errorf("%+v", list)
	}
	if l := a.load("x"); l.Epoch != s.Epoch+1 || l.Serial != s.Serial+3 || l.First != s.Serial+1 {
		t.Errorf("%+v", l)
	}
}

// TestSceneOfNothing: a channel that has no event begins where its log does, and stays there.
func TestSceneOfNothing(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	s := a.load("x")
	if s.Serial != channels.SerialBase(s.Log) || s.First != s.Serial+1 || s.Epoch == 0 || s.Kept != nil || s.Records != nil || s.Log != a.Log("app1", "x") {
		t.Errorf("%+v", s)
	}
	time.Sleep(1100 * time.Millisecond) // seconds are what the first epoch is made of
	if again := a.load("x"); again.Place != s.Place || again.Version != s.Version {
		t.Errorf("%+v, then %+v", s, again)
	}
	a.publish("x", "1")
	a.Put("app1", "x", "k", []byte("v"))
	eventually(t, "the record", func() bool { return len(a.load("x").Records) == 1 })
	if l := a.load("x"); l.Serial != s.Serial+1 || l.Epoch != s.Epoch || l.Version != s.Version+1 {
		t.Errorf("%+v, then %+v", s, l)
	}
}

// TestFetch: any part of a log, in order; another log is an error.
func TestFetch(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	s := a.load("x")
	for i := range 20 {
		a.publish("x", fmt.Sprint(i+1))
	}
	for _, c := range []struct{ after, upto uint64 }{{0, 20}, {3, 7}, {3, 4}, {5, 5}, {19, 100}, {20, 100}} {
		list, first, err := a.Fetch(a.ctx(), "app1", "x", s.Log, s.Serial+c.after, s.Serial+c.upto)
		var got, want []string
		for _, e := range list {
			got = append(got, fmt.Sprint(e.Serial-s.Serial, string(e.Payload), e.Epoch-s.Epoch))
		}
		for i := c.after + 1; i <= min(c.upto, 20); i++ {
			want = append(want, fmt.Sprint(i, fmt.Sprint(i), 0))
		}
		if err != nil || first != s.Serial+1 || !slices.Equal(got, want) {
			t.Errorf("%v: %q from %d, %v; want %q", c, got, first-s.Serial, err, want)
		}
	}
	if _, _, err := a.Fetch(a.ctx(), "app1", "x", persist.LogID{1}, 0, 1<<52); !errors.Is(err, channels.ErrOtherLog) {
		t.Errorf("another log: %v", err)
	}
	if list, first, err := a.Fetch(a.ctx(), "app1", "nothing", s.Log, s.Serial, 1<<52); err != nil || len(list) != 0 || first != s.Serial+1 {
		t.Errorf("nothing: %v %d %v", list, first-s.Serial, err)
	}
}

// TestBigBatches: payloads that do not fit into one batch, one answer and one buffer.
func TestBigBatches(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	s := a.load("x")
	big := make([]byte, 300_000)
	for i := range big {
		big[i] = "PING\r\n*1$4"[i%10]
	}
	copy(big[1000:], "*1\r\n$4\r\nPING\r\n")
	var list []channels.Ticket
	for i := range 20 {
		list = append(list, a.Publish(outgoing("x", fmt.Sprint(i)+string(big), uint64(i+1))))
	}
	for _, w := range list {
		if err := w.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	b.until("all", func() bool { return len(b.events) == 20 })
	events, _ := a.fetch("x", s.Log, s.Serial)
	if len(events) != 20 {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		if want := fmt.Sprint(i) + string(big); string(e.Payload) != want || string(b.events[i].e.Payload) != want {
			t.Errorf("event %d has another payload", i)
		}
	}
	if kept, _, err := a.Fetch(a.ctx(), "app1", "x", s.Log, s.Serial, 1<<52); err != nil || len(kept) == 0 || len(kept) == 20 {
		t.Errorf("%d events in one answer, %v", len(kept), err)
	}
}
