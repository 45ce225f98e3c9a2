package channels

import (
	"cmp"
	"slices"

	"resound/internal/measure"
)

// AppStats is what an application does on this node. Published to Delivered only rise.
type AppStats struct {
	ID            string
	Connections   int
	Channels      int // in the table: somebody is there, or an event is kept
	Subscriptions int

	Published      uint64 // events of publishers, one for each channel that one names
	PublishedBytes uint64 // of their data
	ClientEvents   uint64 // that were passed on
	Delivered      uint64 // events, one for each connection that gets one; what presence tells counts too
	DeliveredBytes uint64 // of their frames
}

// share is what one loop has delivered for one application. The loop alone writes to it.
type share struct {
	delivered, bytes measure.Sum
	_                [measure.CacheLine - 16]byte // the next one is another loop's
}

// tally is what subscribers were sent.
type tally struct{ events, bytes int }

func (t *tally) add(more tally) {
	t.events += more.events
	t.bytes += more.bytes
}

// count adds what the loop has sent.
func (s *share) count(sent tally) {
	s.delivered.Add(sent.events)
	s.bytes.Add(sent.bytes)
}

// share returns that of a loop, which calls it.
func (a *App) share(slot int) *share {
	s := a.shares[slot].Load()
	if s == nil {
		s = new(share)
		a.shares[slot].Store(s)
	}
	return s
}

// Stats returns what each application does, by id.
func (h *Hub) Stats() (list []AppStats) {
	h.apps.Range(func(_, v any) bool {
		list = append(list, v.(*App).stats())
		return true
	})
	slices.SortFunc(list, func(a, b AppStats) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (a *App) stats() AppStats {
	s := AppStats{ID: a.id, Connections: a.Connections(), Subscriptions: int(a.subscriptions.Load()), ClientEvents: a.clientEvents.Load()}
	for i := range a.table {
		shard := &a.table[i]
		shard.mu.RLock()
		s.Channels += len(shard.channels)
		shard.mu.RUnlock()
		s.Published += shard.published.Load()
		s.PublishedBytes += shard.bytes.Load()
	}
	for i := range a.shares {
		if share := a.shares[i].Load(); share != nil {
			s.Delivered += share.delivered.Load()
			s.DeliveredBytes += share.bytes.Load()
		}
	}
	return s
}
