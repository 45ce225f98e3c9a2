package persist

import (
	"github.com/cockroachdb/pebble/v2"

	"resound/internal/invariants"
)

// Commit is an append that is under way. The zero Commit is one that is done.
type Commit struct {
	batch *pebble.Batch
	st    *store
}

// Wait returns when the record is as durable as the setting says, or with an error when that will not be. It is
// called once for each successful Append, by any goroutine, with no lock held.
func (c Commit) Wait() error {
	if c.batch == nil {
		return nil
	}
	err := c.batch.SyncWait()
	_ = c.batch.Close() // back to the pool; it has no other error than that of a second Close
	if cause := c.st.fs.failed(); cause != nil {
		return errOff(cause)
	}
	return err
}

// Append gives a record the next serial and puts it into the log, without waiting for the disk. payload is copied.
// except is the socket that must not get the record, or zero. The appends of one stream are called one at a time;
// those of different streams on any goroutines. ErrOff says that the record is not stored and has no serial.
func (s *Stream) Append(except [2]uint32, payload []byte) (Position, Commit, error) {
	if len(payload) > MaxPayload {
		return Position{}, Commit{}, s.wrap(ErrTooLarge)
	}
	if s.log.opt.ReadOnly {
		return Position{}, Commit{}, ErrReadOnly
	}
	st, err := s.enter()
	if err != nil {
		return Position{}, Commit{}, err
	}
	p, c, err := s.append(st, except, payload)
	s.leave(st)
	return p, c, err
}

func (s *Stream) append(st *store, except [2]uint32, payload []byte) (Position, Commit, error) {
	l, e := s.log, st.epochs.Load()
	b := st.db.NewBatch()
	x, changed := s.extent, false
	if !x.known || s.jump != e.jump {
		x, changed = s.begin(e), true
		if s.id == 0 {
			s.id = st.newID()
		}
		if err := b.Set(appendMetaKey(nil, s.name.app, s.name.channel), s.metaOf(&x, e.jump).append(nil), nil); err != nil {
			return Position{}, Commit{}, s.fail(st, b, err)
		}
		x.head = x.line[len(x.line)-1].First - 1
	}
	x.head++
	now := millis(l.opt.Now())
	h := header{time: max(s.time, now), before: s.bytes, except: except}
	op := b.SetDeferred(recordKeySize, h.size()+len(payload))
	putRecordKey(op.Key, s.id, x.head)
	h.put(op.Value, payload)
	if err := op.Finish(); err != nil {
		return Position{}, Commit{}, s.fail(st, b, err)
	}

	m := mark{x.head, h.time, h.before}
	marked := s.wantsMark(m, uint64(len(payload)))
	cut := 0
	if marked {
		s.keep = l.opt.Retention(s.name.app, s.name.channel)
		if cut = s.due(&x, now, h.before+uint64(len(payload))); cut > 0 {
			if err := b.DeleteRange(recordKey(s.id, s.first), recordKey(s.id, s.marks[cut].serial), nil); err != nil {
				return Position{}, Commit{}, s.fail(st, b, err)
			}
		}
	}

	c := Commit{}
	var err error
	if l.opt.Durability == Async {
		if err = st.db.Apply(b, queuedWrite); err == nil {
			_ = b.Close()
		}
	} else if err = st.db.ApplyNoSyncWait(b, syncWrite); err == nil {
		c = Commit{batch: b, st: st}
	}
	if err != nil {
		return Position{}, Commit{}, s.fail(st, nil, err)
	}

	if changed {
		s.jump = e.jump
	}
	if len(s.marks) == 0 {
		x.first = x.head
	}
	if marked {
		s.marks = append(s.marks, m)
	}
	if cut > 0 {
		s.cut(cut)
		x.first = s.marks[0].serial
		l.stats.trims.Add(1)
	}
	x.known = true
	s.extent, s.time, s.bytes = x, h.time, h.before+uint64(len(payload))
	if invariants.Enabled {
		s.check()
	}
	l.stats.appends.Add(1)
	l.stats.appendedBytes.Add(uint64(len(payload)))
	return Position{Epoch: e.now, Serial: x.head}, c, nil
}

// begin is the extent of a stream that is about to get its first record, ever or since serials have jumped. That
// gets a serial which was never given before, whatever a crash has taken back: the records and even the stream of an
// earlier run, or that the stream was forgotten and made anew.
func (s *Stream) begin(e *epochs) extent {
	x := s.extent
	if !x.known {
		hole := e.floor + e.jump
		return extent{born: e.now, line: line{{Epoch: e.now, First: hole + 1, Hole: hole}}}
	}
	before := x.head + e.jump - s.jump
	if e.purged >= x.line[len(x.line)-1].Epoch {
		before = max(before, e.floor+e.jump)
	}
	x.line = x.line.with(Lineage{Epoch: e.now, First: before + 1, Hole: before - x.head})
	return x
}

// metaOf is what is written of the stream besides its records.
func (s *Stream) metaOf(x *extent, jump uint64) *meta {
	return &meta{id: s.id, born: x.born, jump: jump, line: x.line, head: x.head, bytes: s.bytes, time: s.time}
}

// fail ends an append that Pebble refused, which it does only when it is in no state to go on.
func (s *Stream) fail(st *store, b *pebble.Batch, err error) error {
	if b != nil {
		_ = b.Close()
	}
	st.fs.fail("appending to", "pebble", err)
	return errOff(err)
}
