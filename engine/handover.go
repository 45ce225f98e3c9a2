package engine

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// handover is the way of connections from the reactor to the HTTP server. It
// is a net.Listener, whose connections first return what was read of them.
type handover struct {
	addr   net.Addr
	queue  chan parcel
	closed chan struct{}
	active atomic.Int64              // connections under way or being served
	until  atomic.Pointer[time.Time] // when requests that were half there at the end have to be whole; nil before

	mu    sync.Mutex             // no offer is under way while closed is being closed
	ended bool                   // guarded by mu
	conns map[*httpConn]struct{} // guarded by mu: that the server has
}

// parcel is a duplicated descriptor with the bytes that were read from it.
type parcel struct {
	fd    int
	bytes []byte
	tls   *transport // of a connection that has one
	until time.Time  // of a handshake: when it has to be through
}

func newHandover() *handover {
	return &handover{
		queue: make(chan parcel, handoverQueue), closed: make(chan struct{}), conns: make(map[*httpConn]struct{}),
	}
}

// offer takes a descriptor over. It reports false, and takes nothing, when the server does not keep up.
func (h *handover) offer(p parcel) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.active.Add(1)
	select {
	case h.queue <- p:
		return true
	default:
		h.active.Add(-1)
		return false
	}
}

// Accept returns the next connection.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case <-h.closed:
		return nil, net.ErrClosed
	case p := <-h.queue:
		if p.tls != nil {
			return newTLSConn(h.serving(&httpConn{fd: p.fd, handover: h}), p.tls, p.bytes), nil
		}
		return h.serving(&httpConn{fd: p.fd, early: p.bytes, handover: h}), nil
	}
}

// serving remembers a connection of the server's.
func (h *handover) serving(c *httpConn) *httpConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
	return c
}

// Close ends Accept. Connections that wait are closed, and those that are being served have
// stopGrace for what is left of their requests: the server's own timeouts are longer than a stop may take.
func (h *handover) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return nil
	}
	h.ended = true
	until := time.Now().Add(stopGrace)
	h.until.Store(&until) // first, so that a deadline which is set behind our look sees it
	for c := range h.conns {
		_ = c.SetReadDeadline(until) // one that fails is closed
	}
	close(h.closed)
	for {
		select {
		case p := <-h.queue:
			h.active.Add(-1)
			_ = unix.Close(p.fd)
		default:
			return nil
		}
	}
}

// taken returns when the HTTP server has accepted all connections that it was offered: the last request of a server that stops
// may have come on the last connection of a loop.
func (h *handover) taken(ctx context.Context) error {
	for len(h.queue) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d requests wait: %w", len(h.queue), ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// Addr returns the address of the one port.
func (h *handover) Addr() net.Addr { return h.addr }

// left forgets a connection of the server's that was closed.
func (h *handover) left(c *httpConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	h.active.Add(-1)
}

// Adopt takes a connection back from the HTTP server because a WebSocket
// upgrade came on it. read is the request head and whatever was read behind it. The
// connection is the engine's from here on, whatever happens.
func (e *Engine) Adopt(c net.Conn, read []byte) {
	_ = c.SetDeadline(time.Time{})
	switch c := c.(type) {
	case *httpConn:
		e.admit(c, &arrival{early: append(read, c.early...), awaits: readHead})
	case *tlsConn:
		e.admit(c.raw, &arrival{early: append(read, c.early...), awaits: readHead, tls: c.give()})
	default:
		e.log.Error("a connection that is not ours was to be adopted", "type", typeName(c))
		_ = c.Close()
	}
}
