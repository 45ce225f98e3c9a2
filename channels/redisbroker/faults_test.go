package redisbroker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
)

// TestEarlierLog: a node that knows a later log than Redis has, as after a Redis that was emptied and met first by a node that has just
// started, on a machine whose clock is behind, begins another. The serials of the earlier one are those of events that pages have had.
func TestEarlierLog(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	a.subscribe("x")
	a.publish("x", "before")
	p := a.part("x")
	was := p.logID()
	early := was
	early[3]-- // a second, or some, before
	if early[3] == 0xFF {
		early[2]--
	}
	early[7]++
	r.Do("HSET", p.names.log(), "id", string(early[:]))
	eventually(t, "another log", func() bool { return p.logID() != was })
	if now := p.logID(); channels.SerialBase(now) <= channels.SerialBase(was) {
		t.Errorf("log %v begins behind %d, the one before it, %v, behind %d", now, channels.SerialBase(now), was, channels.SerialBase(was))
	}
}

// TestTopicComesBackWhileItGoes: a topic that nobody wanted any more, and is wanted again while Redis is told so, is heard.
func TestTopicComesBackWhileItGoes(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a, b := join(t, r.Addr()), join(t, proxy.Addr())
	const n = 2*subscribeChunk + 10
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("t", i))
	}
	b.subscribe(all...)
	proxy.Delay(150 * time.Millisecond)
	for _, topic := range all {
		b.Unsubscribe("app1", topic)
	}
	p, key := b.part("t0"), b.part("t0").names.topic(nameOf("app1", "t0"))
	there := func(f func(*topic) bool) func() bool {
		return func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return f(p.topics[key])
		}
	}
	eventually(t, "going", there(func(x *topic) bool { return x != nil && !x.on }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = b.Subscribe(ctx, "app1", "t0") // who comes, and does not wait
	eventually(t, "gone", there(func(x *topic) bool { return x == nil }))
	if err := b.Subscribe(b.ctx(), "app1", "t0"); err != nil {
		t.Fatal(err)
	}
	proxy.Heal()
	a.publish("t0", "1")
	b.until("the event", func() bool { return len(b.events) == 1 })
}

// TestCloseIsForGood: who has closed is not joined again by what is still running, and what is published does not wait for ever.
func TestCloseIsForGood(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	n := join(t, proxy.Addr())
	proxy.Delay(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { // whatever the supervisor looks at meanwhile
		for t.Context().Err() == nil {
			signal(n.kick)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	n.Close(ctx)
	if n.Joined() {
		t.Error("it is joined")
	}
	if got := n.rejoins(); got != 1 {
		t.Errorf("the receiver was told %d times that it has joined: %q", got, n.states)
	}
	done := make(chan error, 1)
	go func() { done <- n.Publish(outgoing("x", "1", 1)).Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("a ticket waits for ever")
	}
}

// TestRecordOfNobody: a record of a node that is gone, which has been under way for long, does not stay with those who hear it.
func TestRecordOfNobody(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	const gone channels.NodeID = 0xABC
	a.note("app1", "x", gone, "put", a.appendNote(nil, gone, "app1", "x", record("k", "v")))
	b.until("the record", func() bool { return len(b.noted) == 1 })
	b.until("that it is gone", func() bool { return slices.Contains(b.states, "gone abc") })
}

// TestRecordsThatDoNotFit: records that can never be noted do not make the node look at everything anew for ever.
func TestRecordsThatDoNotFit(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	big := []channels.Record{{Key: "k", Value: []byte(strings.Repeat("x", maxQueuedBytes))}}
	for range 4 {
		was := a.rejoins()
		a.Replace("app1", "x", big) // as a hub does when it is told
		end := time.Now().Add(2 * lease)
		for a.rejoins() == was && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if n := a.rejoins(); n > 3 {
		t.Errorf("looked at everything %d times", n)
	}
}

// TestManyRecords: what all nodes have noted on one topic may be more than Redis queues for a connection that hears topics (32 MB).
func TestManyRecords(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	value := []byte(strings.Repeat("x", 4000))
	const n = 9000
	for i := range n {
		for a.Stats().QueuedBytes > maxQueuedBytes/2 {
			time.Sleep(time.Millisecond)
		}
		a.Put("app1", "presence-x", fmt.Sprint(i), value)
	}
	eventually(t, "all noted", func() bool { return a.Stats().Queued == 0 })
	was := b.Stats().Connections
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	s, err := b.Load(ctx, "app1", "presence-x")
	if err != nil || len(s.Records) != n {
		t.Errorf("%d records, %v; %d connections broke", len(s.Records), err, b.Stats().Connections-was)
	}
}
