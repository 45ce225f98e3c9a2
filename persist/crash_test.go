package persist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// history is what publishers know of their streams, all the time.
type history struct {
	mu      sync.Mutex
	streams [4][]given
}

type given struct {
	Position
	payload string
	acked   bool
}

func (h *history) gave(stream int, p Position, payload string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams[stream] = append(h.streams[stream], given{p, payload, false})
	return len(h.streams[stream]) - 1
}

func (h *history) ack(stream, i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams[stream][i].acked = true
}

func (h *history) snapshot() (streams [4][]given) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range streams {
		streams[i] = append([]given(nil), h.streams[i]...)
	}
	return streams
}

// reusing is a file system in memory that can be cloned while a file is reused: its own ReuseForWrite takes a lock
// twice, and waits for ever if a clone wants it in between.
type reusing struct{ vfs.FS }

func (r reusing) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := r.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return r.OpenReadWrite(newname, c)
}

// TestCrashAtEverySyncPoint crashes a busy log wherever its files change for good, and opens what is left.
func TestCrashAtEverySyncPoint(t *testing.T) {
	for _, c := range []struct {
		what     string
		d        Durability
		unsynced int // percent of what was not synced that is there after the crash
		boot     string
		keep     int
		complete bool
	}{
		{"the machine", Disk, 0, "second", 0, true},
		{"the machine, with some of what was not synced", Disk, 50, "second", 0, true},
		{"the machine, with retention", Disk, 0, "second", 20, true},
		{"the process", Disk, 100, "first", 0, true},
		{"the process", Process, 100, "first", 0, true},
		{"the process, with retention", Process, 100, "first", 20, true},
		{"the machine", Process, 0, "second", 0, false},
		{"the machine, with some of what was not synced", Process, 50, "second", 0, false},
		{"the process", Async, 100, "first", 0, false},
		{"the machine, with some of what was not synced", Async, 50, "second", 20, false},
	} {
		t.Run(fmt.Sprintf("%s %s", c.what, c.d), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			var h history
			var mu sync.Mutex
			rng := newRand(uint64(c.unsynced))
			points, busy := 0, false
			hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
				switch op.Kind {
				case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpCreate, errorfs.OpRename, errorfs.OpFileWrite:
				default:
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				points++
				// Races are between goroutines, and those are the same at each point.
				if !busy || op.Kind == errorfs.OpFileWrite && points%7 != 0 || testing.Short() && points%5 != 0 {
					return nil
				}
				before := h.snapshot()
				clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.unsynced, RNG: rng})
				opt := memory(clone)
				opt.Durability, opt.Boot = c.d, c.boot
				checkCrashed(t, opt, before, c.keep, c.complete)
				return nil
			})
			opt := memory(reusing{errorfs.Wrap(fs, hook)})
			opt.Durability = c.d
			if c.keep > 0 {
				opt.Retention = keep(Retention{Messages: c.keep})
			}
			l := mustOpen(t, opt)
			mu.Lock()
			busy = true
			mu.Unlock()
			var wg sync.WaitGroup
			for i := range h.streams {
				wg.Go(func() { publishAll(t, l, &h, i) })
			}
			wg.Wait()
			mu.Lock()
			busy = false // TestCrashWhileMadeOrClosed has what follows
			mu.Unlock()
			mustClose(t, l)
			if points < 50 {
				t.Errorf("only %d points", points)
			}
		})
	}
}

func publishAll(t *testing.T, l *Log, h *history, stream int) {
	s, err := l.Stream("app", fmt.Sprint(stream))
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Release()
	for n := range 40 {
		payload := fmt.Sprintf("%d/%d/%0*d", stream, n, 1000*(stream+1), n)
		p, c, err := s.Append([2]uint32{}, []byte(payload))
		if err != nil {
			t.Error(err)
			return
		}
		i := h.gave(stream, p, payload)
		if n%8 == 7 {
			continue // nobody waits for this one
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
			return
		}
		h.ack(stream, i)
		if n%15 == stream {
			if st := l.enter(); st != nil {
				_, _ = st.db.AsyncFlush()
				st.leave()
			}
		}
	}
}

