package engine

import (
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// descriptors counts what the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("descriptors cannot be counted here: ", err)
	}
	return len(entries)
}

// pair returns a descriptor of a connection and the client's end of it.
func pair(t *testing.T) (fd int, client *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	f.Close()
	if err := unix.SetNonblock(fd, true); err != nil { // File has made it block; gnet's never do
		t.Fatal(err)
	}
	return fd, c.(*net.TCPConn)
}

// Offers that race with the end are either refused or closed: none is left in the queue.
func TestHandoverEndsWithoutALeak(t *testing.T) {
	before := descriptors(t)
	for range 200 {
		h := newHandover()
		var group sync.WaitGroup
		for range 4 {
			fd, err := unix.Dup(0)
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				runtime.Gosched()
				if !h.offer(parcel{fd: fd}) {
					unix.Close(fd)
				}
			})
		}
		group.Go(func() { _ = h.Close() })
		group.Wait()
		if _, err := h.Accept(); err != net.ErrClosed {
			t.Fatalf("Accept after the end: %v", err)
		}
		if len(h.queue) > 0 || h.active.Load() != 0 {
			t.Fatalf("%d are left, %d count", len(h.queue), h.active.Load())
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A connection that was reset on its way has no address. gnet would panic on it when it came back.
func TestWhatWasResetIsNotAdopted(t *testing.T) {
	e := start(t, 1)
	h := newHandover()
	fd, client := pair(t)
	_ = client.SetLinger(0)
	client.Close()
	buf := make([]byte, 1)
	for { // until the reset is here
		if _, err := unix.Read(fd, buf); err != unix.EAGAIN {
			break
		}
		time.Sleep(time.Millisecond)
	}
	h.offer(parcel{fd: fd, bytes: []byte("x")})
	c, err := h.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if a := c.RemoteAddr().String(); a != ":0" {
		t.Errorf("it has the address %s", a)
	}
	if _, err := c.(*httpConn).own(); err != unix.ENOTCONN {
		t.Errorf("it is a connection of package net, %v", err)
	}
	e.Adopt(c, nil)
	if n := h.active.Load(); n != 0 {
		t.Errorf("%d count", n)
	}
}

// Whatever way a connection goes and ends, its descriptors are closed.
func TestNoDescriptorIsLost(t *testing.T) {
	e := start(t, 2)
	dial(t, e).upgrade()
	patient(t, e.Addr().String()).Close()
	for e.sockets.Load() > 1 || e.handover.active.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	before := descriptors(t)
	up := "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
	ends := []func(c *client){
		func(c *client) {}, // not a word
		func(c *client) { io.WriteString(c, handshake[:50]) },
		func(c *client) { io.WriteString(c, "POST /x HTTP/1.1\r\nContent-Le") },
		func(c *client) { io.WriteString(c, up) },
		func(c *client) { io.WriteString(c, up); skipAnswer(t, c) },
		func(c *client) { c.upgrade() },
		func(c *client) { io.WriteString(c, up); skipAnswer(t, c); c.upgrade() },
		func(c *client) { io.WriteString(c, up); skipAnswer(t, c); io.WriteString(c, handshake) },
		func(c *client) {
			io.WriteString(c, strings.Replace(handshake, "Upgrade: websocket", "Upgrade: h2c, websocket", 1))
		},
		func(c *client) { io.WriteString(c, "\x16\x03\x01") },
		func(c *client) { c.upgrade(); c.Write([]byte{0xff, 0xff, 0xff}) },
		func(c *client) { c.upgrade(); _ = c.Conn.(*net.TCPConn).CloseWrite() },
	}
	for i := range 20 * len(ends) {
		c := dial(t, e)
		ends[i%len(ends)](c)
		if i/len(ends)%2 == 0 {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}
	for e.sockets.Load() > 1 || e.handover.active.Load() > 0 { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	for after := descriptors(t); after > before; after = descriptors(t) { // gnet's enroll closes on a goroutine of its own
		time.Sleep(time.Millisecond)
	}
}

// A server that stops must not wait for somebody who sends half a request and no more.
func TestHalfARequestDoesNotHoldUpAStop(t *testing.T) {
	h := newHandover()
	accept := func() (net.Conn, *net.TCPConn) {
		fd, client := pair(t)
		t.Cleanup(func() { client.Close() })
		h.offer(parcel{fd: fd})
		c, err := h.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, client
	}
	half, _ := accept()
	later, _ := accept()
	whole, client := accept()
	_ = half.SetReadDeadline(time.Now().Add(time.Hour))
	_ = h.Close()
	io.WriteString(client, "the rest")
	buf := make([]byte, 20)
	if n, err := whole.Read(buf); string(buf[:n]) != "the rest" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	_ = later.SetReadDeadline(time.Now().Add(time.Hour)) // the server begins to read just now
	for name, c := range map[string]net.Conn{"half": half, "later": later} {
		if _, err := c.Read(buf); !os.IsTimeout(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
