package persist

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Sweep looks at every stream once, as if it were now: it removes what the retention does not allow, exactly, and
// forgets streams that have had no records for Options.Metadata.
func (l *Log) Sweep(now time.Time) error {
	sweep := sweeper{log: l}
	for {
		if err := sweep.step(now, stepStreams); err != nil {
			return err
		}
		if sweep.next == nil {
			return nil
		}
	}
}

// purgeStreams is how many streams are forgotten at once, in one epoch.
const purgeStreams = 10_000

// sweeper walks through what is known of the streams.
type sweeper struct {
	log  *Log
	next []byte // the key to go on from; nil at the beginning and at the end
	old  []old  // streams to forget
}

// old is a stream that is to be forgotten.
type old struct {
	name name
	meta meta
}

// step looks at up to n streams.
func (w *sweeper) step(now time.Time, n int) error {
	l := w.log
	l.sweep.Lock()
	defer l.sweep.Unlock()
	st := l.enter()
	if st == nil {
		return ErrOff
	}
	defer st.leave()
	if l.opt.ReadOnly {
		return ErrReadOnly
	}
	due, err := w.look(st, now, n)
	if err != nil {
		w.next, w.old = nil, nil
		return err
	}
	for _, name := range due {
		s := l.handle(name.app, name.channel)
		err := s.trim(now)
		s.Release()
		if err != nil {
			return err
		}
	}
	if w.next == nil || len(w.old) >= purgeStreams {
		old := w.old
		w.old = nil
		return l.purge(st, old)
	}
	return nil
}

// look finds, of the next n streams, those that have to be trimmed or forgotten.
func (w *sweeper) look(st *store, now time.Time, n int) (due []name, err error) {
	if w.next == nil {
		w.next = []byte{kindMeta}
	}
	metas, err := st.db.NewIter(&pebble.IterOptions{LowerBound: w.next, UpperBound: []byte{kindMeta + 1}})
	if err != nil {
		return nil, fmt.Errorf("walking the streams: %w", err)
	}
	defer metas.Close()
	records, err := st.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRecord}, UpperBound: []byte{kindRecord + 1}})
	if err != nil {
		return nil, fmt.Errorf("walking the streams: %w", err)
	}
	defer records.Close()
	ok := metas.First()
	for ; ok && n > 0; ok, n = metas.Next(), n-1 {
		named, m, err := metaAt(metas)
		if err != nil {
			return nil, err
		}
		trim, empty, err := w.overdue(records, named, &m, millis(now))
		switch {
		case err != nil:
			return nil, err
		case trim:
			due = append(due, named)
		case empty && now.UnixMilli()-m.emptied > w.log.opt.Metadata.Milliseconds():
			w.old = append(w.old, old{named, m})
		}
	}
	if err := metas.Error(); err != nil {
		return nil, fmt.Errorf("walking the streams: %w", err)
	}
	w.next = nil
	if ok {
		w.next = append([]byte(nil), metas.Key()...)
	}
	return due, nil
}

// overdue says whether a stream has something to remove, and whether it has no records at all.
func (w *sweeper) overdue(records *pebble.Iterator, n name, m *meta, now int64) (trim, empty bool, err error) {
	oldest, newest, size, err := ends(records, m.id)
	if err != nil || oldest.serial == 0 {
		return false, err == nil, err
	}
	k := w.log.opt.Retention(n.app, n.channel)
	x := extent{known: true, line: m.line, first: oldest.serial, head: newest.serial}
	c := cutting{extent: x, bytes: newest.before + size, keep: k, now: now}
	return c.gone(oldest) || x.line.count(oldest.serial-1, newest.serial) > uint64(k.Messages), false, nil
}

// ends finds the oldest and the newest record of a stream, and the size of the newest; zero if there are none.
func ends(records *pebble.Iterator, id uint64) (oldest, newest mark, size uint64, err error) {
	read := func(ok bool) (m mark, size uint64, err error) {
		if !ok {
			return mark{}, 0, records.Error()
		}
		stream, _, err := parseRecordKey(records.Key())
		if err != nil || stream != id {
			return mark{}, 0, err
		}
		serial, h, payload, err := readAt(records)
		return mark{serial, h.time, h.before}, uint64(len(payload)), err
	}
	if oldest, _, err = read(records.SeekGE(recordKey(id, 0))); err == nil && oldest.serial != 0 {
		newest, size, err = read(records.SeekLT(recordKey(id+1, 0)))
	}
	return oldest, newest, size, err
}

// metaAt takes what an iterator over the streams stands on.
func metaAt(it *pebble.Iterator) (n name, m meta, err error) {
	if n.app, n.channel, err = parseMetaKey(it.Key()); err != nil {
		return n, m, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return n, m, fmt.Errorf("walking the streams: %w", err)
	}
	m, err = parseMeta(value)
	return n, m, err
}

// purge forgets streams. The epoch rises first, so that no position from before can be taken for one of a stream
// that gets the same name later.
func (l *Log) purge(st *store, streams []old) error {
	if len(streams) == 0 {
		return nil
	}
	if done, err := l.raise(st, streams); !done || err != nil {
		return err
	}
	for i := range streams {
		if err := l.forget(st, &streams[i]); err != nil {
			return err
		}
	}
	if err := st.db.LogData(nil, syncWrite); err != nil {
		return fmt.Errorf("forgetting streams: %w", err)
	}
	return nil
}

// raise begins the epoch of a purge. It reports false when the log is being closed or comes back just now: whoever
// does that waits for the store to be left.
func (l *Log) raise(st *store, streams []old) (bool, error) {
	return l.advance(st, func(s *state) {
		s.now++
		s.purged = s.now
		for i := range streams {
			s.floor = max(s.floor, streams[i].meta.head)
		}
	})
}

// forget removes what is known of a stream, unless it is in use again.
func (l *Log) forget(st *store, o *old) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[o.name] != nil {
		return nil
	}
	m, found, err := st.meta(o.name)
	if err != nil || !found || m.id != o.meta.id || m.emptied != o.meta.emptied {
		return err
	}
	it, err := st.records(m.id, 0, ^uint64(0))
	if err != nil {
		return err
	}
	used := it.First()
	if err := it.Close(); err != nil || used {
		return err
	}
	if err := st.db.Delete(appendMetaKey(nil, o.name.app, o.name.channel), queuedWrite); err != nil {
		return fmt.Errorf("forgetting a stream: %w", err)
	}
	l.stats.purged.Add(1)
	return nil
}
