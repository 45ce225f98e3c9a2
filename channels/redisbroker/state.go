package redisbroker

import (
	"context"
	"errors"
	"time"
)

// supervise is the goroutine that decides whether this node is part of the cluster. It alone tells the Receiver of that.
func (b *Broker) supervise() {
	for b.ctx.Err() == nil {
		wait := b.step()
		timer := time.NewTimer(wait)
		select {
		case <-b.ctx.Done():
		case <-b.kick:
		case <-timer.C:
		case done := <-b.refreshes:
			b.roll.mu.Lock()
			b.roll.stale = true
			b.roll.mu.Unlock()
			b.step()
			close(done)
		}
		timer.Stop()
	}
}

// step looks at everything once, and returns when to look again.
func (b *Broker) step() time.Duration {
	up, since := b.connected()
	now := time.Now()
	if up {
		b.roll.mu.Lock()
		stale := b.roll.stale
		b.roll.mu.Unlock()
		if stale || !now.Before(b.nextBeat) {
			up = b.beatOnce(now)
		}
	}
	switch joined := b.joined.Load(); {
	case b.ctx.Err() != nil:
	case !joined && up && b.registered:
		b.join()
	case joined && up && b.registered && b.settle():
		b.receiver.Rejoined()
	case joined && !up && time.Since(since) >= b.opt.Grace:
		b.part()
	case !joined && !b.forgotten && time.Since(b.alone) > b.opt.Lease:
		b.forget()
	}
	return b.pause()
}

// pause is how long nothing has to be looked at, unless something happens.
func (b *Broker) pause() time.Duration {
	up, since := b.connected()
	next := time.Now().Add(longestPause)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	joined := b.joined.Load()
	switch {
	case up:
		sooner(b.nextBeat)
	case joined:
		sooner(since.Add(b.opt.Grace))
	}
	if !joined && !b.forgotten {
		sooner(b.alone.Add(b.opt.Lease))
	}
	return max(time.Until(next), time.Millisecond)
}

// beatOnce renews the lease. It reports whether the node may be, or stay, joined.
func (b *Broker) beatOnce(now time.Time) bool {
	gone, had, err := b.beat()
	if err != nil {
		b.nextBeat = now.Add(backoffMin)
		if judge(err) == broken {
			b.complain(err)
		}
		return b.joined.Load() // a lost connection is the partition's to notice
	}
	b.nextBeat = now.Add(time.Duration(float64(b.opt.Lease) / beats))
	if !had && b.registered {
		// The others take it for gone, or will. What it has noted is noted anew, under another id.
		b.opt.Log.Warn("redis: the lease of this node was over")
		b.rename()
		b.unsettle()
		b.registered, b.nextBeat = false, now
	} else {
		b.registered = true
	}
	if !b.silenced && b.unwritten.Load() && !now.Before(b.nextNote) {
		b.unwritten.Store(false)
		b.noteWait = min(max(2*b.noteWait, unwrittenMin), unwrittenMax)
		b.nextNote = now.Add(b.noteWait)
		b.unsettle()
	} else if now.Sub(b.nextNote) > unwrittenMax {
		b.noteWait = 0
	}
	for _, n := range gone {
		b.receiver.NodeGone(n)
	}
	return true
}

// connected reports whether all partitions have their connections; else since when the first has not.
func (b *Broker) connected() (up bool, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	up = true
	for i, ok := range b.up {
		if !ok && (up || b.since[i].Before(since)) {
			up, since = false, b.since[i]
		}
	}
	return up, since
}

func (b *Broker) partitionUp(p *partition) {
	b.stats.connections.Add(1)
	b.mu.Lock()
	b.up[p.index] = true
	b.unsettled = true // something may have been missed
	b.mu.Unlock()
	signal(b.kick)
}

func (b *Broker) partitionDown(p *partition, err error, since time.Time) {
	b.mu.Lock()
	b.up[p.index], b.since[p.index], b.cause = false, since, err
	b.mu.Unlock()
	signal(b.kick)
}

// unsettle has the Receiver told that what it knows may be old.
func (b *Broker) unsettle() {
	b.mu.Lock()
	b.unsettled = true
	b.mu.Unlock()
	signal(b.kick)
}

// settle reports whether the Receiver has to be told, and takes that as done.
func (b *Broker) settle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.unsettled
	b.unsettled = false
	return was
}

func (b *Broker) join() {
	b.changing.Lock()
	if b.closed {
		b.changing.Unlock()
		return
	}
	b.settle()
	for _, p := range b.parts {
		p.queue.start()
	}
	b.setJoined(true)
	b.changing.Unlock()
	b.stats.joins.Add(1)
	b.mu.Lock()
	b.cause, b.told = nil, ""
	b.mu.Unlock()
	b.forgotten = false
	b.opt.Log.Info("redis: joined", "others", b.Others())
	b.receiver.Rejoined()
}

func (b *Broker) part() {
	b.changing.Lock()
	closed := b.closed
	b.setJoined(false)
	b.changing.Unlock()
	if closed {
		return
	}
	b.rename()
	b.registered, b.nextBeat = false, time.Time{}
	b.alone = time.Now()
	for _, p := range b.parts {
		p.queue.close()
	}
	b.mu.Lock()
	err := b.cause
	b.mu.Unlock()
	b.opt.Log.Error("redis: out of reach, this node goes on alone", "error", err)
	b.mu.Lock()
	b.told, b.toldAt = errorText(err), time.Now()
	b.mu.Unlock()
	b.receiver.Parted()
}

// forget says that all others are gone: their leases were over by now, whatever became of them.
func (b *Broker) forget() {
	b.forgotten = true
	if b.roll.forget() {
		b.receiver.NodeGone(0)
	}
}

func (b *Broker) setJoined(joined bool) {
	b.joined.Store(joined)
	for _, p := range b.parts {
		p.mu.Lock()
		p.broadcast()
		p.mu.Unlock()
	}
}

// trouble is that a connection could not be made. It is logged when it is another than before, and not more than once a
// minute: it is tried again and again.
func (b *Broker) trouble(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	b.mu.Lock()
	b.cause = err
	text := errorText(err)
	tell := !b.joined.Load() && text != b.told && (b.told == "" || time.Since(b.toldAt) > tellEvery)
	if tell {
		b.told, b.toldAt = text, time.Now()
	}
	b.mu.Unlock()
	if tell {
		b.opt.Log.Error("redis: cannot be reached", "error", err)
	}
}

// complain logs what Redis did not like, not more than once a minute.
func (b *Broker) complain(err error) {
	b.mu.Lock()
	tell := time.Since(b.complained) > tellEvery
	if tell {
		b.complained = time.Now()
	}
	b.mu.Unlock()
	if tell {
		b.opt.Log.Error("redis: it does not do what it was asked", "error", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
