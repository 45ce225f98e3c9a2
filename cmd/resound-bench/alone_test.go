package main

import (
	"path/filepath"
	"syscall"
	"testing"
)

// The lock of another user can be read and not written, and holds all the same.
func TestLockNeedsNoRightToWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := openLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close() //nolint:errcheck // a test's
	if err := syscall.Flock(int(first.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	second, err := openLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close() //nolint:errcheck // a test's
	if err := syscall.Flock(int(second.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
		t.Errorf("two have the lock: %v", err)
	}
	if _, err := second.Write([]byte("x")); err == nil {
		t.Error("it was opened to be written")
	}
}
