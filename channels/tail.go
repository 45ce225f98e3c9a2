package channels

import (
	"context"

	"resound/persist"
)

// The tail of a channel is what a page that comes back mostly needs.
const (
	maxTail      = 1024
	maxTailBytes = 1 << 20
	tailOverhead = 160 // bytes of a publication and its frame beside the event itself
)

func (p *publication) size() int64 { return int64(p.frame.Len()) + tailOverhead }

// push adds an event to the tail and takes the oldest away if it is too long. The caller holds mu.
func (c *Channel) push(p *publication) {
	h, total := c.history, &c.app.hub.tails
	if len(h.tail) == 0 {
		h.from = p.serial - 1
	}
	h.tail = append(h.tail, p)
	h.bytes += p.size()
	sum := total.Add(p.size())
	drop := 0
	for bytes := h.bytes; drop < len(h.tail); drop++ {
		fits := len(h.tail)-drop <= maxTail && bytes <= maxTailBytes && sum <= c.app.hub.replays.memory
		// For who catches up there is a step of it at least: else it would never be through on a busy channel.
		least := h.followers > 0 && len(h.tail)-drop <= chunkFrames && (bytes <= chunkBytes || len(h.tail)-drop == 1)
		if fits || least {
			break
		}
		size := h.tail[drop].size()
		bytes, sum = bytes-size, sum-size
	}
	c.forget(drop)
}

// forget takes the n oldest events out of the tail; the log still has them. The caller holds mu.
func (c *Channel) forget(n int) {
	h := c.history
	if n == 0 {
		return
	}
	var size int64
	for _, p := range h.tail[:n] {
		size += p.size()
	}
	h.from = h.tail[n-1].serial
	clear(h.tail[:n])
	if h.tail = h.tail[n:]; len(h.tail) == 0 {
		h.tail = nil
	}
	h.bytes -= size
	c.app.hub.tails.Add(-size)
}

// Truncated takes out of the memory what was removed from a channel's log: its events up to a serial. No loop calls it.
func (h *Hub) Truncated(app, channel string, upto uint64) {
	v, ok := h.apps.Load(app)
	if !ok {
		return
	}
	c := v.(*App).find([]byte(channel))
	if c == nil {
		return
	}
	c.reading.Lock() // what is being read into the tail may be what was removed
	defer c.reading.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.history != nil {
		n := 0
		for n < len(c.history.tail) && c.history.tail[n].serial <= upto {
			n++
		}
		c.forget(n)
	}
	// What was published while the log was off has no serial, and was not removed.
	if c.cache != nil && c.cache.event != nil && c.cache.event.serial > 0 && c.cache.event.serial <= upto {
		c.cache.event = nil
	}
}

// between appends the events of the tail with after < serial <= upto to list, at most limit. ok is false when
// the tail does not reach back so far. The caller holds mu.
func (h *history) between(list []*publication, after, upto uint64, limit int) (_ []*publication, ok bool) {
	if after < h.from {
		return list, false
	}
	// Serials have holes where a run of the server ended badly, so it is searched for.
	lo, hi := 0, len(h.tail)
	for lo < hi {
		if mid := (lo + hi) / 2; h.tail[mid].serial <= after {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for _, p := range h.tail[lo:] {
		if p.serial > upto || len(list) >= limit {
			break
		}
		list = append(list, p)
	}
	return list, true
}

// fill reads from the disk into the tail what somebody lacks who stands at after, so that all who come back after a
// restart read it once. Where there is no room for it nothing is kept.
func (c *Channel) fill(ctx context.Context, after uint64) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	hub := c.app.hub
	c.mu.Lock()
	h, room := c.history, hub.replays.memory-hub.tails.Load()
	if h == nil || after >= h.from || after < h.unfit || room <= 0 || after < h.stream.Newest(maxTail) {
		c.mu.Unlock()
		return nil
	}
	stream, upper, messages := h.stream, h.from, maxTail-len(h.tail)
	room = min(room, maxTailBytes-h.bytes)
	c.mu.Unlock()
	var list []*publication
	var bytes int64
	unfit := uint64(0)
	err := stream.Since(ctx, after, upper, func(r persist.Record) bool {
		p := c.stored(r)
		if list, bytes = append(list, p), bytes+p.size(); bytes > room || len(list) > messages {
			unfit = r.Serial
		}
		return unfit == 0
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.history != h || h.from != upper: // it has lost some of its own meanwhile
	case unfit > 0:
		h.unfit = unfit
	default:
		h.tail, h.from, h.bytes = append(list, h.tail...), after, h.bytes+bytes
		hub.tails.Add(bytes)
	}
	return nil
}
