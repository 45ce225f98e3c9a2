package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestStreamsAndInfo(t *testing.T) {
	clock := newClock()
	opt := memory(vfs.NewMem())
	opt.Now = clock.Now
	l := mustOpen(t, opt)
	for _, n := range []name{{"b", "orders.1"}, {"a", "orders.2"}, {"a", "orders.10"}, {"a", "prices"}, {"aa", "orders.3"}} {
		s, err := l.Stream(n.app, n.channel)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "12345")
		clock.add(time.Second)
		put(t, s, "678")
		s.Release()
	}
	list := func(app, prefix string) (got []string) {
		t.Helper()
		err := l.Streams(context.Background(), app, prefix, func(i StreamInfo) bool {
			got = append(got, i.App+"/"+i.Channel)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, c := range []struct {
		app, prefix string
		want        []string
	}{
		{"a", "", []string{"a/orders.10", "a/orders.2", "a/prices"}},
		{"a", "orders.", []string{"a/orders.10", "a/orders.2"}},
		{"", "", []string{"a/orders.10", "a/orders.2", "a/prices", "b/orders.1", "aa/orders.3"}},
		{"", "orders.3", []string{"aa/orders.3"}},
		{"c", "", nil},
	} {
		if got := list(c.app, c.prefix); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: %q", c.app, c.prefix, got)
		}
	}
	got, err := l.Info("a", "prices")
	want := StreamInfo{App: "a", Channel: "prices", Epoch: 1, First: 1, Head: 2, Records: 2, Bytes: 8,
		Oldest: clock.Now().Add(-2 * time.Second), Newest: clock.Now().Add(-time.Second), Lineage: []Lineage{{Epoch: 1, First: 1}}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, channel := range []string{"orders.", "orders.1", "pricess", ""} {
		_, err := l.Info("a", channel)
		wantErr(t, err, ErrNoStream)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	wantErr(t, l.Streams(stopped, "", "", func(StreamInfo) bool { return true }), context.Canceled)
	n := 0
	if err := l.Streams(context.Background(), "", "", func(StreamInfo) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("%d streams, %v", n, err)
	}
}

func TestTruncate(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	wantErr(t, l.Truncate("app", "x", 1), ErrNoStream)
	s := mustStream(t, l, "x")
	putMany(t, s, 100)
	for _, c := range []struct{ upto, first, records uint64 }{{0, 1, 100}, {40, 41, 60}, {30, 41, 60}, {99, 100, 1}, {1000, 101, 0}, {5, 101, 0}} {
		if err := l.Truncate("app", "x", c.upto); err != nil {
			t.Fatal(err)
		}
		info, err := l.Info("app", "x")
		if err != nil || info.First != c.first || info.Records != c.records || info.Head != 100 {
			t.Errorf("up to %d: %+v, %v", c.upto, info, err)
		}
	}
	if p := put(t, s, "next"); p.Serial != 101 {
		t.Errorf("%+v", p)
	}
	opt := l.opt
	mustClose(t, l)
	l = mustOpen(t, opt)
	if got := since(t, mustStream(t, l, "x"), 100, 200); !slices.Equal(got, []string{"101:next"}) {
		t.Errorf("%q", got)
	}
}

// TestHolesAreNoGap reads across the boundary of an epoch, also when there were more of them than are remembered.
func TestHolesAreNoGap(t *testing.T) {
	opt := memory(vfs.NewCrashableMem())
	opt.Durability = Disk
	for i := range maxLineage + 20 {
		l := mustOpen(t, opt)
		s := mustStream(t, l, "x")
		put(t, s, fmt.Sprint(2*i))
		put(t, s, fmt.Sprint(2*i+1))
		if i == 2 || i == maxLineage+19 {
			n, want := 0, 2*(i+1)
			err := s.Since(context.Background(), 0, 1<<62, func(r Record) bool {
				if string(r.Payload) != fmt.Sprint(n) {
					t.Errorf("record %d is %q", n, r.Payload)
				}
				n++
				return true
			})
			info, _ := l.Info("app", "x")
			if err != nil || n != want || len(info.Lineage) != min(i+1, maxLineage) {
				t.Errorf("%d of %d records, %v; %d entries", n, want, err, len(info.Lineage))
			}
			if i == 2 && (s.Count(0, 1<<62) != 6 || s.Newest(3) != jumpComplete+3) {
				t.Errorf("Count %d, Newest(3) %d, lineage %v", s.Count(0, 1<<62), s.Newest(3), info.Lineage)
			}
			if o := s.Resume(Position{2, jumpComplete + 3}); i == 2 && o != (Outcome{After: jumpComplete + 3}) {
				t.Errorf("%+v", o)
			}
		}
		opt.FS = crash(opt.FS.(*vfs.MemFS))
	}
}

func TestLargePayload(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	s := mustStream(t, l, "x")
	put(t, s, string(make([]byte, MaxPayload)))
	_, _, err := s.Append([2]uint32{}, make([]byte, MaxPayload+1))
	wantErr(t, err, ErrTooLarge)
	if p, _ := s.Head(); p.Serial != 1 {
		t.Errorf("head %+v", p)
	}
	if r, found, err := s.Last(); !found || err != nil || len(r.Payload) != MaxPayload {
		t.Errorf("%d bytes, %v, %v", len(r.Payload), found, err)
	}
}

func TestSinceStops(t *testing.T) {
	l := mustOpen(t, memory(vfs.NewMem()))
	s := mustStream(t, l, "x")
	putMany(t, s, 1000)
	n := 0
	if err := s.Since(context.Background(), 0, 1000, func(Record) bool { n++; return n < 10 }); err != nil || n != 10 {
		t.Errorf("%d records, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Since(ctx, 0, 1000, func(r Record) bool {
		if r.Serial == 10 {
			cancel()
		}
		return true
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
