package channels

import (
	"sync"
	"sync/atomic"

	"resound/internal/invariants"
	"resound/internal/measure"
	"resound/protocol"
)

// Channel is one channel of one application, there as long as somebody is on it, it keeps an event, or
// its log was needed a short while ago.
type Channel struct {
	app   *App
	name  string
	kind  protocol.Kind
	local []*local // by slot; an element is touched by that loop alone, nil until its first subscriber

	mu       sync.Mutex
	order    uint64      // guarded by mu: number of the newest publication
	bytes    uint64      // guarded by mu: of all frames so far, once for each
	occupied []occupancy // guarded by mu: the loops that have a subscriber
	count    int         // guarded by mu: subscriptions on all loops
	roster   *roster     // guarded by mu: presence channels only
	cache    *cache      // guarded by mu: cache channels only
	history  *history    // guarded by mu: its log; nil until somebody needs it, and where none is kept
	rules    rules       // guarded by mu
	told     bool        // guarded by mu: is in App.counts, and will be told its count
	removed  bool        // guarded by mu: no longer in the table
	unlogged bool        // guarded by mu: its log could not be opened

	*clustered // nil without a cluster

	reading sync.Mutex // held while the log is opened or the tail filled; nothing but mu is taken under it
}

// clustered is what a channel has besides where scaling is on: more than half of what it has without.
type clustered struct {
	missed uint64      // guarded by Channel.mu: the era in which it could not be connected; 0 for none
	heard  Place       // guarded by Channel.mu: the newest event that came while it was not connected
	others others      // guarded by Channel.mu: what other nodes have noted
	due    atomic.Bool // somebody is going to look at its place in the cluster
	unsure atomic.Bool // whether the cluster has what this node notes on it
}

// occupancy is how many subscriptions one loop has.
type occupancy struct {
	slot, count int
}

func newChannel(a *App, name string) *Channel {
	c := &Channel{app: a, name: name, kind: protocol.KindOf(name)}
	c.local = make([]*local, len(a.hub.mailboxes))
	if a.hub.broker != nil {
		c.clustered = new(clustered)
	}
	if c.kind == protocol.Presence {
		c.roster = newRoster()
	}
	if protocol.IsCache(name) {
		c.cache = new(cache)
	}
	return c
}

// occupy counts a subscription of a loop in or out. The caller holds mu.
func (c *Channel) occupy(slot, by int) {
	c.count += by
	for i := range c.occupied {
		o := &c.occupied[i]
		if o.slot != slot {
			continue
		}
		if o.count += by; o.count == 0 {
			last := len(c.occupied) - 1
			*o = c.occupied[last]
			c.occupied = c.occupied[:last]
		}
		return
	}
	invariants.Check(by > 0, "nobody is on %q on loop %d who could leave", c.name, slot)
	c.occupied = append(c.occupied, occupancy{slot, by})
}

// post numbers the publication and posts it to every loop that has a
// subscriber. The caller holds mu, so that all loops see the same order.
func (c *Channel) post(p *publication) {
	c.order++
	c.bytes += uint64(p.frame.Len())
	p.order = c.order
	if len(c.occupied) > 0 {
		p.at = measure.Now()
		c.app.hub.note(c.app.id, p.frame, c.count)
	}
	for _, o := range c.occupied {
		c.app.hub.post(o.slot, Task{publication: p})
	}
}
