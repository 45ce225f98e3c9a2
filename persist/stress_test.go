package persist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"resound/internal/invariants"
)

// TestManyGoroutines has publishers, readers, a sweeper and an operator at work on many streams. Whoever follows a
// stream from its head on gets each record once, in order, or is told that retention was faster.
func TestManyGoroutines(t *testing.T) {
	const streams, records = 30, 250
	opt := memory(vfs.NewMem())
	opt.Retention = keep(Retention{Messages: 100, Bytes: 1 << 20, Age: time.Hour})
	l, stop := running(t, opt)
	var publishers, others sync.WaitGroup
	var done atomic.Bool
	gaps := atomic.Int64{}
	for i := range streams {
		channel := fmt.Sprint("channel-", i)
		publishers.Go(func() {
			s := mustStream(t, l, channel)
			for n := range records {
				p, c, err := s.Append([2]uint32{uint32(i), uint32(n)}, fmt.Appendf(nil, "%s/%d", channel, n+1))
				if err != nil || c.Wait() != nil || p != (Position{1, uint64(n + 1)}) {
					t.Errorf("%s: %+v, %v", channel, p, err)
					return
				}
			}
		})
		others.Go(func() { follow(t, l, channel, records, &gaps) })
	}
	others.Go(func() {
		for !done.Load() {
			if err := l.Sweep(time.Now()); err != nil {
				t.Error(err)
			}
			_ = l.Stats()
			if err := l.Streams(context.Background(), "app", "channel-1", func(i StreamInfo) bool { return i.Records <= 100 }); err != nil {
				t.Error(err)
			}
			if _, err := l.Info("app", "channel-2"); err != nil && !errors.Is(err, ErrNoStream) {
				t.Error(err)
			}
		}
	})
	publishers.Wait()
	done.Store(true)
	others.Wait()
	if n := l.Stats().Appends; n != streams*records {
		t.Errorf("%d appends", n)
	}
	stop()
	mustClose(t, l)
}

// follow reads a stream while it is written.
func follow(t *testing.T, l *Log, channel string, upto uint64, gaps *atomic.Int64) {
	s, err := l.Stream("app", channel)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Release()
	for cursor := uint64(0); cursor < upto; {
		head, _ := s.Head()
		err := s.Since(context.Background(), cursor, head.Serial, func(r Record) bool {
			if r.Serial != cursor+1 || string(r.Payload) != fmt.Sprintf("%s/%d", channel, r.Serial) || r.Except[1] != uint32(r.Serial-1) {
				t.Errorf("%s: %d behind %d: %q", channel, r.Serial, cursor, r.Payload)
			}
			cursor = r.Serial
			return true
		})
		if errors.Is(err, ErrGap) {
			gaps.Add(1)
			o := s.Resume(Position{1, cursor})
			if o.Gap == None && o.After != cursor || o.Gap == Epoch || o.Gap == Expired && o.Missed != o.After-cursor {
				t.Errorf("%s: at %d: %+v", channel, cursor, o)
			}
			cursor = o.After
		} else if err != nil {
			t.Errorf("%s: %v", channel, err)
			return
		}
	}
}

// TestAppendAllocates is the budget of an append: nothing, but for a mark now and then and what Pebble needs when
// its memory table is full.
func TestAppendAllocates(t *testing.T) {
	if invariants.Enabled {
		t.Skip("the checks of a test build allocate")
	}
	for _, d := range []Durability{Async, Process, Disk} {
		opt := Options{Dir: t.TempDir() + "/log", Durability: d, Retention: keep(Retention{Messages: 1000, Bytes: 1 << 20, Age: time.Hour})}
		l := mustOpen(t, opt)
		s := mustStream(t, l, "x")
		payload := event(nil, 1)
		n := testing.AllocsPerRun(2000, func() {
			_, c, err := s.Append([2]uint32{1, 2}, payload)
			if err != nil || c.Wait() != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%v: %v allocations an append, want none", d, n)
		}
	}
}
