package persist

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// trim removes what the retention does not allow, exactly. It reads without the stream's lock, so that an append
// does not wait for the disk.
func (s *Stream) trim(now time.Time) error {
	st, err := s.enter()
	if err != nil {
		return err
	}
	defer st.leave()
	s.keep = s.log.opt.Retention(s.name.app, s.name.channel)
	cut := cutting{st: st, extent: s.extent, id: s.id, bytes: s.bytes, keep: s.keep, now: millis(now)}
	s.mu.Unlock()
	if !cut.known || cut.first > cut.head {
		return nil
	}
	if err := cut.find(); err != nil {
		return s.wrap(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removeBefore(st, cut.to, cut.head, millis(now), queuedWrite)
}

// truncate removes the records with serial <= upto.
func (s *Stream) truncate(upto uint64, now time.Time) error {
	st, err := s.enter()
	if err != nil {
		return err
	}
	defer s.leave(st)
	if !s.known {
		return s.wrap(ErrNoStream)
	}
	cut := cutting{st: st, extent: s.extent, id: s.id, to: mark{serial: s.head + 1}}
	if upto = min(upto, s.head); s.line.next(upto) <= s.head {
		if err := cut.at(s.line.next(upto)); err != nil {
			return s.wrap(err)
		}
	}
	return s.removeBefore(st, cut.to, s.head, millis(now), syncWrite)
}

// cutting looks for the oldest record to keep.
type cutting struct {
	st *store
	extent
	id    uint64
	bytes uint64
	keep  Retention
	now   int64

	to mark // the record; its serial is head + 1 when none is kept
}

// gone says whether a record has to go for its age or for the size of what is behind it.
func (c *cutting) gone(m mark) bool {
	k := &c.keep
	age := k.Age
	if m.serial == c.head {
		age = max(age, k.Last)
	} else if k.Bytes > 0 && c.bytes-m.before > uint64(k.Bytes) {
		return true
	}
	return k.Age > 0 && c.now-m.time > age.Milliseconds()
}

// find finds the record by halving: those to remove are before those to keep.
func (c *cutting) find() error {
	it, err := c.st.records(c.id, c.first-1, c.head)
	if err != nil {
		return err
	}
	defer it.Close()
	low := max(c.first, c.line.next(c.line.newest(c.head, uint64(c.keep.Messages)))) // the first that count allows
	c.to.serial = c.head + 1
	for high := c.head + 1; low < high; {
		middle := low + (high-low)/2
		if !it.SeekGE(recordKey(c.id, middle)) {
			if err := it.Error(); err != nil {
				return fmt.Errorf("reading records: %w", err)
			}
			high = middle
			continue
		}
		serial, h, _, err := readAt(it)
		if err != nil {
			return err
		}
		if m := (mark{serial, h.time, h.before}); c.gone(m) {
			low = serial + 1
		} else {
			c.to, high = m, middle
		}
	}
	return nil
}

// at takes the record with a serial, or the first behind it.
func (c *cutting) at(serial uint64) error {
	it, err := c.st.records(c.id, serial-1, c.head)
	if err != nil {
		return err
	}
	defer it.Close()
	if !it.First() {
		return it.Error()
	}
	serial, h, _, err := readAt(it)
	c.to = mark{serial, h.time, h.before}
	return err
}

// removeBefore removes what is before a record, that was looked for when the newest serial was head. Behind it
// nothing is left if that record would be the next one.
func (s *Stream) removeBefore(st *store, to mark, head uint64, now int64, how *pebble.WriteOptions) error {
	if s.in != st || to.serial <= s.first || to.serial > head && s.head != head {
		return nil // trimmed or appended to since; the next sweep sees to it
	}
	b := st.db.NewBatch()
	defer b.Close()
	if err := b.DeleteRange(recordKey(s.id, s.first), recordKey(s.id, to.serial), nil); err != nil {
		return err
	}
	empty := to.serial > s.head
	if empty {
		m := s.metaOf(&s.extent, s.jump)
		m.emptied = now
		if err := b.Set(appendMetaKey(nil, s.name.app, s.name.channel), m.append(nil), nil); err != nil {
			return err
		}
	}
	if err := st.db.Apply(b, how); err != nil {
		return s.fail(st, nil, err)
	}
	n := 0
	for n < len(s.marks) && s.marks[n].serial < to.serial {
		n++
	}
	s.cut(n)
	if !empty && (len(s.marks) == 0 || s.marks[0].serial != to.serial) {
		s.marks = append([]mark{to}, s.marks...)
	}
	s.first = to.serial
	s.log.stats.trims.Add(1)
	if cause := st.fs.failed(); cause != nil {
		return errOff(cause)
	}
	return nil
}
