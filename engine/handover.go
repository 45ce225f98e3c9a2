package engine

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handover is the way of connections from the reactor to the HTTP server. It
// is a net.Listener, whose connections first return what was read of them.
type handover struct {
	addr   net.Addr
	queue  chan parcel
	closed chan struct{}
	active atomic.Int64 // connections under way or being served

	mu    sync.Mutex             // no offer is under way while closed is being closed
	ended bool                   // guarded by mu
	until time.Time              // guarded by mu: when requests that were half there at the end have to be whole
	conns map[*httpConn]struct{} // guarded by mu: that the server has
}

// parcel is a duplicated descriptor with the bytes that were read from it.
type parcel struct {
	fd    int
	bytes []byte
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
	for {
		select {
		case <-h.closed:
			return nil, net.ErrClosed
		case p := <-h.queue:
			c, err := p.open()
			if err != nil {
				h.active.Add(-1)
				continue // the client has gone meanwhile, or there is no descriptor for it
			}
			return h.serving(&httpConn{Conn: c, tcp: c, early: p.bytes, handover: h}), nil
		}
	}
}

// open makes a net.Conn of the descriptor, which it closes.
func (p parcel) open() (*net.TCPConn, error) {
	f := os.NewFile(uintptr(p.fd), "")
	defer f.Close() //nolint:errcheck // FileConn has a descriptor of its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		c.Close() //nolint:errcheck // nothing was written
		return nil, net.UnknownNetworkError(c.LocalAddr().Network())
	}
	if tcp.RemoteAddr() == nil {
		tcp.Close()                  //nolint:errcheck // nothing was written
		return nil, syscall.ENOTCONN // it was reset; gnet can't enroll what has no address
	}
	return tcp, nil
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
	h.ended, h.until = true, time.Now().Add(stopGrace)
	for c := range h.conns {
		_ = c.Conn.SetReadDeadline(h.until) // one that fails is closed
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

// Addr returns the address of the one port.
func (h *handover) Addr() net.Addr { return h.addr }

// httpConn is a connection of the HTTP server. It shows no more of the TCP connection than a
// net.Conn has and the server needs: its WriteTo would read past what is early.
type httpConn struct {
	net.Conn
	tcp      *net.TCPConn // the same
	early    []byte       // read before the hand-over
	handover *handover
	ended    atomic.Bool
}

func (c *httpConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// CloseWrite says that nothing more will be written.
func (c *httpConn) CloseWrite() error { return c.tcp.CloseWrite() }

// Close may be called more than once.
func (c *httpConn) Close() error {
	if c.ended.Swap(true) {
		return nil
	}
	c.handover.mu.Lock()
	delete(c.handover.conns, c)
	c.handover.mu.Unlock()
	c.handover.active.Add(-1)
	return c.Conn.Close()
}

// SetReadDeadline bounds reads, by the end of a stop that is under way too.
func (c *httpConn) SetReadDeadline(t time.Time) error {
	h := c.handover
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended && (t.IsZero() || t.After(h.until)) {
		t = h.until
	}
	return c.Conn.SetReadDeadline(t)
}

// Adopt takes a connection back from the HTTP server because a WebSocket
// upgrade came on it. read is the request head and whatever was read behind it. The
// connection is the engine's from here on, whatever happens.
func (e *Engine) Adopt(c net.Conn, read []byte) {
	_ = c.SetDeadline(time.Time{})
	h, ok := c.(*httpConn)
	if !ok {
		e.log.Error("a connection that is not ours was to be adopted", "type", typeName(c))
		_ = c.Close()
		return
	}
	if err := e.enroll(h.tcp, append(read, h.early...)); err != nil {
		e.log.Debug("a connection was lost on its way back from the HTTP server", "error", err)
	}
	_ = h.Close()
}
