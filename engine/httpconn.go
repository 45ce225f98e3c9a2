package engine

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// httpConn is a connection of the HTTP server.
//
// Most publishers open one for each request, and the request has been read when it is handed over. So
// all that such a connection costs is one write and one close: the descriptor gets into the runtime's
// poller, and deadlines become timers, when something has to be waited for and not before.
type httpConn struct {
	handover *handover
	early    []byte // read before the hand-over

	mu      sync.Mutex
	fd      int      // guarded by mu: -1 once file has it, or after Close
	file    *os.File // guarded by mu: the descriptor in the runtime's poller
	ended   bool     // guarded by mu
	readBy  deadline // guarded by mu
	writeBy deadline // guarded by mu
}

// deadline is until when something may be waited for, and what the runtime's poller knows of it. The HTTP server
// sets three for each request, and what is there at once needs none of them: a timer is moved when somebody is about to
// wait, and not for less than deadlineSlack.
type deadline struct {
	at, set time.Time
	waiting int // how many calls may be waiting just now
}

// apply gives the deadline to the poller.
func (d *deadline) apply(f *os.File, set func(*os.File, time.Time) error) error {
	if early := d.at.Sub(d.set); d.at.IsZero() == d.set.IsZero() && early >= 0 && early < deadlineSlack {
		return nil
	}
	d.set = d.at
	return set(f, d.at)
}

// poll puts the descriptor into the runtime's poller, unless it is there. One that the poller does not take fails as
// soon as something would have to be waited for. The caller holds mu.
func (c *httpConn) poll() error {
	switch {
	case c.ended:
		return net.ErrClosed
	case c.file == nil:
		c.file, c.fd = os.NewFile(uintptr(c.fd), ""), -1
	}
	return nil
}

// Read returns what was read before the hand-over, then what comes.
func (c *httpConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	if err := c.beginRead(); err != nil {
		return 0, opError("read", err)
	}
	n, err := c.file.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy.waiting--
	return n, opError("read", err)
}

// Early reports whether bytes were read before the hand-over that the next Read returns. The goroutine that reads may call it.
func (c *httpConn) Early() bool { return len(c.early) > 0 }

func (c *httpConn) beginRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.poll(); err != nil {
		return err
	}
	if err := c.readBy.apply(c.file, (*os.File).SetReadDeadline); err != nil {
		return err
	}
	c.readBy.waiting++
	return nil
}

// Write writes all of p.
func (c *httpConn) Write(p []byte) (int, error) {
	n, err := c.beginWrite(p)
	if n == len(p) || err != nil {
		return n, opError("write", err)
	}
	more, err := c.file.Write(p[n:])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy.waiting--
	return n + more, opError("write", err)
}

// beginWrite writes what the kernel takes at once, while nothing had to be waited for yet. When there is more, the
// file is ready to write it.
func (c *httpConn) beginWrite(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		if n, err = writeNow(c.fd, p); n == len(p) || err != nil {
			return n, err
		}
	}
	if err := c.poll(); err != nil {
		return n, err
	}
	if err := c.writeBy.apply(c.file, (*os.File).SetWriteDeadline); err != nil {
		return n, err
	}
	c.writeBy.waiting++
	return n, nil
}

// writeNow writes as much as the kernel takes.
func writeNow(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return max(n, 0), os.NewSyscallError("write", err)
	}
}

// opError is what net makes of an error of a connection.
func opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if p, ok := err.(*os.PathError); ok {
		err = p.Err
	}
	if err == os.ErrClosed {
		err = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: "tcp", Err: err}
}

// control calls f with the descriptor.
func (c *httpConn) control(f func(fd int) error) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return net.ErrClosed
	case c.file == nil:
		return f(c.fd)
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	if failed := raw.Control(func(fd uintptr) { err = f(int(fd)) }); failed != nil {
		return failed
	}
	return err
}

// CloseWrite says that nothing more will be written.
func (c *httpConn) CloseWrite() error {
	return c.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// Close may be called more than once, and from any goroutine.
func (c *httpConn) Close() error {
	c.mu.Lock()
	ended, fd, file := c.ended, c.fd, c.file
	c.ended, c.fd = true, -1
	c.mu.Unlock()
	if ended {
		return nil
	}
	c.handover.left(c)
	if file != nil {
		return file.Close()
	}
	return unix.Close(fd)
}

// SetDeadline bounds reads and writes.
func (c *httpConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, by the end of a stop that is under way too.
func (c *httpConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.handover.until.Load(); until != nil && (t.IsZero() || t.After(*until)) {
		t = *until
	}
	return c.bound(&c.readBy, t, (*os.File).SetReadDeadline)
}

// SetWriteDeadline bounds writes.
func (c *httpConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound(&c.writeBy, t, (*os.File).SetWriteDeadline)
}

// bound notes a deadline, and gives it to the poller if somebody is waiting. The caller holds mu.
func (c *httpConn) bound(d *deadline, t time.Time, set func(*os.File, time.Time) error) error {
	d.at = t
	switch {
	case c.ended:
		return net.ErrClosed
	case d.waiting == 0:
		return nil
	}
	return d.apply(c.file, set)
}

// LocalAddr asks the kernel: hardly anybody wants to know.
func (c *httpConn) LocalAddr() net.Addr { return c.address(unix.Getsockname) }

// RemoteAddr asks the kernel. One that was reset has the zero address.
func (c *httpConn) RemoteAddr() net.Addr { return c.address(unix.Getpeername) }

func (c *httpConn) address(ask func(fd int) (unix.Sockaddr, error)) net.Addr {
	addr := new(net.TCPAddr)
	_ = c.control(func(fd int) error {
		sa, err := ask(fd)
		if a := tcpAddr(sa); err == nil && a != nil {
			addr = a
		}
		return nil
	})
	return addr
}

// own returns the connection as one of package net, with a descriptor of its own.
func (c *httpConn) own() (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.poll(); err != nil {
		return nil, err
	}
	nc, err := net.FileConn(c.file)
	if err != nil {
		return nil, err
	}
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		if nc.RemoteAddr() != nil {
			return nc, nil
		}
		err = syscall.ENOTCONN // it was reset; gnet can't enroll what has no address
	default:
		err = net.UnknownNetworkError(nc.LocalAddr().Network())
	}
	_ = nc.Close() // nothing was written
	return nil, err
}
