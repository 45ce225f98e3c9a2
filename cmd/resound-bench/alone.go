package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock is held until the process ends. A variable of its own, because a file
// that nobody refers to is closed by the garbage collector.
var lock *os.File

// openLock opens the file, which any user may have made: only its owner may write to it, and where it lies nobody else,
// root included, may open it as if to make it.
func openLock(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	}
	return f, err
}

// alone waits until no other resound-bench measures on this machine: two at once
// would measure each other.
func alone(ctx context.Context) error {
	path := filepath.Join(os.TempDir(), "resound-bench.lock")
	var err error
	if lock, err = openLock(path); err != nil {
		return err
	}
	for said := false; ; {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if err != syscall.EWOULDBLOCK {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !said {
			fmt.Fprintln(os.Stderr, "resound-bench: another run measures on this machine; waiting for its end")
			said = true
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
