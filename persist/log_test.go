package persist

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestAppendAndRead(t *testing.T) {
	for _, d := range []Durability{Async, Process, Disk} {
		t.Run(d.String(), func(t *testing.T) {
			opt := memory(vfs.NewMem())
			opt.Durability = d
			clock := newClock()
			opt.Now = clock.Now
			l := mustOpen(t, opt)
			s := mustStream(t, l, "orders")
			if p, ok := s.Head(); !ok || p != (Position{1, 0}) {
				t.Fatalf("head %+v, %v", p, ok)
			}
			for i := range 3 {
				if p := put(t, s, fmt.Sprint("event ", i)); p != (Position{1, uint64(i + 1)}) {
					t.Fatalf("position %+v", p)
				}
			}
			_, c, err := s.Append([2]uint32{7, 9}, nil)
			if err != nil || c.Wait() != nil {
				t.Fatal(err)
			}
			if p, _ := s.Head(); p != (Position{1, 4}) {
				t.Fatalf("head %+v", p)
			}
			if got := since(t, s, 1, 3); !slices.Equal(got, []string{"2:event 1", "3:event 2"}) {
				t.Fatalf("%q", got)
			}
			r, found, err := s.Last()
			if err != nil || !found || r.Serial != 4 || r.Except != [2]uint32{7, 9} || len(r.Payload) != 0 || !r.Time.Equal(clock.Now()) {
				t.Fatalf("%+v, %v, %v", r, found, err)
			}
			if n := s.Newest(3); n != 1 {
				t.Errorf("Newest(3) = %d", n)
			}
			if n := s.Newest(100); n != 0 {
				t.Errorf("Newest(100) = %d", n)
			}
			if n := s.Count(1, 100); n != 3 {
				t.Errorf("Count(1, 100) = %d", n)
			}
			if got := since(t, s, 4, 4); got != nil {
				t.Errorf("nothing is behind the head, got %q", got)
			}
		})
	}
}

func TestStreamsAreApart(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	names := []name{{"a", "bc"}, {"ab", "c"}, {"a", "b"}, {"a", "c"}, {"", "abc"}}
	for i, n := range names {
		s, err := l.Stream(n.app, n.channel)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		for j := range i + 1 {
			put(t, s, fmt.Sprint(n, j))
		}
	}
	for i, n := range names {
		s, _ := l.Stream(n.app, n.channel)
		got := since(t, s, 0, 100)
		if len(got) != i+1 || got[i] != fmt.Sprint(i+1, ":", n, i) {
			t.Errorf("%v: %q", n, got)
		}
		s.Release()
	}
}

func TestHandleIsShared(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	a, b := mustStream(t, l, "x"), mustStream(t, l, "x")
	if a != b {
		t.Error("two handles of one stream")
	}
	c, _ := l.Stream("app", "y")
	if n := l.Stats().Streams; n != 2 {
		t.Errorf("%d handles, want 2", n)
	}
	c.Release()
	if n := l.Stats().Streams; n != 1 {
		t.Errorf("%d handles, want 1", n)
	}
}

func TestReopenCleanly(t *testing.T) {
	for _, d := range []Durability{Async, Process, Disk} {
		fs := vfs.NewMem()
		opt := memory(fs)
		opt.Durability = d
		l := mustOpen(t, opt)
		id := l.ID()
		s := mustStream(t, l, "x")
		putMany(t, s, 100)
		mustClose(t, l)
		if err := l.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}

		opt.Boot = "second"
		l = mustOpen(t, opt)
		if l.ID() != id {
			t.Error("the log has another name")
		}
		s = mustStream(t, l, "x")
		if p, _ := s.Head(); p != (Position{1, 100}) {
			t.Fatalf("%v: head %+v", d, p)
		}
		if o := s.Resume(Position{1, 40}); o != (Outcome{After: 40}) {
			t.Errorf("%v: %+v", d, o)
		}
		if p := put(t, s, "next"); p != (Position{1, 101}) {
			t.Errorf("%v: next %+v", d, p)
		}
		if got := since(t, s, 0, 101); len(got) != 101 || got[0] != "1:record 0" || got[100] != "101:next" {
			t.Errorf("%v: %d records", d, len(got))
		}
		mustClose(t, l)
	}
}

// crash is the file system as a process leaves it that is killed now.
func crash(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: newRand(1)})
}

func TestReopenAfterAKill(t *testing.T) {
	for _, c := range []struct {
		d    Durability
		boot string
		jump uint64
		want Outcome
	}{
		{Process, "first", jumpComplete, Outcome{After: 4}},
		{Disk, "first", jumpComplete, Outcome{After: 4}},
		{Disk, "second", jumpComplete, Outcome{After: 4}},
		{Process, "second", jumpIncomplete, Outcome{After: 4, Gap: Epoch}},
		{Async, "first", jumpIncomplete, Outcome{After: 4, Gap: Epoch}},
	} {
		t.Run(fmt.Sprint(c.d, " ", c.boot), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			opt := memory(fs)
			opt.Durability = c.d
			l := mustOpen(t, opt)
			s := mustStream(t, l, "x")
			putMany(t, s, 10)
			if c.d == Async {
				l.writeQueued()
			}
			opt.FS, opt.Boot = crash(fs), c.boot
			l = mustOpen(t, opt)
			s = mustStream(t, l, "x")
			if p, _ := s.Head(); p != (Position{2, 10}) {
				t.Fatalf("head %+v", p)
			}
			if o := s.Resume(Position{1, 4}); o != c.want {
				t.Errorf("%+v", o)
			}
			if p := put(t, s, "next"); p != (Position{2, 10 + c.jump + 1}) {
				t.Errorf("next %+v", p)
			}
			if got := since(t, s, 8, 1<<30); len(got) != 3 {
				t.Errorf("%q", got)
			}
			if n := s.Count(8, 1<<30); n != 3 {
				t.Errorf("Count = %d", n)
			}
			if fresh := put(t, mustStream(t, l, "new"), "first"); fresh.Serial != c.jump+1 {
				t.Errorf("a new stream begins at %d: it may have been lost and begun before", fresh.Serial)
			}
			// A stop that follows a clean one is clean again.
			mustClose(t, l)
			l = mustOpen(t, opt)
			if p, _ := mustStream(t, l, "x").Head(); p != (Position{2, 10 + c.jump + 1}) {
				t.Errorf("head %+v", p)
			}
		})
	}
}

func TestOffAfterClose(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	s := mustStream(t, l, "x")
	put(t, s, "a")
	mustClose(t, l)
	_, _, err := s.Append([2]uint32{}, nil)
	wantErr(t, err, ErrOff)
	wantErr(t, s.Since(context.Background(), 0, 1, nil), ErrOff)
	wantErr(t, l.Sweep(time.Now()), ErrOff)
	wantErr(t, l.Compact(context.Background()), ErrOff)
	if _, ok := s.Head(); ok {
		t.Error("a closed log has a head")
	}
	if o := s.Resume(Position{1, 1}); o.Gap != Epoch {
		t.Errorf("%+v", o)
	}
	if !l.Stats().Off {
		t.Error("not off")
	}
	if _, err := l.Stream("app", "y"); err != nil {
		t.Errorf("a handle can be had while the log is off: %v", err)
	}
}
