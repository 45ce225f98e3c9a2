package api

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// listener gives every connection what refused publishers need.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is one HTTP connection. It belongs to the goroutine that serves it; a shutdown may close it from another.
type conn struct {
	net.Conn
	linger atomic.Bool // the peer may still be sending what was refused
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
	return c.Conn.Close()
}
