package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"resound/internal/invariants"
)

// Head is the newest serial that was given, in the present epoch: 0 when nothing was ever appended. It reports false
// while the log is off.
func (s *Stream) Head() (Position, bool) {
	st, err := s.enter()
	if err != nil {
		return Position{}, false
	}
	defer s.leave(st)
	return Position{Epoch: st.epochs.Load().now, Serial: s.head}, true
}

// Ready reports whether all that the log knows of the stream is in memory: the methods that tell of it then read nothing.
// It is false once after the log has come back. While the log is off there is nothing to read.
func (s *Stream) Ready() bool {
	st := s.log.cur.Load()
	return st == nil || s.loaded.Load() == st // not under mu, which is held while it is read
}

// Resume says what somebody lacks who has everything up to p, a position of this log. While the log is off, that
// cannot be proven.
func (s *Stream) Resume(p Position) Outcome {
	st, err := s.enter()
	if err != nil {
		return Outcome{Gap: Epoch, After: p.Serial}
	}
	defer s.leave(st)
	x := s.extent
	x.first = s.oldest()
	return st.epochs.Load().resume(&x, p)
}

// Newest is the serial behind which the n newest retained records lie: at most n, if there are fewer.
func (s *Stream) Newest(n int) uint64 {
	st, err := s.enter()
	if err != nil {
		return ^uint64(0) // nothing can be read
	}
	defer s.leave(st)
	if !s.known {
		return 0
	}
	return max(s.line.newest(s.head, uint64(max(n, 0))), s.oldest()-1)
}

// Count is how many serials were given in after < serial <= upto.
func (s *Stream) Count(after, upto uint64) uint64 {
	st, err := s.enter()
	if err != nil {
		return 0
	}
	defer s.leave(st)
	if !s.known {
		return 0
	}
	return s.line.count(after, min(upto, s.head))
}

// Since yields the records with after < serial <= upto, in order. It returns ErrGap, and yields nothing, when
// retention has taken some of them; a hole of the lineage is no gap. ErrOff says that the log is off. yield must not
// keep the payload, nor wait for long: the log does not close, and does not come back, while it is read.
func (s *Stream) Since(ctx context.Context, after, upto uint64, yield func(Record) bool) error {
	st, err := s.enter()
	if err != nil {
		return err
	}
	x, id := s.extent, s.id
	x.first = s.oldest()
	s.mu.Unlock()
	defer st.leave()
	upto = min(upto, x.head)
	if !x.known || after >= upto {
		return nil
	}
	want := x.line.next(after)
	if want < x.first && want <= upto {
		return ErrGap
	}
	next, err := st.since(ctx, &x, id, after, upto, yield)
	if err != nil {
		return s.wrap(err)
	}
	if next == 0 {
		return nil
	}
	// A record is missing. A trim since the lock was left takes the first of the range, and then others.
	s.mu.Lock()
	trimmed := s.in == st && next < s.first
	s.mu.Unlock()
	if trimmed && next == want {
		return ErrGap
	}
	return s.wrap(fmt.Errorf("record %d is missing: %w", next, ErrCorrupt))
}

// since yields the records of a range up to the first that is missing, which it returns; 0 if none is.
func (st *store) since(ctx context.Context, x *extent, id, after, upto uint64, yield func(Record) bool) (missing uint64, err error) {
	it, err := st.records(id, after, upto)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	want := x.line.next(after)
	// Of what is before the first entry, the holes have been forgotten.
	sure := x.line[0].prev()
	for ok := it.First(); ok; ok = it.Next() {
		serial, h, payload, err := readAt(it)
		if err != nil {
			return 0, err
		}
		if serial != want && want > sure {
			return want, nil
		}
		if !give(Record{Serial: serial, Time: time.UnixMilli(h.time), Except: h.except, Payload: payload}, yield) {
			return 0, nil
		}
		want = x.line.next(serial)
		if serial%64 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	if err := it.Error(); err != nil {
		return 0, fmt.Errorf("reading records: %w", err)
	}
	if want <= upto && want > sure {
		return want, nil
	}
	return 0, nil
}

// give yields a record. In test builds its payload is a copy, unusable after that.
func give(r Record, yield func(Record) bool) bool {
	if invariants.Enabled {
		r.Payload = slices.Clone(r.Payload)
		defer invariants.Scribble(r.Payload)
	}
	return yield(r)
}

// Last is the newest retained record, with a payload of the caller's own. It reports false when there is none.
func (s *Stream) Last() (r Record, found bool, err error) {
	st, err := s.enter()
	if err != nil {
		return Record{}, false, err
	}
	known, head, first := s.known, s.head, s.oldest()
	s.mu.Unlock()
	defer st.leave()
	if !known || head < first {
		return Record{}, false, nil
	}
	err = s.Since(context.Background(), head-1, head, func(got Record) bool {
		r, found = got, true
		r.Payload = slices.Clone(got.Payload)
		return false
	})
	if errors.Is(err, ErrGap) {
		err = nil // taken since
	}
	return r, found, err
}

func errOff(cause error) error { return fmt.Errorf("%w: %w", ErrOff, cause) }
