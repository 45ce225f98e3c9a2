package api

import (
	"net"
	"testing"
)

// early has a request already, and the server begins to stop while it is read.
type early struct {
	net.Conn
	set    *connSet
	closed bool
}

func (e *early) Early() bool { return true }

func (e *early) Read(p []byte) (int, error) {
	e.set.end()
	return copy(p, "GET"), nil
}

func (e *early) Close() error {
	e.closed = true
	return nil
}

// A request that came with its connection is not one that is waited for.
func TestAStopDoesNotCloseAConnectionThatCameWithARequest(t *testing.T) {
	set := newConnSet(1)
	below := &early{set: set}
	c := &conn{Conn: below, set: set}
	set.add(c)
	p := make([]byte, 10)
	if n, err := c.Read(p); err != nil || string(p[:n]) != "GET" || below.closed {
		t.Errorf("read %q, %v; closed: %v", p[:n], err, below.closed)
	}
}
