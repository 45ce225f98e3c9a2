package engine

import (
	"context"
	"net/netip"
	"time"
)

// Manual is an engine without a network: its loops run when they are told to,
// its clock stands still until it is moved, and its sockets are in memory.
// Transcripts are played on it. One goroutine uses it.
type Manual struct {
	*Engine
	began time.Time
	now   uint32
}

// NewManual returns an engine that is driven by hand.
func NewManual(o Options) *Manual {
	m := &Manual{Engine: New(o), began: time.Now()}
	for _, l := range m.loops {
		l.host = manualHost{}
	}
	return m
}

// BeginDrain is a stop with all at once, whose end nobody waits for: only turns bring it about.
func (m *Manual) BeginDrain() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.Drain(ended, Farewell{Why: ErrStopping}) // that it was not waited for
}

// Wire is the client's end of a connection in memory.
type Wire struct {
	m       *Manual
	conn    *conn
	inbox   []byte // sent, and not yet read by the loop
	written []byte // written by the server, and not yet taken
	stalled bool
	room    int // bytes that it takes while it is stalled

	Peer       netip.Addr // that the connection comes from
	HalfClosed bool       // the server will write no more
	Closed     bool       // the connection has ended
	HandedOver []byte     // what the HTTP server would have been given first; nil unless it was
}

// Open connects to a loop.
func (m *Manual) Open(slot int) *Wire {
	w := &Wire{m: m}
	m.sockets.Add(1)
	m.loops[slot].stats.accepted.Add(1)
	w.conn = m.loops[slot].opened(w)
	if m.draining.Load() || m.exhausted() {
		manualHost{}.close(w.conn)
	}
	return w
}

// Feed sends bytes to the server, which reads them at once.
func (w *Wire) Feed(b []byte) {
	if w.Closed {
		return
	}
	w.inbox = append(w.inbox, b...)
	if w.conn.arrived(len(w.inbox)) {
		n := w.conn.loop.traffic(w.conn, w.inbox)
		w.inbox = w.inbox[n:]
	}
}

// Take returns what the server has written since the last call.
func (w *Wire) Take() []byte {
	b := w.written
	w.written = nil
	return b
}

// Stall makes the connection take nothing any more, or take everything again.
func (w *Wire) Stall(stalled bool) {
	w.stalled, w.room = stalled, 0
	if !stalled {
		w.conn.resume()
	}
}

// HangUp ends the connection from the client's side.
func (w *Wire) HangUp() { manualHost{}.close(w.conn) }

// Turn runs every loop until no mailbox holds anything.
func (m *Manual) Turn() {
	for again := true; again; {
		again = false
		for _, l := range m.loops {
			if l.run() || l.mailbox.waiting() {
				again = true
			}
		}
		for m.hub.ReplayOne() {
			again = true
		}
	}
}

// Advance moves the clock, second by second, and runs the loops.
func (m *Manual) Advance(d time.Duration) {
	for end := m.now + seconds(d); m.now < end; {
		m.now++
		m.hub.Tick(m.Now())
		for _, l := range m.loops {
			l.tick(m.now)
			l.flush()
		}
		m.Turn()
	}
}

// Now is what time it is there.
func (m *Manual) Now() time.Time { return m.began.Add(time.Duration(m.now) * time.Second) }

// Begin makes it that time now. Nothing has happened yet.
func (m *Manual) Begin(now time.Time) {
	m.began = now
	m.hub.Tick(now)
}

type manualHost struct{}

func (h manualHost) write(c *conn, b []byte) (int, error) {
	return h.writev(c, append(c.loop.outbox.slices[:0], b))
}

func (manualHost) writev(c *conn, slices [][]byte) (int, error) {
	return c.sock.(taker).take(slices), nil
}

// taker is a socket in memory: take returns how many bytes of the slices it takes.
type taker interface{ take(slices [][]byte) int }

func (w *Wire) take(slices [][]byte) (n int) {
	for _, b := range slices {
		if w.stalled {
			b = b[:min(len(b), w.room)]
			w.room -= len(b)
		}
		w.written = append(w.written, b...)
		n += len(b)
	}
	return n
}

func (manualHost) watch(*conn)   {} // Stall resumes
func (manualHost) unwatch(*conn) {}

func (manualHost) abort(*conn) {}

func (manualHost) peer(c *conn) netip.Addr { return c.sock.(*Wire).Peer }

func (manualHost) close(c *conn) {
	w := c.sock.(*Wire)
	if w.Closed {
		return
	}
	w.Closed = true
	c.loop.closed(c)
	w.m.left(1)
}

func (manualHost) shutdown(c *conn) { c.sock.(*Wire).HalfClosed = true }

func (h manualHost) handshake(c *conn, bytes []byte) { h.handover(c, bytes) }

func (h manualHost) handover(c *conn, bytes []byte) {
	c.sock.(*Wire).HandedOver = append([]byte(nil), bytes...)
	h.close(c)
}
