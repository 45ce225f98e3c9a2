package engine

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"resound/channels"
	"resound/internal/invariants"
	"resound/internal/measure"
	"resound/internal/overload"
	"resound/protocol"
	"resound/protocol/ws"
)

// loop is one event loop. Its goroutine alone touches it, but for the mailbox.
type loop struct {
	engine   *Engine
	slot     int
	mailbox  *mailbox
	dispatch *channels.Dispatcher
	host     host
	writable *writable // nil where there is no network
	wheel    wheel
	events   int    // of sockets since the last turn
	more     bool   // that turn was not through
	muted    bool   // the mailbox is, since a request was answered
	lost     uint32 // seconds that the wheel will never see: the process stood still
	outbox   outbox
	answerer Answerer           // nil if all requests go to the HTTP server
	answers  []byte             // room for its answers
	whispers whispers           // while client events are thinned
	visits   map[*conn]*visitor // of sockets whose addresses may have so many at a time
	openings openings
	scratch  scratch // of TLS
	stats    loopStats
}

// host is what a loop asks of whoever reads its sockets. All of it runs on the loop.
type host interface {
	write(c *conn, b []byte) (n int, err error)         // as much as the kernel takes now
	writev(c *conn, slices [][]byte) (n int, err error) // the same, of several slices
	watch(c *conn)                                      // calls resume, once, when the kernel takes more
	unwatch(c *conn)                                    // does not any more
	peer(c *conn) netip.Addr                            // where it comes from
	abort(c *conn)                                      // makes close throw away what the client has not taken
	close(c *conn)                                      // ends the connection; calls closed before it returns
	shutdown(c *conn)                                   // says that nothing more will be written
	handover(c *conn, bytes []byte)                     // gives the connection, with what was read of it, to the HTTP server, and closes it here
	handshake(c *conn, bytes []byte)                    // gives it to a TLS handshake, and closes it here
}

func newLoop(e *Engine, slot int) *loop {
	return &loop{engine: e, slot: slot, mailbox: new(mailbox), outbox: outbox{slices: make([][]byte, 0, maxSlices)}}
}

// opened makes the connection of a new socket.
func (l *loop) opened(s socket) *conn {
	c := &conn{sock: s, loop: l, heard: l.wheel.now}
	l.wheel.arm(c, seconds(headTimeout))
	l.openings.begin(c)
	return c
}

// closed forgets a connection whose socket is closed.
func (l *loop) closed(c *conn) {
	if c.state == stateGone {
		return
	}
	c.leave()
	l.leave(c)
	l.openings.end(c, nil)
	c.state = stateGone
	l.wheel.disarm(c)
	if c.slow != nil {
		l.host.unwatch(c)
	}
	c.slow, c.extra, c.first, c.last = nil, nil, 0, 0
	c.decoder.Reset()
}

// arrived notes that bytes came and reports whether those that are buffered are enough for
// traffic to do anything with, so that a large frame that trickles in is not looked at for each byte.
func (c *conn) arrived(buffered int) (enough bool) {
	c.heard = c.loop.wheel.now
	c.pinged = false
	if c.extra != nil {
		buffered += len(c.extra.carry)
	}
	return c.state != stateOpen || buffered >= c.decoder.Need()
}

// traffic reads what the connection has sent and returns how many bytes it is
// done with. What it leaves comes again, with more behind it. It writes to buf.
func (l *loop) traffic(c *conn, buf []byte) (n int) {
	if m := c.extra; m != nil {
		all := buf
		if len(m.carry) > 0 {
			all = append(m.carry, buf...)
			m.carry = nil
		}
		rest := all[l.read(c, all):]
		switch {
		case c.state == stateGone:
		case len(rest) > 0:
			m.carry = bytes.Clone(rest)
		case m.tls == nil:
			c.extra = nil
		}
		n = len(buf)
	} else {
		n = l.read(c, buf)
	}
	l.stats.received.Add(n) // what is left comes again
	l.flush()
	return n
}

