package raw

import (
	"bytes"
	"fmt"
	"runtime"

	"resound/bench/sys"
	"resound/protocol/ws"
)

// A server is the baseline server. It listens on two ports of 127.0.0.1: one
// for the sockets, one for orders.
type server struct {
	poller   sys.Poller
	listener int
	control  int
	orders   int    // the control connection, or -1
	pending  []byte // part of an order
	fds      []int  // the sockets
	index    []int  // of a socket in fds, by descriptor
	frame    []byte
	vector   sys.Vector
}

// Serve is the server: it says on which ports it listens, and does what it is
// told until the control connection is closed, which is no error.
func Serve(ready func(port, control int) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &server{listener: -1, control: -1, orders: -1}
	var err error
	if s.poller, err = sys.NewPoller(); err != nil {
		return err
	}
	defer s.close()
	var port, control int
	local := sys.Addr{IP: [4]byte{127, 0, 0, 1}}
	if s.listener, port, err = sys.Listen(local); err != nil {
		return err
	}
	if s.control, control, err = sys.Listen(local); err != nil {
		return err
	}
	for _, fd := range []int{s.listener, s.control} {
		if err := s.poller.Add(fd, int32(fd), sys.In); err != nil {
			return err
		}
	}
	if err := ready(port, control); err != nil {
		return err
	}
	return s.loop()
}

// loop handles what happens.
func (s *server) loop() error {
	events := make([]sys.Event, 512)
	room := make([]byte, 64<<10)
	for {
		n, err := s.poller.Wait(events, -1)
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			switch fd := int(e.Fd); fd {
			case s.listener, s.control:
				err = s.accept(fd)
			case s.orders:
				var end bool
				if end, err = s.order(room); end {
					return nil
				}
			default:
				err = s.echo(fd, room)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (s *server) accept(listener int) error {
	for {
		fd, again, err := sys.Accept(listener)
		if again || err != nil {
			return err
		}
		if err := s.poller.Add(fd, int32(fd), sys.In); err != nil {
			return err
		}
		if listener == s.control {
			s.orders = fd
			continue
		}
		for len(s.index) <= fd {
			s.index = append(s.index, 0)
		}
		s.index[fd] = len(s.fds)
		s.fds = append(s.fds, fd)
	}
}

// echo sends back what a socket says, and forgets the socket when it is closed.
func (s *server) echo(fd int, room []byte) error {
	n, again, err := sys.Read(fd, room)
	if n > 0 && err == nil {
		_, _, err = sys.Write(fd, room[:n])
	}
	if again || n > 0 && err == nil {
		return nil
	}
	sys.Close(fd) // whatever the error, the socket is of no more use
	last := s.fds[len(s.fds)-1]
	s.fds[s.index[fd]] = last
	s.index[last] = s.index[fd]
	s.fds = s.fds[:len(s.fds)-1]
	return nil
}

// order reads orders and carries them out; end says that no more will come.
func (s *server) order(room []byte) (end bool, err error) {
	n, again, err := sys.Read(s.orders, room)
	if again || err != nil {
		return false, err
	}
	if n == 0 {
		return true, nil
	}
	s.pending = append(s.pending, room[:n]...)
	for len(s.pending) >= orderLen {
		o := parseOrder(s.pending)
		s.pending = append(s.pending[:0], s.pending[orderLen:]...)
		if err := s.burst(o); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (s *server) burst(o Order) error {
	if o.Frames == 0 || o.Frames > sys.MaxVector || o.Size < 2 || o.Size > 1<<20 || o.How != Write && o.How != Writev {
		return fmt.Errorf("raw: not an order: %+v", o)
	}
	if err := s.prepare(o); err != nil {
		return err
	}
	fds := s.fds
	if n := int(o.Sockets); n > 0 && n < len(fds) {
		fds = fds[:n]
	}
	if o.How == Writev {
		want := len(s.frame) * len(s.vector)
		for _, fd := range fds {
			if n, _, err := sys.Writev(fd, s.vector); n != want {
				return fmt.Errorf("raw: a socket took %d of %d bytes: %w", n, want, orFull(err))
			}
		}
		return nil
	}
	for range o.Frames {
		for _, fd := range fds {
			if n, _, err := sys.Write(fd, s.frame); n != len(s.frame) {
				return fmt.Errorf("raw: a socket took %d of %d bytes: %w", n, len(s.frame), orFull(err))
			}
		}
	}
	return nil
}

// prepare makes the frame and the vector, unless they are those of the last order.
func (s *server) prepare(o Order) error {
	if len(s.frame) == int(o.Size) && len(s.vector) == int(o.Frames) {
		return nil
	}
	for header := 2; ; header += 2 { // 2, 4 or 10, with what is behind it
		payload := bytes.Repeat([]byte{'x'}, int(o.Size)-header)
		if s.frame = ws.AppendFrame(nil, ws.OpText, payload); len(s.frame) == int(o.Size) {
			break
		}
		if header > 10 {
			return fmt.Errorf("raw: no frame has %d bytes", o.Size)
		}
	}
	s.vector = sys.NewVector(s.frame, int(o.Frames))
	return nil
}

func (s *server) close() {
	for _, fd := range s.fds {
		sys.Close(fd)
	}
	for _, fd := range []int{s.orders, s.listener, s.control} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
	s.poller.Close()
}

// errFull is a socket whose buffer is full.
var errFull = fmt.Errorf("its buffer is full, the load is too slow")

func orFull(err error) error {
	if err == nil {
		return errFull
	}
	return err
}
