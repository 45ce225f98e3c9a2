package persist

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// badDisk is a disk on which some operations fail, from when it is told to.
type badDisk struct {
	fails atomic.Pointer[func(errorfs.Op) error]
}

func (d *badDisk) wrap(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := d.fails.Load(); f != nil {
			return (*f)(op)
		}
		return nil
	}))
}

// halves is a disk of which half of the last write gets through before it is full.
type halves struct {
	vfs.FS
	disk *badDisk
}

func (h halves) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := h.FS.Create(name, c)
	return halfFile{f, name, h.disk}, err
}

func (h halves) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := h.FS.ReuseForWrite(oldname, newname, c)
	return halfFile{f, newname, h.disk}, err
}

type halfFile struct {
	vfs.File
	name string
	disk *badDisk
}

func (f halfFile) Write(p []byte) (int, error) {
	fails := f.disk.fails.Load()
	if fails == nil || (*fails)(errorfs.Op{Kind: errorfs.OpFileWrite, Path: f.name}) == nil {
		return f.File.Write(p)
	}
	n, _ := f.File.Write(p[:len(p)/2])
	return n, syscall.ENOSPC
}

func (d *badDisk) breaks(f func(errorfs.Op) error) { d.fails.Store(&f) }
func (d *badDisk) heals()                          { d.fails.Store(nil) }

// takesRoom are the operations that a full disk refuses.
func takesRoom(k errorfs.OpKind) bool {
	switch k {
	case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpReuseForWrite, errorfs.OpRename, errorfs.OpFilePreallocate:
		return true
	}
	return false
}

// full is a full disk for the files of which a name has that part.
func full(part string) func(errorfs.Op) error {
	return func(op errorfs.Op) error {
		if takesRoom(op.Kind) && strings.Contains(path.Base(op.Path), part) {
			return fmt.Errorf("%s: %w", op.Path, syscall.ENOSPC)
		}
		return nil
	}
}

// broken is a disk on which syncing fails for the files of which a name has that part.
func broken(part string) func(errorfs.Op) error {
	return func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if strings.Contains(path.Base(op.Path), part) {
				return fmt.Errorf("%s: %w", op.Path, syscall.EIO)
			}
		}
		return nil
	}
}

// running opens a log and runs it until the test ends or stop is called.
func running(t testing.TB, opt Options) (l *Log, stop func()) {
	t.Helper()
	l = mustOpen(t, opt)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return l, stop
}

// TestFailingDisk breaks the disk in many ways under eight publishers, and heals it.
func TestFailingDisk(t *testing.T) {
	for _, c := range []struct {
		what  string
		d     Durability
		fails func(errorfs.Op) error
		half  bool // a part of the write that fails gets through
	}{
		{"full", Process, full(""), false},
		{"full", Disk, full(""), false},
		{"full", Async, full(""), false},
		{"no write-ahead log is written", Process, full(".log"), false},
		{"no table is written", Process, full(".sst"), false},
		{"no manifest is written", Process, full("MANIFEST"), false},
		{"write-ahead log does not sync", Disk, broken(".log"), false},
		{"tables do not sync", Process, broken(".sst"), false},
		{"manifest does not sync", Process, broken("MANIFEST"), false},
		{"directory does not sync", Process, broken("log"), false},
		{"full in the middle of a write", Process, full(""), true},
		{"full in the middle of a write", Disk, full(".log"), true},
	} {
		t.Run(c.what+" "+c.d.String(), func(t *testing.T) { failAndHeal(t, c.d, c.fails, c.half) })
	}
}

