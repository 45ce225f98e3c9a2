package channels

import (
	"slices"

	"resound/protocol"
)

// batch is what a pass over a channel's subscribers brings: a list of publications, in order. Most
// subscribers get all of it, in one of two forms, so each form is joined once for all of them.
type batch struct {
	list     []*publication
	serial   uint64              // of the last that the log has; 0 is none
	since    uint64              // serial of the first
	except   []protocol.SocketID // who does not get all of it
	notices  bool                // not everything is an event
	plain    []*protocol.Frame   // the list, joined; nil until somebody needs it
	numbered []*protocol.Frame   // the same, with serials
}

// begin makes the batch one of list, which must not change until the batch is done with.
func (b *batch) begin(list []*publication) {
	*b = batch{list: list}
	if len(list) < 2 {
		return
	}
	for _, p := range list {
		b.notices = b.notices || p.notice
		if p.serial != 0 {
			b.serial = p.serial
			if b.since == 0 {
				b.since = p.serial
			}
		}
		if !p.except.IsZero() {
			b.except = append(b.except, p.except)
		}
	}
}

// bring sends a subscriber what it does not have yet of the batch.
func (b *batch) bring(s *Subscription) (sent tally) {
	last := b.list[len(b.list)-1].order
	switch {
	case s.order >= last:
		return sent // a pass before has brought it all
	case !b.whole(s):
		return s.bring(b.list)
	}
	s.order = last
	s.cursor = max(s.cursor, b.serial)
	for _, f := range b.frames(s.opted) {
		s.sub.Send(f)
		sent.bytes += f.Len()
	}
	sent.events = len(b.list)
	return sent
}

// whole reports whether the subscriber gets each publication of the batch as it is.
func (b *batch) whole(s *Subscription) bool {
	return len(b.list) > 1 && !b.notices && s.order < b.list[0].order && !s.catching && (b.since == 0 || b.since > s.cursor) &&
		(len(b.except) == 0 || !slices.Contains(b.except, s.sub.ID()))
}

// frames returns the batch, joined, with the serials of those that the log has or without.
func (b *batch) frames(numbered bool) []*protocol.Frame {
	if !numbered || b.serial == 0 {
		if b.plain == nil {
			b.plain = join(b.list, func(p *publication) *protocol.Frame { return p.frame })
		}
		return b.plain
	}
	if b.numbered == nil {
		b.numbered = join(b.list, func(p *publication) *protocol.Frame {
			if p.serial == 0 {
				return p.frame
			}
			return p.withSerial()
		})
	}
	return b.numbered
}

// maxJoined is how many bytes are joined into one frame. What is copied for who gets it at once would be
// copied for nothing where each takes more than a write; and who is slow keeps whole what it has begun.
const maxJoined = 64 << 10

// join returns the frames of a list in order, neighbours joined up to maxJoined bytes.
func join(list []*publication, form func(*publication) *protocol.Frame) (out []*protocol.Frame) {
	frames := make([]*protocol.Frame, len(list))
	for i, p := range list {
		frames[i] = form(p)
	}
	for from, to := 0, 0; from < len(frames); from = to {
		for size := 0; to < len(frames) && (to == from || size+frames[to].Len() <= maxJoined); to++ {
			size += frames[to].Len()
		}
		if to-from == 1 {
			out = append(out, frames[from])
		} else {
			out = append(out, protocol.Join(frames[from:to]))
		}
	}
	return out
}
