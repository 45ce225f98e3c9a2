package persist

import (
	"errors"
	"testing"
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
