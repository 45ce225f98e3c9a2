package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Listen returns a socket that listens, and its port; a.Port 0 lets the system
// choose. The backlog is as long as the system lets it be.
func Listen(a Addr) (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: a.IP, Port: a.Port}); err == nil {
		err = unix.Listen(fd, 65535)
	}
	if err != nil {
		Close(fd)
		return 0, 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		Close(fd)
		return 0, 0, err
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

// Accept takes one connection. again says that none is waiting.
func Accept(listener int) (fd int, again bool, err error) {
	fd, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
		return 0, true, nil
	}
	if err == nil {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	return fd, false, err
}

// Dial begins a connection; it is there when the socket can be written, unless
// ConnectError says otherwise. A source of zeros leaves the choice to the system,
// as a receive buffer of 0 bytes does.
func Dial(source [4]byte, to Addr, receive int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EMFILE) {
		return 0, ErrDescriptors
	}
	if err != nil {
		return 0, err
	}
	if receive > 0 {
		SetReceive(fd, receive)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if source != [4]byte{} {
		// The port is chosen by the pair of addresses, so that each source has all ports.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: source}); err != nil {
			Close(fd)
			return 0, err
		}
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.IP, Port: to.Port})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		Close(fd)
		return 0, err
	}
	return fd, nil
}

// ConnectError is why a connection did not come to be, or nil.
func ConnectError(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return unix.Errno(code)
	}
	return nil
}

// SetReceive sets the kernel's receive buffer, in bytes.
func SetReceive(fd, bytes int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes) }

// Reset makes Close of fd send a reset, which leaves no port behind.
func Reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close closes fd.
func Close(fd int) { _ = unix.Close(fd) }

// Affinity is the cores that the calling thread may run on.
func Affinity() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var cores []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores, nil
}

// Pin keeps the calling thread, and the processes that it starts, on cores.
func Pin(cores ...int) error {
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	return unix.SchedSetaffinity(0, &set)
}

// Nice gives the calling thread, and the processes that it starts, a priority:
// -20 goes first, 0 is usual. Going below what there is takes rights.
func Nice(priority int) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, priority) }
