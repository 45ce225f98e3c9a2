package engine

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// replace makes a descriptor one of the socket of another. What was there is closed in the same moment.
func replace(socket, fd int) error {
	return os.NewSyscallError("dup3", unix.Dup3(socket, fd, unix.O_CLOEXEC))
}

// CanResume is whether Pause can be taken back: the poller still watches the socket by the same descriptor.
const CanResume = true

// nudgeTimeout is how long a dial of our own may take. Where it takes longer others dial, which does as well.
const nudgeTimeout = time.Second

// resume gives gnet its socket back.
func (l *Listener) resume() error { return replace(l.fd, l.gnets) }

// nudge makes gnet accept who waits. The poller tells it of new connections only, so one more has to come.
func (e *Engine) nudge(l *Listener) {
	addr := *l.addr
	if addr.IP.IsUnspecified() && addr.IP.To4() != nil {
		addr.IP = net.IPv4(127, 0, 0, 1)
	} else if addr.IP.IsUnspecified() {
		addr.IP = net.IPv6loopback
	}
	for range 2 {
		if c, err := net.DialTimeout("tcp", addr.String(), nudgeTimeout); err == nil {
			_ = c.Close()
			return
		}
		// The queue is full, and so nobody can come.
		if fd, _, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err == nil {
			e.take(fd)
		}
	}
}

// take gives an accepted connection to a loop.
func (e *Engine) take(fd int) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() //nolint:errcheck // it is duplicated
	c, err := net.FileConn(f)
	if err != nil {
		return // it has gone
	}
	if err := e.enroll(c, nil); err != nil {
		_ = c.Close()
	}
}
