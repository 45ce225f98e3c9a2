package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
)

// publisher is one kept-alive HTTP connection. What is asked on it while an answer is awaited waits behind it
// (pipelining), unless the server ends connections with its answers: then each request has one of its own. A channel
// always has the same publisher, which keeps its events in order.
type publisher struct {
	fd      int    // hungUp if there is none
	id      int32  // that the poller has it under
	out     []byte // requests that are not answered
	room    []byte // for out, once it is empty
	sent    int    // bytes of them that the connection has
	blocked bool   // it is not there yet, or takes nothing now
	single  bool   // one request for each connection
	waiting []request
	in      []byte
}

const hungUp = -1

// request is a publish that is not answered.
type request struct {
	due    int64
	group  *group
	events int64
	size   int // bytes
}

// dialPublishers opens the connections.
func (c *Crowd) dialPublishers() error {
	for i := range c.o.Publishers {
		fd, err := wire.Dial(c.o.API, c.o.Patience)
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
	if len(p.waiting) == 0 {
		p.out, p.sent = p.room, 0
	}
	before := len(p.out)
	p.out = c.signer.AppendPost(p.out, c.o.APIHost, c.o.Path+"/apps/"+c.o.ID+path, c.out)
	p.waiting = append(p.waiting, request{t.due, g, int64(g.Publish.Batch), len(p.out) - before})
	if before == 0 {
		p.room = p.out[:0]
	}
	t.due = ch.events.due(ch.published)
	c.pacer.add(t)
}

// flush sends what was published.
func (c *Crowd) flush() {
	for _, p := range c.publishers {
		if !p.blocked && p.sent < p.limit() {
			p.flush(c)
		}
	}
}

// limit is how many bytes of out the connection may have.
func (p *publisher) limit() int {
	if p.single && len(p.waiting) > 0 {
		return p.waiting[0].size
	}
	return len(p.out)
}

func (p *publisher) flush(c *Crowd) {
	if p.fd == hungUp {
		p.redial(c)
		return
	}
	n, again, err := sys.Write(p.fd, p.out[p.sent:p.limit()])
	if err != nil {
		p.hangUp(c, err)
		return
	}
	if !again {
		p.sent += n
	}
	if blocked := p.sent < p.limit(); blocked != p.blocked {
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
	if p.fd == hungUp {
		return
	}
	if p.blocked && what&(sys.Out|sys.Failed) != 0 {
		if err := sys.ConnectError(p.fd); err != nil {
			c.fail(fmt.Errorf("a publisher could not connect again: %w", err))
			return
		}
		p.flush(c)
	}
	if what&(sys.In|sys.Failed) == 0 || p.fd == hungUp {
		return
	}
	n, again, err := sys.Read(p.fd, c.room)
	switch {
	case again:
		return
	case err != nil || n == 0:
		p.hangUp(c, err)
		return
	}
	now := time.Now().UnixNano()
	c.arrived = now
	p.in = append(p.in, c.room[:n]...)
	rest := p.in
	for {
		n, status, err := wire.AnswerLen(rest)
		if err == nil && n > 0 && len(p.waiting) == 0 {
			err = errors.New("nothing was asked")
		}
		if err != nil {
			c.fail(fmt.Errorf("a publish was answered %q: %w", rest[:min(len(rest), 200)], err))
			return
		}
		if n == 0 {
			break
		}
		p.answered(c, now, status, rest[:n])
		if wire.IsLast(rest[:n]) { // what is behind it on this connection was not read, and goes over the next
			p.single = status == 200 || p.single
			p.close()
			return
		}
		rest = rest[n:]
	}
	p.in = p.in[:copy(p.in, rest)]
}

// answered is the answer to the oldest request.
func (p *publisher) answered(c *Crowd, now int64, status int, answer []byte) {
	r := p.waiting[0]
	p.waiting = p.waiting[1:]
	p.out = p.out[r.size:]
	p.sent -= r.size
	if status != 200 {
		_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n")) // not the head: each has its date
		r.failed(c, fmt.Sprintf("a publish was answered %d: %s", status, body[:min(len(body), 200)]))
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

// hangUp is the end of a connection that no answer spoke of. What was asked on it may have been done or not, and has
// failed.
func (p *publisher) hangUp(c *Crowd, cause error) {
	reason := "the server closed a publisher's connection without an answer"
	if cause != nil {
		reason += ": " + cause.Error()
	}
	for size := 0; len(p.waiting) > 0 && size < p.sent; p.waiting = p.waiting[1:] {
		r := p.waiting[0]
		r.failed(c, reason)
		p.out = p.out[r.size:]
		size += r.size
	}
	p.close()
}

// redial makes a new connection.
func (p *publisher) redial(c *Crowd) {
	fd, err := sys.Dial(c.source(c.o.API), c.o.API, 0)
	if err == nil {
		p.fd, p.blocked = fd, true
		err = c.poller.Add(fd, p.id, sys.In|sys.Out)
	}
	if err != nil {
		c.fail(fmt.Errorf("a publisher could not connect again: %w", err))
	}
}

// close closes the connection; there is another one when there is something to send.
func (p *publisher) close() {
	if p.fd != hungUp {
		sys.Close(p.fd)
	}
	p.fd, p.sent, p.in, p.blocked = hungUp, 0, p.in[:0], false
}

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
