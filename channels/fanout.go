package channels

import (
	"sync/atomic"
	"time"

	"resound/internal/invariants"
	"resound/protocol"
)

// publication is one frame on its way to the subscribers of a channel.
type publication struct {
	channel *Channel
	frame   *protocol.Frame
	except  protocol.SocketID // who does not get it; zero is nobody
	order   uint64            // number among all that is said on the channel while it is in the table
	serial  uint64            // place in the channel's log; 0 when it is not kept there
	loose   bool              // an event of a publisher that the log should have and has not
	notice  bool              // not an event: who has opted in is told of a new position
	id      uint64            // see Outgoing; 0 without scaling

	at         time.Duration                  // when it was posted; 0 where nobody measures it
	positioned atomic.Pointer[protocol.Frame] // see withSerial
}

// withSerial returns the frame with its serial, for who has opted in. It is made when the first needs it; two
// loops that do at the same moment make the same one twice.
func (p *publication) withSerial() *protocol.Frame {
	if f := p.positioned.Load(); f != nil {
		return f
	}
	f := p.frame.Positioned(p.serial)
	p.positioned.Store(f)
	return f
}

// Task is one thing in a mailbox: a publication for the loop's subscribers, or a function to call.
type Task struct {
	publication *publication
	run         func(*Dispatcher)
}

// Call returns the task that calls f on the loop. f does not wait for publications that came
// before it and are not yet delivered.
func Call(f func()) Task { return Task{run: func(*Dispatcher) { f() }} }

// Publish brings an event to all subscribers of the channel but except. name is a JSON string and
// data a JSON value; both go out as they are. Where history is kept the event goes to the log
// first, also while nobody listens, and the receipt tells when it is safe there; else nothing is encoded
// when nobody listens.
//
// A cache channel keeps the event for who comes later, also while nobody listens.
func (a *App) Publish(channel []byte, name, data protocol.Raw, except protocol.SocketID) Receipt {
	shard := a.shard(channel)
	shard.published.Add(1)
	shard.bytes.Add(uint64(len(data)))
	if a.hub.broker != nil {
		return a.spread(channel, name, data, except)
	}
	ch := shard.find(channel)
	switch {
	case protocol.IsCache(channel):
	case a.hub.log == nil:
		if ch != nil {
			ch.publish(protocol.Event(name, ch.name, data), except)
		}
		return Receipt{}
	case ch == nil && a.Settings().HistoryOf(string(channel)).Messages == 0:
		return Receipt{}
	}
	ch = a.hold(channel)
	p := &publication{channel: ch, frame: protocol.Event(name, ch.name, data), except: except}
	r := ch.record(p, name)
	ch.keep(p)
	ch.post(p)
	ch.mu.Unlock()
	if a.gone.Load() {
		a.release(ch) // nobody will look for it any more
	}
	return r
}

func (c *Channel) publish(frame *protocol.Frame, except protocol.SocketID) {
	p := &publication{channel: c, frame: frame, except: except}
	c.mu.Lock()
	c.post(p)
	c.mu.Unlock()
}

// local is the part of a channel that one loop has.
type local struct {
	share   *share
	subs    []*Subscription
	queue   []*publication // not yet brought to all of subs
	batch   batch          // the first of queue, which are being brought now
	pass    int            // how many of queue everybody will have when the pass under way is over
	cursor  int            // subs below have yet to be looked at in this pass; 0 when none is under way
	running bool           // has a turn coming, in the list of the Dispatcher
	last    time.Duration  // beginning of the turn in which the newest of queue came
	next    *local         // whose turn is next
}

// maxBatch is how many publications one pass over the subscribers carries: with a Writev of at
// most 1,024 slices there is room for those of several channels.
const maxBatch = 256

func (c *Channel) attach(s *Subscription) {
	l := c.local[s.sub.Slot()]
	if l == nil {
		l = &local{share: c.app.share(s.sub.Slot())}
		c.local[s.sub.Slot()] = l
	}
	s.index = int32(len(l.subs))
	l.subs = append(l.subs, s)
}

func (c *Channel) detach(s *Subscription) {
	l := c.local[s.sub.Slot()]
	invariants.Check(l.subs[s.index] == s, "another subscription is at index %d of %q", s.index, c.name)
	last := len(l.subs) - 1
	l.subs[s.index] = l.subs[last]
	l.subs[s.index].index = s.index
	l.subs[last] = nil
	l.subs = shrunk(l.subs[:last])
}

// smallList is the room that a list may keep however few are on it.
const smallList = 64

// shrunk returns the list in half its room when it fills less than a quarter of it: a page that
// everybody left keeps nothing of its crowd.
func shrunk[T any](list []T) []T {
	if cap(list) <= smallList || len(list) >= cap(list)/4 {
		return list
	}
	return append(make([]T, 0, cap(list)/2), list...)
}

// Dispatcher brings publications to the subscribers of one loop. It belongs to that loop.
//
// A broadcast to very many subscribers must hold up neither the loop's reads nor its other
// channels, so each channel has a queue of its own and all that have something take turns. The
// turns are a linked list: a deploy can make ten thousand channels have something at once.
type Dispatcher struct {
	slot        int
	first, last *local
	spent       int // of the next Deliver's budget, by Do

	now     time.Duration   // of this turn's beginning
	through []time.Duration // when what everybody has had in this turn was posted
	stages  Stages
}

// quietTime is for how long nothing came on a channel that is quiet, and quietSubscribers how many it has on a loop at most: to
// them all a write takes about 0.3 ms, beside which a wake-up of 3 µs is something.
const (
	quietTime        = time.Millisecond
	quietSubscribers = 64
)