// checkCrashed opens a log after a crash at which publishers knew as much as that.
func checkCrashed(t *testing.T, opt Options, before [4][]given, kept int, complete bool) {
	l, err := Open(opt)
	if err != nil {
		t.Errorf("opening it: %v", err)
		return
	}
	defer l.Close()
	for i, all := range before {
		s, err := l.Stream("app", fmt.Sprint(i))
		if err != nil {
			t.Errorf("stream %d: %v", i, err)
			return
		}
		defer s.Release()
		there := map[uint64]string{}
		head, _ := s.Head()
		err = s.Since(context.Background(), s.Newest(1<<30), head.Serial, func(r Record) bool {
			there[r.Serial] = string(r.Payload)
			return true
		})
		if err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
		newest := uint64(0)
		for _, g := range all {
			newest = max(newest, g.Serial)
			payload, ok := there[g.Serial]
			if ok && payload != g.payload {
				t.Errorf("stream %d: record %d is another one", i, g.Serial)
			}
			retained := kept == 0 || g.Serial+uint64(kept) > head.Serial
			if !ok && g.acked && retained && complete {
				t.Errorf("stream %d: record %d was acknowledged and is not there; the head is %d", i, g.Serial, head.Serial)
			}
		}
		want := Outcome{}
		if !complete {
			want.Gap = Epoch
		}
		if o := s.Resume(Position{1, 0}); kept == 0 && o.Gap != want.Gap {
			t.Errorf("stream %d: resume from the beginning: %+v", i, o)
		}
		p, c, err := s.Append([2]uint32{}, nil)
		if err = errors.Join(err, c.Wait()); err != nil || p.Epoch != 2 || p.Serial <= newest {
			t.Errorf("stream %d: %+v after %d, %v", i, p, newest, err)
		}
	}
}

// TestCrashWhileMadeOrClosed crashes a log while it is made, and while it is closed.
func TestCrashWhileMadeOrClosed(t *testing.T) {
	for _, unsynced := range []int{0, 50, 100} {
		fs := vfs.NewCrashableMem()
		rng := newRand(uint64(unsynced))
		appended := false
		var clones []*vfs.MemFS
		var after []bool
		opt := memory(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				clones = append(clones, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rng}))
				after = append(after, appended)
			}
			return nil
		})))
		opt.Durability = Disk
		l, err := Open(opt)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := l.Stream("app", "x")
		put(t, s, "a")
		appended = true
		s.Release()
		mustClose(t, l)
		for i, clone := range clones {
			l, err := Open(memory(clone))
			if err != nil {
				t.Fatalf("%d percent, point %d of %d: %v", unsynced, i, len(clones), err)
			}
			s, _ := l.Stream("app", "x")
			if got := since(t, s, 0, 10); after[i] && len(got) != 1 {
				t.Errorf("%d percent, point %d of %d: %q", unsynced, i, len(clones), got)
			}
			put(t, s, "b")
			s.Release()
			mustClose(t, l)
		}
	}
}

// TestCrashWhileOpened kills a log, and then again at each write while what is left is opened. Nothing is missing in
// the end, and the log knows.
func TestCrashWhileOpened(t *testing.T) {
	for _, c := range []struct {
		d        Durability
		unsynced int
	}{{Process, 100}, {Disk, 100}, {Disk, 50}, {Disk, 0}} {
		fs := vfs.NewCrashableMem()
		opt := memory(fs)
		opt.Durability = c.d
		l := mustOpen(t, opt)
		putMany(t, mustStream(t, l, "x"), 100)
		left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.unsynced, RNG: newRand(7)})
		rng := newRand(8)
		var mu sync.Mutex
		var clones []*vfs.MemFS
		opt.FS = reusing{errorfs.Wrap(left, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				mu.Lock()
				defer mu.Unlock()
				clones = append(clones, left.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.unsynced, RNG: rng}))
			}
			return nil
		}))}
		mustOpen(t, opt)
		mu.Lock()
		points := clones
		mu.Unlock()
		for i, clone := range points {
			opt.FS = clone
			l := mustOpen(t, opt)
			s := mustStream(t, l, "x")
			if got := since(t, s, 0, 1<<30); len(got) != 100 {
				t.Errorf("%v, %d percent, point %d of %d: %d records", c.d, c.unsynced, i, len(points), len(got))
			}
			if o := s.Resume(Position{1, 40}); o != (Outcome{After: 40}) {
				t.Errorf("%v, %d percent, point %d of %d: %+v", c.d, c.unsynced, i, len(points), o)
			}
			mustClose(t, l)
		}
		if len(points) < 20 {
			t.Errorf("only %d points", len(points))
		}
	}
}
