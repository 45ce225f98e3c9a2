package channels

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"resound/persist"
	"resound/protocol"
)

// catchup brings one subscriber what the log has for it, chunk by chunk. The log is the queue: nothing
// that is published meanwhile is kept for the subscriber, it is read behind the rest. When the subscriber has
// all that there is, found out under the channel's lock, fan-out takes over.
//
// A replay goroutine and the subscriber's loop have it in turns: load reads on the one, arrive sends on the other.
type catchup struct {
	s       *Subscription
	channel *Channel
	slot    int
	except  []protocol.SocketID // whose events are not for it: its own id and earlier ones
	resume  bool                // it is told what follows; a rewind is not
	gap     protocol.GapReason  // to be told with the next notice
	missed  uint64
	grant   protocol.Grant // that goes with the notice of a gap

	from    uint64   // serial that it has everything up to
	planned bool     // upto and keep are known
	upto    uint64   // what the notice speaks of
	keep    []uint64 // serials up to upto that conflation leaves, in order; nil without conflation
	skipped bool     // the newest event up to from was not for it

	notice *protocol.Frame // to be told in front of the chunk
	chunk  []*publication
	reach  uint64 // serial that it has everything up to behind the chunk
	err    error
}

// What one step of a replay may have.
const (
	maxExpired  = 5 // times that retention may overtake it
	chunkFrames = 128
	chunkBytes  = 64 << 10
)

// catchUp begins to bring the subscriber what it lacks. It runs on its loop.
func (s *Subscription) catchUp(p *position, r claim) {
	k := &catchup{
		s: s, channel: s.channel, slot: s.sub.Slot(),
		resume: p.resume, gap: p.gap, missed: p.missed, grant: p.grant, from: p.serial,
	}
	if p.resume || s.channel.cache == nil { // a cache channel tells its event to everybody who comes
		k.except = append(slices.Clone(r.Except), s.sub.ID())
	}
	s.channel.app.hub.replays.add(k)
}

func (k *catchup) dead() bool { return k.s.gone.Load() }

// load reads the next chunk. It runs on a replay goroutine.
func (k *catchup) load(ctx context.Context) {
	k.err = k.read(ctx)
	for range maxExpired {
		if !errors.Is(k.err, persist.ErrGap) {
			break
		}
		k.expire()
		k.err = k.read(ctx)
	}
	if ctx.Err() != nil {
		k.channel.app.hub.replays.done()
		return // the server stops: nothing is wrong with the log
	}
	k.channel.app.hub.post(k.slot, Task{run: k.arrive})
}

// expire moves k over events that retention has taken while it read.
func (k *catchup) expire() {
	c := k.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.history
	if h == nil {
		return
	}
	head, _ := h.stream.Head()
	if o := h.stream.Resume(persist.Position{Epoch: head.Epoch, Serial: k.from}); o.Gap != persist.None {
		k.gap, k.missed, k.from = protocol.GapExpired, k.missed+o.Missed, max(o.After, k.from)
	}
	if k.grant.Log != h.stream.Log() { // another log has begun: what the subscriber has is good for nothing there
		k.grant, k.gap, k.missed = c.grant(), protocol.GapEpoch, 0
		k.grant.Epoch, k.grant.First = head.Epoch, k.from
		k.resume = true
	}
	k.planned, k.skipped = false, false
}

func (k *catchup) read(ctx context.Context) error {
	if err := k.channel.fill(ctx, k.from); err != nil {
		return err
	}
	if !k.planned {
		if err := k.plan(ctx); err != nil {
			return err
		}
	}
	upto := k.upto
	if k.from >= upto {
		upto = k.head() // what came meanwhile
	}
	k.chunk, k.reach = k.chunk[:0], upto
	bytes, keep := 0, k.keep
	return k.channel.walk(ctx, k.from, upto, func(p *publication) bool {
		if k.keep != nil && p.serial <= k.upto {
			for len(keep) > 0 && keep[0] < p.serial {
				keep = keep[1:]
			}
			if len(keep) == 0 || keep[0] != p.serial {
				k.skipped = true
				return true
			}
		}
		if k.skipped = k.excludes(p); k.skipped {
			return true
		}
		k.chunk, bytes = append(k.chunk, p), bytes+p.frame.Len()
		if full := len(k.chunk) == chunkFrames || bytes >= chunkBytes; full {
			k.reach = p.serial
			return false
		}
		return true
	})
}

// excludes reports whether the publication is not for this subscriber, under its present or an earlier id.
func (k *catchup) excludes(p *publication) bool {
	return !p.except.IsZero() && slices.Contains(k.except, p.except)
}

// head is the serial of the newest event.
func (k *catchup) head() uint64 {
	k.channel.mu.Lock()
	defer k.channel.mu.Unlock()
	if k.channel.history == nil {
		return k.from
	}
	return k.channel.history.head
}

// planned is one event that a replay may send.
type planned struct {
	serial uint64
	size   int
	skip   bool // not for this subscriber
}

