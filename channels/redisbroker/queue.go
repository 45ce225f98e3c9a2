package redisbroker

import (
	"sync"
	"sync/atomic"
	"time"

	"resound/channels"
	"resound/persist"
)

// opKind is what is to be done.
type opKind byte

const (
	opPublish opKind = iota
	opBreak
	opSay
	opLoose // what was opPublish and was refused
	opNote
)

// op is one thing that waits in a queue, in the order of the calls.
type op struct {
	kind   opKind
	app    string
	topic  string
	name   string // see nameOf
	body   []byte // the envelope, of all but opNote
	keep   *keepArgs
	mode   string          // of opNote: see note.lua
	note   []string        // key and envelope of each record, or keys
	node   channels.NodeID // whose records
	ticket *ticket         // of opPublish, opLoose and opBreak
	size   int
	queued time.Time

	retry bool // it may have been done
	again bool // Redis did not like it once
	tries int
}

// finish says how it ended.
func (o *op) finish(err error) {
	if o.ticket != nil {
		o.ticket.done <- err
	}
}

// ticket is a channels.Ticket.
type ticket struct{ done chan error }

func (t *ticket) Wait() error { return <-t.done }

// failed is a channels.Ticket of what did not set out.
type failed struct{ err error }

func (f failed) Wait() error { return f.err }

// room is what all queues of a broker hold together.
type room struct{ ops, bytes, notes atomic.Int64 }

// enter notes an op, or reports that there is no room for it.
func (r *room) enter(o *op) bool {
	size, bytes, most, count := int64(o.size), &r.bytes, int64(maxQueuedBytes), int64(maxQueued)
	switch o.kind {
	case opNote:
		bytes, most = &r.notes, maxNotesBytes
	case opSay: // what clients say to each other leaves room for what is published
		most, count = most/2, count/2
	}
	if bytes, ops := bytes.Add(size), r.ops.Add(1); bytes > most || ops > count {
		r.leave(o)
		return false
	}
	return true
}

func (r *room) leave(o *op) {
	r.ops.Add(-1)
	if o.kind == opNote {
		r.notes.Add(-int64(o.size))
	} else {
		r.bytes.Add(-int64(o.size))
	}
}

// queue holds what a partition is to send. Its order is that of put.
type queue struct {
	wake chan struct{} // of capacity 1
	room *room

	mu      sync.Mutex
	open    bool // the node is joined
	waiting []*op
	flight  []*op // taken, and not known to be done
	busy    bool  // who took them has not said what became of them
}

// put adds an op, or says why not.
func (q *queue) put(o *op) error {
	q.mu.Lock()
	if !q.open {
		q.mu.Unlock()
		return channels.ErrParted
	}
	if !q.room.enter(o) {
		q.mu.Unlock()
		return errFull
	}
	q.waiting = append(q.waiting, o)
	first := len(q.waiting) == 1 && !q.busy
	q.mu.Unlock()
	if first {
		signal(q.wake)
	}
	return nil
}

// take returns what is to be sent now: what was sent before and is not known to be done, else a batch of what waits.
func (q *queue) take() []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.flight) == 0 && len(q.waiting) > 0 {
		n, size := 0, 0
		for n < len(q.waiting) && n < maxBatch && (n == 0 || size+q.waiting[n].size <= maxBatchBytes) {
			size += q.waiting[n].size
			n++
		}
		q.flight = append(q.flight[:0:0], q.waiting[:n]...)
		clear(q.waiting[:n])
		if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
			q.waiting = nil
		}
	}
	q.busy = len(q.flight) > 0
	return q.flight
}

// done takes back what take gave and is still to be sent.
func (q *queue) done(rest []*op) {
	q.mu.Lock()
	q.busy, q.flight = false, rest
	var lost []*op
	if !q.open {
		lost = q.drop()
	}
	q.mu.Unlock()
	q.fail(lost)
}

// close ends all that waits with ErrParted, and takes nothing until open.
func (q *queue) close() {
	q.mu.Lock()
	q.open = false
	var lost []*op
	if q.busy {
		lost, q.waiting = q.waiting, nil // done ends the others
	} else {
		lost = q.drop()
	}
	q.mu.Unlock()
	q.fail(lost)
}

func (q *queue) drop() []*op {
	lost := append(q.flight, q.waiting...)
	q.flight, q.waiting = nil, nil
	return lost
}

func (q *queue) fail(lost []*op) {
	for _, o := range lost {
		q.room.leave(o)
		o.finish(channels.ErrParted)
	}
}

func (q *queue) start() {
	q.mu.Lock()
	q.open = true
	q.mu.Unlock()
}

// empty reports whether nothing is left to send.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && len(q.flight) == 0
}

// keepArgs are those of a publish script that say how long things are kept.
type keepArgs [6]string

type keepKey struct {
	keep  persist.Retention
	cache time.Duration
}

// keeps has the arguments of each retention that is in use.
type keeps struct{ m sync.Map } // keepKey: *keepArgs

func (k *keeps) of(keep persist.Retention, cache time.Duration) *keepArgs {
	key := keepKey{keep, cache}
	if v, ok := k.m.Load(key); ok {
		return v.(*keepArgs)
	}
	stream := windowTTL
	switch {
	case keep.Messages <= 0:
		keep = persist.Retention{}
	case keep.Age == 0:
		stream = foreverTTL
	default:
		stream = max(windowTTL, keep.Age, keep.Last)
	}
	a := &keepArgs{
		number(int64(keep.Messages)), number(keep.Bytes), millis(keep.Age),
		millis(stream), millis(max(metaTTL, stream)), millis(cache),
	}
	k.m.Store(key, a)
	return a
}
