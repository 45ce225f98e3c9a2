package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/panjf2000/gnet/v2"

	"resound/channels"
	"resound/protocol"
	"resound/protocol/ws"
)

// Why a server ends all its sessions.
var (
	// ErrStopping brings pages back after a second.
	ErrStopping = &protocol.Error{Code: int(ws.CloseGoingAway), Text: "The server is stopping"}
	// ErrMoved brings them back at once, so it is for where the listening socket lasts: a dial that is refused costs 15 s.
	ErrMoved = &protocol.Error{Code: 4200, Text: "The server goes on in another process"}
)

// Farewell is how sessions are ended: slice by slice, because all of them come back.
type Farewell struct {
	Why  *protocol.Error // ErrStopping or ErrMoved
	Pace int             // sessions a second, at least; 0 is all at once
	Over time.Duration   // how long it may take: where there are more sessions it is faster

	// Grace is how long connections may take on which no request is under way; 0 is that they are closed. For who dialled just
	// before a hand-over the end of the connection is a dial that failed, and costs 15 s; a publisher that keeps one may be writing.
	Grace time.Duration
}

// slice is how often some sessions are closed.
const slice = 20 * time.Millisecond

// Drain ends every connection and waits until they have hung up or ctx ends. Requests are answered until the last session
// has been told; then the HTTP server has the connections that are kept.
func (e *Engine) Drain(ctx context.Context, f Farewell) error {
	e.farewell.Store(f.Why)
	e.grace.Store(int64(f.Grace))
	e.draining.Store(true)
	e.Dismiss(ctx, f)
	for _, l := range e.loops {
		l.mailbox.Post(channels.Call(l.drain))
	}
	e.left(0)
	select {
	case <-e.drained:
		return e.handover.taken(ctx)
	case <-ctx.Done():
		return fmt.Errorf("%d connections did not hang up: %w", e.sockets.Load(), ctx.Err())
	}
}

// Dismiss closes the sessions that there are, and returns when all of them have been told. When ctx ends the others are told at once.
func (e *Engine) Dismiss(ctx context.Context, f Farewell) {
	slices := 1
	if f.Pace > 0 {
		each := max(f.Pace*int(slice)/int(time.Second), 1)
		slices = max(min(e.Sockets()/each+1, int(f.Over/slice)), 1)
	}
	leaving := make([][]*conn, len(e.loops)) // each is its loop's
	for _, l := range e.loops {
		l.mailbox.Post(channels.Call(func() { leaving[l.slot] = l.all() }))
	}
	tick := time.NewTicker(slice)
	defer tick.Stop()
	for ; slices > 0; slices-- {
		left := slices
		for _, l := range e.loops {
			l.mailbox.Post(channels.Call(func() {
				all := leaving[l.slot]
				n := (len(all) + left - 1) / left
				l.dismiss(all[:n], f.Why)
				leaving[l.slot] = all[n:]
			}))
		}
		if slices == 1 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			slices = 2
		}
	}
}

// all returns the connections of the loop.
func (l *loop) all() (list []*conn) {
	l.wheel.each(func(c *conn) { list = append(list, c) })
	return list
}

// dismiss closes sessions.
func (l *loop) dismiss(list []*conn, why *protocol.Error) {
	for _, c := range list {
		if c.state == stateOpen {
			c.closeWith(uint16(why.Code), why.Text)
		}
	}
}

// drain closes every connection that is left because the server stops.
func (l *loop) drain() {
	for _, c := range l.all() {
		switch {
		case c.state == stateHead && l.engine.grace.Load() > 0:
			if c.awaits == nextHead {
				c.awaits = firstHead // it is not kept again
			}
			l.wheel.arm(c, l.engine.graceSeconds())
		case c.state == stateHead && c.awaits == nextHead:
			l.host.handover(c, nil) // the HTTP server answers a request that is on its way, and ends the others
		case c.state == stateHead:
			c.drop()
		case c.state == stateOpen: // came while the others left
			c.closeWith(uint16(l.engine.farewell.Load().Code), l.engine.farewell.Load().Text)
		}
	}
}

// graceSeconds is Farewell.Grace on the wheel.
func (e *Engine) graceSeconds() uint32 { return seconds(time.Duration(e.grace.Load())) }

// Freeze leaves what sessions send unread, and lets no loop answer a request: what they ask for would be heard by half of the
// others while another process takes over. Connections stay, and what is sent to them goes out.
func (e *Engine) Freeze() { e.frozen.Store(true) }

// Thaw takes Freeze back.
func (e *Engine) Thaw() {
	e.frozen.Store(false)
	r := &e.reactor
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		h.loop.mailbox.Post(channels.Call(func() {
			for _, c := range h.loop.all() {
				if g := c.sock.(gnet.Conn); g.InboundBuffered() > 0 {
					_ = g.Wake(nil) // one that is closed has nothing to say
				}
			}
		}))
	}
}

// hold notes that bytes of a session came while it is not read.
func (l *loop) hold(c *conn, buffered int) {
	c.arrived(buffered)
	if buffered > maxFrozen {
		c.closeWith(uint16(ErrMoved.Code), ErrMoved.Text)
		l.flush()
	}
}