// plan looks at all that the subscriber lacks now: how many events that is, which of them conflation
// leaves, and from where on they fit into one replay.
func (k *catchup) plan(ctx context.Context) error {
	c := k.channel
	c.mu.Lock()
	rule := *c.rule()
	c.mu.Unlock()
	k.upto = k.head()
	var list []planned
	newest, keyed := make(map[string]planned), 0
	err := c.walk(ctx, k.from, k.upto, func(p *publication) bool {
		e := planned{p.serial, p.frame.Len(), k.excludes(p)}
		if rule.Conflate != "" && !e.skip {
			if key, ok := protocol.ConflationKey(p.frame.Payload(), rule.Conflate); ok {
				newest[key] = e
				keyed++
				return true
			}
		}
		list = append(list, e)
		return true
	})
	if err != nil {
		return err
	}
	if rule.Conflate != "" {
		c.app.hub.replays.counters.conflated.Add(uint64(keyed - len(newest)))
		list = slices.AppendSeq(list, maps.Values(newest))
		slices.SortFunc(list, func(a, b planned) int { return cmp.Compare(a.serial, b.serial) })
	}
	list = k.cut(list, rule.ReplayMessages, rule.ReplayBytes)
	count := 0
	k.keep = nil
	for _, e := range list {
		if !e.skip {
			count++
		}
		if rule.Conflate != "" {
			k.keep = append(k.keep, e.serial)
		}
	}
	k.planned = true
	if k.resume {
		c.app.hub.replays.counters.told(k.gap)
	}
	if k.resume && (count > 0 || k.gap != "") {
		n := protocol.Notice{Gap: k.gap, Missed: k.missed, Count: count}
		if k.gap == "" {
			k.notice = protocol.ReplayNotice(c.name, n)
		} else {
			k.notice = c.app.gapNotice(c.name, n, k.grant, k.from)
		}
	}
	return nil
}

// cut leaves the newest events that fit into one replay, and moves the subscriber over the others.
func (k *catchup) cut(list []planned, messages, bytes int) []planned {
	at := len(list)
	for count := 0; at > 0; at-- {
		if e := list[at-1]; !e.skip {
			count, bytes = count+1, bytes-e.size
			// One event is sent however large it is: who wants the newest gets that.
			if count > messages || bytes < 0 && count > 1 {
				break
			}
		}
	}
	if at == 0 {
		return list
	}
	k.from = list[at-1].serial
	if k.gap == "" {
		k.gap = protocol.GapLimit
	}
	for _, e := range list[:at] {
		if !e.skip {
			k.missed++
		}
	}
	return list[at:]
}

// arrive sends the chunk. It runs on the subscriber's loop.
func (k *catchup) arrive(*Dispatcher) {
	s, replays := k.s, &k.channel.app.hub.replays
	defer replays.done()
	much, stuck := s.sub.Lag()
	switch {
	case s.gone.Load() || !s.catching:
		return
	case k.err != nil:
		k.fail()
		return
	case much:
		replays.counters.waited.Add(1)
		clear(k.chunk)
		k.chunk = k.chunk[:0] // it will be read again
		if stuck {
			replays.park(k)
		} else {
			replays.add(k) // behind this turn it has taken what it is sent, or is stuck
		}
		return
	}
	if k.notice != nil {
		s.sub.Send(k.notice)
		k.notice, k.gap, k.missed = nil, "", 0
	}
	for _, p := range k.chunk {
		s.deliver(p, false)
	}
	replays.counters.events.Add(uint64(len(k.chunk)))
	clear(k.chunk)
	k.from, s.cursor = k.reach, k.reach
	if !k.finish() {
		replays.add(k)
	}
}

// finish sends the last few events and hands the subscriber over to fan-out, in one step under the
// channel's lock. It reports false when there are more.
func (k *catchup) finish() bool {
	c, s := k.channel, k.s
	if k.from < k.upto {
		return false
	}
	var rest []*publication
	c.mu.Lock()
	h := c.history
	if k.from < h.head {
		var ok bool
		rest, ok = h.between(nil, k.from, h.head, chunkFrames)
		if !ok || len(rest) == chunkFrames {
			c.mu.Unlock()
			return false
		}
	}
	s.caughtUp()
	s.cursor = h.head
	c.mu.Unlock()
	c.app.hub.replays.counters.events.Add(uint64(len(rest)))
	for _, p := range rest {
		if k.skipped = k.excludes(p); !k.skipped {
			s.deliver(p, false)
		}
	}
	if k.skipped {
		s.sub.Send(protocol.ReplayMarker(c.name, s.cursor))
	}
	return true
}

// caughtUp ends a catchup: from now on fan-out brings everything. The caller holds the channel's lock.
func (s *Subscription) caughtUp() {
	if s.catching {
		s.catching = false
		s.channel.history.followers--
	}
}

// fail ends the catchup because the log cannot be read, and has said why.
func (k *catchup) fail() { k.s.cutShort(k.resume) }

// cutShort ends a catchup before it is through, and tells the subscriber that something is missing: its position stays
// where it is, and is good for nothing but a gap when it comes back. It runs on its loop.
func (s *Subscription) cutShort(tell bool) {
	c := s.channel
	c.mu.Lock()
	s.caughtUp()
	s.cursor = c.history.head
	c.mu.Unlock()
	if tell {
		c.app.hub.replays.counters.told(protocol.GapEpoch)
		s.sub.Send(protocol.ReplayNotice(c.name, protocol.Notice{Gap: protocol.GapEpoch}))
	}
}
