package engine

import (
	"net"
	"sync/atomic"
	"time"
)

// tlsConn is a connection of the HTTP server that speaks TLS. It takes deadlines by itself: those of crypto/tls are the same, but
// nobody may touch what is below when the connection has become a loop's.
type tlsConn struct {
	raw       *httpConn
	transport *transport
	early     []byte // decrypted before the hand-over
	given     atomic.Bool
}

// newTLSConn goes on with a connection that a loop had.
func newTLSConn(raw *httpConn, t *transport, early []byte) *tlsConn {
	t.under = raw
	return &tlsConn{raw: raw, transport: t, early: early}
}

// Read returns what was read before the hand-over, then what comes.
func (c *tlsConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.transport.tls.Read(p)
}

// Early is httpConn's.
func (c *tlsConn) Early() bool { return len(c.early) > 0 }

func (c *tlsConn) Write(p []byte) (int, error) { return c.transport.tls.Write(p) }

// CloseWrite says that nothing more will be written, in both languages.
func (c *tlsConn) CloseWrite() error {
	_ = c.transport.tls.CloseWrite() // who is gone shows in what comes next
	return c.raw.CloseWrite()
}

// Close says goodbye, unless the connection goes on elsewhere.
func (c *tlsConn) Close() error {
	if c.given.Load() {
		return c.raw.Close()
	}
	return c.transport.tls.Close()
}

// give takes the TLS away: it goes on over another descriptor of the same connection.
func (c *tlsConn) give() *transport {
	c.given.Store(true)
	c.transport.under = nil
	return c.transport
}

func (c *tlsConn) LocalAddr() net.Addr                 { return c.raw.LocalAddr() }
func (c *tlsConn) RemoteAddr() net.Addr                { return c.raw.RemoteAddr() }
func (c *tlsConn) SetDeadline(at time.Time) error      { return c.raw.SetDeadline(at) }
func (c *tlsConn) SetReadDeadline(at time.Time) error  { return c.raw.SetReadDeadline(at) }
func (c *tlsConn) SetWriteDeadline(at time.Time) error { return c.raw.SetWriteDeadline(at) }
