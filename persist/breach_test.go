package persist

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a log was not given while it was passed over, or was told to count as missing, is a gap for who comes back
// from before; who comes later has none.
func TestBreak(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Boot: "b"}
	for _, breach := range []struct {
		what string
		do   func(l *Log) *Log
	}{
		{"Break", func(l *Log) *Log {
			if err := l.Break(); err != nil {
				t.Fatal(err)
			}
			return l
		}},
		{"Break and a restart", func(l *Log) *Log {
			if err := errors.Join(l.Break(), l.Close()); err != nil {
				t.Fatal(err)
			}
			return mustOpen(t, o)
		}},
		{"Pass", func(l *Log) *Log {
			if err := errors.Join(l.Close(), Pass(dir)); err != nil {
				t.Fatal(err)
			}
			return mustOpen(t, o)
		}},
	} {
		t.Run(breach.what, func(t *testing.T) {
			l := mustOpen(t, o)
			before := put(t, mustStream(t, l, "b"), "x")
			l = breach.do(l)
			defer func() { _ = l.Close() }()
			s := mustStream(t, l, "b")
			if out := s.Resume(before); out.Gap != Epoch {
				t.Errorf("who stood at %+v is told %+v", before, out)
			}
			after := put(t, s, "y")
			if after.Epoch <= before.Epoch || after.Serial <= before.Serial {
				t.Errorf("%+v comes behind %+v", after, before)
			}
			if out := s.Resume(after); out.Gap != None || out.After != after.Serial {
				t.Errorf("who stands at %+v is told %+v", after, out)
			}
			// The event before is still there for who is told of the gap.
			if out := s.Resume(before); out.Gap != Epoch || s.Count(out.After, after.Serial) != 1 {
				t.Errorf("who stood at %+v is told %+v", before, out)
			}
		})
	}
}

func TestPassLeavesOtherDirectoriesAlone(t *testing.T) {
	if err := Pass(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := Pass("/does/not/exist"); err != nil {
		t.Error(err)
	}
	l := mustOpen(t, Options{Dir: t.TempDir()})
	if err := Pass(l.opt.Dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a log that somebody runs is passed over: %v", err)
	}
	mustClose(t, l)
	if err := l.Break(); !errors.Is(err, ErrOff) {
		t.Errorf("a log that is closed: %v", err)
	}
}

// The disk is full, the log is off, and events go out unkept; the operator makes room and restarts the server. Who
// comes back is told of a gap, whatever the durability.
func TestRestartWhileOff(t *testing.T) {
	for _, d := range []Durability{Process, Disk} {
		t.Run(d.String(), func(t *testing.T) {
			var disk badDisk
			opt := memory(disk.wrap(vfs.NewMem()))
			opt.Durability = d
			l := mustOpen(t, opt)
			s := mustStream(t, l, "c")
			at := put(t, s, "one")
			disk.breaks(full(""))
			_, c, err := s.Append([2]uint32{}, []byte("two"))
			if err == nil {
				err = c.Wait()
			}
			if err == nil {
				t.Fatal("it did not fail")
			}
			for range 3 { // delivered, answered with 200, not kept
				if _, _, err := s.Append([2]uint32{}, []byte("unkept")); !errors.Is(err, ErrOff) {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err == nil {
				t.Fatal("it closed well")
			}
			disk.heals()
			l = mustOpen(t, opt)
			s = mustStream(t, l, "c")
			if o := s.Resume(at); o.Gap == None {
				t.Errorf("four events were delivered and not kept, and who lacks them is told %+v", o)
			}
		})
	}
}

// A purge, which has the store and needs life, and Close, which has life and waits for the store, do not wait for each other.
func TestCloseDuringAPurge(t *testing.T) {
	l, err := Open(memory(vfs.NewMem())) // not mustOpen: its Close would hang too
	if err != nil {
		t.Fatal(err)
	}
	st := l.enter() // as sweeper.step does
	closed := make(chan struct{})
	go func() { defer close(closed); _ = l.Close() }()
	for l.cur.Load() != nil {
		time.Sleep(time.Millisecond)
	}
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		_ = l.purge(st, []old{{name: name{"app", "gone"}}})
		st.leave()
	}()
	select {
	case <-closed:
	case <-time.After(2 * time.Second):
		t.Fatal("Close and the sweep wait for each other")
	}
	<-swept
}
