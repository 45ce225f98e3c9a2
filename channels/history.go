package channels

import (
	"context"
	"errors"
	"time"

	"resound/internal/apps"
	"resound/internal/invariants"
	"resound/persist"
	"resound/protocol"
)

// UseLog makes the hub keep the events of channels that have a history. memory is how many bytes the
// newest events of all channels may take in memory. broken is told of a channel whose history cannot be
// read; its events are not kept then until the channel comes anew. UseLog is called before anything else happens on the hub.
func (h *Hub) UseLog(log *persist.Log, memory int, broken func(err error, app, channel string)) {
	h.log, h.replays.memory, h.broken = log, int64(memory), broken
}

// Log returns the log, or nil where nothing is kept.
func (h *Hub) Log() *persist.Log { return h.log }

// Retention tells the log what to keep of a channel, as the settings of the moment have it. What is kept of
// an application that is not served any more is what is kept by default.
func (h *Hub) Retention(app, channel string) persist.Retention {
	rule := apps.DefaultHistory()
	cacheTTL := apps.DefaultCacheTTL
	if v, ok := h.apps.Load(app); ok {
		settings := v.(*App).Settings()
		rule, cacheTTL = *settings.HistoryOf(channel), settings.CacheTTL
	}
	r := persist.Retention{Messages: rule.Messages, Bytes: int64(rule.Bytes), Age: rule.Age}
	if protocol.IsCache(channel) {
		r.Messages, r.Last = max(r.Messages, 1), cacheTTL
	}
	return r
}

// Receipt is what a publisher has of an event that goes to the log.
type Receipt struct{ commit persist.Commit }

// Wait returns when the event is as safe in the log as the setting durability promises, at once where
// nothing is kept. It is called once. The error says that the log has failed meanwhile: the event
// has reached who is there, and the log has said so in its own words.
func (r Receipt) Wait() error { return r.commit.Wait() }

// rules are the history settings of a channel, looked up once for each change of the application's.
type rules struct {
	of   *settings
	rule *apps.History
}

// rule returns the channel's history settings. The caller holds mu.
func (c *Channel) rule() *apps.History {
	if of := c.app.settings.Load(); c.rules.of != of {
		c.rules = rules{of, of.HistoryOf(c.name)}
	}
	return c.rules.rule
}

// logs reports whether events of the channel go to the log. A cache channel keeps one at least. The caller holds mu.
func (c *Channel) logs() bool {
	return c.app.hub.log != nil && !c.unlogged && (c.cache != nil || c.rule().Messages > 0)
}

// history is what a channel knows of its log. Channel.mu guards it.
type history struct {
	stream *persist.Stream
	opened uint64         // newest serial when it was opened
	head   uint64         // newest serial
	tail   []*publication // the newest events, in order: all with a serial over from
	from   uint64
	bytes  int64 // of tail
	used   int64 // second in which it was needed last
}

// The tail of a channel is what a page that comes back mostly needs.
const (
	maxTail      = 1024
	maxTailBytes = 1 << 20
	tailOverhead = 160 // bytes of a publication and its frame beside the event itself
)

func (p *publication) size() int64 { return int64(p.frame.Len()) + tailOverhead }

// hold returns the channel of that name locked, with its log open if it has one. It may read the disk,
// so no loop calls it.
func (a *App) hold(name []byte) *Channel {
	for {
		c := a.acquire(name)
		if c.history != nil || !c.logs() {
			return c
		}
		c.mu.Unlock()
		c.open()
	}
}

// open opens the channel's log. It reads the disk.
func (c *Channel) open() {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	open := c.history != nil || c.removed
	c.mu.Unlock()
	if open {
		return
	}
	hub := c.app.hub
	stream, err := hub.log.Stream(c.app.id, c.name)
	var last persist.Record
	var found bool
	if err == nil && c.cache != nil {
		if last, found, err = stream.Last(); errors.Is(err, persist.ErrOff) {
			err = nil
		}
	}
	c.mu.Lock()
	if err != nil || c.removed {
		c.unlogged = err != nil
		c.mu.Unlock()
		if stream != nil {
			stream.Release()
		}
		if err != nil {
			hub.broken(err, c.app.id, c.name)
		}
		return
	}
	head, _ := stream.Head()
	c.history = &history{stream: stream, opened: head.Serial, head: head.Serial, from: head.Serial, used: hub.now.Load()}
	hub.warm.Add(1)
	if found {
		c.restore(last)
	}
	c.mu.Unlock()
}

