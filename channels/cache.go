package channels

import (
	"time"

	"resound/persist"
	"resound/protocol"
)

// cache is what a cache channel keeps. Channel.mu guards it. The log has it too, and brings it back
// after a restart.
type cache struct {
	event *publication // nil when there is none
	until int64        // seconds of Unix time
}

// sweepInterval is how often events that nobody has asked for are forgotten, in seconds.
const sweepInterval = 60

// keep keeps what a publisher said, if the channel is one that does: what a client says to the others
// is not kept. It is told to everybody who comes, also to whom the event was not for, as in Pusher. The caller holds mu.
func (c *Channel) keep(p *publication) {
	if c.cache != nil {
		c.cache.event, c.cache.until = p, c.app.expiry(time.Unix(c.app.hub.now.Load(), 0))
	}
}

// restore keeps the newest event of the log. The caller holds mu.
func (c *Channel) restore(r persist.Record) {
	if c.cache.event == nil {
		c.cache.event, c.cache.until = c.stored(r), c.app.expiry(r.Time)
	}
}

// restoreKept keeps what the other nodes' log has kept. The caller holds mu.
func (c *Channel) restoreKept(e *Event) {
	if c.cache == nil || e == nil || c.cache.event != nil {
		return
	}
	p := c.stored(e.record())
	if s, ok := c.stream(); !ok || e.Serial <= s.begin || e.Serial > c.history.head {
		p.serial = 0 // of an earlier log
	}
	c.cache.event, c.cache.until = p, c.app.expiry(e.Time)
}

// kept returns the event that a cache channel has for who comes now, or nil. The caller holds mu.
func (c *Channel) kept() *publication {
	if c.cache == nil || c.app.hub.now.Load() >= c.cache.until {
		return nil
	}
	return c.cache.event
}

// keptFrame is kept as the frame that everybody gets.
func (c *Channel) keptFrame() *protocol.Frame {
	if p := c.kept(); p != nil {
		return p.frame
	}
	return nil
}

// sweep forgets the events that have been kept long enough, and the channels that have nothing else.
func (a *App) sweep() {
	a.each(func(c *Channel) bool {
		if !protocol.IsCache(c.name) {
			return true
		}
		c.mu.Lock()
		if c.kept() == nil {
			c.cache.event = nil
		}
		empty := c.count == 0 && c.cache.event == nil
		c.mu.Unlock()
		if empty {
			a.release(c)
		}
		return true
	})
}
