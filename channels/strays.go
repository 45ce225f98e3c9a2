package channels

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// strays is the channels on which something was published that their log has not.
type strays struct {
	mu    sync.Mutex
	set   map[stray]uint64    // guarded by mu; the value says which time it was, see turn
	turn  uint64              // guarded by mu
	ids   map[uint64]struct{} // guarded by mu: events that this node's sockets have had past the log, which may have them all the same
	some  atomic.Bool         // there are ids
	any   atomic.Bool         // set is not empty
	under bool                // guarded by mu: somebody tells the log
	quiet int                 // guarded by mu: ticks since set has been empty
}

type stray struct{ app, channel string }

// maxStrays is how many channels may be remembered: with their names that takes some ten megabytes. maxStrayIDs is how many events, and
// strayTicks for how many ticks after the logs have been told of all: who was late has read them by then.
const (
	maxStrays   = 100_000
	maxStrayIDs = 100_000
	strayTicks  = 60
)

// ErrRefused says that an event was not published: the cluster cannot be reached, and no more channels can be remembered on
// which something is missing.
var ErrRefused = errors.New("too many channels have events that the other nodes do not know of")

// add notes a channel. It reports false when there is no room.
func (s *strays) add(app, channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := stray{app, channel}
	if _, known := s.set[k]; !known && len(s.set) >= maxStrays {
		return false
	}
	if s.set == nil {
		s.set = make(map[stray]uint64)
	}
	s.turn++
	s.set[k] = s.turn
	s.any.Store(true)
	return true
}

// bring notes that this node's sockets have an event past the log.
func (s *strays) bring(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = make(map[uint64]struct{})
	}
	if s.quiet = 0; len(s.ids) < maxStrayIDs {
		s.ids[id] = struct{}{}
		s.some.Store(true)
	}
}

// age forgets what was brought when the logs have long been told: by now they have brought what they had. The caller holds mu.
func (s *strays) age() {
	if len(s.set) > 0 || len(s.ids) == 0 {
		s.quiet = 0
	} else if s.quiet++; s.quiet > strayTicks {
		s.ids, s.quiet = nil, 0
		s.some.Store(false)
	}
}

// had reports whether this node's sockets have had the event past the log.
func (s *strays) had(id uint64) bool {
	if !s.some.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ids[id]
	return ok
}

// has reports whether the channel's log has yet to be told.
func (s *strays) has(app, channel string) bool {
	if !s.any.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.set[stray{app, channel}]
	return ok
}

// mendStrays has the logs told of what they have not.
func (h *Hub) mendStrays() {
	if !h.joined() {
		return
	}
	s := &h.strays
	s.mu.Lock()
	defer s.mu.Unlock()
	s.age()
	if len(s.set) > 0 && !s.under {
		s.under = true
		h.replays.add(&straying{h})
	}
}

// straying tells logs that something is missing in them.
type straying struct{ h *Hub }

func (*straying) dead() bool { return false }

// breaksAtOnce is how many logs are told in one step.
const breaksAtOnce = 1000

func (k *straying) load(context.Context) {
	s := &k.h.strays
	type told struct {
		stray
		turn   uint64
		ticket Ticket
	}
	s.mu.Lock()
	list := make([]told, 0, min(len(s.set), breaksAtOnce))
	for name, turn := range s.set {
		if list = append(list, told{stray: name, turn: turn}); len(list) == breaksAtOnce {
			break
		}
	}
	s.mu.Unlock()
	for i := range list {
		list[i].ticket = k.h.broker.Break(list[i].app, list[i].channel)
	}
	for i := range list {
		_, served := k.h.apps.Load(list[i].app)
		if list[i].ticket.Wait() != nil && served {
			list[i].turn = 0 // the next tick tries again
		}
	}
	s.mu.Lock()
	for _, t := range list {
		if s.set[t.stray] == t.turn {
			delete(s.set, t.stray)
		}
	}
	if s.under = false; len(s.set) == 0 {
		s.set = nil
		s.any.Store(false)
	}
	s.mu.Unlock()
	k.h.replays.done()
}
