package crowd

import (
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
)

// farewellTime is how long a socket that leaves waits for the server to close.
const farewellTime = 2 * time.Second

// pick is the next seat of a group whose socket is ready, or -1.
func (c *Crowd) pick(g *group) int32 {
	for range g.seats {
		id := g.seats[g.turn]
		g.turn = (g.turn + 1) % len(g.seats)
		if c.conns[id].state == ready {
			return id
		}
	}
	return -1
}

// churn lets a socket leave as a page does that is closed in good order, and another one take its seat.
func (c *Crowd) churn(g *group, due, now int64) {
	id := c.pick(g)
	if id < 0 {
		return
	}
	s := &c.conns[id]
	c.out = c.out[:0]
	var command []byte
	for i := range s.subs {
		command = wire.AppendUnsubscribe(command[:0], c.channelOf(s, i).name)
		c.out = wire.AppendText(c.out, command)
	}
	c.out = wire.AppendClose(c.out)
	if c.write(id, s, c.out); s.state != ready {
		return
	}
	if err := c.poller.Change(int(s.fd), c.leaver, sys.In); err != nil {
		c.lost(id, s, err.Error())
		return
	}
	c.leavers[c.leaver] = s.fd
	c.pacer.add(task{now + int64(farewellTime), doGone, c.leaver})
	c.leaver--
	c.open--
	if c.steady(due) {
		g.Left++
	}
	for i := range s.subs {
		c.settle(s, i, now-int64(c.o.Patience))
		s.subs[i] = sub{}
	}
	s.state, s.rest, s.fd = away, nil, -1
	s.times++
	c.dial(id)
}

// farewell reads what a socket that leaves is still told, until the server closes.
func (c *Crowd) farewell(id int32) {
	fd, ok := c.leavers[id]
	if !ok {
		return
	}
	if n, again, err := sys.Read(int(fd), c.room); again || n > 0 && err == nil {
		return
	}
	c.forget(id)
}

// forget closes a socket that leaves.
func (c *Crowd) forget(id int32) {
	if fd, ok := c.leavers[id]; ok {
		sys.Reset(int(fd))
		sys.Close(int(fd))
		delete(c.leavers, id)
	}
}

// cut cuts a socket's connection off, without a word.
func (c *Crowd) cut(g *group, due, now int64) {
	id := c.pick(g)
	if id < 0 {
		return
	}
	s := &c.conns[id]
	s.cut = true
	if c.steady(due) {
		g.Dropped++
	}
	for i := range s.subs {
		// What it had time enough to get, it should have.
		u, ch := &s.subs[i], c.channelOf(s, i)
		if !g.Drop.Replay {
			u.events.miss(ch.events.before(min(now-int64(c.o.Patience), c.end)))
		}
		u.whispers.miss(ch.whispers.before(min(now-int64(c.o.Patience), c.end)))
	}
	c.open--
	c.leave(s)
	c.pacer.add(task{now + int64(g.Drop.Away), doBack, id})
}

// leave closes a seat's socket. What its subscriptions have had is kept.
func (c *Crowd) leave(s *conn) {
	sys.Reset(int(s.fd))
	sys.Close(int(s.fd))
	s.state, s.rest, s.fd = away, nil, -1
	for i := range s.subs {
		u := &s.subs[i]
		u.since, u.behind, u.told = 0, false, false
		s.group.Events.Excused += u.excused.within(c.window(c.channelOf(s, i).events))
		u.excused = span{}
	}
}

// lost is the end of a socket that its own side did not want. It comes back, as pusher-js does.
func (c *Crowd) lost(id int32, s *conn, reason string) {
	if s.state == away {
		return
	}
	if s.state == ready {
		c.open--
		s.ended = time.Now().UnixNano()
	} else {
		c.dialling--
	}
	c.leave(s)
	c.refused(id, s, reason)
}

// refused notes why there is no socket, and lets it try again.
func (c *Crowd) refused(id int32, s *conn, reason string) {
	s.group.Closed[reason]++
	s.failed++
	if c.begin != 0 {
		c.pacer.add(task{time.Now().UnixNano() + int64(retry), doBack, id})
	}
}

// settle adds up what a subscription has missed of what was due before a time.
func (c *Crowd) settle(s *conn, place int, before int64) {
	u, ch, g := &s.subs[place], c.channelOf(s, place), s.group
	if !u.had {
		return
	}
	before = min(before, c.end)
	g.Events.Lost += u.events.lost(ch.events.before(before), c.window(ch.events))
	g.Whispers.Lost += u.whispers.lost(ch.whispers.before(before), c.window(ch.whispers))
	g.Events.Excused += u.excused.within(c.window(ch.events))
}
