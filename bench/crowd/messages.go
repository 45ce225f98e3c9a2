package crowd

import (
	"bytes"
	"strconv"
	"time"

	"resound/bench/wire"
	"resound/protocol/ws"
)

// handle is one whole frame.
func (c *Crowd) handle(id int32, s *conn, frame []byte, header int) {
	payload := frame[header:]
	switch ws.Opcode(frame[0] & 0x0f) {
	case ws.OpText, ws.OpBinary:
		if !wire.IsProtocol(payload) {
			c.event(s, payload)
			return
		}
		c.protocol(id, s, payload)
	case ws.OpPing:
		c.out = wire.AppendPong(c.out[:0], payload)
		c.write(id, s, c.out)
	case ws.OpClose:
		code, _, _ := ws.ParseClose(payload)
		c.lost(id, s, "closed with "+strconv.Itoa(int(code)))
	}
}

// protocol is a message of the protocol itself.
func (c *Crowd) protocol(id int32, s *conn, text []byte) {
	g := s.group
	switch {
	case s.state == greeting:
		c.greeted(id, s, text)
	case wire.IsPing(text):
		c.send(id, s, wire.Pong)
	case wire.IsSubscribed(text):
		c.subscribed(s, text)
	case bytes.Contains(text, []byte("member_added")):
		c.joined(g, text)
	case bytes.Contains(text, []byte("member_removed")):
		if c.steady(c.now) {
			g.Parted++
		}
	case bytes.Contains(text, []byte("pusher:replay")):
		c.notice(s, text)
	case bytes.Contains(text, []byte("pusher_internal:replay")):
		if u, _ := c.named(s, text); u != nil {
			u.serial = serialOf(text, u.serial)
		}
	case wire.IsError(text):
		if s.state == subscribing {
			c.lost(id, s, string(text))
			return
		}
		g.Errors[string(text)]++
	}
}

// event is one delivery.
func (c *Crowd) event(s *conn, text []byte) {
	g := s.group
	mark, number, event, due, ok := parseMark(text)
	local := int(number - g.first)
	if !ok || local < 0 || local >= g.Channels {
		g.Stray++
		return
	}
	place, ok := g.of(s.socket, local)
	if !ok || s.subs[place].since == 0 {
		g.Stray++
		return
	}
	u := &s.subs[place]
	c.arrived = c.now
	if mark == whisperMark {
		if c.count(&g.Whispers, &u.whispers, event, due) {
			took := time.Duration(c.now - due)
			c.second.Latency.Record(took)
			if c.steady(due) {
				g.Latency.Whisper.Record(took)
			}
		}
		return
	}
	if g.Kind == Cache && event < u.events.next && due < u.since {
		g.Cached++
		return
	}
	if g.Drop.Replay {
		u.serial = serialOf(text, u.serial)
	}
	c.excuse(g, u, &c.channels[number], event)
	if c.count(&g.Events, &u.events, event, due) {
		c.latency(g, u, due)
	}
	if u.behind {
		c.caughtUp(s, u)
	}
}

// excuse sorts out, for the first event of a subscription and for the first behind a gap that was told of, which of
// those before it need not have come.
func (c *Crowd) excuse(g *group, u *sub, ch *channel, event uint32) {
	if u.fresh && event < u.events.next && event >= u.least { // the server subscribed it some time before it said so
		u.events.back(event)
		u.excused.to = max(u.excused.from, min(u.excused.to, event))
	}
	u.fresh = false
	if u.told {
		g.Events.Excused += u.events.excuse(event).within(c.window(ch.events))
		u.told = false
	}
}

// count counts a delivery, and says whether it is the first of its event.
func (c *Crowd) count(t *Tally, tr *tracker, event uint32, due int64) bool {
	before := tr.next
	what := tr.take(event)
	if what == inOrder {
		c.missing += int64(event - before)
	}
	if what == late {
		c.missing--
	}
	c.second.Deliveries++
	if !c.steady(due) {
		return what != again
	}
	switch what {
	case late:
		t.Disorder++
	case again:
		t.Duplicates++
		return false
	}
	t.Delivered++
	return true
}

// latency notes how late an event is that was due while the subscription was there.
func (c *Crowd) latency(g *group, u *sub, due int64) {
	if u.resumed && due < u.since {
		if c.steady(due) {
			g.Replayed++
		}
		return
	}
	took := time.Duration(c.now - due)
	c.second.Latency.Record(took)
	if c.steady(due) {
		g.Latency.Delivery.Record(took)
	}
}

