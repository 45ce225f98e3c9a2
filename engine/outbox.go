package engine

import (
	"resound/internal/overload"
	"resound/protocol"
)

// outbox is what a loop has to write at the end of the turn: a list for each connection, all of
// them in one slice, so that a connection that has nothing to write keeps no room for it.
type outbox struct {
	entries []entry
	dirty   []*conn  // have something to write
	slices  [][]byte // room for one writev
	room    backlog  // for a connection that has several frames to write
	calls   int      // of the kernel, since they were counted
	bytes   int      // that it took in those
}

// entry is one frame on the list of its connection.
type entry struct {
	frame *protocol.Frame
	next  int32 // the entry behind it, counted from 1; 0 is none
}

// add puts a frame behind what the connection has on its list.
func (o *outbox) add(c *conn, f *protocol.Frame) {
	o.entries = append(o.entries, entry{frame: f})
	n := int32(len(o.entries))
	switch c.first {
	case 0:
		c.first = n
		o.dirty = append(o.dirty, c)
	case marked: // it was slow a moment ago
		c.first = n
	default:
		o.entries[c.last-1].next = n
	}
	c.last = n
}

// mark makes the end of the turn look at a slow connection, which has no list.
func (o *outbox) mark(c *conn) {
	if c.first == 0 {
		c.first = marked
		o.dirty = append(o.dirty, c)
	}
}

// marked is in the place of a list.
const marked = -1

// flush writes to every connection that has something to write.
func (l *loop) flush() {
	o := &l.outbox
	for i := 0; i < len(o.dirty); i++ { // a connection that is closed may give others something to say
		o.dirty[i].write()
	}
	clear(o.dirty)
	clear(o.entries)
	o.dirty, o.entries = emptied(o.dirty, maxPooled), emptied(o.entries, maxPooled)
	if o.calls > 0 {
		l.stats.writes.Add(o.calls)
		l.stats.sent.Add(o.bytes)
		o.calls, o.bytes = 0, 0
	}
}

// wrote counts a call of the kernel that took n bytes.
func (o *outbox) wrote(n int) {
	o.calls++
	o.bytes += max(n, 0)
}

// emptied returns a list without its elements, and without its room when that is for more than most.
func emptied[T any](list []T, most int) []T {
	if cap(list) > most {
		return nil
	}
	return list[:0]
}

// cost is what the connection's list would count for in a backlog.
func (o *outbox) cost(c *conn) (n int) {
	for at := c.first; at > 0; at = o.entries[at-1].next {
		n += o.entries[at-1].frame.Len() + frameCost
	}
	return n
}

// backlog is what a connection has not taken. Its frames are shared with all who get them, so a
// thousand slow readers of a channel cost a thousand lists, and the bytes once.
type backlog struct {
	frames  []*protocol.Frame
	done    int    // bytes of the first that the kernel has taken
	size    int    // bytes that it has not, sealed ones too
	sealed  []byte // of TLS: goes before the frames
	watched bool
}

// cost is what the backlog counts for: its bytes, and what each frame takes beside them.
func (b *backlog) cost() int { return b.size + frameCost*len(b.frames) }

func (b *backlog) add(f *protocol.Frame) {
	b.frames = append(b.frames, f)
	b.size += f.Len()
}

// taken notes that the kernel took n bytes more.
func (b *backlog) taken(n int) {
	b.size -= n
	n += b.done
	i := 0
	for ; i < len(b.frames) && n >= b.frames[i].Len(); i++ {
		n -= b.frames[i].Len()
	}
	left := copy(b.frames, b.frames[i:])
	clear(b.frames[left:])
	b.frames, b.done = b.frames[:left], n
}

// forget drops all frames but one that is half out.
func (b *backlog) forget() {
	keep := 0
	if b.done > 0 {
		keep = 1
	}
	clear(b.frames[keep:])
	b.frames, b.size = b.frames[:keep], len(b.sealed)
	if keep > 0 {
		b.size += b.frames[0].Len() - b.done
	}
}

