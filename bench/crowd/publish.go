package crowd

import (
	"fmt"
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
)

// publisher is one kept-alive HTTP connection. What is asked on it while an answer is awaited waits behind it
// (pipelining). A channel always has the same one, which keeps its events in order.
type publisher struct {
	fd      int
	id      int32 // that the poller has it under
	out     []byte
	blocked bool // the connection is not there, or takes nothing now
	waiting []request
	in      []byte
}

// request is a publish that is not answered.
type request struct {
	due    int64
	group  *group
	events int64
}

// dialPublishers opens the connections, if this process publishes anything.
func (c *Crowd) dialPublishers() error {
	for i := range c.o.Publishers {
		fd, err := wire.Dial(c.o.Server, c.o.Patience)
		if err != nil {
			return fmt.Errorf("a publisher could not connect: %w", err)
		}
		p := &publisher{fd: fd, id: idPublisher - int32(i)}
		c.publishers = append(c.publishers, p)
		if err := c.poller.Add(fd, p.id, sys.In); err != nil {
			return err
		}
	}
	return nil
}

// publish is the next events of a channel, in one request.
func (c *Crowd) publish(t task, now int64) {
	ch := &c.channels[t.id]
	g := ch.group
	if c.steady(t.due) {
		c.late.Record(time.Duration(now - t.due))
	}
	p := c.publishers[int(t.id)/c.o.Parts%len(c.publishers)]
	path := "/events"
	if g.Publish.Batch > 1 {
		path = "/batch_events"
		c.out = append(c.out[:0], `{"batch":[`...)
	} else {
		c.out = c.out[:0]
	}
	for i := range g.Publish.Batch {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, `{"name":"tick","data":"`...)
		c.out = g.appendData(c.out, t.id, ch.published, t.due)
		c.out = append(append(append(c.out, `","channel":"`...), ch.name...), `"}`...)
		ch.published++
	}
	if g.Publish.Batch > 1 {
		c.out = append(c.out, "]}"...)
	}
	p.out = c.signer.AppendPost(p.out, c.o.Server.String(), c.o.Path+"/apps/"+c.o.ID+path, c.out)
	p.waiting = append(p.waiting, request{t.due, g, int64(g.Publish.Batch)})
	t.due = ch.events.due(ch.published)
	c.pacer.add(t)
}

// flush sends what was published.
func (c *Crowd) flush() {
	for _, p := range c.publishers {
		if len(p.out) > 0 && !p.blocked {
			p.flush(c)
		}
	}
}

func (p *publisher) flush(c *Crowd) {
	n, again, err := sys.Write(p.fd, p.out)
	if err != nil {
		p.redial(c, err)
		return
	}
	if !again {
		p.out = p.out[:copy(p.out, p.out[n:])]
	}
	if blocked := len(p.out) > 0; blocked != p.blocked {
		p.blocked = blocked
		what := uint32(sys.In)
		if blocked {
			what |= sys.Out
		}
		if err := c.poller.Change(p.fd, p.id, what); err != nil {
			c.fail(err)
		}
	}
}

// happened takes the connection that was awaited, room for more, or answers.
func (p *publisher) happened(c *Crowd, what uint32) {
	if p.blocked && what&(sys.Out|sys.Failed) != 0 {
		if err := sys.ConnectError(p.fd); err != nil {
			c.fail(fmt.Errorf("a publisher could not connect again: %w", err))
			return
		}
		p.flush(c)
	}
	if what&(sys.In|sys.Failed) == 0 {
		return
	}
	n, again, err := sys.Read(p.fd, c.room)
	switch {
	case again:
		return
	case err != nil || n == 0:
		p.redial(c, err)
		return
	}
	now := time.Now().UnixNano()
	c.arrived = now
	p.in = append(p.in, c.room[:n]...)
	rest := p.in
	for {
		n, status, err := wire.AnswerLen(rest)
		if err != nil || n > 0 && len(p.waiting) == 0 {
			c.fail(fmt.Errorf("a publish was answered %q: %w", rest, err))
			return
		}
		if n == 0 {
			break
		}
		p.answered(c, now, status, rest[:n])
		rest = rest[n:]
	}
	p.in = p.in[:copy(p.in, rest)]
}

// answered is the answer to the oldest request.
func (p *publisher) answered(c *Crowd, now int64, status int, answer []byte) {
	r := p.waiting[0]
	p.waiting = p.waiting[1:]
	if status != 200 {
		r.failed(c, fmt.Sprintf("a publish was answered %q", answer))
		return
	}
	c.second.Published += r.events
	if c.steady(r.due) {
		r.group.Events.Sent += r.events
		r.group.Latency.Publish.Record(time.Duration(now - r.due))
	}
}

// failed is a request that was refused.
func (r request) failed(c *Crowd, reason string) {
	if c.steady(r.due) {
		r.group.Events.Failed += r.events
	}
	r.group.Errors[reason]++
}

// redial makes a new connection after the server has closed the last one. What was not answered has failed.
func (p *publisher) redial(c *Crowd, cause error) {
	for _, r := range p.waiting {
		r.failed(c, fmt.Sprintf("the server closed a publisher's connection: %v", cause))
	}
	sys.Close(p.fd)
	p.waiting, p.out, p.in, p.blocked = nil, p.out[:0], p.in[:0], true
	fd, err := sys.Dial([4]byte{}, c.o.Server, 0)
	if err == nil {
		p.fd = fd
		err = c.poller.Add(fd, p.id, sys.In|sys.Out)
	}
	if err != nil {
		c.fail(fmt.Errorf("a publisher could not connect again: %w", err))
	}
}

func (p *publisher) close() { sys.Close(p.fd) }

// answered says whether every publish has its answer.
func (c *Crowd) answered() bool {
	for _, p := range c.publishers {
		if len(p.waiting) > 0 {
			return false
		}
	}
	return true
}

// whisper is the next client event of a channel.
func (c *Crowd) whisper(t task, now int64) {
	ch := &c.channels[t.id]
	g := ch.group
	number := ch.whispered
	ch.whispered++
	if c.steady(t.due) {
		c.late.Record(time.Duration(now - t.due))
	}
	if id, u := c.sender(ch); u != nil {
		text := append([]byte(`{"event":"client-tick","channel":"`), ch.name...)
		text = append(text, `","data":"`...)
		text = fill(appendMark(text, whisperMark, t.id, number, t.due), len(text)+g.Whisper.Size)
		c.send(id, &c.conns[id], append(text, `"}`...))
		u.whispers.miss(number) // its own does not come back
		u.whispers.next = max(u.whispers.next, number+1)
		if c.steady(t.due) {
			g.Whispers.Sent++
		}
	} else if c.steady(t.due) {
		g.Whispers.Failed++
	}
	t.due = ch.whispers.due(ch.whispered)
	c.pacer.add(t)
}

// sender is the seat that whispers on a channel: the last that did, if it is still there, and its subscription.
func (c *Crowd) sender(ch *channel) (int32, *sub) {
	if ch.sender >= 0 {
		if u := c.whisperer(ch, ch.sender); u != nil {
			return ch.sender, u
		}
	}
	for _, id := range ch.group.seats {
		if u := c.whisperer(ch, id); u != nil {
			ch.sender = id
			return id, u
		}
	}
	return -1, nil
}

// whisperer is a seat's subscription to a channel, or nil if it has none now.
func (c *Crowd) whisperer(ch *channel, id int32) *sub {
	s := &c.conns[id]
	place, ok := ch.group.of(s.socket, ch.local)
	if !ok || s.state != ready || s.subs[place].since == 0 {
		return nil
	}
	return &s.subs[place]
}
