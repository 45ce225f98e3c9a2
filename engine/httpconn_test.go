package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// handed returns a connection of the HTTP server, of which early was read before, and the client's end of it.
func handed(t *testing.T, h *handover, early string) (*httpConn, *net.TCPConn) {
	t.Helper()
	fd, client := pair(t)
	h.offer(parcel{fd: fd, bytes: []byte(early)})
	c, err := h.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); client.Close() })
	return c.(*httpConn), client
}

func TestHandedOverConnection(t *testing.T) {
	h := newHandover()
	c, client := handed(t, h, "early")
	if got, want := c.RemoteAddr().String(), client.LocalAddr().String(); got != want {
		t.Errorf("the peer is %s, not %s", got, want)
	}
	if got, want := c.LocalAddr().String(), client.RemoteAddr().String(); got != want {
		t.Errorf("the address is %s, not %s", got, want)
	}
	io.WriteString(client, " late")
	_ = client.CloseWrite()
	if all, err := io.ReadAll(c); err != nil || string(all) != "early late" {
		t.Errorf("read %q, %v", all, err)
	}
	io.WriteString(c, "answer")
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if all, err := io.ReadAll(client); err != nil || string(all) != "answer" {
		t.Errorf("the client read %q, %v", all, err)
	}
	if n := h.active.Load(); n != 1 {
		t.Errorf("%d count", n)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := h.active.Load(); n != 0 {
		t.Errorf("%d count after the close", n)
	}
	if a := c.RemoteAddr().String(); a != ":0" {
		t.Errorf("a closed connection has the peer %s", a)
	}
}

// One request that was read before, its answer and the end: the runtime's poller never hears of it, whatever deadlines there were.
func TestOneRequestIsNotWaitedFor(t *testing.T) {
	c, client := handed(t, newHandover(), "request")
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	buf := make([]byte, 10)
	if n, err := c.Read(buf); string(buf[:n]) != "request" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(time.Hour))
	io.WriteString(c, "answer")
	_ = c.CloseWrite()
	if c.file != nil {
		t.Error("something was waited for")
	}
	if all, err := io.ReadAll(client); err != nil || string(all) != "answer" {
		t.Errorf("the client read %q, %v", all, err)
	}
}

// More than the kernel takes at once is written all the same, and in order.
func TestLargeAnswer(t *testing.T) {
	c, client := handed(t, newHandover(), "")
	answer := make([]byte, 16<<20)
	for i := range answer {
		answer[i] = byte(i >> 10)
	}
	done := make(chan error)
	go func() {
		_, err := c.Write(answer)
		done <- errors.Join(err, c.Close())
	}()
	all, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(all, answer) {
		t.Errorf("read %d bytes, %v", len(all), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Deadlines count whether they were set before or while something is waited for, and errors are those of package net.
func TestDeadlinesOfAHandedOverConnection(t *testing.T) {
	past := time.Now().Add(-time.Second)
	timedOut := func(what string, err error) {
		t.Helper()
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || !os.IsTimeout(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	buf := make([]byte, 1<<20)
	c, _ := handed(t, newHandover(), "")
	_ = c.SetDeadline(past)
	_, err := c.Read(buf)
	timedOut("a read", err)
	for err = nil; err == nil; { // until the kernel takes no more
		_, err = c.Write(buf)
	}
	timedOut("a write", err)

	c, client := handed(t, newHandover(), "")
	_ = c.SetWriteDeadline(past)
	for err = nil; err == nil; {
		_, err = c.Write(buf)
	}
	timedOut("a write that nothing was waited for before", err)
	read := make(chan error)
	_ = c.SetReadDeadline(time.Time{})
	go func() {
		_, err := c.Read(buf)
		read <- err
	}()
	_ = c.SetReadDeadline(past)
	timedOut("a read under way", <-read)
	_ = client.Close()

	c, _ = handed(t, newHandover(), "")
	_ = c.Close()
	_, readErr := c.Read(buf)
	_, writeErr := c.Write(buf)
	for _, err := range []error{readErr, writeErr, c.SetDeadline(past), c.SetWriteDeadline(past), c.CloseWrite()} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}

	c, client = handed(t, newHandover(), "")
	_ = client.SetLinger(0)
	_ = client.Close()
	if _, err := c.Read(buf); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	if _, err := c.Write(buf); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a write behind a reset: %v", err)
	}
}

// A deadline that hardly moves is no work for the runtime's timers; one that comes closer always counts.
func TestDeadlinesAreNotMovedForLittle(t *testing.T) {
	c, _ := handed(t, newHandover(), "")
	now := time.Now()
	for _, test := range []struct {
		at   time.Time
		want time.Time
	}{
		{time.Time{}, time.Time{}},
		{now.Add(time.Hour), now.Add(time.Hour)},
		{now.Add(time.Hour + deadlineSlack/2), now.Add(time.Hour)},
		{now.Add(time.Hour + deadlineSlack), now.Add(time.Hour + deadlineSlack)},
		{now.Add(time.Hour), now.Add(time.Hour)},
		{time.Time{}, time.Time{}},
		{now.Add(-time.Second), now.Add(-time.Second)},
	} {
		_ = c.SetReadDeadline(test.at)
		err := c.beginRead()
		if c.readBy.waiting--; err != nil || !c.readBy.set.Equal(test.want) {
			t.Errorf("until %v became until %v, %v", test.at.Sub(now), c.readBy.set.Sub(now), err)
		}
	}
}

// A close from elsewhere ends a read that is under way.
func TestCloseEndsARead(t *testing.T) {
	c, _ := handed(t, newHandover(), "")
	read := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	for waiting := false; !waiting; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		waiting = c.file != nil
		c.mu.Unlock()
	}
	_ = c.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
