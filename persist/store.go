package persist

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// What Pebble may use. In memory at most memTables × memTableSize and the cache; on the disk, besides what is
// stored, as many write-ahead logs that wait to be used again.
const (
	memTableSize  = 16 << 20
	memTables     = 8 // above this, appends wait for the disk
	cacheSize     = 16 << 20
	maxOpenFiles  = 512
	flushDeletes  = time.Minute // what was removed gives the disk back after this, even if nothing else is written
	formatVersion = pebble.FormatTableFormatV6
)

var (
	syncWrite   = &pebble.WriteOptions{Sync: true}
	queuedWrite = &pebble.WriteOptions{Sync: false}
)

// store is one opened instance of Pebble, from an Open to a Close or a failure of the disk. A Log has one at a time.
type store struct {
	db     *pebble.DB
	fs     *guard
	log    *Log
	run    uint32
	epochs atomic.Pointer[epochs]
	ids    atomic.Uint32 // numbers of streams that this run has given

	written atomic.Uint64 // counters.appends as of the last writeQueued

	// Who uses the store holds a reference. Nobody gets one once it is dead.
	refs    atomic.Int64
	dead    atomic.Bool
	drained chan struct{} // has room for one

	mu   sync.Mutex    // guards closing
	gone chan struct{} // closed with the instance
}

// enter takes a reference, and reports false when the store is dead.
func (st *store) enter() bool {
	st.refs.Add(1)
	if st.dead.Load() {
		st.leave()
		return false
	}
	return true
}

func (st *store) leave() {
	if st.refs.Add(-1) == 0 && st.dead.Load() {
		select {
		case st.drained <- struct{}{}:
		default:
		}
	}
}

// close ends the instance, once everybody has left it. before runs in between, unless the instance is closed already.
func (st *store) close(before func() error) error {
	st.dead.Store(true)
	st.mu.Lock()
	defer st.mu.Unlock()
	select {
	case <-st.gone:
		return st.fs.failed()
	default:
	}
	for st.refs.Load() != 0 {
		<-st.drained
	}
	var err error
	if before != nil {
		err = before()
	}
	err = errors.Join(err, st.db.Close())
	close(st.gone)
	if cause := st.fs.failed(); cause != nil {
		return cause // what Pebble says of a disk that forgets is of no interest
	}
	return err
}

// newID is the number of a new stream. No other has it, in any run.
func (st *store) newID() uint64 { return uint64(st.run)<<32 | uint64(st.ids.Add(1)) }

// openStore opens Pebble in the directory of s, which is locked, and begins a run.
func (l *Log) openStore(s state, trusted bool) (*store, state, error) {
	st := &store{log: l, drained: make(chan struct{}, 1), gone: make(chan struct{})}
	st.fs = &guard{FS: l.opt.FS, noSync: l.opt.Durability != Disk, readOnly: l.opt.ReadOnly}
	whole, err := st.fs.checkManifest(l.opt.Dir, s.stamp != 0)
	if err == nil && !whole && s.clean {
		err = fmt.Errorf("the list of Pebble's files ends in garbage: %w", ErrCorrupt)
	}
	if err == nil {
		var mended bool
		st.db, mended, err = l.openPebble(st.fs, !s.clean, !trusted || !s.survives(l.opt.Boot))
		trusted = trusted && whole && !mended
	}
	if err != nil {
		return nil, s, err
	}
	if cause := st.fs.failed(); cause != nil {
		err = cause
	} else if l.opt.ReadOnly {
		err = st.checkStamp(&s)
	} else {
		s, err = st.begin(s, trusted)
	}
	if err != nil {
		return nil, s, errors.Join(err, st.db.Close())
	}
	st.run = s.run
	st.epochs.Store(&s.epochs)
	return st, s, nil
}

// begin makes the state of this run, ties it to Pebble's files and writes it.
func (st *store) begin(s state, trusted bool) (state, error) {
	if err := st.checkStamp(&s); errors.Is(err, ErrCorrupt) {
		if s.clean {
			st.log.log.Warn("the log's files are not those that were closed, so what came back may lack records", "error", err)
		}
		trusted = false
	} else if err != nil {
		return s, err
	}
	o := &st.log.opt
	next := s.started(o.Durability, o.Boot, trusted)
	err := st.setStamp(s.stamp, next.stamp)
	if err == nil {
		err = writeState(st.fs, o.Dir, &next)
	}
	if err == nil {
		err = markIntact(st.fs, o.Dir)
	}
	if cause := st.fs.failed(); cause != nil {
		err = cause
	}
	return next, err
}

// setStamp writes a stamp into Pebble, before the state file gets it. A crash between the two leaves the previous
// one in the file.
func (st *store) setStamp(previous, stamp uint64) error {
	value := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, previous), stamp)
	if err := st.db.Set(stampKey, value, pebble.Sync); err != nil {
		return fmt.Errorf("writing the stamp: %w", err)
	}
	return nil
}

// checkStamp returns ErrCorrupt when Pebble's files and the state file do not belong together.
func (st *store) checkStamp(s *state) error {
	if s.stamp == 0 {
		return nil
	}
	value, done, err := st.db.Get(stampKey)
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("reading the stamp: %w", err)
	}
	var stamps [2]uint64
	if err == nil {
		if len(value) == 16 {
			stamps = [2]uint64{binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])}
		}
		_ = done.Close()
	}
	if s.stamp != stamps[0] && s.stamp != stamps[1] {
		return fmt.Errorf("stamp %016x, of %016x: %w", s.stamp, stamps, ErrCorrupt)
	}
	return nil
}

// pebbleOptions are the options of an instance over a file system.
func (l *Log) pebbleOptions(fsys *guard) *pebble.Options {
	o := &pebble.Options{
		FS:                          fsys,
		Lock:                        l.lock,
		ReadOnly:                    l.opt.ReadOnly,
		FormatMajorVersion:          formatVersion,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
		L0StopWritesThreshold:       1000, // an append never waits for a compaction
		CacheSize:                   cacheSize,
		MaxOpenFiles:                maxOpenFiles,
		FlushDelayDeleteRange:       flushDeletes,
		Logger:                      pebbleLog{l.log, fsys},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { l.backgroundError(fsys, err) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				l.backgroundError(fsys, fmt.Errorf("%s: %w", info.Path, info.Details))
			},
		},
	}
	// What is read is read once, by somebody who was away: no reason to rewrite it.
	o.Experimental.ReadSamplingMultiplier = -1
	return o
}

// backgroundError counts what Pebble could not do on its own account, and logs the first of it in a row.
func (l *Log) backgroundError(fsys *guard, err error) {
	if fsys.frozen.Load() {
		return // it is about to be closed
	}
	if n := l.stats.backgroundErrors.Add(1); n&(n-1) == 0 {
		l.log.Error("the log's files cannot be tidied up", "error", err, "times", n)
	}
}

// pebbleLog keeps Pebble quiet. What it calls fatal turns the log off, and ends nothing else.
type pebbleLog struct {
	log  *slog.Logger
	fsys *guard
}

func (p pebbleLog) Infof(format string, args ...any)  { p.debug(format, args) }
func (p pebbleLog) Errorf(format string, args ...any) { p.debug(format, args) }

func (p pebbleLog) Fatalf(format string, args ...any) {
	p.debug(format, args)
	p.fsys.fail("running", "pebble", fmt.Errorf(format, args...))
}

func (p pebbleLog) debug(format string, args []any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

var _ vfs.FS = (*guard)(nil)
