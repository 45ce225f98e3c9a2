package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Log is the log of one directory. Its methods may be called by any goroutine.
type Log struct {
	opt   Options
	log   *slog.Logger
	id    LogID
	lock  *pebble.Lock
	stats counters

	// cur is nil while the log is off. A store that fails takes itself out.
	cur  atomic.Pointer[store]
	fail chan struct{} // has room for one; tells Run that the log went off
	stop chan struct{} // closed by Close

	life   sync.Mutex // guards last, closed, lent, lock and the state file
	last   *store     // the newest store, failed or not
	state  state      // what the state file holds, if the last write succeeded
	closed bool
	lent   bool // another process may have the directory

	mu      sync.Mutex // guards streams and Stream.refs
	streams map[name]*Stream

	sweep sync.Mutex // one sweep at a time
}

// Open opens the log in a directory, or makes one. With ErrLocked, ErrForeign or ErrVersion it has changed nothing
// there; ErrCorrupt says that the directory has to be moved away by somebody.
func Open(opt Options) (*Log, error) {
	opt.setDefaults()
	l := &Log{
		opt: opt, log: opt.Log, streams: map[name]*Stream{},
		fail: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w", opt.Dir, err)
	}
	return l, nil
}

func (l *Log) open() error {
	// Before the lock, which may make a file.
	_, found, err := readState(l.opt.FS, l.opt.Dir)
	if err != nil {
		return err
	}
	if l.opt.ReadOnly && !found {
		return fmt.Errorf("there is no %s: %w", stateFile, fs.ErrNotExist)
	}
	if !l.opt.ReadOnly {
		if err := makeDir(l.opt.FS, l.opt.Dir); err != nil {
			return fmt.Errorf("making the directory: %w", err)
		}
	}
	guarded := &guard{FS: l.opt.FS, readOnly: l.opt.ReadOnly}
	if l.lock, err = pebble.LockDirectory(l.opt.Dir, guarded); err != nil {
		return fmt.Errorf("%w: stop it, or choose another directory (%w)", ErrLocked, err)
	}
	// Again, now that nobody else writes.
	s, found, err := readState(l.opt.FS, l.opt.Dir)
	if err == nil && !found {
		s = newState(l.opt.Now())
		err = writeState(l.opt.FS, l.opt.Dir, &s)
	}
	if err == nil {
		l.id = s.id
		var st *store
		if st, s, err = l.openStore(s, s.clean || l.intact()); err == nil {
			l.publish(st, s)
			return nil
		}
	}
	return errors.Join(err, l.lock.Close())
}

// publish turns the log on.
func (l *Log) publish(st *store, s state) {
	l.last, l.state = st, s
	l.cur.Store(st)
	st.fs.watch(st.failed)
}

// ID names the log. It stays the same as long as the directory does.
func (l *Log) ID() LogID { return l.id }

// enter returns the present store with a reference, or nil while the log is off.
func (l *Log) enter() *store {
	if st := l.cur.Load(); st != nil && st.enter() {
		return st
	}
	return nil
}

// Close stops the log: what was appended is on the disk, and the next Open knows that nothing is missing. It waits
// for calls that are under way. A second Close does nothing. If the disk fails, or the log is off, it says so.
func (l *Log) Close() error {
	l.life.Lock()
	defer l.life.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.stop)
	if l.lent {
		return nil
	}
	st := l.last
	l.cur.Store(nil)
	err := st.close(func() error { return l.finish(st) })
	err = errors.Join(err, l.lock.Close())
	if err != nil {
		return fmt.Errorf("closing the log in %s: %w", l.opt.Dir, err)
	}
	return nil
}

// finish brings everything to the disk and then writes the state file. After the flush Pebble has nothing left to
// write, so a process that is killed behind the state file had closed its log all the same.
func (l *Log) finish(st *store) error {
	if l.opt.ReadOnly {
		return nil
	}
	s := l.state
	s.stamp, s.clean = newStamp(), true
	if err := st.setStamp(l.state.stamp, s.stamp); err != nil {
		return err
	}
	if err := st.db.Flush(); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	return writeState(st.fs, l.opt.Dir, &s)
}
