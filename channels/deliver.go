package channels

import (
	"context"
	"errors"

	"resound/persist"
	"resound/protocol"
)

// Deliver brings an event that a log of the cluster has to who listens here; see Receiver.
func (h *Hub) Deliver(app, channel string, log persist.LogID, e Event) {
	c := h.lookUp(app, channel)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.stream()
	switch {
	case !ok:
		c.heard = Place{log, e.Epoch, e.Serial} // it is being connected, and whoever does looks behind this
	case log != s.log:
		if c.app.hub.broker.Log(app, channel) != s.log {
			c.reconnect()
		}
	case e.Serial == c.history.head+1 && !c.history.mending:
		c.history.seen = e.Serial
		c.accept(s, e)
	case e.Serial > c.history.seen:
		c.history.seen = e.Serial
		c.mend()
	}
}

// Hear brings what another node has said to who listens here; see Receiver.
func (h *Hub) Hear(app, channel string, except protocol.SocketID, payload []byte, loose bool) {
	c := h.lookUp(app, channel)
	if c == nil {
		return
	}
	p := &publication{channel: c, frame: protocol.FrameOf(payload), except: except}
	c.mu.Lock()
	defer c.mu.Unlock()
	if loose {
		p.loose = c.keeps()
		c.keep(p)
	}
	c.post(p)
}

// lookUp returns a channel of an application, or nil.
func (h *Hub) lookUp(app, channel string) *Channel {
	v, ok := h.apps.Load(app)
	if !ok {
		return nil
	}
	return v.(*App).find([]byte(channel))
}

// accept takes up the next event of the log. The caller holds mu.
func (c *Channel) accept(s *shared, e Event) {
	h := c.history
	h.head, h.used = e.Serial, c.app.hub.now.Load()
	if !e.Corrupt {
		s.epoch = e.Epoch
	}
	switch {
	case e.Break:
		h.skip()
		c.announce(gapEpoch, 0)
	case e.Corrupt:
		c.lose(1)
	default:
		p := &publication{channel: c, frame: protocol.FrameOf(e.Payload), except: e.Except, serial: e.Serial, id: e.ID}
		c.push(p)
		c.keep(p)
		if h.carried != nil && h.used >= h.carried.until {
			h.carried = nil
		}
		if !c.app.hub.strays.had(e.ID) && !h.carried.has(e.ID) {
			c.post(p)
		}
	}
}

// carried is the newest events of the log before. One whose answer was lost with that is published again, to the next, and is not brought again
// to who has had it.
type carried struct {
	ids   map[uint64]bool
	until int64 // second in which nobody tries again any more
}

// carryTime is how long somebody may try again, in seconds.
const carryTime = 30

// carry returns what is in the tail. The caller holds mu.
func (c *Channel) carry() *carried {
	k := &carried{ids: make(map[uint64]bool), until: c.app.hub.now.Load() + carryTime}
	for _, p := range c.history.tail {
		k.ids[p.id] = true
	}
	return k
}

func (k *carried) has(id uint64) bool { return k != nil && k.ids[id] }

// skip says that there is no event between the newest of the tail and head.
func (h *history) skip() {
	if len(h.tail) == 0 {
		h.from = h.head
	}
}

// lose says that n events up to head are lost, to this node at least. The caller holds mu.
func (c *Channel) lose(n uint64) {
	h, gap := c.history, gapExpired
	if n >= serialsPerSecond { // the log has forgotten where it stood, and goes on far behind it
		n, gap = 1, gapEpoch
	}
	c.forget(len(h.tail))
	h.from = h.head
	c.app.hub.tallies.lost.Add(n)
	c.announce(gap, n)
}

// Reasons of a gap, short.
const (
	gapEpoch   = protocol.GapEpoch
	gapExpired = protocol.GapExpired
)

// announce tells who has opted in that something may be missing, and gives a position that is good from here on. The caller holds mu.
func (c *Channel) announce(gap protocol.GapReason, missed uint64) {
	if !c.keeps() || c.count == 0 {
		return
	}
	head, _ := c.history.stream.Head()
	g := c.grant()
	g.Epoch, g.First = head.Epoch, head.Serial
	c.post(&publication{
		channel: c, notice: true, serial: head.Serial,
		frame: c.app.gapNotice(c.name, protocol.Notice{Gap: gap, Missed: missed}, g, head.Serial),
	})
}

// mend has fetched what this node has not heard. The caller holds mu.
func (c *Channel) mend() {
	if h := c.history; h.seen > h.head && !h.mending {
		h.mending = true
		c.app.hub.tallies.holes.Add(1)
		c.app.hub.replays.add(&mending{c})
	}
}

// mending fetches what a channel has not heard. What is published meanwhile is fetched behind the rest.
type mending struct{ c *Channel }

func (*mending) dead() bool { return false }

func (m *mending) load(ctx context.Context) {
	defer m.c.app.hub.replays.done()
	for m.step(ctx) {
	}
}

// step fetches once and reports whether there is more to do.
func (m *mending) step(ctx context.Context) (more bool) {
	c := m.c
	c.mu.Lock()
	s, ok := c.stream()
	if !ok {
		c.mu.Unlock()
		return false
	}
	h := c.history
	after, upto := h.head, h.seen
	c.mu.Unlock()
	if after >= upto {
		return m.end(h)
	}
	list, first, err := s.fetch(ctx, after, upto)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.history != h || h.stream != stream(s): // gone, or another log has begun: fetch from that
		return c.history == h && h.mending
	case errors.Is(err, ErrOtherLog):
		c.reconnect()
		fallthrough
	case err != nil:
		if ctx.Err() == nil {
			c.app.hub.replays.park(m)
		}
		return false
	}
	switch {
	case first > after+1:
		h.head = min(first-1, upto)
		c.lose(h.head - after)
	case len(list) == 0:
		h.head = upto
		c.lose(upto - after)
	}
	for _, e := range list {
		if e.Serial > h.head+1 { // somebody has deleted what was between
			n := e.Serial - 1 - h.head
			h.head += n
			c.lose(n)
		}
		if e.Serial == h.head+1 {
			c.app.hub.tallies.fetched.Add(1)
			c.accept(s, e)
		}
	}
	return true
}

// end ends the mending of a history that has all it knows of.
func (m *mending) end(h *history) (more bool) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	if more = m.c.history == h && h.seen > h.head; !more {
		h.mending = false
	}
	return more
}