// Quiet reports whether a task is a publication that may be brought at once: to wait for others, which could go out in the same
// writes, would cost more than it gives, because there are few writes and few others.
func (d *Dispatcher) Quiet(t Task) bool {
	if t.publication == nil {
		return false
	}
	l := t.publication.channel.local[d.slot]
	return len(l.subs) <= quietSubscribers && t.publication.at-l.last >= quietTime
}

// Do takes one task from the mailbox: it calls a function at once, and queues a publication for Deliver.
func (d *Dispatcher) Do(t Task) {
	if t.publication == nil {
		t.run(d)
		return
	}
	l := t.publication.channel.local[d.slot]
	if len(l.subs) == 0 {
		return // they left after it was posted
	}
	if l.running && l != d.last && d.spent < orderShare {
		// Something for another channel came between, and a connection may be on both. While the
		// loop keeps up, what it gets is in the order in which it was published.
		d.spent += d.deliver(orderShare - d.spent)
	}
	if at := t.publication.at; at != 0 {
		d.stages.Waited.Observe(d.now - at)
	}
	l.queue, l.last = append(l.queue, t.publication), d.now
	if !l.running {
		d.enlist(l)
	}
}

// enlist gives l a turn behind all others.
func (d *Dispatcher) enlist(l *local) {
	l.running = true
	if d.last == nil {
		d.first = l
	} else {
		d.last.next = l
	}
	d.last = l
}

// settle sends one subscriber all that is queued for it. Who is about to be closed gets what was
// published before. It looks at every subscriber of every channel that has something queued:
// that is for rare events.
func (d *Dispatcher) settle(sub Subscriber) {
	for l := d.first; l != nil; l = l.next {
		for _, s := range l.subs {
			if s.sub == sub {
				l.share.count(s.bring(l.queue))
			}
		}
	}
}

// turnShare is how many subscribers of a channel are served before the next channel has its turn.
const turnShare = 128

// orderShare is how many subscribers Do may serve in a turn to keep the order between channels.
const orderShare = 512

// Deliver sends what is queued to about budget subscribers and reports whether there is more to do.
func (d *Dispatcher) Deliver(budget int) (more bool) {
	d.deliver(budget - d.spent)
	d.spent = 0
	return d.first != nil
}

// deliver is Deliver, and returns how many subscribers it looked at.
func (d *Dispatcher) deliver(budget int) (visited int) {
	for visited < budget && d.first != nil {
		l := d.first
		visited += d.pass(l, min(budget-visited, turnShare))
		if d.first, l.next = l.next, nil; d.first == nil {
			d.last = nil
		}
		if l.running {
			d.enlist(l)
		}
	}
	return visited
}

// pass goes on with a pass over the subscribers of a channel, for at most budget of them, and returns for how many.
//
// It walks down from the newest subscriber, because one that leaves is replaced by the last of the
// list, which has been looked at already; the order of what it has keeps it from getting that twice.
//
// What is queued during a pass is brought in it to those who are left, so that they get it in the same
// write; the others get it in the next.
func (d *Dispatcher) pass(l *local, budget int) (visited int) {
	if l.cursor == 0 {
		l.pass = min(len(l.queue), maxBatch)
		l.cursor = len(l.subs)
	}
	if n := min(len(l.queue), maxBatch); n != len(l.batch.list) {
		l.batch.begin(l.queue[:n])
	}
	l.cursor = min(l.cursor, len(l.subs))
	var sent tally
	for ; l.cursor > 0 && visited < budget; visited++ {
		l.cursor--
		sent.add(l.batch.bring(l.subs[l.cursor]))
	}
	l.share.count(sent)
	if l.cursor == 0 {
		for _, p := range l.queue[:l.pass] {
			if p.at != 0 {
				d.through = append(d.through, p.at)
			}
		}
		n := copy(l.queue, l.queue[l.pass:])
		clear(l.queue[n:])
		l.queue = l.queue[:n]
		l.batch = batch{}
		l.running = n > 0
		if n == 0 && cap(l.queue) > maxBatch {
			l.queue = nil
		}
	}
	return max(visited, 1) // a channel without subscribers has had its turn too
}

// bring sends what the subscription does not have yet of a list of publications, which is in order.
func (s *Subscription) bring(list []*publication) (sent tally) {
	for _, p := range list {
		if p.order <= s.order {
			continue
		}
		s.order = p.order
		if p.notice {
			s.notice(p)
			continue
		}
		if p.serial != 0 {
			if s.catching || p.serial <= s.cursor {
				continue // the log brings it, or has brought it
			}
			s.cursor = p.serial
		} else if p.loose && s.catching {
			s.cutShort(true) // it may not overtake what the log has
		}
		if s.deliver(p, !p.except.IsZero() && p.except == s.sub.ID()) {
			sent.add(tally{1, p.frame.Len()})
		}
	}
	return sent
}

// notice tells who has opted in of a new position. Who catches up has not got there yet, and who comes from a node that was ahead of
// this one is behind it: they are told that there is a gap only.
func (s *Subscription) notice(p *publication) {
	switch {
	case !s.opted:
	case s.catching || s.cursor > p.serial:
		s.sub.Send(protocol.ReplayNotice(s.channel.name, protocol.Notice{Gap: protocol.GapEpoch}))
	default:
		s.cursor = p.serial
		s.sub.Send(p.frame)
	}
}

// deliver sends one publication in the form that the subscriber wants, and reports whether it did. Who is not to have it is only
// told its serial.
func (s *Subscription) deliver(p *publication, excluded bool) bool {
	numbered := s.opted && p.serial != 0
	switch {
	case excluded && numbered:
		s.sub.Send(protocol.ReplayMarker(s.channel.name, p.serial))
	case excluded:
	case numbered:
		s.sub.Send(p.withSerial())
	default:
		s.sub.Send(p.frame)
	}
	return !excluded
}
