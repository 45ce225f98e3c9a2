package channels

import "resound/protocol"

// publication is one frame on its way to the subscribers of a channel.
type publication struct {
	channel *Channel
	frame   *protocol.Frame
	except  protocol.SocketID // who does not get it; zero is nobody
	serial  uint64
}

// Task is one thing in a mailbox: a publication for the loop's subscribers, or a function to call.
type Task struct {
	publication *publication
	run         func()
}

// Call returns the task that calls f on the loop.
func Call(f func()) Task { return Task{run: f} }

// Publish brings an event to all subscribers of the channel but except, and
// reports whether there was a channel to bring it to. name is a JSON string and data
// a JSON value; both go out as they are. Nothing is encoded when nobody listens.
func (a *App) Publish(channel []byte, name, data protocol.Raw, except protocol.SocketID) bool {
	ch := a.find(channel)
	if ch == nil {
		return false
	}
	ch.publish(protocol.Event(name, ch.name, data), except)
	return true
}

func (c *Channel) publish(frame *protocol.Frame, except protocol.SocketID) {
	p := &publication{channel: c, frame: frame, except: except}
	c.mu.Lock()
	c.post(p)
	c.mu.Unlock()
}

// local is the part of a channel that one loop has.
type local struct {
	subs    []*Subscription
	queue   []*publication // not yet brought to all of subs
	batch   int            // how many of queue are being brought now
	cursor  int            // subs from here on have the batch; 0 when none is under way
	running bool           // in Dispatcher.running
}

// maxBatch is how many publications one pass over the subscribers carries: with a Writev of at
// most 1,024 slices there is room for those of several channels.
const maxBatch = 256

func (c *Channel) attach(s *Subscription) {
	l := c.local[s.sub.Slot()]
	if l == nil {
		l = new(local)
		c.local[s.sub.Slot()] = l
	}
	s.index = len(l.subs)
	l.subs = append(l.subs, s)
}

func (c *Channel) detach(s *Subscription) {
	l := c.local[s.sub.Slot()]
	last := len(l.subs) - 1
	l.subs[s.index] = l.subs[last]
	l.subs[s.index].index = s.index
	l.subs[last] = nil
	l.subs = l.subs[:last]
	// A page that everybody left keeps nothing of its crowd.
	if cap(l.subs) > 64 && len(l.subs) < cap(l.subs)/4 {
		l.subs = append(make([]*Subscription, 0, cap(l.subs)/2), l.subs...)
	}
}

// Dispatcher brings publications to the subscribers of one loop. It belongs to that loop.
//
// A broadcast to very many subscribers must hold up neither the loop's reads nor its other
// channels, so each channel has a queue of its own and all that have something take turns.
type Dispatcher struct {
	slot    int
	running []*local
}

// Do takes one task from the mailbox: it calls a function at once, and queues a publication for Deliver.
func (d *Dispatcher) Do(t Task) {
	if t.publication == nil {
		t.run()
		return
	}
	l := t.publication.channel.local[d.slot]
	if len(l.subs) == 0 {
		return // they left after it was posted
	}
	l.queue = append(l.queue, t.publication)
	if !l.running {
		l.running = true
		d.running = append(d.running, l)
	}
}

// turnShare is how many subscribers of a channel are served before the next channel has its turn.
const turnShare = 128

// Deliver sends what is queued to about budget subscribers and reports whether there is more to do.
func (d *Dispatcher) Deliver(budget int) (more bool) {
	for budget > 0 && len(d.running) > 0 {
		l := d.running[0]
		budget -= l.deliver(min(budget, turnShare))
		n := copy(d.running, d.running[1:])
		if l.running {
			d.running[n] = l
		} else {
			d.running[n] = nil
			d.running = d.running[:n]
		}
	}
	return len(d.running) > 0
}

// deliver brings the batch under way to at most budget subscribers, and returns to how many.
//
// It walks down from the newest subscriber, because one that leaves is replaced by the last of the
// list, which then has the batch already; its serial keeps it from getting it twice.
func (l *local) deliver(budget int) (visited int) {
	if l.cursor == 0 {
		l.batch = min(len(l.queue), maxBatch)
		l.cursor = len(l.subs)
	}
	l.cursor = min(l.cursor, len(l.subs))
	batch := l.queue[:l.batch]
	for ; l.cursor > 0 && visited < budget; visited++ {
		l.cursor--
		s := l.subs[l.cursor]
		for _, p := range batch {
			if p.serial <= s.serial {
				continue
			}
			s.serial = p.serial
			if p.except != s.sub.ID() || p.except.IsZero() {
				s.sub.Send(p.frame)
			}
		}
	}
	if l.cursor == 0 {
		n := copy(l.queue, l.queue[l.batch:])
		clear(l.queue[n:])
		l.queue = l.queue[:n]
		l.running = n > 0
		if n == 0 && cap(l.queue) > maxBatch {
			l.queue = nil
		}
	}
	return max(visited, 1) // a channel without subscribers has had its turn too
}
