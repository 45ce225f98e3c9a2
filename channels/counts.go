package channels

import (
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

// counted tells the channel how many are on it, now or with the next interval. The caller holds mu.
func (c *Channel) counted() {
	if !c.app.Settings().SubscriptionCount || c.roster != nil || c.kind == protocol.ServerToUser {
		return // members of a presence channel are told who comes and goes
	}
	if c.count <= countAtOnce && c.app.hub.governor.Level() < overload.Thinned {
		c.tellCount()
	} else if !c.told {
		c.told = true
		c.app.counts.mu.Lock()
		c.app.counts.due = append(c.app.counts.due, c)
		c.app.counts.mu.Unlock()
	}
}

func (c *Channel) tellCount() {
	if c.count > 0 {
		c.post(&publication{channel: c, frame: protocol.SubscriptionCount(c.name, c.count)})
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
