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
	}{
		{"full", Process, full("")},
		{"full", Disk, full("")},
		{"full", Async, full("")},
		{"no write-ahead log is written", Process, full(".log")},
		{"no table is written", Process, full(".sst")},
		{"no manifest is written", Process, full("MANIFEST")},
		{"write-ahead log does not sync", Disk, broken(".log")},
		{"tables do not sync", Process, broken(".sst")},
		{"manifest does not sync", Process, broken("MANIFEST")},
		{"directory does not sync", Process, broken("log")},
	} {
		t.Run(c.what+" "+c.d.String(), func(t *testing.T) { failAndHeal(t, c.d, c.fails) })
	}
}

func failAndHeal(t *testing.T, d Durability, fails func(errorfs.Op) error) {
	before := runtime.NumGoroutine()
	var disk badDisk
	var out lines
	opt := memory(disk.wrap(vfs.NewMem()))
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
