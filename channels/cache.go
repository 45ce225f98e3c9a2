package channels

import "resound/protocol"

// cache is what a cache channel keeps. Channel.mu guards it.
type cache struct {
	frame *protocol.Frame
	until int64 // seconds of Unix time
}

// sweepInterval is how often events that nobody has asked for are forgotten, in seconds.
const sweepInterval = 60

// publishKept publishes to a cache channel. Only publishers come here: what a client says to the
// others is not kept. Nor is it told to whom the event was not for, as in Pusher.
func (a *App) publishKept(channel []byte, name, data protocol.Raw, except protocol.SocketID) {
	ch := a.acquire(channel)
	defer ch.mu.Unlock()
	frame := protocol.Event(name, ch.name, data)
	ch.cache.frame = frame
	ch.cache.until = a.hub.now.Load() + int64(a.Settings().CacheTTL.Seconds())
	ch.post(&publication{channel: ch, frame: frame, except: except})
}

// kept returns the event that a cache channel has for who comes now, or nil. The caller holds mu.
func (c *Channel) kept() *protocol.Frame {
	if c.cache == nil || c.app.hub.now.Load() >= c.cache.until {
		return nil
	}
	return c.cache.frame
}

// sweep forgets the events that have been kept long enough, and the channels that have nothing else.
func (a *App) sweep() {
	a.each(func(c *Channel) bool {
		if !protocol.IsCache(c.name) {
			return true
		}
		c.mu.Lock()
		if c.kept() == nil {
			c.cache.frame = nil
		}
		empty := c.count == 0 && c.cache.frame == nil
		c.mu.Unlock()
		if empty {
			a.release(c)
		}
		return true
	})
}
