package persist

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Break begins an epoch before which the log is not complete: something was, or will be, published that it is not
// given. Whoever comes back with a position from before is told of a gap. ErrOff says that the log is off; it
// comes back with such an epoch anyway.
func (l *Log) Break() error {
	done, err := l.advance(l.cur.Load(), func(s *state) { s.epochs = s.epochs.afterStop(false) })
	if err == nil && !done {
		return ErrOff
	}
	return err
}

// advance begins another epoch. It reports false when the store is not the present one.
func (l *Log) advance(st *store, change func(*state)) (bool, error) {
	// Close has life and waits for those who have the store, as the caller may.
	for !l.life.TryLock() {
		if st == nil || st.dead.Load() {
			return false, nil
		}
		time.Sleep(time.Millisecond)
	}
	defer l.life.Unlock()
	if l.closed || st == nil || l.cur.Load() != st {
		return false, nil
	}
	s := l.state
	change(&s)
	err := writeState(st.fs, l.opt.Dir, &s)
	if cause := st.fs.failed(); cause != nil {
		return false, errOff(cause)
	}
	if err != nil {
		return false, err
	}
	l.state = s
	st.epochs.Store(&s.epochs)
	return true, nil
}

// Pass notes in the log of a directory that a server is about to run without it: what is published now counts as
// missing. A directory without a log is left as it is.
func Pass(dir string) error {
	if _, found, err := readState(vfs.Default, dir); !found {
		if errors.Is(err, ErrForeign) {
			return nil
		}
		return err
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if err != nil {
		return fmt.Errorf("%s: %w: stop it, or choose another directory (%w)", dir, ErrLocked, err)
	}
	s, _, err := readState(vfs.Default, dir)
	if err == nil {
		s.epochs = s.epochs.afterStop(false)
		err = writeState(vfs.Default, dir, &s)
	}
	return errors.Join(err, lock.Close())
}