func (l *loop) read(c *conn, buf []byte) (n int) {
	for c.state == stateHead {
		used := l.head(c, buf[n:])
		if n += used; used == 0 {
			return n
		}
	}
	for c.state == stateOpen {
		m, used, ok, err := c.decoder.Next(buf[n:], c.app.Settings().MaxMessageSize)
		n += used
		if err != nil {
			l.protocolError(c, err)
			break
		}
		if !ok {
			return n
		}
		l.message(c, m)
		invariants.Scribble(m.Payload)
	}
	return len(buf) // closing or gone: nothing more is read
}

// message does what one message or control frame asks for.
func (l *loop) message(c *conn, m ws.Message) {
	switch m.Op {
	case ws.OpPing:
		c.control = true
		c.Send(protocol.NewControlFrame(ws.OpPong, m.Payload))
	case ws.OpPong:
		c.control = true
	case ws.OpClose:
		// The decoder has checked it. An empty one is answered with 1000, as in Reverb.
		code, reason, _ := ws.ParseClose(m.Payload)
		if code == ws.CloseNoStatus {
			code = ws.CloseNormal
		}
		c.say(code, string(reason))
	default:
		l.command(c, m)
	}
}

func (l *loop) command(c *conn, m ws.Message) {
	l.stats.messages.Add(1)
	if t := l.engine.trace; t != nil {
		t.Received(c.id, m.Payload)
	}
	// JSON in a binary message is welcome, as in Reverb, but what is relayed has to be text.
	if m.Op == ws.OpBinary && !utf8.Valid(m.Payload) {
		c.Send(protocol.ErrInvalidFormat.Frame())
		return
	}
	cmd, err := protocol.ParseCommand(m.Payload)
	if limit := c.limited(cmd); limit != nil {
		err = limit
	}
	if cmd.Verb == protocol.VerbClientEvent && l.engine.governor.Level() >= overload.Thinned && err == nil {
		if dropped, refused := l.thin(c); dropped {
			if refused != nil {
				channels.Refuse(c, cmd, refused)
			}
			return
		}
	}
	if err == nil {
		err = c.step(c, cmd)
	}
	if err != nil {
		channels.Refuse(c, cmd, err)
	}
}

// protocolError closes a connection that does not speak RFC 6455 or sends too much.
func (l *loop) protocolError(c *conn, err error) {
	fault := err.(*ws.CloseError)
	c.closeWith(fault.Code, fault.Reason)
}

// run is one turn for what is in the mailbox. It reports whether it has to run again soon.
func (l *loop) run() (again bool) {
	begun := measure.Now()
	l.dispatch.Begin(begun)
	tasks := l.mailbox.take()
	for _, t := range tasks {
		l.dispatch.Do(t)
	}
	more := l.dispatch.Deliver(turnBudget)
	l.flush()
	ended := measure.Now()
	l.dispatch.End(ended)
	l.stats.turns.Observe(ended - begun)
	l.events, l.more = 0, l.mailbox.done(tasks, more)
	return l.more
}

// between is called behind each event of a socket. An event on a quiet channel, whose publish was answered here, is delivered here.
//
// A storm of events must not hold up a broadcast, and gnet comes to what we have asked it to run only behind all that it has
// at hand, new connections first. What makes that wake-up come is left as it is: it finds less to do.
func (l *loop) between() {
	if l.muted {
		l.muted = false
		if l.mailbox.unmute(l.dispatch.Quiet) && l.run() {
			l.mailbox.rewake()
		}
	}
	if l.events++; l.events >= eventShare && (l.more || l.mailbox.fresh.Load()) {
		l.run()
	}
}

// tick moves the loop's clock to now, in seconds since the engine began.
//
// Where it is far behind, the process was stopped or starved, and so nothing was read. That time
// does not count: everybody would be pinged and found to be silent in one go.
func (l *loop) tick(now uint32) {
	behind := now - l.lost - l.wheel.now
	if behind > maxCatchUp {
		l.lost += behind - 1
		behind = 1
	}
	for ; behind > 0; behind-- {
		l.wheel.advance((*conn).ring)
	}
	if l.whispers.second != l.wheel.now {
		l.whispers.sent = nil
	}
}
