package engine

import (
	"time"

	"resound/protocol"
	"resound/protocol/ws"
)

// socket is how the host of a loop knows a connection.
type socket any

// conn is one connection. It belongs to its loop. It implements channels.Subscriber.
type conn struct {
	session
	sock    socket
	loop    *loop
	decoder ws.Decoder
	timer   timer
	slow    *backlog // what it has not taken; nil while it takes everything
	extra   *extra   // what few have: TLS, and bytes that were read before the loop had the connection
	heard   uint32   // second of the loop's clock in which the last bytes came
	fd      int32    // descriptor; 0 where there is no network
	first   int32    // of its list in loop.outbox, counted from 1; 0 is none, marked a slow one that flush looks at
	last    int32    // of the same
	rate    rate
	state   state
	control bool // has sent a control frame, so that pings to it are control frames too
	pinged  bool // a ping went out and nothing came since
	awaits  awaits
}

// awaits is which request head comes next.
type awaits uint8

const (
	firstHead  awaits = iota
	nextHead          // a request was answered on the connection
	readHead          // the connection came from the HTTP server, with a head that it has read
	helloFirst        // the connection is on a port of TLS, so that a handshake comes before it
)

// state is where a connection is in its life.
type state uint8

const (
	stateHead    state = iota // its request head is awaited
	stateOpen                 // a session lives on it
	stateClosing              // all is said; what it still sends is thrown away
	stateGone                 // the loop has forgotten it
)

// ID returns the socket id of the session.
func (c *conn) ID() protocol.SocketID { return c.id }

// Slot returns the index of the connection's loop.
func (c *conn) Slot() int { return c.loop.slot }

// Send queues a frame for the end of the turn. It does nothing once the
// connection is closing. It runs on the connection's loop only.
func (c *conn) Send(f *protocol.Frame) {
	if c.state != stateOpen {
		return
	}
	c.queue(f)
	if t := c.loop.engine.trace; t != nil {
		for one := range f.Each {
			t.Sent(c.id, one)
		}
	}
}

// Close says why and closes. It runs on the connection's loop only.
func (c *conn) Close(err *protocol.Error) {
	if c.state != stateOpen {
		return
	}
	c.Send(err.Frame())
	c.closeWith(uint16(err.Code), err.Text)
}

// closeWith is how the server ends a connection, and counts that it does.
func (c *conn) closeWith(code uint16, reason string) {
	c.loop.engine.closedBy.add(int(code))
	c.say(code, reason)
}

// say ends the session and sends a close frame behind what is pending.
func (c *conn) say(code uint16, reason string) {
	c.queue(protocol.NewCloseFrame(code, reason))
	c.linger()
}

// linger ends the session; what is pending is written, then the connection has a while to hang up.
func (c *conn) linger() {
	c.leave()
	c.state = stateClosing
	c.decoder.Reset()
	c.loop.wheel.arm(c, seconds(lingerTimeout))
}

// leave ends the session, if there is one.
func (c *conn) leave() {
	if c.app == nil {
		return
	}
	if t := c.loop.engine.trace; t != nil {
		t.Closed(c.id)
	}
	c.end()
}

// drop closes the connection without a word.
func (c *conn) drop() {
	if c.state != stateGone {
		c.loop.host.close(c)
	}
}

// Lag reports whether a replay has to wait: what the connection has not taken, or is to be sent in this turn, is half of what
// it may leave, and the rest is for what is published meanwhile. stuck is whether the kernel has refused some of it already, so that the
// end of the turn will not help. It runs on the connection's loop only.
func (c *conn) Lag() (much, stuck bool) {
	cost := c.loop.outbox.cost(c)
	if c.slow != nil {
		cost = c.slow.cost()
	}
	return cost > c.loop.engine.backlog/2, c.slow != nil
}

// ring is called when the connection's timer goes off.
func (c *conn) ring() {
	idle := c.loop.wheel.now - c.heard
	switch c.state {
	case stateHead, stateClosing:
		if keep := seconds(keepAlive); c.state == stateHead && c.awaits == nextHead && idle < keep {
			c.loop.wheel.arm(c, keep-idle)
			return
		}
		if c.slow != nil {
			c.loop.host.abort(c) // else the kernel would keep megabytes, and try for minutes
		}
		c.drop()
		return
	case stateGone:
		return
	}
	interval := seconds(c.app.Settings().PingInterval)
	switch {
	case idle < interval:
		c.loop.wheel.arm(c, interval-idle)
	case c.pinged:
		c.loop.stats.timeouts.Add(1)
		c.Close(protocol.ErrPongTimeout)
	default:
		c.pinged = true
		c.loop.stats.pings.Add(1)
		if c.control {
			c.Send(controlPing)
		} else {
			c.Send(protocol.PingFrame)
		}
		c.loop.wheel.arm(c, seconds(pongTimeout))
	}
}

var controlPing = protocol.NewControlFrame(ws.OpPing, nil)

// seconds rounds a duration up to whole steps of the wheel.
func seconds(d time.Duration) uint32 { return uint32((d + time.Second - 1) / time.Second) }
