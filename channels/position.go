package channels

import (
	"encoding/binary"

	"resound/persist"
	"resound/protocol"
)

// claim is what a subscriber says of its position, checked as far as that goes without the channel.
type claim struct {
	protocol.Replay
	grant protocol.Grant
	valid bool // the token is one of ours, for this channel, and the serial within it
}

// claim reads the token of a subscription.
func (a *App) claim(c protocol.Command) claim {
	r := claim{Replay: c.Replay}
	if r.Opted && !r.Fresh() {
		r.grant, r.valid = a.Signer().ParseGrant(string(c.Channel), r.Epoch)
		r.valid = r.valid && r.Serial >= r.grant.First
	}
	return r
}

// position is where a subscriber that has opted in stands before anything is replayed.
type position struct {
	grant  protocol.Grant
	serial uint64
	gap    protocol.GapReason // "" unless something is missing
	missed uint64
	resume bool // it has been here before, and is told what follows
	again  bool // it has not left in between, and has what there is
	behind bool // the log has events for it
	off    bool // the log is off: there is no position to give
}

// place says where a new subscriber stands in the channel's log, and from where on it gets what is published.
// It is nil for who has not opted in, and where nothing is kept. The caller holds mu.
func (c *Channel) place(s *Subscription, r claim) *position {
	h := c.history
	if h != nil {
		s.cursor, h.used = h.head, c.app.hub.now.Load()
	}
	if !r.Opted || !c.keeps() {
		return nil
	}
	s.opted = true
	p := &position{grant: c.grant(), resume: !r.Fresh()}
	head, on := c.head()
	if !on {
		c.placeOff(p)
		if r.valid {
			s.cursor = max(s.cursor, r.Serial) // another node may have been ahead of this one
		}
		return p
	}
	p.grant.Epoch = head.Epoch
	if p.resume {
		c.resume(p, r)
	} else {
		p.serial = c.fresh()
		p.grant.First = p.serial
	}
	s.cursor = p.serial
	if p.behind = p.serial < h.head; p.behind {
		s.catching = true
		h.followers++
	}
	return p
}

// grant is what a subscription of now is given, but for its place. The caller holds mu.
func (c *Channel) grant() protocol.Grant {
	g := protocol.Grant{Issued: uint32(c.app.hub.now.Load())}
	switch log := c.app.hub.log; {
	case c.history != nil:
		g.Log = c.history.stream.Log()
	case log != nil:
		g.Log = log.ID()
	}
	return g
}

// head returns where the log stands; on is false while it is off, or could not be opened. The caller holds mu.
func (c *Channel) head() (head persist.Position, on bool) {
	if c.history == nil {
		return head, false
	}
	if head, on = c.history.stream.Head(); on {
		c.follow(head.Serial)
	}
	return head, on
}

// placeOff is the position of one who comes while the log is off. Who comes back keeps the position that it has, and is told
// that something may be missing. Who is fresh gets a position that is never good for anything but a gap: what it
// misses later, nobody will know. The caller holds mu.
func (c *Channel) placeOff(p *position) {
	p.off = true
	if p.resume {
		p.gap = protocol.GapEpoch
	} else {
		p.grant.First = protocol.MaxSerial
	}
}

// fresh returns the serial behind which a fresh subscription begins. The caller holds mu.
func (c *Channel) fresh() uint64 {
	h, rewind := c.history, min(c.rule().Rewind, c.rule().ReplayMessages)
	if kept := c.kept(); kept != nil && kept.serial == h.head {
		rewind = max(rewind, 1) // the kept event, with its serial
	}
	if rewind == 0 {
		return h.head
	}
	return min(h.stream.Newest(rewind), h.head)
}