// record appends an event of a publisher to the log, which gives it its serial, and to the tail. Where
// nothing is kept, or the log is off, it has none. The caller holds mu.
func (c *Channel) record(p *publication, name protocol.Raw) persist.Commit {
	h := c.history
	if h == nil || !c.logs() || protocol.IsReserved(name) {
		return persist.Commit{}
	}
	position, commit, err := h.stream.Append([2]uint32{p.except.A, p.except.B}, p.frame.Payload())
	if err != nil { // the log is off, and has said so
		c.forget(len(h.tail))
		return persist.Commit{}
	}
	invariants.Check(position.Serial > h.head, "serial %d of %q comes behind %d", position.Serial, c.name, h.head)
	p.serial, h.head, h.used = position.Serial, position.Serial, c.app.hub.now.Load()
	c.push(p)
	return commit
}

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
		if len(h.tail)-drop <= maxTail && bytes <= maxTailBytes && sum <= c.app.hub.replays.memory {
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

// Truncated takes out of the memory what was removed from a channel's log: its events up to a serial.
func (h *Hub) Truncated(app, channel string, upto uint64) {
	v, ok := h.apps.Load(app)
	if !ok {
		return
	}
	c := v.(*App).find([]byte(channel))
	if c == nil {
		return
	}
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

// close gives the log back. The channel is out of the table, and nobody is on it.
func (h *history) close(hub *Hub) {
	hub.tails.Add(-h.bytes)
	hub.warm.Add(-1)
	h.stream.Release()
}

// stored returns a record of the log as the publication that it was.
func (c *Channel) stored(r persist.Record) *publication {
	return &publication{
		channel: c, frame: protocol.FrameOf(r.Payload), serial: r.Serial,
		except: protocol.SocketID{A: r.Except[0], B: r.Except[1]},
	}
}

// walk calls f for the events with after < serial <= upto, in order, until it returns false. They come from
// the tail where it has them, else from the disk, so no loop calls it. persist.ErrGap says that
// some of them are not kept any more.
func (c *Channel) walk(ctx context.Context, after, upto uint64, f func(*publication) bool) error {
	var room [128]*publication
	for after < upto {
		c.mu.Lock()
		h := c.history
		if h == nil {
			c.mu.Unlock()
			return persist.ErrOff
		}
		list, ok := h.between(room[:0], after, upto, len(room))
		stream, from := h.stream, h.from
		c.mu.Unlock()
		if !ok {
			bound, more := min(from, upto), true
			err := stream.Since(ctx, after, bound, func(r persist.Record) bool {
				more = f(c.stored(r))
				return more
			})
			if err != nil || !more {
				return err
			}
			after = bound
			continue
		}
		if len(list) == 0 {
			return nil
		}
		for _, p := range list {
			if !f(p) {
				return nil
			}
			after = p.serial
		}
	}
	return nil
}

// fill reads the newest events from the disk into the tail, so that all who want them after a restart read them
// once. after is where somebody stands; where the tail cannot reach back so far nothing is read.
func (c *Channel) fill(ctx context.Context, after uint64) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	h := c.history
	if h == nil || after >= h.from || c.app.hub.tails.Load() >= c.app.hub.replays.memory {
		c.mu.Unlock()
		return nil
	}
	stream, upper, lower := h.stream, h.from, h.stream.Newest(maxTail)
	c.mu.Unlock()
	if after < lower {
		return nil
	}
	var list []*publication
	var bytes int64
	err := stream.Since(ctx, lower, upper, func(r persist.Record) bool {
		p := c.stored(r)
		list, bytes = append(list, p), bytes+p.size()
		return true
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.history != h || h.from != upper {
		return nil // it has lost some of its own meanwhile
	}
	from, memory := lower, c.app.hub.replays.memory-c.app.hub.tails.Load()
	for len(list) > 0 && (bytes+h.bytes > maxTailBytes || bytes > memory || len(list)+len(h.tail) > maxTail) {
		from, bytes = list[0].serial, bytes-list[0].size()
		list = list[1:]
	}
	h.tail, h.from, h.bytes = append(list, h.tail...), from, h.bytes+bytes
	if len(h.tail) == 0 {
		h.tail, h.from = nil, h.head
	}
	c.app.hub.tails.Add(bytes)
	return nil
}

// How long a channel that nobody is on keeps its log open and its tail, in seconds: longer than a
// page needs to come back, and shorter when there are very many of them.
const (
	warmTime    = 60
	maxWarm     = 20_000
	hurriedTime = 1
	coolPeriod  = 15 // how often they are looked for
)

// crowded reports whether so many logs are open, or so much is in memory, that what nobody needs has to go at once.
func (h *Hub) crowded() bool {
	return h.warm.Load() > maxWarm || h.tails.Load() > h.replays.memory*3/4
}

// cooled reports whether nobody has needed the history for long. The caller holds mu.
func (c *Channel) cooled() bool {
	if _, on := c.history.stream.Head(); !on && c.kept() != nil {
		return false // only the memory has it
	}
	limit := int64(warmTime)
	if c.app.hub.crowded() {
		limit = hurriedTime
	}
	return c.app.gone.Load() || c.app.hub.now.Load()-c.history.used >= limit
}

// cool closes the logs of channels that nobody needs.
func (a *App) cool() {
	a.each(func(c *Channel) bool {
		c.mu.Lock()
		cold := c.count == 0 && !c.wanted()
		c.mu.Unlock()
		if cold {
			a.release(c)
		}
		return true
	})
}

// expiry is when a cache channel's event is no longer told, in seconds of Unix time.
func (a *App) expiry(published time.Time) int64 {
	return published.Unix() + int64(a.Settings().CacheTTL/time.Second)
}
