package crowd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
)

// perSource is how many dials one source address makes, one after the other: the system has some 28,000 ports for
// each, and keeps those of connections that were closed for a minute.
const perSource = 10_000

// retry is after how long a socket that the server closed, or refused, comes again, as pusher-js does.
const retry = time.Second

// Connect dials the sockets and returns when all are subscribed. progress, if not nil, is told now and then how many are.
func (c *Crowd) Connect(progress func(open int)) error {
	c.arrived = time.Now().UnixNano()
	for next := 0; c.open < len(c.conns); {
		for ; next < len(c.conns) && c.dialling < c.o.Parallel; next++ {
			c.dial(int32(next))
		}
		if err := c.poll(100 * time.Millisecond); err != nil {
			return err
		}
		if c.stopped {
			return ErrStopped
		}
		if progress != nil {
			progress(c.open)
		}
		if reasons := c.reasons(); len(reasons) > 0 {
			return fmt.Errorf("%d of %d sockets could subscribe: %s", c.open, len(c.conns), strings.Join(reasons, ", "))
		}
		if quiet := time.Now().UnixNano() - c.arrived; quiet > int64(c.o.Patience) {
			return fmt.Errorf("%d of %d sockets are subscribed, and nothing has come for %v", c.open, len(c.conns), c.o.Patience)
		}
	}
	return c.dialPublishers()
}

// reasons is why sockets were closed or refused.
func (c *Crowd) reasons() (list []string) {
	for _, g := range c.groups {
		for reason, n := range g.Closed {
			list = append(list, fmt.Sprintf("%s: %d %s", g.Name, n, reason))
		}
	}
	return list
}

// dial gives a seat a new socket.
func (c *Crowd) dial(id int32) {
	s := &c.conns[id]
	s.begun = time.Now().UnixNano()
	to := c.server(id)
	fd, err := sys.Dial(c.source(to), to, 0)
	if err == nil {
		if err = c.poller.Add(fd, id, sys.Out|sys.In); err != nil {
			sys.Close(fd)
		}
	}
	if errors.Is(err, sys.ErrDescriptors) {
		c.fail(fmt.Errorf("%w, or let more load processes share them", err))
		return
	}
	if err != nil {
		c.refused(id, s, err.Error())
		return
	}
	s.fd, s.state, s.waits = int32(fd), connecting, 0
	c.dialling++
}

// server is where a seat's socket connects to.
func (c *Crowd) server(id int32) sys.Addr {
	failed := c.conns[id].failed
	if n := len(c.o.Others); n > 0 && failed > 0 {
		return c.o.Others[(int(id)+failed)%n]
	}
	return c.o.Server
}

// source is the address that the next socket dials from. Only this machine takes any.
func (c *Crowd) source(to sys.Addr) [4]byte {
	c.dials++
	if to.IP[0] != 127 {
		return [4]byte{}
	}
	return [4]byte{127, 0, byte(2 + c.o.Part%250), byte(1 + c.dials/perSource%250)}
}

// connected: the socket is there, or is not.
func (c *Crowd) connected(id int32, s *conn) {
	err := sys.ConnectError(int(s.fd))
	if err == nil {
		err = c.poller.Change(int(s.fd), id, sys.In)
	}
	if err != nil {
		c.lost(id, s, err.Error())
		return
	}
	s.state, s.asked = upgrading, time.Now().UnixNano()
	c.arrived = s.asked
	c.out = wire.AppendUpgrade(c.out[:0], c.o.Host, c.o.Path, c.o.Key)
	c.write(id, s, c.out)
}

// upgraded reads the answer to the upgrade, and what may follow it at once.
func (c *Crowd) upgraded(id int32, s *conn, b []byte) {
	s.rest = append(s.rest, b...)
	after, done, err := wire.Upgraded(s.rest)
	switch {
	case err != nil:
		c.lost(id, s, err.Error())
	case done:
		s.state, s.rest = greeting, nil
		if len(after) > 0 {
			c.frames(id, s, after)
		}
	}
}

// greeted subscribes the socket that was told its id.
func (c *Crowd) greeted(id int32, s *conn, text []byte) {
	if !wire.IsGreeting(text) {
		c.lost(id, s, string(text))
		return
	}
	before := s.id
	s.id, s.state, s.waits = wire.SocketID(text), subscribing, int32(len(s.subs))
	c.out = c.out[:0]
	var command []byte
	for i := range s.subs {
		ask := wire.Subscription{Channel: c.channelOf(s, i).name, SocketID: s.id}
		if s.group.Kind == Presence {
			ask.Member = c.member(s)
		}
		if s.group.Drop.Replay {
			ask.Replay = s.subs[i].replay(before)
		}
		command = c.signer.AppendSubscribe(command[:0], ask)
		c.out = wire.AppendText(c.out, command)
	}
	c.write(id, s, c.out)
}

// member is the channel_data of a seat's socket. Who comes back is the same user; who takes the place of one that
// has left is another.
func (c *Crowd) member(s *conn) string {
	name := wire.AppendHex([]byte{joinMark}, uint64(time.Now().UnixNano()), 16)
	name = fill(name, s.group.UserInfo-wire.MemberSize)
	return wire.Member(strconv.Itoa(s.socket)+"-"+strconv.Itoa(int(s.times)), string(name))
}

// replay is what a subscription says of what it has already.
func (u *sub) replay(before string) string {
	if u.epoch == "" {
		return "{}"
	}
	return `{"epoch":"` + u.epoch + `","serial":` + strconv.FormatUint(u.serial, 10) + `,"except":["` + before + `"]}`
}

// write sends a command.
func (c *Crowd) write(id int32, s *conn, b []byte) {
	if err := sys.Send(int(s.fd), b); err != nil {
		c.lost(id, s, err.Error())
	}
}

// send sends a text message.
func (c *Crowd) send(id int32, s *conn, text []byte) {
	c.out = wire.AppendText(c.out[:0], text)
	c.write(id, s, c.out)
}
