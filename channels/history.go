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

// Waits reports whether to publish an event may take the disk, or the network.
func (h *Hub) Waits() bool { return h.log != nil || h.broker != nil }

// Retention tells the log what to keep of a channel of an application with these settings. What is kept of one that is not
// served any more, which is nil, is what is kept by default.
func Retention(settings *apps.App, channel string) persist.Retention {
	rule, cacheTTL := apps.DefaultHistory(), apps.DefaultCacheTTL
	if settings != nil {
		rule, cacheTTL = *settings.HistoryOf(channel), settings.CacheTTL
	}
	r := persist.Retention{Messages: rule.Messages, Bytes: int64(rule.Bytes), Age: rule.Age}
	if protocol.IsCache(channel) {
		r.Messages, r.Last = max(r.Messages, 1), cacheTTL
	}
	return r
}

// Receipt is what a publisher has of an event that goes to the log.
type Receipt struct {
	commit persist.Commit
	breach *persist.Log // the event is too large for this log, which has to know that it is missing
	spread *spread      // the event is on its way to other nodes
}

// Wait returns when the event is as safe in the log as the setting durability promises, at once where
// nothing is kept. It is called once. The error says that the log has failed meanwhile: the event
// has reached who is there, and the log has said so in its own words. In a cluster it may be ErrParted, when only this
// node's sockets have it, ErrNotKept, or ErrRefused, when nobody has.
func (r Receipt) Wait() error {
	if r.spread != nil {
		return r.spread.wait()
	}
	if r.breach != nil {
		return r.breach.Break()
	}
	return r.commit.Wait()
}

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

// keeps reports whether events of the channel are to be kept. A cache channel keeps one at least. The caller holds mu.
func (c *Channel) keeps() bool {
	return c.app.hub.Waits() && (c.cache != nil || c.rule().Messages > 0)
}

// logs reports whether they go to the log: whether it could be opened. In a cluster all do, for their order. The caller holds mu.
func (c *Channel) logs() bool {
	if b := c.app.hub.broker; b != nil {
		return b.Joined() && c.missed != c.app.hub.era.Load()
	}
	return !c.unlogged && c.keeps()
}

// history is what a channel knows of its log. Channel.mu guards it.
type history struct {
	stream stream
	opened uint64         // newest serial when it was opened
	head   uint64         // newest serial
	tail   []*publication // the newest events, in order: all with a serial over from
	from   uint64
	bytes  int64  // of tail
	used   int64  // second in which it was needed last
	unfit  uint64 // the events from here on do not fit into the tail

	followers int // subscriptions that catch up: for them the tail has some events, whatever the memory

	seen    uint64 // newest serial that is known of; over head when something has to be fetched first
	mending bool   // somebody fetches
	carried *carried
}

// ready reports whether nothing of the log has to be read before it is used: it has been opened, and not come back since
// from a failure of the disk. The caller holds mu.
func (c *Channel) ready() bool { return c.history != nil && c.history.stream.Ready() }

// follow notes where the log stands, which the channel need not know: it was opened while the log was off. The caller holds mu.
func (c *Channel) follow(serial uint64) {
	if h := c.history; serial > h.head {
		c.forget(len(h.tail))
		h.opened, h.head, h.from = serial, serial, serial
	}
}

// hold returns the channel of that name locked, with its log open if it has one. It may read the disk,
// so no loop calls it.
func (a *App) hold(name []byte) *Channel {
	for {
		c := a.acquire(name)
		if c.ready() || !c.logs() {
			return c
		}
		c.mu.Unlock()
		c.open()
	}
}

// open opens the channel's log. It reads the disk, or asks the other nodes' log.
func (c *Channel) open() {
	if c.app.hub.broker != nil {
		c.connect(context.Background())
		return
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	open, h := c.ready() || c.removed, c.history
	c.mu.Unlock()
	switch {
	case open:
		return
	case h != nil: // the log is back
		c.reopen(h)
		return
	}
	hub := c.app.hub
	opened, err := hub.log.Stream(c.app.id, c.name)
	var last persist.Record
	var found bool
	if err == nil && c.cache != nil {
		if last, found, err = opened.Last(); errors.Is(err, persist.ErrOff) {
			err = nil
		}
	}
	if err != nil {
		_ = hub.log.Break() // what is published now is not kept, and who comes back has to know
	}
	c.mu.Lock()
	if err != nil || c.removed {
		c.unlogged = err != nil
		c.mu.Unlock()
		if opened != nil {
			opened.Release()
		}
		if err != nil {
			hub.broken(err, c.app.id, c.name)
		}
		return
	}
	head, _ := opened.Head()
	c.history = &history{stream: opened, opened: head.Serial, head: head.Serial, from: head.Serial, used: hub.now.Load()}
	hub.warm.Add(1)
	if found {
		c.restore(last)
	}
	c.mu.Unlock()
}

// reopen reads what the log has now that it is back. Where it cannot be read nothing is kept until the channel comes anew.
func (c *Channel) reopen(h *history) {
	head, on := h.stream.Head()
	if !on && !h.stream.Ready() {
		_ = c.app.hub.log.Break() // what is published now is not kept, and who comes back has to know
		c.app.hub.broken(errReopen, c.app.id, c.name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlogged = !on && !h.stream.Ready()
	c.follow(head.Serial)
}

var errReopen = errors.New("the log is back, and the channel's stream is not readable")

// record appends an event of a publisher to the log, which gives it its serial, and to the tail. Where
// nothing is kept, or the log is off, it has none. The caller holds mu.
func (c *Channel) record(p *publication, name protocol.Raw) Receipt {
	h := c.history
	if h == nil || protocol.IsReserved(name) || c.app.gone.Load() {
		return Receipt{}
	}
	if !c.logs() {
		p.loose = true
		return Receipt{}
	}
	position, commit, err := h.stream.Append([2]uint32{p.except.A, p.except.B}, p.frame.Payload())
	switch {
	case errors.Is(err, persist.ErrTooLarge):
		p.loose = true
		return Receipt{breach: c.app.hub.log}
	case err != nil: // the log is off, and has said so
		p.loose = true
		c.forget(len(h.tail))
		return Receipt{}
	}
	invariants.Check(position.Serial > h.head, "serial %d of %q comes behind %d", position.Serial, c.name, h.head)
	p.serial, h.head, h.used = position.Serial, position.Serial, c.app.hub.now.Load()
	c.push(p)
	return Receipt{commit: commit}
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
		if h := c.history; h != nil && h.followers == 0 && c.app.hub.crowded() && c.cooled() {
			c.forget(len(h.tail)) // a quiet channel that somebody is on
		}
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