func failAndHeal(t *testing.T, d Durability, fails func(errorfs.Op) error, half bool) {
	before := runtime.NumGoroutine()
	var disk badDisk
	var out lines
	opt := memory(disk.wrap(vfs.NewMem()))
	if half {
		opt.FS = halves{vfs.NewMem(), &disk}
	}
	opt.Durability, opt.Log = d, out.logger()
	l, stop := running(t, opt)
	w := newPublishers(t, l, 8)
	w.start()
	eventually(t, "publishing", func() bool { return l.Stats().Appends > 100 })
	disk.breaks(fails)
	eventually(t, "the log going off", func() bool {
		if st := l.enter(); st != nil { // what happens by itself every few seconds
			_, _ = st.db.AsyncFlush()
			st.leave()
		}
		return l.Stats().Off
	})
	eventually(t, "publishers seeing it", func() bool { return w.refused.Load() > 100 })
	eventually(t, "a line about it", func() bool { return out.count("level=ERROR") == 1 })
	disk.heals()
	eventually(t, "the log coming back", func() bool { return !l.Stats().Off })
	n := l.Stats().Appends
	eventually(t, "publishing again", func() bool { return l.Stats().Appends > n+100 })
	w.stop()
	w.check(l, true)
	if s := l.Stats(); s.Failures != 1 || s.Recoveries != 1 {
		t.Errorf("%+v", s)
	}
	stop()
	if e, w := out.count("level=ERROR"), out.count("level=WARN"); e != 1 || w != 1 {
		t.Errorf("%d errors and %d warnings, want one of each", e, w)
	}
	w.release()
	mustClose(t, l)
	eventually(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })

	l = mustOpen(t, opt)
	w.check(l, true)
	mustClose(t, l)
}

// publishers append to a stream of their own each, and know what was acknowledged.
type publishers struct {
	t       *testing.T
	streams []*Stream
	acked   []map[Position]string
	first   []Position // where each was when it began
	refused atomic.Int64
	done    atomic.Bool
	wg      sync.WaitGroup
}

func newPublishers(t *testing.T, l *Log, n int) *publishers {
	w := &publishers{t: t}
	for i := range n {
		s, err := l.Stream("app", fmt.Sprint("channel-", i))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := s.Head()
		w.streams, w.acked, w.first = append(w.streams, s), append(w.acked, map[Position]string{}), append(w.first, p)
	}
	return w
}

func (w *publishers) start() {
	for i, s := range w.streams {
		w.wg.Go(func() {
			for n := 0; !w.done.Load(); n++ {
				payload := fmt.Sprintf("%d/%d/%0100d", i, n, n)
				p, c, err := s.Append([2]uint32{}, []byte(payload))
				if err == nil {
					err = c.Wait()
				}
				switch {
				case err == nil:
					w.acked[i][p] = payload
				case errors.Is(err, ErrOff):
					w.refused.Add(1)
					runtime.Gosched()
				default:
					w.t.Error(err)
					return
				}
			}
		})
	}
}

func (w *publishers) stop() { w.done.Store(true); w.wg.Wait() }

func (w *publishers) release() {
	for _, s := range w.streams {
		s.Release()
	}
}

// check looks for everything that was acknowledged: once, in order. Where the log went off and came back, positions
// from before are told of a gap.
func (w *publishers) check(l *Log, failed bool) {
	w.t.Helper()
	for i := range w.streams {
		s := mustStream(w.t, l, fmt.Sprint("channel-", i))
		got := map[uint64]string{}
		last := uint64(0)
		err := s.Since(context.Background(), 0, 1<<62, func(r Record) bool {
			if r.Serial <= last {
				w.t.Errorf("record %d behind %d", r.Serial, last)
			}
			last = r.Serial
			got[r.Serial] = string(r.Payload)
			return true
		})
		if err != nil {
			w.t.Fatal(err)
		}
		lost := 0
		for p, payload := range w.acked[i] {
			if got[p.Serial] != payload {
				lost++
			}
		}
		gap := s.Resume(w.first[i]).Gap
		if lost > 0 && (gap != Epoch || s.log.opt.Durability != Async) {
			w.t.Errorf("channel %d: %d of %d acknowledged records are lost, and the gap is %v", i, lost, len(w.acked[i]), gap)
		}
		if failed && gap != Epoch {
			w.t.Errorf("channel %d: %+v resumes with gap %v", i, w.first[i], gap)
		}
	}
}

