package e2e

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	swarmSize   = 10_000
	swarmEvents = 100
)

// TestTenThousandSockets: each of 10,000 sockets gets each of 100 events, in order, twice over;
// and when they have left the server has what it had before.
func TestTenThousandSockets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20,000 descriptors and a minute under the race detector")
	}
	needFiles(t, swarmSize+500)
	s := start(t, plan{args: append([]string{"--ping-interval", "3600"}, appFlags...)})
	// What one socket and one publish make the server keep is not the swarm's.
	newSwarm(t, s, 1).play(1)
	eventually(t, "nobody to be left", func() bool { return s.connections(t) == 0 })
	before := s.usage(t)
	t.Logf("before: %v", before)

	var idle, left [2]usage
	for round := range idle {
		w := newSwarm(t, s, swarmSize)
		idle[round] = s.usage(t)
		t.Logf("round %d, %d idle: %v; %d bytes a socket", round+1, swarmSize, idle[round],
			(idle[round].resident-before.resident)/swarmSize)
		if n := s.connections(t); n != swarmSize {
			t.Fatalf("the server counts %d connections", n)
		}
		begin := time.Now()
		w.play(swarmEvents)
		took := time.Since(begin)
		eventually(t, "nobody to be left", func() bool { return s.connections(t) == 0 })
		eventually(t, "the descriptors to be as many as before", func() bool { return s.usage(t).files <= before.files })
		left[round] = s.usage(t)
		t.Logf("round %d, all left: %v; %d deliveries in %v", round+1, left[round], swarmSize*swarmEvents, took)
	}
	t.Logf("CPU of the server for each 1,000,000 deliveries and 10,000 goodbyes: %v, %v",
		left[0].cpu-idle[0].cpu, left[1].cpu-idle[1].cpu)

	// A thread for each loop, and some for the runtime and for blocking calls: none for a socket.
	const spareThreads = 32
	if n := left[1].threads; n > before.threads+spareThreads {
		t.Errorf("the server has %d threads, and had %d", n, before.threads)
	}
	// If the first swarm were kept, the second would add as much again. Half of that is the margin,
	// and never less than 16 MB, because it is the collector that chooses the moment.
	margin := max((idle[0].resident-before.resident)/2, 16<<20)
	if idle[1].resident > idle[0].resident+margin || left[1].resident > left[0].resident+margin {
		t.Errorf("the second round needs more memory than the first, by more than %d bytes: %v, %v; %v, %v",
			margin, idle[0], idle[1], left[0], left[1])
	}
}

// swarm is many sockets on one channel, with a goroutine each.
type swarm struct {
	t      testing.TB
	server *server
	events chan int // closed when the number of events to expect is known
	expect int
	done   sync.WaitGroup
}

// dialers is how many connect at the same time: fewer than any accept queue holds.
const dialers = 128

func newSwarm(t testing.TB, s *server, size int) *swarm {
	t.Helper()
	w := &swarm{t: t, server: s, events: make(chan int)}
	tickets := make(chan struct{}, dialers)
	var ready sync.WaitGroup
	for i := range size {
		tickets <- struct{}{}
		ready.Add(1)
		w.done.Add(1)
		go func() {
			defer w.done.Done()
			c, err := s.tryConnect(t)
			if err == nil {
				err = c.trySubscribe("swarm")
			}
			<-tickets
			ready.Done()
			if err == nil {
				<-w.events
				err = c.follow(w.expect)
			}
			if err == nil {
				err = c.part(i%2 == 0)
			}
			if err != nil {
				t.Errorf("socket %d: %v", i, err)
			}
		}()
	}
	ready.Wait()
	if t.Failed() {
		close(w.events)
		w.done.Wait()
		t.FailNow()
	}
	return w
}

// play publishes the events and returns when every socket has had all of them and has left.
func (w *swarm) play(events int) {
	w.t.Helper()
	w.expect = events
	close(w.events)
	p := w.server.publisher()
	defer p.HTTPClient.CloseIdleConnections()
	for i := range events {
		if err := p.Trigger("swarm", "tick", strconv.Itoa(i)); err != nil {
			w.t.Errorf("event %d: %v", i, err)
		}
	}
	w.done.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (c *socket) trySubscribe(channel string) error {
	if err := c.write(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `"}}`); err != nil {
		return err
	}
	m, err := c.read()
	if err == nil && m.Event != "pusher_internal:subscription_succeeded" {
		err = fmt.Errorf("subscribing was answered with %+v", m)
	}
	return err
}

// follow reads n ticks, which have to be all of them, in order.
func (c *socket) follow(n int) error {
	for i := range n {
		text, err := c.readText()
		if err != nil {
			return fmt.Errorf("waiting for event %d: %w", i, err)
		}
		if want := fmt.Appendf(nil, `"data":"%d"`, i); !bytes.Contains(text, want) || !bytes.Contains(text, []byte(`"tick"`)) {
			return fmt.Errorf("got %s as event %d", text, i)
		}
	}
	return nil
}

// part leaves with a goodbye, or by hanging up.
func (c *socket) part(politely bool) error {
	if politely {
		return c.leave()
	}
	return c.conn.Close()
}
