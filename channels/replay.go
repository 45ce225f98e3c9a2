package channels

import (
	"context"
	"slices"
	"sync"

	"resound/internal/overload"
)

// replays is what waits for the disk: logs to open, and events to read for who comes back. A few
// goroutines work it off, which the owner of the hub runs.
type replays struct {
	memory   int64 // bytes that the tails of all channels may take
	counters replayCounters
	governor *overload.Governor

	mu     sync.Mutex
	some   sync.Cond // on mu: the queue is not empty, something is done, or a context has ended
	queue  []load    // guarded by mu
	tidyAt int       // guarded by mu: how long the queue may be before the dead are taken out
	parked []load    // guarded by mu: for the next tick
	busy   int       // guarded by mu: taken from the queue and not yet done
	held   bool      // guarded by mu: nothing is taken from the queue
}

// load is one thing to do. Whoever has done it calls done. What is dead nobody waits for any more.
type load interface {
	load(context.Context)
	dead() bool
}

// maxBusy is how many chunks of replays may be read and not yet sent, on all loops together. When 10,000
// pages come back at once the others wait here, where one costs a pointer, and a loop never has
// more to send in a turn than what these are, so its live events keep their pace.
const maxBusy = 64

// tidyLength is how long the queue may be before anybody looks for what nobody waits for any more.
const tidyLength = 1024

// Replay works off what waits for the disk until ctx ends. Several may run.
func (h *Hub) Replay(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		h.replays.mu.Lock()
		defer h.replays.mu.Unlock()
		h.replays.some.Broadcast()
	})
	defer stop()
	for {
		l := h.replays.next(ctx)
		if l == nil {
			return
		}
		l.load(ctx)
	}
}

// HoldReplays makes what waits for the disk wait, and returns when nothing reads it any more, or with the error of ctx.
func (h *Hub) HoldReplays(ctx context.Context) error {
	r := &h.replays
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.some.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = true
	for r.busy > 0 && ctx.Err() == nil {
		r.some.Wait()
	}
	return ctx.Err()
}

// ReleaseReplays takes HoldReplays back.
func (h *Hub) ReleaseReplays() {
	r := &h.replays
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	r.some.Broadcast()
}

// ReplayOne does one thing that waits for the disk and reports whether there was any. It is for hubs that
// are driven by hand.
func (h *Hub) ReplayOne() bool {
	h.replays.mu.Lock()
	l := h.replays.take()
	h.replays.mu.Unlock()
	if l == nil {
		return false
	}
	l.load(context.Background())
	return true
}

func (r *replays) add(l load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A client may subscribe and unsubscribe as fast as it likes.
	if len(r.queue) >= max(r.tidyAt, tidyLength) {
		r.queue = slices.DeleteFunc(r.queue, load.dead)
		r.tidyAt = 2 * len(r.queue)
	}
	r.queue = append(r.queue, l)
	r.some.Signal()
}

// next returns what is to be done next, or nil once ctx has ended.
func (r *replays) next(ctx context.Context) load {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil {
		if l := r.take(); l != nil {
			return l
		}
		r.some.Wait()
	}
	return nil
}

// take takes the oldest out of the queue, if not too much is under way. The caller holds mu.
func (r *replays) take() load {
	for len(r.queue) > 0 && r.busy < maxBusy && !r.held {
		l := r.queue[0]
		r.queue[0] = nil
		if r.queue = r.queue[1:]; len(r.queue) == 0 {
			r.queue = nil
		}
		if l.dead() {
			continue
		}
		if _, is := l.(*catchup); is && r.governor.Level() >= overload.Guarded {
			r.governor.Count(overload.Replay)
			r.parked = append(r.parked, l)
			continue
		}
		r.busy++
		return l
	}
	return nil
}

// done counts out what next has returned.
func (r *replays) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy--
	if r.held {
		r.some.Broadcast() // HoldReplays waits beside the goroutines
	}
	r.some.Signal()
}

// park puts something off until the next tick.
func (r *replays) park(l load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parked = append(r.parked, l)
}

// unpark takes up what was put off.
func (r *replays) unpark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, r.parked...)
	r.parked = nil
	r.some.Broadcast()
}
