package swarm

import (
	"fmt"

	"resound/bench/raw"
	"resound/bench/sys"
	"resound/bench/wire"
)

// publisher is one kept-alive HTTP connection. What is asked on it while an
// answer is awaited waits behind it (pipelining).
type publisher struct {
	fd      int
	id      int32  // that the poller has it under
	unsent  []byte // of a request, while the connection is not there
	out     []byte // requests of the next burst
	queued  int    // requests in out
	waiting int    // answers
	in      []byte
}

// dialPublishers opens HTTP connections until there are n.
func (s *Swarm) dialPublishers(n int) error {
	for len(s.pubs) < n {
		fd, err := wire.Dial(s.o.Server, s.o.Patience)
		if err != nil {
			return fmt.Errorf("a publisher could not connect: %w", err)
		}
		id := idPublisher - int32(len(s.pubs))
		s.pubs = append(s.pubs, &publisher{fd: fd, id: id})
		if err := s.poller.Add(fd, id, sys.In); err != nil {
			return err
		}
	}
	return nil
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
	return s.signer.AppendPost(dst, s.o.Server.String(), s.o.Path+"/apps/"+s.o.ID+"/events", body)
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
	case err != nil || n == 0:
		s.fail(fmt.Errorf("the server hung up on a publisher: %w", err))
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
		rest = rest[n:]
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
