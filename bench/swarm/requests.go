package swarm

import (
	"fmt"
	"slices"
	"time"

	"resound/bench/sys"
)

// Requests sends n publishes to a channel, over so many connections at once, each of
// which waits for its answer before the next request. With fresh each request has a
// connection of its own, as those of PHP-FPM have. A batch above 1 is how many events each has. It returns how long all of it took.
//
// All requests are the same: one signature is as good as another to the server
// that checks it, and the load has no time to spare.
func (s *Swarm) Requests(channel string, n, connections, batch int, fresh bool) (took time.Duration, err error) {
	if err := s.dialPublishers(connections); err != nil {
		return 0, err
	}
	request := s.appendRequest(nil, channel, 0)
	if batch > 1 {
		request = s.appendBatch(nil, channel, batch)
	}
	sent, answered := 0, 0
	next := func(p *publisher) {
		if sent >= n {
			return
		}
		sent++
		if fresh || p.fd == hungUp {
			s.redial(p, sent)
		}
		p.waiting++
		s.sendNow(p, request)
	}
	s.answer = func(p *publisher) {
		answered++
		next(p)
	}
	defer func() { s.answer = nil }()
	start, last := time.Now(), time.Now()
	for _, p := range s.pubs[:connections] {
		next(p)
	}
	for idle := 0; answered < n; {
		had, err := s.Poll(0)
		if err != nil {
			return 0, err
		}
		if idle++; had > 0 {
			idle = 0
		} else if idle == 1 {
			last = time.Now()
		} else if idle%1000 == 0 && time.Since(last) > s.o.Patience {
			return 0, fmt.Errorf("%d of %d publishes are not answered after %v", n-answered, n, s.o.Patience)
		}
	}
	return time.Since(start), nil
}

// redial gives p a new connection, from one of many addresses: the ports of one
// would soon all wait for stray packets of their last connection.
func (s *Swarm) redial(p *publisher, number int) {
	if p.fd != hungUp {
		sys.Close(p.fd)
	}
	fd, err := sys.Dial(source(s.o.API, 1, number), s.o.API, 0)
	if err == nil {
		p.fd = fd
		err = s.poller.Add(fd, p.id, sys.In)
	}
	if err != nil {
		s.fail(fmt.Errorf("a publisher could not connect: %w", err))
	}
}

// sendNow sends a request, or what is left of one, as soon as there is a connection.
func (s *Swarm) sendNow(p *publisher, request []byte) {
	n, again, err := sys.Write(p.fd, request)
	watch := uint32(0)
	switch {
	case again && len(p.unsent) == 0:
		p.unsent, watch = slices.Clone(request), sys.In|sys.Out
	case again:
	case err != nil || n < len(request):
		s.fail(fmt.Errorf("a publisher could send %d of %d bytes: %w", n, len(request), err))
	case len(p.unsent) > 0:
		p.unsent, watch = nil, sys.In
	}
	if watch != 0 {
		if err := s.poller.Change(p.fd, p.id, watch); err != nil {
			s.fail(err)
		}
	}
}