// TestComesBackWithRoomOnly pins that a log on a full disk does not come back with the first free block, to fail again.
func TestComesBackWithRoomOnly(t *testing.T) {
	fs := vfs.NewMem()
	var disk badDisk
	l := mustOpen(t, memory(disk.wrap(fs)))
	s := mustStream(t, l, "x")
	put(t, s, "a")
	disk.breaks(full(""))
	_, c, err := s.Append([2]uint32{}, nil)
	if err == nil {
		err = c.Wait()
	}
	wantErr(t, err, ErrOff)
	wantErr(t, err, syscall.ENOSPC)
	disk.heals()
	fs.TestingSetDiskUsage(vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: freeBytes - 1})
	if err := l.reopen(); err == nil || !l.Stats().Off {
		t.Errorf("it came back to a full disk: %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: freeBytes})
	if err := l.reopen(); err != nil || l.Stats().Off {
		t.Errorf("it did not come back: %v", err)
	}
	if o := s.Resume(Position{1, 1}); o.Gap != Epoch {
		t.Errorf("%+v", o)
	}
	if p := put(t, s, "b"); p.Epoch != 2 || p.Serial != jumpIncomplete+2 && p.Serial != jumpIncomplete+3 {
		t.Errorf("%+v", p)
	}
}

// TestFailAtEveryWrite breaks the disk for good at one write after the other of a log's life, from its making to its
// end. There must be no panic and no wait without end, and what was acknowledged is there when the disk is back.
func TestFailAtEveryWrite(t *testing.T) {
	writes := failAt(t, -1)
	if writes < 50 {
		t.Fatalf("only %d writes", writes)
	}
	step := 1
	if testing.Short() { // races are between goroutines, and those are the same at each write
		step = 5
	}
	for n := 0; n < writes; n += step {
		failAt(t, n)
	}
}

// failAt lives a log's life with a disk that breaks at a write, and returns how many writes there were.
func failAt(t *testing.T, broken int) int {
	var n atomic.Int64
	var disk badDisk
	memory := memory(vfs.NewMem())
	opt := memory
	opt.FS, opt.Retention, opt.Metadata = disk.wrap(memory.FS), keep(Retention{Messages: 50}), 1
	disk.breaks(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock && op.Kind != errorfs.OpFileClose &&
			n.Add(1) > int64(broken) && broken >= 0 {
			return fmt.Errorf("write %d: %w", broken, syscall.EIO)
		}
		return nil
	})
	acked := uint64(0)
	if l, err := Open(opt); err == nil {
		acked = live(t, l)
		if err := l.Close(); (err == nil) != (broken < 0) {
			// The last writes of all remove files that are not needed any more.
			if err != nil || n.Load() < int64(broken) {
				t.Errorf("write %d: Close says %v", broken, err)
			}
		}
	}
	l := mustOpen(t, memory)
	s := mustStream(t, l, "x")
	head, _ := s.Head()
	if head.Serial < acked {
		t.Errorf("write %d: the head is %d, of %d acknowledged", broken, head.Serial, acked)
	}
	if acked > 0 {
		if r, found, err := s.Last(); !found || err != nil || string(r.Payload) != fmt.Sprint(r.Serial) {
			t.Errorf("write %d: %+v, %v, %v", broken, r, found, err)
		}
	}
	put(t, s, "again")
	mustClose(t, l)
	return int(n.Load())
}

// live does all that a log does, and returns the newest acknowledged serial.
func live(t *testing.T, l *Log) (acked uint64) {
	s, err := l.Stream("app", "x")
	if err != nil {
		return 0
	}
	defer s.Release()
	gone, _ := l.Stream("app", "gone")
	for i := range 200 {
		p, c, err := s.Append([2]uint32{}, []byte(fmt.Sprint(i+1)))
		if err == nil {
			err = c.Wait()
		}
		if err == nil {
			acked = p.Serial
		} else if !errors.Is(err, ErrOff) {
			t.Error(err)
		}
		if i == 20 && gone != nil {
			if _, c, err := gone.Append([2]uint32{}, nil); err == nil {
				_ = c.Wait()
			}
			gone.Release()
			_ = l.Truncate("app", "gone", 1)
		}
		if st := l.enter(); i%50 == 30 && st != nil {
			_ = st.db.Flush()
			st.leave()
		} else if st != nil {
			st.leave()
		}
		if i == 100 {
			_ = l.Sweep(l.opt.Now().AddDate(0, 0, 1))
		}
		if i == 150 {
			_ = l.Compact(context.Background())
		}
	}
	return acked
}
