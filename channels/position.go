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
	behind bool // the log has events for it
}

// place says where a new subscriber stands in the channel's log, and from where on it gets what is published.
// It is nil for who has not opted in, and where nothing is kept. The caller holds mu.
func (c *Channel) place(s *Subscription, r claim) *position {
	h := c.history
	if h == nil {
		return nil
	}
	head, on := h.stream.Head()
	s.cursor, h.used = h.head, c.app.hub.now.Load()
	if !r.Opted || !on || !c.logs() {
		return nil
	}
	p := &position{grant: protocol.Grant{Log: c.app.hub.log.ID(), Epoch: head.Epoch}, resume: !r.Fresh()}
	if p.resume {
		c.resume(p, r)
	} else {
		p.serial = c.fresh()
		p.grant.First = p.serial
	}
	s.opted, s.cursor = true, p.serial
	p.behind = p.serial < h.head
	s.catching = p.behind
	return p
}

// fresh returns the serial behind which a fresh subscription begins. The caller holds mu.
func (c *Channel) fresh() uint64 {
	h, rewind := c.history, c.rule().Rewind
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
	case r.grant.Log != ours && created(r.grant.Log) >= created(ours):
		p.serial, p.gap = h.head, protocol.GapEpoch
		p.grant.First = p.serial
	case r.grant.Log != ours:
		// It was let in before this log began, so all that is in it came later.
		p.serial, p.gap = min(h.stream.Newest(maxNewest), h.head), protocol.GapEpoch
		p.grant.First = p.serial
	default:
		o := h.stream.Resume(persist.Position{Epoch: r.grant.Epoch, Serial: r.Serial})
		p.serial, p.missed, p.gap = o.After, o.Missed, gapOf(o.Gap)
		p.grant.First = min(r.grant.First, p.serial)
	}
	// A conflated replay may be of many more events than it sends: it is cut when they are known.
	if start := h.stream.Newest(rule.ReplayMessages); rule.Conflate == "" && p.serial < start {
		p.missed += h.stream.Count(p.serial, start)
		p.serial = start
		if p.gap == "" {
			p.gap = protocol.GapLimit
		}
	}
	if p.gap == protocol.GapEpoch {
		p.missed = 0 // nobody knows
	}
}

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
	h := c.history
	if h == nil || !r.Opted {
		return nil
	}
	head, on := h.stream.Head()
	if !on || !c.logs() {
		return nil
	}
	s.opted = true
	s.cursor = max(s.cursor, h.opened) // it may have come before there was a log
	return &position{grant: protocol.Grant{Log: c.app.hub.log.ID(), Epoch: head.Epoch, First: s.cursor}, serial: s.cursor}
}

// answer is the frame that says that a subscription has succeeded.
func (a *App) answer(channel string, found scene) *protocol.Frame {
	f := succeeded(channel, found.roll)
	if p := found.position; p != nil {
		f = f.Granted(a.Signer().GrantToken(channel, p.grant), p.serial)
	}
	return f
}
