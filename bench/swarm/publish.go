package swarm

import (
	"fmt"

	"resound/bench/raw"
	"resound/bench/sys"
	"resound/bench/wire"
)

// publisher is one kept-alive HTTP connection. What is asked on it while an
// answer is awaited waits behind it (pipelining). A server that hangs up after an
// answer gets another connection with the next publish.
type publisher struct {
	fd      int    // hungUp if there is none
	id      int32  // that the poller has it under
	unsent  []byte // of a request, while the connection is not there
	out     []byte // requests of the next burst
	queued  int    // requests in out
	waiting int    // answers
	in      []byte
}

const hungUp = -1

// dialPublishers opens HTTP connections until there are n.
func (s *Swarm) dialPublishers(n int) error {
	for len(s.pubs) < n {
		s.pubs = append(s.pubs, &publisher{fd: hungUp, id: idPublisher - int32(len(s.pubs))})
	}
	for _, p := range s.pubs[:n] {
		if p.fd != hungUp {
			continue
		}
		var err error
		if p.fd, err = wire.Dial(s.o.API, s.o.Patience); err != nil {
			p.fd = hungUp
			return fmt.Errorf("a publisher could not connect: %w", err)
		}
		if err := s.poller.Add(p.fd, p.id, sys.In); err != nil {
			return err
		}
	}
	return nil
}

// hangUp ends a connection that the server ends.
func (p *publisher) hangUp(s *Swarm) {
	sys.Close(p.fd)
	p.fd, p.in, p.unsent = hungUp, p.in[:0], nil
	s.Hangups++
	if p.waiting > 0 {
		s.fail(fmt.Errorf("the server closed a publisher's connection with %d publishes unanswered: if it answers one on each, use as many publishers as there are in flight", p.waiting))
	}
}

// prepare makes the requests of a burst of n events, to the channels by turns,
// and says how many deliveries it has to bring.
func (s *Swarm) prepare(n int) (want int64, err error) {
	if err := s.dialPublishers(s.o.Publishers); err != nil {
		return 0, err
	}
	for i := range n {
		channel := s.turn
		s.turn = (s.turn + 1) % len(s.counts)
		p := s.pubs[i%s.o.Publishers]
		p.out = s.appendRequest(p.out, s.o.Channels[channel], s.counts[channel])
		p.queued++
		s.sums[channel] += mix(s.counts[channel])
		s.counts[channel]++
		want += s.readers[channel]
	}
	return want, nil
}

func (s *Swarm) appendRequest(dst []byte, channel string, number uint32) []byte {
	body := append([]byte(`{"name":"tick","data":"`), appendData(nil, number, s.o.Payload)...)
	body = append(append(append(body, `","channel":"`...), channel...), `"}`...)
	return s.signer.AppendPost(dst, s.o.APIHost, s.o.Path+"/apps/"+s.o.ID+"/events", body)
}

// publish sends what prepare made.
func (s *Swarm) publish() error {
	for _, p := range s.pubs {
		if p.queued == 0 {
			continue
		}
		n, _, err := sys.Write(p.fd, p.out)
		if err != nil || n < len(p.out) {
			return fmt.Errorf("a publisher could send %d of %d bytes: %w", n, len(p.out), err)
		}
		p.waiting += p.queued
		p.out, p.queued = p.out[:0], 0
	}
	return nil
}

// answered says whether every publish has its answer.
func (s *Swarm) answered() bool {
	for _, p := range s.pubs {
		if p.waiting > 0 {
			return false
		}
	}
	return true
}

// happened takes the connection that was awaited, or answers.
func (p *publisher) happened(s *Swarm, what uint32) {
	if len(p.unsent) > 0 && what&sys.Out != 0 {
		s.sendNow(p, p.unsent)
		return
	}
	p.read(s)
}

// read takes answers.
func (p *publisher) read(s *Swarm) {
	n, again, err := sys.Read(p.fd, s.room)
	switch {
	case again:
		return
	case err != nil:
		s.fail(fmt.Errorf("a publisher: %w", err))
		return
	case n == 0:
		p.hangUp(s)
		return
	}
	p.in = append(p.in, s.room[:n]...)
	rest := p.in
	for {
		n, status, err := wire.AnswerLen(rest)
		if n > 0 && status != 200 {
			err = fmt.Errorf("a publish was answered %q", rest[:n])
		}
		if err != nil {
			s.fail(err)
		}
		if n == 0 || err != nil {
			break
		}
		p.waiting--
		if last := wire.IsLast(rest[:n]); last {
			rest = nil
			p.hangUp(s)
		} else {
			rest = rest[n:]
		}
		if s.answer != nil {
			s.answer(p)
		}
	}
	p.in = append(p.in[:0], rest...)
}

func (s *Swarm) dialControl() (err error) {
	if s.control, err = wire.Dial(s.o.Control, s.o.Patience); err != nil {
		return fmt.Errorf("no control connection to the baseline: %w", err)
	}
	return s.poller.Add(s.control, idControl, sys.In)
}

// order tells the baseline what to do.
func (s *Swarm) order(o raw.Order) error {
	b := o.Append(nil)
	if n, _, err := sys.Write(s.control, b); n < len(b) {
		return fmt.Errorf("the baseline takes no orders: %w", err)
	}
	return nil
}
