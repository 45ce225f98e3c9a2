package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Listener is a listening TCP socket that is the server's own. gnet cannot be given one: it listens on a throwaway, and
// its descriptor is made this socket before it looks at it (reactor.OnBoot). So the queue of those who dial lasts over
// the end of gnet and, where another process has the socket too, over that of this one.
type Listener struct {
	fd    int // -1 when it is closed
	gnets int // gnet's descriptor of it; -1 while gnet does not run
	addr  *net.TCPAddr
}

// Listen takes a TCP port; 0 is any that is free.
func Listen(host string, port int) (*Listener, error) {
	// Without an address it is both families. With "::" it is, too; gnet made that IPv6 alone.
	network, ip := "tcp", net.ParseIP(host)
	switch {
	case ip == nil:
	case ip.To4() != nil:
		network = "tcp4" // else 0.0.0.0 would be every address of IPv6, too
	case ip.IsUnspecified():
		host = ""
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	var config net.ListenConfig
	config.SetMultipathTCP(false) // its sockets do not take all options
	ln, err := config.Listen(context.Background(), network, address)
	var l *Listener
	if err == nil {
		l, err = duplicate(ln.(*net.TCPListener))
		_ = ln.Close() // the duplicate stays
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // the address is said once
	}
	if err != nil {
		return nil, fmt.Errorf("listen on tcp://%s: %w", address, err)
	}
	return l, nil
}

// Inherit takes over a socket that another process has made to listen. It closes f.
func Inherit(f *os.File) (*Listener, error) {
	defer f.Close() //nolint:errcheck // the duplicate stays
	l, err := duplicate(f)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be listened on: %w", f.Name(), err)
	}
	return l, nil
}

// duplicate returns the same socket with a descriptor of its own.
func duplicate(c syscall.Conn) (*Listener, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &Listener{gnets: -1}
	if failed := raw.Control(func(fd uintptr) {
		if err = check(int(fd)); err == nil {
			l.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		}
	}); failed != nil || err != nil {
		return nil, errors.Join(failed, err)
	}
	if err := l.prepare(); err != nil {
		_ = unix.Close(l.fd)
		return nil, err
	}
	return l, nil
}

// check says why a descriptor is no listening TCP socket.
func check(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case errors.Is(err, unix.ENOTSOCK):
		return errors.New("it is no socket")
	case err != nil:
		return os.NewSyscallError("getsockopt", err)
	case kind != unix.SOCK_STREAM:
		return errors.New("it is no stream socket")
	}
	if sa, err := unix.Getsockname(fd); err != nil || tcpAddr(sa) == nil {
		return errors.New("it is no TCP socket")
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		return errors.New("the socket does not listen")
	}
	return nil
}

// prepare sets what accepted connections have from the socket.
func (l *Listener) prepare() error {
	sa, err := unix.Getsockname(l.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	l.addr = tcpAddr(sa)
	if err := unix.SetNonblock(l.fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// Without it slow readers take more of the kernel's memory, and nothing else is wrong.
	_ = unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	return l.wait(maxQueue)
}

// wait sets how many connections may wait to be accepted.
func (l *Listener) wait(n int) error { return os.NewSyscallError("listen", unix.Listen(l.fd, n)) }

// Addr is where it listens.
func (l *Listener) Addr() *net.TCPAddr { return l.addr }

// File returns a duplicate, to be given to another process.
func (l *Listener) File() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "listener "+l.addr.String()), nil
}

// Close gives up the socket. Nobody listens any more, unless another process has it or gnet runs.
func (l *Listener) Close() error {
	if l.fd < 0 {
		return nil
	}
	fd := l.fd
	l.fd = -1
	return unix.Close(fd)
}

// throwaway is where gnet is told to listen. One for each listener: gnet takes the texts for different addresses.
func throwaway(i int) string { return "127.0.0.1:" + strings.Repeat("0", i+1) }

// attach makes gnet's listener number i this socket. gnet has no look at it yet.
func (l *Listener) attach(eng gnet.Engine, i int) error {
	dup, err := eng.DupListener("tcp", throwaway(i))
	if err != nil {
		return fmt.Errorf("look at gnet's listener: %w", err)
	}
	fd, err := original(dup)
	_ = unix.Close(dup)
	if err == nil {
		err = replace(l.fd, fd)
	}
	if err != nil {
		return fmt.Errorf("give gnet the listener: %w", err)
	}
	l.gnets = fd
	return nil
}

// pause keeps gnet from accepting: its descriptor gets a socket that nobody dials. That it still wakes for each dial costs
// a call that finds nothing.
func (l *Listener) pause() error {
	if l.gnets < 0 {
		return nil
	}
	idle, err := Listen("127.0.0.1", 0)
	if err != nil {
		return err
	}
	defer idle.Close() //nolint:errcheck // gnet has it
	return replace(idle.fd, l.gnets)
}

// original returns the other descriptor of the same socket: gnet tells only duplicates.
func original(dup int) (int, error) {
	var want, have unix.Stat_t
	if err := unix.Fstat(dup, &want); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	for fd := range descriptorLimit() {
		if fd != dup && unix.Fstat(fd, &have) == nil && have.Dev == want.Dev && have.Ino == want.Ino {
			return fd, nil
		}
	}
	return -1, errors.New("it has no descriptor")
}
