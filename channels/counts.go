package channels

import (
	"strconv"
	"sync"

	"resound/internal/overload"
	"resound/protocol"
)

// Above countAtOnce connections a channel is told its count every countInterval seconds and not at
// each change, as Pusher documents: else a page of 10,000 that reloads would cost 10,000 times 10,000 messages.
const (
	countAtOnce   = 100
	countInterval = 5
)

// counts is the channels that are to be told how many are on them.
type counts struct {
	mu  sync.Mutex // taken under a Channel.mu, and nothing is under it
	due []*Channel // guarded by mu
}

// tellsCount reports whether the channel is told how many are on it: members of a presence channel are told who comes and goes.
func (c *Channel) tellsCount() bool {
	return c.app.Settings().SubscriptionCount && c.roster == nil && c.kind != protocol.ServerToUser
}

// counted tells the channel how many are on it, now or with the next interval. The caller holds mu.
func (c *Channel) counted() {
	if !c.tellsCount() {
		return
	}
	if c.everywhere() <= countAtOnce && c.app.hub.governor.Level() < overload.Thinned || c.count == 0 {
		c.tellCount()
	} else if !c.told {
		c.told = true
		c.app.counts.mu.Lock()
		c.app.counts.due = append(c.app.counts.due, c)
		c.app.counts.mu.Unlock()
	}
}

// everywhere is how many are on the channel, on all nodes. The caller holds mu.
func (c *Channel) everywhere() int {
	n := c.count
	if c.clustered == nil {
		return n
	}
	for _, other := range c.others.counts {
		n += other
	}
	return n
}

// countElsewhere takes up how many are on the channel on another node. The caller holds mu.
func (c *Channel) countElsewhere(node NodeID, n int) {
	o := &c.others
	if o.counts[node] == n {
		return
	}
	if n > 0 && o.counts == nil {
		o.counts = make(map[NodeID]int)
	}
	if o.counts[node] = n; n == 0 {
		delete(o.counts, node)
	}
	c.counted()
}

// tellCount tells the channel, and the other nodes, how many are on it. The caller holds mu.
func (c *Channel) tellCount() {
	if b := c.app.hub.broker; b != nil && c.others.noted != c.count {
		if c.others.noted = c.count; c.count > 0 {
			b.Put(c.app.id, c.name, countKey, strconv.AppendInt(nil, int64(c.count), 10))
		} else {
			b.Drop(c.app.id, c.name, countKey)
		}
	}
	if c.count > 0 {
		c.post(&publication{channel: c, frame: protocol.SubscriptionCount(c.name, c.everywhere())})
	}
}

// tellCounts tells every channel whose count is due.
func (a *App) tellCounts() {
	a.counts.mu.Lock()
	due := a.counts.due
	a.counts.due = nil
	a.counts.mu.Unlock()
	for _, c := range due {
		c.mu.Lock()
		c.told = false
		c.tellCount()
		c.mu.Unlock()
	}
}
