package persist

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// name is what the log calls a stream by.
type name struct{ app, channel string }

// Stream is the one shared handle of a channel's stream, which keeps what an append needs in memory: 200 bytes and
// the names, and 24 bytes for each mark: at most 60 or so for a busy stream.
type Stream struct {
	log  *Log
	name name
	refs int // guarded by Log.mu

	loaded atomic.Pointer[store] // in, for Ready

	mu sync.Mutex // guards all that follows
	in *store     // the store that it was read from. When that is not the present one, it has to be read again
	extent
	id    uint64
	jump  uint64 // epochs.jump as of the newest entry of the lineage
	bytes uint64 // payload that the stream ever got
	time  int64  // of the newest record, in milliseconds
	marks []mark // records of the stream, oldest first; the first is the oldest that is retained
	keep  Retention
}

// mark is a record, and what was before it. Trims go to marks, so that they need not read.
type mark struct {
	serial uint64
	time   int64  // milliseconds
	before uint64 // bytes of payload before it
}

// Stream returns the handle of a channel's stream, for Release when it is not needed any more. It may read the disk.
// It makes nothing: a stream comes to be with its first record.
func (l *Log) Stream(app, channel string) (*Stream, error) {
	s := l.handle(app, channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := l.enter()
	if st == nil {
		return s, nil // it is read once the log is back
	}
	defer st.leave()
	if err := s.load(st); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

func (l *Log) handle(app, channel string) *Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := name{app, channel}
	s := l.streams[n]
	if s == nil {
		s = &Stream{log: l, name: n}
		l.streams[n] = s
	}
	s.refs++
	return s
}

// Log names the log that the stream is in.
func (s *Stream) Log() LogID { return s.log.id }

// Release gives the handle back. The caller must not use it any more.
func (s *Stream) Release() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.refs--; s.refs == 0 {
		delete(s.log.streams, s.name)
	}
}

// enter returns the present store, with a reference, and the stream locked and loaded from it.
func (s *Stream) enter() (*store, error) {
	s.mu.Lock()
	st := s.log.enter()
	if st == nil {
		s.mu.Unlock()
		return nil, ErrOff
	}
	if s.in != st {
		if err := s.load(st); err != nil {
			st.leave()
			s.mu.Unlock()
			return nil, err
		}
	}
	return st, nil
}

// leave undoes enter.
func (s *Stream) leave(st *store) {
	s.mu.Unlock()
	st.leave()
}

// load reads what the log knows of the stream. The caller holds s.mu and a reference of st.
func (s *Stream) load(st *store) error {
	if s.in == st {
		return nil
	}
	m, found, err := st.meta(s.name)
	if err != nil {
		return s.wrap(err)
	}
	s.extent, s.id, s.jump, s.bytes, s.time, s.marks = extent{}, 0, 0, 0, 0, nil
	s.keep = s.log.opt.Retention(s.name.app, s.name.channel)
	if found {
		s.extent = extent{known: true, born: m.born, line: m.line, first: m.head + 1, head: m.head}
		s.id, s.jump, s.bytes, s.time = m.id, m.jump, m.bytes, m.time
		if err := s.loadRecords(st); err != nil {
			return s.wrap(err)
		}
	}
	s.in = st
	s.loaded.Store(st)
	return nil
}

func (s *Stream) wrap(err error) error {
	return fmt.Errorf("stream %s of app %s: %w", s.name.channel, s.name.app, err)
}

// meta reads what is known of a stream besides its records.
func (st *store) meta(n name) (m meta, found bool, err error) {
	value, done, err := st.db.Get(appendMetaKey(nil, n.app, n.channel))
	if errors.Is(err, pebble.ErrNotFound) {
		return meta{}, false, nil
	}
	if err != nil {
		return meta{}, false, fmt.Errorf("reading what is known of it: %w", err)
	}
	defer done.Close()
	m, err = parseMeta(value)
	return m, err == nil, err
}

// sampled is how many marks are set when a stream is read.
const sampled = 8

// loadRecords finds the ends of the stream, and sets some marks in between.
func (s *Stream) loadRecords(st *store) error {
	it, err := st.records(s.id, 0, ^uint64(0))
	if err != nil {
		return err
	}
	defer it.Close()
	last := s.line[len(s.line)-1].First
	if !it.Last() {
		if err := it.Error(); err != nil || s.head >= last {
			return err
		}
		return fmt.Errorf("record %d is missing: %w", last, ErrCorrupt)
	}
	newest, h, payload, err := readAt(it)
	if err != nil {
		return err
	}
	if newest < max(last, s.head) {
		return fmt.Errorf("record %d is missing, the newest is %d: %w", max(last, s.head), newest, ErrCorrupt)
	}
	s.head, s.time, s.bytes = newest, h.time, h.before+uint64(len(payload))
	for ok := it.First(); ok; {
		serial, h, _, err := readAt(it)
		if err != nil {
			return err
		}
		if len(s.marks) == 0 {
			s.first = serial
		}
		s.marks = append(s.marks, mark{serial, h.time, h.before})
		left := s.line.count(s.first-1, newest) * uint64(max(0, sampled-len(s.marks))) / sampled
		next := s.line.next(s.line.newest(newest, left))
		ok = left > 0 && serial < next && next < newest && it.SeekGE(recordKey(s.id, next))
	}
	return it.Error()
}

// records iterates over the records of a stream with after < serial <= upto.
func (st *store) records(id, after, upto uint64) (*pebble.Iterator, error) {
	upper := recordKey(id+1, 0)
	if upto != ^uint64(0) {
		upper = recordKey(id, upto+1)
	}
	it, err := st.db.NewIter(&pebble.IterOptions{LowerBound: recordKey(id, after+1), UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("reading records: %w", err)
	}
	return it, nil
}

// readAt takes the record apart at which it stands; payload is Pebble's and good until it moves.
func readAt(it *pebble.Iterator) (serial uint64, h header, payload []byte, err error) {
	_, serial, err = parseRecordKey(it.Key())
	if err != nil {
		return 0, header{}, nil, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return serial, header{}, nil, fmt.Errorf("reading record %d: %w", serial, err)
	}
	h, payload, err = parseRecord(value)
	return serial, h, payload, err
}
