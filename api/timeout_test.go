package api

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

// slowConn is a peer that stops sending, as the server sees it: what it sent, then the deadline.
type slowConn struct {
	sent io.Reader
	got  strings.Builder
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.sent.Read(p)
	if err == io.EOF {
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	return n, err
}

func (c *slowConn) Write(p []byte) (int, error)      { return c.got.Write(p) }
func (c *slowConn) Close() error                     { return nil }
func (c *slowConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *slowConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *slowConn) SetDeadline(time.Time) error      { return nil }
func (c *slowConn) SetReadDeadline(time.Time) error  { return nil }
func (c *slowConn) SetWriteDeadline(time.Time) error { return nil }

func TestSlowPublisherIsToldWhy(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	publish := n.post(testEvent)
	const text = "Request timeout. The request did not arrive completely within 10 seconds."
	for _, at := range []int{0, 1, 20, len(publish) / 2, len(publish) - len(testEvent), len(publish) - 1} {
		c := &slowConn{sent: strings.NewReader(publish[:at])}
		_ = n.server.http.ServeConn(&conn{Conn: c, set: newConnSet(1)}) // returns the timeout
		if got := c.got.String(); !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.HasSuffix(got, "\r\n\r\n"+text) {
			t.Errorf("stopped at %d of %d: %q", at, len(publish), got)
		}
	}
	// One that is done with its requests is just closed.
	c := &slowConn{sent: strings.NewReader(publish)}
	_ = n.server.http.ServeConn(&conn{Conn: c, set: newConnSet(1)})
	if got := c.got.String(); strings.Count(got, "HTTP/1.1 ") != 1 || !strings.HasSuffix(got, "\r\n\r\n{}") {
		t.Errorf("an idle connection got %q", got)
	}
	if got := n.posted(); got != 1 {
		t.Errorf("%d events went out, want 1", got)
	}
}
