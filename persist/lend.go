package persist

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNotLent is returned by Reclaim for a log that is not lent, and by Lend for one that is, or is closed.
var ErrNotLent = errors.New("the log is lent already, or was not")

// Flush returns when what was appended is written, as safely as the durability makes it.
func (l *Log) Flush() error {
	st := l.enter()
	if st == nil {
		return ErrOff
	}
	defer st.leave()
	return st.db.LogData(nil, syncWrite)
}

// Lend closes the log as Close does, so that another process can have it, and keeps the handles. Until Reclaim the log is off.
// With an error it is not lent; if it went off, it comes back by itself.
func (l *Log) Lend() error {
	l.life.Lock()
	defer l.life.Unlock()
	st := l.last
	switch {
	case l.closed || l.lent:
		return ErrNotLent
	case l.cur.Load() != st:
		return ErrOff
	}
	l.cur.Store(nil)
	if err := st.close(func() error { return l.finish(st) }); err != nil {
		l.retry()
		return fmt.Errorf("closing the log in %s: %w", l.opt.Dir, err)
	}
	l.lent = true
	return l.unlock()
}

// Reclaim opens a lent log again. What the other process has appended is part of it. With ErrLocked that process is still
// there, and the log stays lent; with any other error it tries to come back by itself.
func (l *Log) Reclaim() error {
	l.life.Lock()
	defer l.life.Unlock()
	if l.closed || !l.lent {
		return ErrNotLent
	}
	if err := l.relock(); err != nil {
		return err
	}
	l.lent = false
	err := l.openAgain(func(s state) bool { return s.clean || l.intact() })
	if err != nil {
		l.retry()
	}
	return err
}

// retry makes Run try to come back.
func (l *Log) retry() {
	select {
	case l.fail <- struct{}{}:
	default:
	}
}

// unlock lets another process have the directory. The caller holds life.
func (l *Log) unlock() error {
	lock := l.lock
	l.lock = nil
	return lock.Close()
}

// relock takes the directory. The caller holds life.
func (l *Log) relock() (err error) {
	if l.lock, err = pebble.LockDirectory(l.opt.Dir, &guard{FS: l.opt.FS}); err != nil {
		return fmt.Errorf("%s: %w (%w)", l.opt.Dir, ErrLocked, err)
	}
	return nil
}

// openAgain opens the directory, which is locked, once more. trusted is whether the run before missed nothing. The caller
// holds life.
func (l *Log) openAgain(trusted func(state) bool) error {
	s, found, err := readState(l.opt.FS, l.opt.Dir)
	if err == nil && !found {
		err = fmt.Errorf("there is no %s any more: %w", stateFile, ErrCorrupt)
	}
	if err == nil && s.id != l.id {
		err = fmt.Errorf("this is another log: %w", ErrForeign)
	}
	if err != nil {
		return err
	}
	st, s, err := l.openStore(s, trusted(s))
	if err != nil {
		return err
	}
	l.publish(st, s)
	return nil
}
