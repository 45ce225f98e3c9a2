package swarm

import (
	"bytes"
	"fmt"
	"strconv"

	"resound/bench/raw"
	"resound/bench/sys"
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
		fd, err := s.dialNow(s.o.Server)
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

// dialNow dials and waits for the connection.
func (s *Swarm) dialNow(to sys.Addr) (int, error) {
	fd, err := sys.Dial([4]byte{}, to, 0)
	if err != nil {
		return 0, err
	}
	p, err := sys.NewPoller()
	if err != nil {
		return 0, err
	}
	defer p.Close()
	if err = p.Add(fd, 0, sys.Out); err == nil {
		if _, err = p.Wait(make([]sys.Event, 1), int(s.o.Patience.Milliseconds())); err == nil {
			err = sys.ConnectError(fd)
		}
	}
	if err != nil {
		sys.Close(fd)
		return 0, err
	}
	return fd, nil
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
	path := s.o.Path + "/apps/" + s.o.ID + "/events"
	return fmt.Appendf(dst, "POST %s?%s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, s.signer.query("POST", path, body), len(body), body)
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
		n, err := answerLen(rest)
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

// answerLen is the length of the answer that b starts with, or 0 if it is not
// whole. Any answer but 200 is an error.
func answerLen(b []byte) (int, error) {
	head, _, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return 0, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("a publish was answered %q", b)
	}
	at := bytes.Index(bytes.ToLower(head), []byte("content-length:"))
	if at < 0 {
		return 0, fmt.Errorf("an answer without Content-Length: %q", head)
	}
	line, _, _ := bytes.Cut(head[at+len("content-length:"):], []byte("\r\n"))
	size, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || size < 0 {
		return 0, fmt.Errorf("an answer with Content-Length %q", line)
	}
	if whole := len(head) + 4 + size; len(b) >= whole {
		return whole, nil
	}
	return 0, nil
}

func (s *Swarm) dialControl() (err error) {
	if s.control, err = s.dialNow(s.o.Control); err != nil {
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
