package api

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// listener gives every connection what refused publishers and a shutdown need,
// and turns away those that are too many.
type listener struct {
	net.Listener
	server *Server
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if own := (&conn{Conn: c, set: l.server.open}); own.set.add(own) {
			return own, nil
		}
		l.server.turnAway(c)
	}
}

// turnAway tells a connection that it is one too many. fasthttp would say so with the name of its own setting.
func (s *Server) turnAway(c net.Conn) {
	var ctx fasthttp.RequestCtx
	s.fail(&ctx, errBusy)
	s.counts.answered(unknown, errBusy.Status, 0)
	ctx.SetConnectionClose()
	if c.SetWriteDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = ctx.Response.WriteTo(c) // the buffer of a new socket has room for it; a peer that is gone needs no answer
	}
	_ = c.Close()
}

// connSet is the open connections of a server. Any goroutine may use it.
type connSet struct {
	limit  int
	ending atomic.Bool // no further request is waited for

	mu   sync.Mutex
	open map[*conn]struct{} // guarded by mu
}

func newConnSet(limit int) *connSet {
	return &connSet{limit: limit, open: make(map[*conn]struct{})}
}

// add takes a connection in, unless there are as many as there may be. Then one that is only kept for its next request goes
// first: whoever keeps many of those would keep publishers out.
func (s *connSet) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.limit && !s.makeRoom() {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

// makeRoom closes a connection that is kept, if there is one among some of all. The caller holds mu.
func (s *connSet) makeRoom() bool {
	looks := 0
	for c := range s.open {
		if c.kept.Load() && c.interrupt() {
			delete(s.open, c)
			return true
		}
		if looks++; looks == maxLooks {
			break
		}
	}
	return false
}

func (s *connSet) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *connSet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// end closes all connections that wait for a request, and from here on each that begins to.
func (s *connSet) end() {
	s.ending.Store(true) // first, so that a connection which begins to wait behind our look sees it
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.interrupt()
	}
}

// conn is one HTTP connection. It belongs to the goroutine that serves it; a shutdown may close it from another.
type conn struct {
	net.Conn
	set    *connSet
	linger atomic.Bool // the peer may still be sending what was refused
	waits  atomic.Bool // a read for the first bytes of a request is under way
	kept   atomic.Bool // it has had an answer, and its next request has not begun

	serving bool // a request is under way, from its first byte to the end of its answer
}

// track is told by fasthttp what a connection is at, on the goroutine that serves it.
func track(nc net.Conn, state fasthttp.ConnState) {
	c, ok := nc.(*conn)
	switch {
	case ok && state == fasthttp.StateActive:
		c.serving = true
		c.kept.Store(false)
	case ok && state == fasthttp.StateIdle:
		c.serving = false
		c.kept.Store(true)
	}
}

// Read reads from the connection. During a shutdown, one that has no request
// under way gets a moment to show that a request has arrived already.
func (c *conn) Read(p []byte) (int, error) {
	if c.serving {
		return c.Conn.Read(p)
	}
	if e, ok := c.Conn.(interface{ Early() bool }); ok && e.Early() {
		return c.Conn.Read(p) // a request, or its beginning, is there, and nothing is waited for
	}
	c.waits.Store(true)
	if c.set.ending.Load() {
		defer time.AfterFunc(arrivalTime, func() { c.interrupt() }).Stop()
	}
	n, err := c.Conn.Read(p)
	if !c.waits.CompareAndSwap(true, false) {
		return 0, net.ErrClosed // what came too late must not be published without an answer
	}
	return n, err
}

// interrupt closes the connection if it waits for a request, and reports whether it did. Any goroutine may call it.
func (c *conn) interrupt() bool {
	if !c.waits.CompareAndSwap(true, false) {
		return false
	}
	_ = c.Conn.Close() // who serves it sees the end in Read
	return true
}

// Close closes the connection. One that lingers says goodbye first and reads
// on for a moment: closed with unread bytes, the kernel would reset it, and
// the publisher would see "connection reset" instead of our answer.
func (c *conn) Close() error {
	if c.linger.Swap(false) {
		if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite() // the answer is out; a peer that is gone shows in the read
		}
		if c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	c.set.remove(c)
	return c.Conn.Close()
}
