package crowd

import (
	"fmt"
	"time"
)

// atOnce is how many tasks are carried out before the sockets are looked at.
const atOnce = 64

// Play plays the workload from a time on, Unix time in nanoseconds, waits for what is still on its way, and says what
// came out. All processes of a play are given the same time, when all are connected.
func (c *Crowd) Play(begin int64) (*Result, error) {
	c.begin, c.from = begin, begin+int64(c.o.Workload.Warmup)
	c.end = c.from + int64(c.o.Workload.Duration)
	c.plan()
	for now := time.Now().UnixNano(); now < c.end; now = time.Now().UnixNano() {
		if err := c.step(now, c.end); err != nil {
			return nil, err
		}
	}
	c.endSecond()
	if err := c.stragglers(); err != nil {
		return nil, err
	}
	return c.result(), nil
}

// Wait polls until done says so, which looks at what Watch was given, or the crowd is stopped.
func (c *Crowd) Wait(done func() bool) error {
	for !done() {
		if c.stopped {
			return ErrStopped
		}
		if err := c.poll(time.Second); err != nil {
			return err
		}
	}
	return nil
}

// Ready is how many sockets are subscribed.
func (c *Crowd) Ready() int { return c.open }

// Stop ends the play at a time, which has to be a little ahead for other processes to hear of it, or before it began.
func (c *Crowd) Stop(at int64) {
	c.stopped = true
	if c.begin != 0 && at < c.end {
		c.end = at
	}
}

// plan says when everything is due.
func (c *Crowd) plan() {
	part, parts := c.o.Part, c.o.Parts
	for i := range c.channels {
		ch := &c.channels[i]
		g := ch.group
		ch.sender = -1
		ch.events = newSchedule(c.begin, g.Publish.Rate, g.Publish.Batch, ch.local, g.Channels)
		ch.whispers = newSchedule(c.begin, g.Whisper.Rate, 1, ch.local, g.Channels)
		if g.home(ch.local, parts) != part {
			continue
		}
		if ch.events.period > 0 {
			c.pacer.add(task{ch.events.due(0), doPublish, int32(i)})
		}
		if ch.whispers.period > 0 {
			c.pacer.add(task{ch.whispers.due(0), doWhisper, int32(i)})
		}
	}
	for _, g := range c.groups {
		share := float64(len(g.seats)) / float64(max(g.Sockets, 1))
		if g.churns = newSchedule(c.begin, g.Churn*share, 1, part, parts); g.churns.period > 0 {
			c.pacer.add(task{g.churns.due(0), doChurn, int32(g.number)})
		}
		if g.drops = newSchedule(c.begin, g.Drop.Rate*share, 1, part, parts); g.drops.period > 0 {
			c.pacer.add(task{g.drops.due(0), doDrop, int32(g.number)})
		}
	}
	c.pacer.add(task{c.begin + int64(time.Second), doSecond, 0})
}

// step carries out what is due at now, and handles what has happened until the next is, or until a time.
func (c *Crowd) step(now, until int64) error {
	for range atOnce {
		t, ok := c.pacer.next(now)
		if !ok {
			break
		}
		c.do(t, now)
		now = time.Now().UnixNano()
	}
	c.flush()
	if first, ok := c.pacer.first(); ok {
		until = min(until, first)
	}
	return c.poll(time.Duration(until - now))
}

// do carries out a task.
func (c *Crowd) do(t task, now int64) {
	if t.due >= c.end && t.kind != doBack && t.kind != doGone {
		return
	}
	switch t.kind {
	case doPublish:
		c.publish(t, now)
	case doWhisper:
		c.whisper(t, now)
	case doChurn:
		g := c.groups[t.id]
		c.churn(g, t.due, now)
		c.again(t, g.churns)
	case doDrop:
		g := c.groups[t.id]
		c.cut(g, t.due, now)
		c.again(t, g.drops)
	case doBack:
		if s := &c.conns[t.id]; s.state == away && (now < c.end || s.group.Drop.Replay) {
			c.dial(t.id)
		}
	case doGone:
		c.forget(t.id)
	case doSecond:
		c.endSecond()
		c.pacer.add(task{t.due + int64(time.Second), doSecond, 0})
	}
}

// again lets a task be due at its next time.
func (c *Crowd) again(t task, s schedule) {
	t.due = s.due(s.before(t.due + 1))
	c.pacer.add(t)
}

// endSecond reports the figures of the second that is over.
func (c *Crowd) endSecond() {
	c.second.Open, c.second.Missing = c.open, c.missing
	if c.report != nil {
		c.report(c.second)
	}
	c.second = Second{Number: c.second.Number + 1}
}

// stragglers waits for what is on its way, as long as anything of it still comes.
func (c *Crowd) stragglers() error {
	const look = 20 * time.Millisecond
	c.second = Second{}
	c.arrived = time.Now().UnixNano()
	for i := range c.conns { // who is away comes back now, to get what is kept for him
		if s := &c.conns[i]; s.state == away && s.group.Drop.Replay {
			c.dial(int32(i))
		}
	}
	last := c.arrived + 10*int64(c.o.Patience)
	for at := 0; ; {
		now := time.Now().UnixNano()
		if at = c.complete(at); at == len(c.conns) && c.answered() || now-c.arrived > int64(c.o.Patience) || now > last {
			return nil
		}
		at %= max(len(c.conns), 1)
		if err := c.step(now, now+int64(look)); err != nil {
			return err
		}
	}
}

// complete looks from seat number at on for one that waits for anything, and returns its number, or how many there are.
func (c *Crowd) complete(at int) int {
	for n := range c.conns {
		id := (at + n) % len(c.conns)
		s := &c.conns[id]
		if s.state == away && !s.group.Drop.Replay {
			continue
		}
		for i := range s.subs {
			u, ch := &s.subs[i], c.channelOf(s, i)
			if u.had && (len(u.events.missing) > 0 || u.events.next < ch.events.before(c.end) ||
				len(u.whispers.missing) > 0 || u.whispers.next < ch.whispers.before(c.end)) {
				return id
			}
		}
	}
	return len(c.conns)
}

// result adds up what every subscription has missed.
func (c *Crowd) result() *Result {
	r := &Result{From: c.from, End: c.end, Late: c.late}
	for i := range c.conns {
		s := &c.conns[i]
		until := c.end // who was cut off and is still away, as it should be, need not have anything
		if s.state != away && s.state != ready && c.end-s.begun > int64(c.o.Patience) {
			s.group.Closed[fmt.Sprintf("no subscription within %v", c.o.Patience)]++
			until = s.begun
		}
		for j := range s.subs {
			u, ch := &s.subs[j], c.channelOf(s, j)
			if s.state != ready && s.cut && u.had && u.since == 0 && !s.group.Drop.Replay {
				s.group.Events.Excused += u.events.excuse(ch.events.before(until)).within(c.window(ch.events))
				s.group.Whispers.Excused += u.whispers.excuse(ch.whispers.before(until)).within(c.window(ch.whispers))
			}
			c.settle(s, j, c.end)
		}
	}
	for _, g := range c.groups {
		r.Groups = append(r.Groups, g.GroupResult)
	}
	return r
}
