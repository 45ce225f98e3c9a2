package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"resound/channels"
	"resound/internal/measure"
	"resound/internal/overload"
)

// loopStats is what a loop tells of itself. It alone writes to it.
type loopStats struct {
	_ [measure.CacheLine]byte // what others look at, and what the loop works with

	accepted, upgraded, answered  measure.Sum
	messages, received            measure.Sum
	writes, sent, pings, timeouts measure.Sum

	slow, backlog atomic.Int64 // connections that do not take what they get, and how many bytes that is

	opening measure.Histogram // of some connections, from the accept to the answer to the upgrade
	lag     measure.Histogram // how late the loop comes to what it is asked for, looked at once a second
	turns   measure.Histogram // how long it works for its mailbox
	late    atomic.Int64      // the newest lag, in nanoseconds
	asked   atomic.Int64      // when it was asked first, while it has not come to it
	run     atomic.Uint32     // of the reactor: what an earlier one asked for says nothing of this one
}

// Stats is what the engine has done since the start, and what it has now.
type Stats struct {
	Sockets  int  // open here
	Requests int  // connections that the HTTP server has
	Limit    int  // descriptors that connections may use
	Draining bool // it stops

	Accepted uint64 // connections
	Upgraded uint64 // of those, WebSockets
	Answered uint64 // publishes that a loop has answered itself
	Messages uint64 // text and binary messages of clients
	Received uint64 // bytes
	Writes   uint64 // calls of the kernel
	Sent     uint64 // bytes
	Pings    uint64 // sent
	Timeouts uint64 // connections closed because they were silent after one

	TLS TLSStats

	Slow    int   // connections that do not take what they get
	Backlog int64 // bytes that they leave, each counted for each

	Closed  map[int]uint64 // sessions that the server ended, by code
	Refused map[int]uint64 // WebSockets that became none, by code

	Opened measure.Counts // of some WebSockets, from the accept to the answer to the upgrade

	Loops []LoopStats
}

// LoopStats is one loop.
type LoopStats struct {
	Lag   measure.Counts // how late it came to what it was asked for once a second
	Late  time.Duration  // the newest of those
	Turns measure.Counts // how long it worked for its mailbox each time

	// Of publications, see channels.Stages.
	Waited, Written measure.Counts
}

// codes counts by close code. Any goroutine may use it; it is for what is rare.
type codes [firstCode + 400]atomic.Uint64

// firstCode is where Pusher's codes begin, in the place of 4000. Those of RFC 6455 are before it.
const firstCode = 16

func (c *codes) add(code int) {
	switch {
	case code >= 4000 && code < 4400:
		c[code-4000+firstCode].Add(1)
	case code >= 1000 && code < 1000+firstCode:
		c[code-1000].Add(1)
	}
}

func (c *codes) counts() map[int]uint64 {
	all := make(map[int]uint64)
	for i := range c {
		if n := c[i].Load(); n > 0 && i < firstCode {
			all[1000+i] = n
		} else if n > 0 {
			all[4000+i-firstCode] = n
		}
	}
	return all
}

// Stats may be called by any goroutine. Its parts are not of the very same moment.
func (e *Engine) Stats() Stats {
	s := Stats{
		Sockets: e.Sockets(), Requests: int(e.handover.active.Load()), Limit: e.limit, Draining: e.draining.Load(),
		Closed: e.closedBy.counts(), Refused: e.refusedBy.counts(), TLS: e.handshakes.stats(),
	}
	for _, l := range e.loops {
		c := &l.stats
		s.Accepted += c.accepted.Load()
		s.Upgraded += c.upgraded.Load()
		s.Answered += c.answered.Load()
		s.Messages += c.messages.Load()
		s.Received += c.received.Load()
		s.Writes += c.writes.Load()
		s.Sent += c.sent.Load()
		s.Pings += c.pings.Load()
		s.Timeouts += c.timeouts.Load()
		s.Slow += int(c.slow.Load())
		s.Backlog += c.backlog.Load()
		s.Opened.Add(c.opening.Counts())
		stages := e.hub.Stages(l.slot)
		s.Loops = append(s.Loops, LoopStats{
			Lag: c.lag.Counts(), Late: c.lateness(), Turns: c.turns.Counts(),
			Waited: stages.Waited.Counts(), Written: stages.Written.Counts(),
		})
	}
	return s
}

// lateness is how late the loop is, also while it does not come to what it was asked at all.
func (c *loopStats) lateness() time.Duration {
	late := time.Duration(c.late.Load())
	if asked := time.Duration(c.asked.Load()); asked != 0 {
		late = max(late, measure.Now()-asked)
	}
	return late
}

// Lag is how late the latest of the loops is.
func (e *Engine) Lag() (most time.Duration) {
	for _, l := range e.loops {
		most = max(most, l.stats.lateness())
	}
	return most
}

// Full reports whether sockets have all descriptors but those that are kept for publishers.
func (e *Engine) Full() bool { return e.full() }

// Unready returns why no more connections should be sent here, or nothing.
func (e *Engine) Unready() (reasons []string) {
	if e.draining.Load() {
		reasons = append(reasons, "the server stops")
	}
	if e.full() {
		reasons = append(reasons, fmt.Sprintf("%d connections are all that its descriptors allow", e.Sockets()))
	}
	if why := e.governor.Unready(); why != "" {
		reasons = append(reasons, why)
	}
	for _, l := range e.loops {
		if late := l.stats.lateness(); late > overload.ReadyLag {
			reasons = append(reasons, fmt.Sprintf("loop %d is %v late", l.slot, late.Round(time.Millisecond)))
		}
	}
	return reasons
}

// openings times how long connections take to become WebSockets: of each loop one at a time, so that nothing is kept for
// the others.
type openings struct {
	conn *conn
	at   time.Duration
}

// openingPatience is how long a connection that says nothing keeps others from being timed.
const openingPatience = time.Second

func (o *openings) begin(c *conn) {
	if now := measure.Now(); o.conn == nil || now-o.at > openingPatience {
		*o = openings{c, now}
	}
}

// end is called when a connection is upgraded, or will not be.
func (o *openings) end(c *conn, h *measure.Histogram) {
	if o.conn != c {
		return
	}
	if h != nil {
		h.Observe(measure.Now() - o.at)
	}
	o.conn = nil
}

// ended is told that no loop runs. It may not get a connection for long, and is neither late nor has it slow ones.
func (c *loopStats) ended() {
	c.run.Add(1)
	c.asked.Store(0)
	c.late.Store(0)
	c.slow.Store(0)
	c.backlog.Store(0)
}

// asked returns the task of one tick: it tells how late the loop comes to it.
func (l *loop) asked(tick func()) channels.Task {
	asked, run := measure.Now(), l.stats.run.Load()
	l.stats.asked.CompareAndSwap(0, int64(asked))
	return channels.Call(func() {
		if l.stats.run.Load() != run {
			return // nobody was there to do it in time
		}
		l.stats.asked.Store(0)
		late := measure.Now() - asked
		l.stats.lag.Observe(late)
		l.stats.late.Store(int64(late))
		tick()
	})
}
