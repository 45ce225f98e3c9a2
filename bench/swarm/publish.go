package swarm

import (
	"fmt"

	"resound/bench/raw"
	"resound/bench/sys"
	"resound/bench/wire"
)

// publisher is one kept-alive HTTP connection. Requests on it do not wait for each other's answers
// (pipelining), once an answer has shown that the server keeps connections. If it does
// not, each request has a connection of its own, after the answer to the one before.
type publisher struct {
	fd      int    // hungUp if there is none
	id      int32  // that the poller has it under
	unsent  []byte // of a request, while the connection is not there
	out     []byte // requests that are not sent
	sizes   []int  // of each, in bytes
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
		s.fail(fmt.Errorf("the server closed a publisher's connection with %d publishes unanswered", p.waiting))
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
		before := len(p.out)
		p.out = s.appendRequest(p.out, s.o.Channels[channel], s.counts[channel])
		p.sizes = append(p.sizes, len(p.out)-before)
		s.sums[channel] += mix(s.counts[channel])
		s.counts[channel]++
		want += s.readers[channel]
	}
	return want, nil
}

func (s *Swarm) appendRequest(dst []byte, channel string, number uint32) []byte {
	return s.signer.AppendPost(dst, s.o.APIHost, s.o.Path+"/apps/"+s.o.ID+"/events", s.appendEvent(nil, channel, number))
}

// appendBatch is a request of n events to a channel.
func (s *Swarm) appendBatch(dst []byte, channel string, n int) []byte {
	body := []byte(`{"batch":[`)
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendEvent(body, channel, uint32(i))
	}
	return s.signer.AppendPost(dst, s.o.APIHost, s.o.Path+"/apps/"+s.o.ID+"/batch_events", append(body, `]}`...))
}

func (s *Swarm) appendEvent(body []byte, channel string, number uint32) []byte {
	body = appendData(append(body, `{"name":"tick","data":"`...), number, s.o.Payload)
	return append(append(append(body, `","channel":"`...), channel...), `"}`...)
}

// publish sends what prepare made.
func (s *Swarm) publish() error {
	for _, p := range s.pubs {
		s.flush(p)
	}
	return s.err
}

// flush sends the requests that wait, or the first of them if each has to wait for the answer before.
func (s *Swarm) flush(p *publisher) {
	n, bytes := len(p.sizes), len(p.out)
	switch {
	case n == 0 || len(p.unsent) > 0 || !s.pipelines && p.waiting > 0:
		return
	case !s.pipelines:
		n, bytes = 1, p.sizes[0]
	}
	if p.fd == hungUp {
		s.redial(p, int(s.Hangups))
	}
	p.waiting += n
	s.sendNow(p, p.out[:bytes])
	p.out, p.sizes = append(p.out[:0], p.out[bytes:]...), append(p.sizes[:0], p.sizes[n:]...)
}

// answered says whether every publish has its answer.
func (s *Swarm) answered() bool {
	for _, p := range s.pubs {
		if p.waiting+len(p.sizes) > 0 {
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
		s.pipelines = !wire.IsLast(rest[:n])
		if rest = rest[n:]; !s.pipelines {
			rest = nil
			p.hangUp(s)
		}
		if s.answer != nil {
			s.answer(p)
		}
		s.flush(p)
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
