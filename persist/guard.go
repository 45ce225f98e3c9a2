package persist

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A guard is the file system of one instance of Pebble. It knows three things that Pebble does not.
//
// Without fsync of the write-ahead log (durability async and process) the log's files are written and not synced;
// all others are, as always.
//
// At the first write that fails it freezes: that write and all later ones go nowhere, and succeed. What is on the
// disk from then on is what a crash at that moment would have left. Pebble must not see the error: it would panic
// with its locks held (a write-ahead log that cannot be written or made), call Fatalf and go on in an undefined
// state (the manifest), or try again at once and for ever while writers wait (a flush).
//
// For reading only it refuses to write.
type guard struct {
	vfs.FS
	noSync   bool
	readOnly bool

	frozen atomic.Bool

	mu      sync.Mutex  // guards cause and watcher
	cause   error       // why it froze
	watcher func(error) // told once, on any goroutine, with locks of Pebble held
}

// fail freezes the disk. The caller has just seen err, and now pretends that it has not.
func (g *guard) fail(op, name string, err error) {
	g.mu.Lock()
	if g.cause != nil {
		g.mu.Unlock()
		return
	}
	g.cause = fmt.Errorf("%s %s: %w", op, g.PathBase(name), err)
	g.frozen.Store(true)
	watcher := g.watcher
	g.mu.Unlock()
	if watcher != nil {
		watcher(g.cause)
	}
}

// watch has tell called when the disk freezes, or now if it did.
func (g *guard) watch(tell func(error)) {
	g.mu.Lock()
	g.watcher = tell
	cause := g.cause
	g.mu.Unlock()
	if cause != nil {
		tell(cause)
	}
}

// failed is why the disk froze, or nil.
func (g *guard) failed() error {
	if !g.frozen.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cause
}

func isWAL(name string) bool { return strings.HasSuffix(name, ".log") }

// create runs an operation that makes a file for writing.
func (g *guard) create(op, name string, do func() (vfs.File, error)) (vfs.File, error) {
	if g.readOnly {
		return nil, ErrReadOnly
	}
	if g.frozen.Load() {
		return &nowhere{name: g.PathBase(name)}, nil
	}
	f, err := do()
	if err != nil {
		g.fail(op, name, err)
		return &nowhere{name: g.PathBase(name)}, nil
	}
	return &guarded{File: f, g: g, name: name, noSync: g.noSync && isWAL(name)}, nil
}

// change runs an operation that changes a directory.
func (g *guard) change(op, name string, do func() error) error {
	if g.readOnly {
		return ErrReadOnly
	}
	if !g.frozen.Load() {
		if err := do(); err != nil {
			g.fail(op, name, err)
		}
	}
	return nil
}

// Create implements vfs.FS. A marker names another file, which has to be in the directory before the marker is:
// Pebble syncs the directory only behind both.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") && !g.readOnly {
		if err := syncDir(g, g.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return g.create("creating", name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.create("opening", name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create("reusing", newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
}

// OpenDir implements vfs.FS.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guarded{File: f, g: g, name: name}, nil
}

// Link implements vfs.FS.
func (g *guard) Link(oldname, newname string) error {
	return g.change("linking", newname, func() error { return g.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (g *guard) Rename(oldname, newname string) error {
	return g.change("renaming", newname, func() error { return g.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.change("making", dir, func() error { return g.FS.MkdirAll(dir, perm) })
}

// Remove implements vfs.FS. A file that cannot be removed does no harm but to the room on the disk.
func (g *guard) Remove(name string) error { return g.remove(name, g.FS.Remove) }

// RemoveAll implements vfs.FS.
func (g *guard) RemoveAll(name string) error { return g.remove(name, g.FS.RemoveAll) }

func (g *guard) remove(name string, do func(string) error) error {
	if g.readOnly {
		return ErrReadOnly
	}
	if g.frozen.Load() {
		return nil
	}
	return do(name)
}

// Lock implements vfs.FS. Without the lock file nobody runs the log, and for reading only none is made.
func (g *guard) Lock(name string) (io.Closer, error) {
	if g.readOnly {
		if _, err := g.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return &nowhere{}, nil
		}
	}
	return g.FS.Lock(name)
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guarded is a file, or a directory, that is written through a guard.
type guarded struct {
	vfs.File
	g      *guard
	name   string
	noSync bool
}

// done is what Pebble gets to see of an error.
func (f *guarded) done(op string, err error) error {
	if err != nil {
		f.g.fail(op, f.name, err)
	}
	return nil
}

// Write implements vfs.File.
func (f *guarded) Write(p []byte) (int, error) {
	if f.g.frozen.Load() {
		return len(p), nil
	}
	_, err := f.File.Write(p)
	return len(p), f.done("writing", err)
}

// WriteAt implements vfs.File.
func (f *guarded) WriteAt(p []byte, off int64) (int, error) {
	if f.g.frozen.Load() {
		return len(p), nil
	}
	_, err := f.File.WriteAt(p, off)
	return len(p), f.done("writing", err)
}

// Preallocate implements vfs.File. Whether it succeeds does not matter, and Pebble does not look.
func (f *guarded) Preallocate(off, length int64) error {
	if f.g.frozen.Load() {
		return nil
	}
	return f.File.Preallocate(off, length)
}

// Sync implements vfs.File.
func (f *guarded) Sync() error {
	if f.noSync || f.g.frozen.Load() {
		return nil
	}
	return f.done("syncing", f.File.Sync())
}

// SyncData implements vfs.File.
func (f *guarded) SyncData() error {
	if f.noSync || f.g.frozen.Load() {
		return nil
	}
	return f.done("syncing", f.File.SyncData())
}

// SyncTo implements vfs.File.
func (f *guarded) SyncTo(length int64) (bool, error) {
	if f.noSync || f.g.frozen.Load() {
		return false, nil
	}
	full, err := f.File.SyncTo(length)
	return full, f.done("syncing", err)
}

// Close implements vfs.File.
func (f *guarded) Close() error { return f.done("closing", f.File.Close()) }

// nowhere is a file of a frozen disk.
type nowhere struct {
	name string
	size int64
}

var _ vfs.File = (*nowhere)(nil)

func (*nowhere) Close() error                             { return nil }
func (*nowhere) Read([]byte) (int, error)                 { return 0, io.EOF }
func (*nowhere) ReadAt([]byte, int64) (int, error)        { return 0, io.EOF }
func (f *nowhere) Write(p []byte) (int, error)            { f.size += int64(len(p)); return len(p), nil }
func (f *nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (*nowhere) Preallocate(int64, int64) error           { return nil }
func (*nowhere) Sync() error                              { return nil }
func (*nowhere) SyncTo(int64) (bool, error)               { return false, nil }
func (*nowhere) SyncData() error                          { return nil }
func (*nowhere) Prefetch(int64, int64) error              { return nil }
func (*nowhere) Fd() uintptr                              { return vfs.InvalidFd }
func (f *nowhere) Stat() (vfs.FileInfo, error)            { return nowhereInfo{f}, nil }

type nowhereInfo struct{ f *nowhere }

func (i nowhereInfo) Name() string         { return i.f.name }
func (i nowhereInfo) Size() int64          { return i.f.size }
func (nowhereInfo) Mode() fs.FileMode      { return 0o600 }
func (nowhereInfo) ModTime() time.Time     { return time.Time{} }
func (nowhereInfo) IsDir() bool            { return false }
func (nowhereInfo) Sys() any               { return nil }
func (nowhereInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
