package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// StreamInfo describes a stream.
type StreamInfo struct {
	App, Channel   string
	Epoch          uint32 // the present one
	First, Head    uint64 // the oldest serial that is retained, or Head + 1; the newest that was given
	Records        uint64
	Bytes          int64     // of the payloads
	Oldest, Newest time.Time // of the records, zero if there are none
	Lineage        []Lineage
}

// Streams yields every stream, by app and channel, until yield returns false: those of one app, or of all if it is
// "", whose channel begins with prefix. What is appended meanwhile may be seen or not.
func (l *Log) Streams(ctx context.Context, app, prefix string, yield func(StreamInfo) bool) error {
	st := l.enter()
	if st == nil {
		return ErrOff
	}
	defer st.leave()
	lower, upper := []byte{kindMeta}, []byte{kindMeta + 1}
	if app != "" {
		lower = appendMetaKey(nil, app, prefix)
		upper = after(lower)
	}
	metas, err := st.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("walking the streams: %w", err)
	}
	defer metas.Close()
	records, err := st.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRecord}, UpperBound: []byte{kindRecord + 1}})
	if err != nil {
		return fmt.Errorf("walking the streams: %w", err)
	}
	defer records.Close()
	for ok := metas.First(); ok; ok = metas.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, m, err := metaAt(metas)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(n.channel, prefix) {
			continue
		}
		info, err := l.describe(st, records, n, &m)
		if err != nil {
			return err
		}
		if !yield(info) {
			return nil
		}
	}
	if err := metas.Error(); err != nil {
		return fmt.Errorf("walking the streams: %w", err)
	}
	return nil
}

// Info describes one stream, or returns ErrNoStream.
func (l *Log) Info(app, channel string) (info StreamInfo, err error) {
	found := false
	key := appendMetaKey(nil, app, channel)
	err = l.Streams(context.Background(), app, channel, func(i StreamInfo) bool {
		found = i.Channel == channel // the first with that prefix, if it is there
		info = i
		return false
	})
	if err == nil && (!found || !bytes.Equal(key, appendMetaKey(nil, info.App, info.Channel))) {
		return StreamInfo{}, fmt.Errorf("stream %s of app %s: %w", channel, app, ErrNoStream)
	}
	return info, err
}

// describe reads what Streams yields. records is over all records.
func (l *Log) describe(st *store, records *pebble.Iterator, n name, m *meta) (StreamInfo, error) {
	oldest, newest, size, err := ends(records, m.id)
	if err != nil {
		return StreamInfo{}, err
	}
	info := StreamInfo{App: n.app, Channel: n.channel, Epoch: st.epochs.Load().now, Head: m.head, First: m.head + 1, Lineage: m.line}
	if oldest.serial == 0 {
		return info, nil
	}
	info.Head = newest.serial
	kept := uint64(l.opt.Retention(n.app, n.channel).Messages)
	if first := m.line.next(m.line.newest(info.Head, kept)); first > info.Head {
		info.First = info.Head + 1
		return info, nil
	} else if first > oldest.serial {
		// More is on the disk than counts, until the next trim.
		if oldest, err = seekRecord(records, m.id, first); err != nil {
			return StreamInfo{}, err
		}
	}
	info.First = oldest.serial
	info.Records = m.line.count(oldest.serial-1, info.Head)
	info.Bytes = int64(newest.before + size - oldest.before)
	info.Oldest, info.Newest = time.UnixMilli(oldest.time), time.UnixMilli(newest.time)
	return info, nil
}

// seekRecord reads the record with a serial, or the first behind it.
func seekRecord(records *pebble.Iterator, id, serial uint64) (mark, error) {
	if !records.SeekGE(recordKey(id, serial)) {
		return mark{}, errors.Join(records.Error(), fmt.Errorf("record %d of stream %d is missing: %w", serial, id, ErrCorrupt))
	}
	stream, _, err := parseRecordKey(records.Key())
	if err == nil && stream != id {
		err = fmt.Errorf("record %d of stream %d is missing: %w", serial, id, ErrCorrupt)
	}
	if err != nil {
		return mark{}, err
	}
	serial, h, _, err := readAt(records)
	return mark{serial, h.time, h.before}, err
}

// Truncate removes the records of a stream with serial <= upto. Positions and the head stay what they are.
func (l *Log) Truncate(app, channel string, upto uint64) error {
	if l.opt.ReadOnly {
		return ErrReadOnly
	}
	s, err := l.Stream(app, channel)
	if err != nil {
		return err
	}
	defer s.Release()
	return s.truncate(upto, l.opt.Now())
}

// Compact gives back what removed records still take on the disk. It returns when that is done.
func (l *Log) Compact(ctx context.Context) error {
	if l.opt.ReadOnly {
		return ErrReadOnly
	}
	st := l.enter()
	if st == nil {
		return ErrOff
	}
	defer st.leave()
	if err := st.db.Compact(ctx, []byte{0}, []byte{0xFF}, false); err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	if cause := st.fs.failed(); cause != nil {
		return errOff(cause)
	}
	return nil
}
