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
	fd      int       // guarded by mu: -1 once file has it, or after Close
	file    *os.File  // guarded by mu: the descriptor in the runtime's poller
	ended   bool      // guarded by mu
	readBy  time.Time // guarded by mu: of no use once there is file
	writeBy time.Time // guarded by mu: likewise
}

// wait returns the connection in the runtime's poller.
func (c *httpConn) wait() (*os.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waitLocked()
}

func (c *httpConn) waitLocked() (*os.File, error) {
	switch {
	case c.ended:
		return nil, net.ErrClosed
	case c.file != nil:
		return c.file, nil
	}
	c.file, c.fd = os.NewFile(uintptr(c.fd), ""), -1
	// Both fail where the poller does not take the descriptor, and then nothing could be waited for.
	if err := c.file.SetReadDeadline(c.readBy); err != nil {
		return nil, err
	}
	return c.file, c.file.SetWriteDeadline(c.writeBy)
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
	f, err := c.wait()
	if err != nil {
		return 0, err
	}
	n, err := f.Read(p)
	return n, opError("read", err)
}

// Write writes all of p.
func (c *httpConn) Write(p []byte) (int, error) {
	n, f, err := c.writeNow(p)
	if f != nil && err == nil && n < len(p) {
		var more int
		more, err = f.Write(p[n:])
		n += more
	}
	return n, opError("write", err)
}

// writeNow writes what the kernel takes at once, while nothing had to be waited for yet. It returns
// the file when there is more to write.
func (c *httpConn) writeNow(p []byte) (n int, f *os.File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		for {
			n, err = unix.Write(c.fd, p)
			if err != unix.EINTR {
				break
			}
		}
		switch {
		case err != nil && err != unix.EAGAIN:
			return 0, nil, os.NewSyscallError("write", err)
		case n == len(p):
			return n, nil, nil
		}
		n = max(n, 0)
	}
	f, err = c.waitLocked()
	return n, f, err
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
	return c.handover.bounded(t, c.boundReads)
}

func (c *httpConn) boundReads(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	switch {
	case c.ended:
		return net.ErrClosed
	case c.file != nil:
		return c.file.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline bounds writes.
func (c *httpConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	switch {
	case c.ended:
		return net.ErrClosed
	case c.file != nil:
		return c.file.SetWriteDeadline(t)
	}
	return nil
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

// tcp returns the connection as one of package net, with a descriptor of its own.
func (c *httpConn) tcp() (*net.TCPConn, error) {
	f, err := c.wait()
	if err != nil {
		return nil, err
	}
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := nc.(*net.TCPConn)
	switch {
	case !ok:
		err = net.UnknownNetworkError(nc.LocalAddr().Network())
	case tcp.RemoteAddr() == nil:
		err = syscall.ENOTCONN // it was reset; gnet can't enroll what has no address
	default:
		return tcp, nil
	}
	_ = nc.Close() // nothing was written
	return nil, err
}