// gather puts the first frames into slices, as many as one writev may take.
func (b *backlog) gather(slices [][]byte) [][]byte {
	size, skip := 0, b.done
	for _, f := range b.frames {
		if len(slices) == maxSlices || size > 0 && size+f.Len() > maxWrite {
			break
		}
		slices, size, skip = append(slices, f.Bytes()[skip:]), size+f.Len(), 0
	}
	return slices
}

// queue puts a frame on the connection's list, whatever its state.
func (c *conn) queue(f *protocol.Frame) {
	if c.decoder.Deflates() {
		f = c.compressed(f)
	}
	box := &c.loop.outbox
	if c.slow == nil {
		box.add(c, f)
		return
	}
	c.slow.add(f)
	if c.state == stateOpen && c.slow.cost() > c.loop.engine.allowed() {
		box.mark(c) // it is not closed here: whoever sends may be walking what closing changes
	}
}

// write gives the kernel what is on the connection's list, in as few calls as can be. What it does not take waits.
func (c *conn) write() {
	box := &c.loop.outbox
	first := c.first
	c.first, c.last = 0, 0
	switch {
	case c.state == stateGone:
		return
	case c.slow != nil:
	case first <= 0:
		return
	case box.entries[first-1].next == 0: // nearly always
		f := box.entries[first-1].frame
		n, err := c.give(f.Bytes())
		if err != nil {
			c.drop()
			return
		}
		if n < f.Len() {
			if c.slow == nil {
				c.slow = new(backlog)
			}
			c.slow.frames, c.slow.done = append(c.slow.frames, f), n
			c.slow.size += f.Len() - n
		}
	default:
		c.slow = &box.room
		for at := first; at != 0; at = box.entries[at-1].next {
			c.slow.add(box.entries[at-1].frame)
		}
		ok := c.push()
		slow := box.room.rest()
		if !ok {
			return
		}
		c.slow = slow
	}
	c.settle()
}

// rest makes the room empty again and returns what is left in it, or nil.
func (b *backlog) rest() (slow *backlog) {
	if b.size > 0 {
		slow = &backlog{frames: append([]*protocol.Frame(nil), b.frames...), done: b.done, size: b.size, sealed: b.sealed}
	}
	clear(b.frames)
	*b = backlog{frames: emptied(b.frames, maxPooled)}
	return slow
}

// push writes what waits until the kernel takes no more, and reports false when the connection is gone.
func (c *conn) push() bool {
	if c.owes() && !c.pay() {
		return false
	}
	for len(c.slow.frames) > 0 && !c.owes() {
		slices := c.slow.gather(c.loop.outbox.slices[:0])
		size := 0
		for _, s := range slices {
			size += len(s)
		}
		n, err := c.givev(slices)
		clear(slices)
		if err != nil {
			c.drop()
			return false
		}
		if c.slow.taken(n); n < size {
			break
		}
	}
	return true
}

// settle decides what becomes of the connection after a write.
func (c *conn) settle() {
	if c.slow != nil && c.state == stateOpen && c.slow.cost() > c.loop.engine.allowed() {
		if c.slow.cost() <= c.loop.engine.mostUnread() {
			c.loop.engine.governor.Count(overload.SlowReader)
		}
		c.slow.forget()
		c.Close(protocol.ErrSlowConsumer) // on the list behind the frame that is half out
	}
	switch {
	case c.slow != nil && c.slow.size > 0:
		c.loop.host.watch(c)
		return
	case c.slow != nil:
		c.loop.host.unwatch(c)
		c.slow = nil
	}
	if c.state == stateClosing {
		c.hangUp()
	}
}

// resume is called when the kernel takes more from a connection that had been slow.
func (c *conn) resume() {
	if c.slow != nil && c.push() {
		c.settle()
	}
}
