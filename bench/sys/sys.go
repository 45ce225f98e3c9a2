package sys

import (
	"errors"
	"net"
	"strconv"
)

// ErrUnsupported is the error of every call on a system without epoll.
var ErrUnsupported = errors.New("the load harness needs Linux: its sockets are driven by epoll")

// ErrDescriptors says that this process may not open any more.
var ErrDescriptors = errors.New("no more descriptors: raise the limit (ulimit -n), or ask for fewer sockets")

// Addr is an IPv4 address and port.
type Addr struct {
	IP   [4]byte
	Port int
}

func (a Addr) String() string {
	return net.JoinHostPort(net.IP(a.IP[:]).String(), strconv.Itoa(a.Port))
}

// ParseAddr reads "127.0.0.1:8080". Names are looked up; the first IPv4 address counts.
func ParseAddr(text string) (Addr, error) {
	a, err := net.ResolveTCPAddr("tcp4", text)
	if err != nil {
		return Addr{}, err
	}
	addr := Addr{Port: a.Port}
	copy(addr.IP[:], a.IP.To4())
	return addr, nil
}

// Send writes all of a command. A socket that has no room for it at once is broken: its buffer holds thousands.
func Send(fd int, command []byte) error {
	n, again, err := Write(fd, command)
	if again || err == nil && n < len(command) {
		return errors.New("no room for a command")
	}
	return err
}