// resume says where one stands who comes back. The caller holds mu.
func (c *Channel) resume(p *position, r claim) {
	h, rule := c.history, c.rule()
	switch ours := p.grant.Log; {
	case !r.valid:
		// Nothing says what it may read, and nothing that it has everything.
		p.serial, p.gap = h.head, protocol.GapEpoch
		p.grant.First = p.serial
	case r.grant.Log != ours && r.grant.Issued >= created(ours):
		p.serial, p.gap = c.beyond(h.head, r), protocol.GapEpoch
		p.grant.First = p.serial
	case r.grant.Log != ours:
		// It was let in before there was this log, so all that is in it came later.
		p.serial, p.gap = c.beyond(min(h.stream.Newest(maxNewest), h.head), r), protocol.GapEpoch
		p.grant.First = p.serial
	default:
		o := h.stream.Resume(persist.Position{Epoch: r.grant.Epoch, Serial: r.Serial})
		p.missed, p.gap = o.Missed, gapOf(o.Gap)
		p.grant.First = min(r.grant.First, h.head)
		if o.Gap == persist.None { // another node may be ahead of this one
			p.grant.Epoch, p.grant.First = max(p.grant.Epoch, r.grant.Epoch), r.grant.First
		}
		if o.Gap == persist.None && c.app.hub.strays.has(c.app.id, c.name) {
			p.gap = protocol.GapEpoch // something was published past the log, which has not been told yet
		}
		p.serial = max(o.After, p.grant.First) // whatever serial it says: nothing from before it was let in
	}
	// A replay is cut to its limits when it is known which of the events are for it. That takes a look at each, so it is
	// cut here when there are far too many.
	if start := h.stream.Newest(planAtMost * rule.ReplayMessages); rule.Conflate == "" && p.serial < start {
		p.missed += h.stream.Count(p.serial, start)
		p.serial = start
		if p.gap == "" {
			p.gap = protocol.GapLimit
		}
	}
}

// beyond returns the serial of one who comes with a position of another log: in a cluster serials only rise, from log to log too, and it
// may have had some of this log already, without a position.
func (c *Channel) beyond(serial uint64, r claim) uint64 {
	if c.app.hub.broker == nil {
		return serial
	}
	return max(serial, r.Serial)
}

// planAtMost is how many times as many events as a replay may have are looked at, so that those which are not for
// the page do not count.
const planAtMost = 4

// maxNewest is more events than any history has.
const maxNewest = 1 << 30

func gapOf(g persist.Gap) protocol.GapReason {
	switch g {
	case persist.Expired:
		return protocol.GapExpired
	case persist.Epoch:
		return protocol.GapEpoch
	default:
		return ""
	}
}

// created is when a log was made, in seconds of Unix time.
func created(log [8]byte) uint32 { return binary.BigEndian.Uint32(log[:]) }

// stay says where one stands who subscribes again without having left: at what it has been sent. The caller holds mu.
func (c *Channel) stay(s *Subscription, r claim) *position {
	if !r.Opted || !c.keeps() {
		return nil
	}
	s.opted = true
	p := &position{grant: c.grant(), again: true}
	head, on := c.head()
	if !on {
		c.placeOff(p)
		return p
	}
	s.cursor = max(s.cursor, c.history.opened) // it may have come before there was a log
	p.grant.Epoch, p.grant.First, p.serial = head.Epoch, s.cursor, s.cursor
	return p
}

// answer is the frame that says that a subscription has succeeded. Where something is missing it leaves the client
// at the position that it came with: the notice that says so sets the new one, so that nobody whose connection breaks
// in between takes a gap for none.
func (a *App) answer(channel string, found scene, r claim) *protocol.Frame {
	f := succeeded(channel, found.roll)
	switch p := found.position; {
	case p == nil:
		return f
	case p.gap != "":
		return f.Granted(string(r.Epoch), r.Serial)
	default:
		return f.Granted(a.Signer().GrantToken(channel, p.grant), p.serial)
	}
}

// gapNotice is the notice of a gap, with the position behind it. While the log is off there is none.
func (a *App) gapNotice(channel string, n protocol.Notice, grant protocol.Grant, serial uint64) *protocol.Frame {
	if n.Gap == protocol.GapEpoch {
		n.Missed = 0 // nobody knows
	}
	f := protocol.ReplayNotice(channel, n)
	if grant.Epoch == 0 {
		return f
	}
	return f.Granted(a.Signer().GrantToken(channel, grant), serial)
}
