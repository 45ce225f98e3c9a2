package swarm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
	"resound/protocol/ws"
)

// perSource is how many sockets one source address gets: the system has some
// 28,000 ports for each.
const perSource = 10_000

// Connect dials n more sockets and returns when each of them is subscribed, or
// was refused, which Counts says. progress, if not nil, is told now and then how many are ready.
func (s *Swarm) Connect(ctx context.Context, n int, progress func(ready int)) error {
	before, last := s.Ready, time.Now()
	begun := last
	for i := 0; i < n || s.open > 0; {
		for i < n && s.open < s.o.Parallel && s.due(i, begun) <= 0 {
			if err := s.dial(); err != nil {
				if errors.Is(err, sys.ErrDescriptors) {
					return err
				}
				s.Refused++
				s.Closed[err.Error()]++
			}
			i++
		}
		wait := 100 * time.Millisecond
		if i < n && s.open < s.o.Parallel {
			wait = min(wait, s.due(i, begun)+time.Millisecond) // Poll takes whole ones
		}
		had, err := s.Poll(int(wait / time.Millisecond))
		if err != nil {
			return err
		}
		now := time.Now()
		if had == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if had > 0 || s.open == 0 { // or it is not the time for the next dial yet
			last = now
		} else if now.Sub(last) > s.o.Patience {
			return fmt.Errorf("%d sockets are still not subscribed after %v: %s", s.open, s.o.Patience, s.stuck())
		}
		if progress != nil {
			progress(s.Ready - before)
		}
	}
	return nil
}

// due is how long it is until the dial with that number, counted from 0.
func (s *Swarm) due(i int, begun time.Time) time.Duration {
	if s.o.Ramp <= 0 {
		return 0
	}
	return time.Until(begun.Add(time.Duration(float64(i) / s.o.Ramp * float64(time.Second))))
}

// stuck says in which states sockets wait.
func (s *Swarm) stuck() string {
	names := [...]string{connecting: "connect", upgrading: "an answer to the upgrade", greeting: "connection_established", subscribing: "subscription_succeeded"}
	counts := make([]int, len(names))
	for i := range s.conns {
		if c := &s.conns[i]; int(c.state) < len(names) {
			counts[c.state]++
		}
	}
	var list []string
	for i, n := range counts {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d wait for %s", n, names[i]))
		}
	}
	return strings.Join(list, ", ")
}

// source is the address that number i of many connects from, in the part-th range of them. To a server on
// another machine the system chooses, which leaves some 28,000 sockets.
func source(to sys.Addr, part, i int) [4]byte {
	if to.IP[0] != 127 {
		return [4]byte{}
	}
	return [4]byte{127, 0, byte(part), byte(1 + i%250)}
}

func (s *Swarm) dial() error {
	id := len(s.conns)
	to := s.server(id)
	fd, err := sys.Dial(source(to, 0, id/perSource), to, s.o.ReceiveBuffer)
	if err != nil {
		return err
	}
	if err := s.poller.Add(fd, int32(id), sys.Out|sys.In); err != nil {
		sys.Close(fd)
		return err
	}
	// A socket that joins late has missed nothing: it counts from its subscription on.
	s.conns = append(s.conns, conn{fd: int32(fd), begun: int64(time.Since(s.begun)), got: s.counts[s.channelOf(id)]})
	s.open++
	return nil
}

// server is where a socket connects to.
func (s *Swarm) server(id int) sys.Addr {
	n := len(s.o.Others) + 1
	if at := id / len(s.counts) % n; at > 0 {
		return s.o.Others[at-1]
	}
	return s.o.Server
}

// connected: the socket is there, or is not.
func (s *Swarm) connected(id int32, c *conn) {
	if err := sys.ConnectError(int(c.fd)); err != nil {
		s.lost(id, c, err.Error())
		return
	}
	if err := s.poller.Change(int(c.fd), id, sys.In); err != nil {
		s.lost(id, c, err.Error())
		return
	}
	if s.raw() {
		c.state = greeting
		s.write(id, c, chat)
		return
	}
	c.state = upgrading
	s.out = wire.AppendUpgrade(s.out[:0], s.o.Host, s.o.Path, s.o.Key)
	s.write(id, c, s.out)
}

// chat is a frame that the baseline sends back. Each socket says it twice, as it says an upgrade and a
// subscription to other servers: Linux takes who answers at once for interactive, and acknowledges what comes later with what it sends,
// or when more comes; for a socket that is silent from the start the reader does it, on the load's core.
var chat = ws.AppendFrame(nil, ws.OpText, make([]byte, 120))

// chatted: an answer to chat came.
func (s *Swarm) chatted(id int32, c *conn) {
	if c.state == subscribing {
		s.subscribed(id, c)
		return
	}
	c.state = subscribing
	s.write(id, c, chat)
}

// write sends a command.
func (s *Swarm) write(id int32, c *conn, b []byte) {
	if err := sys.Send(int(c.fd), b); err != nil {
		s.lost(id, c, err.Error())
	}
}

// send sends a text message.
func (s *Swarm) send(id int32, c *conn, text []byte) {
	s.out = wire.AppendText(s.out[:0], text)
	s.write(id, c, s.out)
}

// upgraded reads the answer to the upgrade, and what may follow it at once.
func (s *Swarm) upgraded(id int32, c *conn, b []byte) {
	c.rest = append(c.rest, b...)
	after, done, err := wire.Upgraded(c.rest)
	if err != nil {
		s.lost(id, c, err.Error())
	}
	if !done || err != nil {
		return
	}
	c.state, c.rest = greeting, nil
	if len(after) > 0 {
		s.frames(id, c, after)
	}
}

// greeted subscribes the socket that was told its id.
func (s *Swarm) greeted(id int32, c *conn, text []byte) {
	if !wire.IsGreeting(text) {
		s.lost(id, c, string(text))
		return
	}
	sub := wire.Subscription{Channel: s.o.Channels[s.channelOf(int(id))], SocketID: wire.SocketID(text)}
	if strings.HasPrefix(sub.Channel, "presence-") { // each socket is a user of its own
		sub.Member = wire.Member(strconv.Itoa(s.o.First+int(id)), strings.Repeat("n", max(s.o.UserInfo-wire.MemberSize, 0)))
	}
	c.state = subscribing
	s.send(id, c, s.signer.AppendSubscribe(nil, sub))
}

// further subscribes the socket to the next of the further channels, and says whether there was one.
func (s *Swarm) further(id int32, c *conn) bool {
	if int(c.more) == s.o.Further {
		return false
	}
	channel := fmt.Sprintf("further-%d", c.more)
	c.more++
	s.send(id, c, s.signer.AppendSubscribe(nil, wire.Subscription{Channel: channel}))
	return true
}

func (s *Swarm) subscribed(id int32, c *conn) {
	c.state = ready
	s.open--
	s.Ready++
	s.readers[s.channelOf(int(id))]++
	s.took = append(s.took, int64(time.Since(s.begun))-c.begun)
}

// TakeConnectTimes returns how long each socket took from its dial to its
// subscription, in nanoseconds, and forgets it.
func (s *Swarm) TakeConnectTimes() []int64 {
	t := s.took
	s.took = nil
	return t
}
