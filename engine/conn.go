package engine

import (
	"time"

	"resound/protocol"
	"resound/protocol/ws"
)

// socket is what is used of a gnet.Conn to write. Tests without a network supply their own.
type socket interface {
	Write(b []byte) (int, error)         // as Writev, for one slice: the kernel does less for it
	Writev(slices [][]byte) (int, error) // takes all; what the kernel refuses is copied
	OutboundBuffered() int               // bytes that the kernel has refused so far
}

// conn is one connection. It belongs to its loop. It implements channels.Subscriber.
type conn struct {
	session
	sock    socket
	loop    *loop
	decoder ws.Decoder
	timer   timer
	pending []*protocol.Frame // to be written at the end of the turn; nil while idle
	carry   []byte            // bytes that were read before the loop had the connection
	heard   uint32            // second of the loop's clock in which the last bytes came
	rate    rate
	state   state
	dirty   bool // in loop.dirty
	control bool // has sent a control frame, so that pings to it are control frames too
	pinged  bool // a ping went out and nothing came since
	adopted bool // came from the HTTP server, with a request head that it has read
}

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
		t.Sent(c.id, f)
	}
}

// queue puts a frame on the pending list, whatever the state.
func (c *conn) queue(f *protocol.Frame) {
	c.pending = append(c.pending, f)
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
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

// closeWith ends the session and sends a close frame behind what is pending.
func (c *conn) closeWith(code uint16, reason string) {
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
		c.loop.host.close(c.sock)
	}
}

// write hands everything pending to the socket, as few times as can be. What the kernel refuses is
// copied, so each step asks again whether the connection keeps up.
func (c *conn) write() {
	defer func() { c.dirty = false }()
	frames := c.pending
	for len(frames) > 0 && c.state != stateGone {
		if c.state == stateOpen && c.backlog(frames) > c.loop.engine.backlog {
			clear(c.pending)
			c.pending = c.pending[:0]
			c.Close(protocol.ErrSlowConsumer)
			frames = c.pending
		}
		frames = c.writeSome(frames)
	}
	clear(c.pending)
	c.pending = c.pending[:0]
	if cap(c.pending) > 8 {
		c.pending = nil // one that was busy and is idle keeps nothing
	}
	if c.state == stateClosing && c.sock.OutboundBuffered() == 0 {
		c.loop.host.shutdown(c.sock)
	}
}

// writeSome writes as many frames as one call may take and returns the others. A socket that
// fails is closed in the call, and the loop has been told when it returns.
func (c *conn) writeSome(frames []*protocol.Frame) []*protocol.Frame {
	if len(frames) == 1 {
		_, _ = c.sock.Write(frames[0].Bytes())
		return nil
	}
	slices, size := c.loop.slices[:0], 0
	for _, f := range frames {
		if len(slices) == maxSlices || size > 0 && size+f.Len() > maxWrite {
			break
		}
		slices, size = append(slices, f.Bytes()), size+f.Len()
	}
	n := len(slices)
	_, _ = c.sock.Writev(slices)
	clear(slices)
	return frames[n:]
}

// backlog is how many bytes the connection has not taken, frames included, while it takes none.
func (c *conn) backlog(frames []*protocol.Frame) int {
	refused := c.sock.OutboundBuffered()
	if refused == 0 {
		return 0
	}
	for _, f := range frames {
		refused += f.Len()
	}
	return refused
}

// Lag reports whether a replay has to wait: what the connection has not taken, or is to be sent in this turn, is half of what
// it may leave, and the rest is for what is published meanwhile. stuck is whether the kernel has refused some of it already, so that the
// end of the turn will not help. It runs on the connection's loop only.
func (c *conn) Lag() (much, stuck bool) {
	refused := c.sock.OutboundBuffered()
	sum := refused
	for _, f := range c.pending {
		sum += f.Len()
	}
	return sum > c.loop.engine.backlog/2, refused > 0
}

// ring is called when the connection's timer goes off.
func (c *conn) ring() {
	switch c.state {
	case stateHead, stateClosing:
		c.drop()
		return
	case stateGone:
		return
	}
	idle := c.loop.wheel.now - c.heard
	interval := seconds(c.app.Settings().PingInterval)
	switch {
	case idle < interval:
		c.loop.wheel.arm(c, interval-idle)
	case c.pinged:
		c.Close(protocol.ErrPongTimeout)
	default:
		c.pinged = true
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