// subscribed is a subscription that was accepted.
func (c *Crowd) subscribed(s *conn, text []byte) {
	u, ch := c.named(s, text)
	if u == nil || u.since != 0 {
		s.group.Stray++
		return
	}
	c.arrived, u.since = c.now, c.now
	events, whispers := ch.events.before(c.now), ch.whispers.before(c.now)
	epoch, serial, _ := positionOf(text)
	u.resumed = u.had && u.epoch != "" && epoch != ""
	u.fresh, u.least, u.excused = !u.resumed, u.events.next, span{}
	switch {
	case !u.had:
		u.least, u.events.next, u.whispers.next = 0, events, whispers
	case s.cut && !u.resumed:
		u.excused = u.events.excuse(events)
	case !u.resumed: // the server closed it: nothing excuses what it missed
		u.events.miss(events)
	}
	if u.had && s.cut {
		s.group.Whispers.Excused += u.whispers.excuse(whispers).within(c.window(ch.whispers))
	} else {
		u.whispers.miss(whispers)
	}
	if s.group.Drop.Replay && epoch == "" {
		s.group.NoHistory++
	}
	u.had, u.epoch, u.serial = true, epoch, serial
	if u.resumed {
		u.behind, u.goal = true, ch.events.before(s.begun)
		c.caughtUp(s, u)
	}
	c.subscribedTo(s)
}

// subscribedTo notes how long a subscription took, and the last of a socket makes it ready.
func (c *Crowd) subscribedTo(s *conn) {
	g := s.group
	switch took := time.Duration(c.now - s.asked); {
	case c.begin == 0:
		g.Latency.Connect.Record(took)
	case c.steady(s.begun):
		g.Latency.Subscribe.Record(took)
	}
	if s.waits--; s.waits > 0 {
		return
	}
	if s.cut && c.steady(s.begun) {
		g.Returned++
	}
	if s.ended != 0 {
		g.Latency.Back.Record(time.Duration(c.now - s.ended))
	}
	s.state, s.cut, s.ended = ready, false, 0
	c.dialling--
	c.open++
}

// caughtUp notes when a subscription that was resumed has all that was due before it came back.
func (c *Crowd) caughtUp(s *conn, u *sub) {
	if u.events.next < u.goal {
		return
	}
	u.behind = false
	if c.steady(s.begun) {
		s.group.Latency.CatchUp.Record(time.Duration(c.now - s.begun))
	}
}

// joined is a member that came to a channel.
func (c *Crowd) joined(g *group, text []byte) {
	at := bytes.IndexByte(text, joinMark) + 1
	if at == 0 || len(text) < at+16 {
		return
	}
	asked, ok := wire.Hex(text[at : at+16])
	if !ok || !c.steady(int64(asked)) {
		return
	}
	g.Joined++
	g.Latency.Joined.Record(time.Duration(c.now - int64(asked)))
}

// notice is what the server says before it replays.
func (c *Crowd) notice(s *conn, text []byte) {
	u, _ := c.named(s, text)
	if u == nil {
		return
	}
	if epoch, serial, ok := positionOf(text); ok {
		u.epoch, u.serial = epoch, serial
	}
	if bytes.Contains(text, []byte(`\"gap\"`)) {
		u.told = true
		s.group.Gaps++
	}
}

// named is the subscription that a message names.
func (c *Crowd) named(s *conn, text []byte) (*sub, *channel) {
	_, name, _ := bytes.Cut(text, []byte(`"channel":"`))
	name, _, _ = bytes.Cut(name, []byte(`"`))
	local, err := strconv.Atoi(string(name[bytes.LastIndexByte(name, '-')+1:]))
	if err != nil || local < 0 || local >= s.group.Channels {
		return nil, nil
	}
	ch := &c.channels[int(s.group.first)+local]
	place, ok := s.group.of(s.socket, local)
	if !ok || ch.name != string(name) {
		return nil, nil
	}
	return &s.subs[place], ch
}

var serialMember = []byte(`"serial":`)

// serialOf is the number that the server's history gives an event, its last member, or else if it has none.
func serialOf(text []byte, otherwise uint64) uint64 {
	start := max(len(text)-32, 0)
	at := bytes.LastIndex(text[start:], serialMember)
	if at < 0 || text[len(text)-1] != '}' {
		return otherwise
	}
	n, err := strconv.ParseUint(string(text[start+at+len(serialMember):len(text)-1]), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// positionOf is what the server gives to come back with.
func positionOf(text []byte) (epoch string, serial uint64, ok bool) {
	_, after, ok := bytes.Cut(text, []byte(`,"epoch":"`))
	if !ok {
		return "", 0, false
	}
	token, _, _ := bytes.Cut(after, []byte(`"`))
	return string(token), serialOf(text, 0), true
}
