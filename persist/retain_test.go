package persist

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"resound/internal/invariants"
)

// kept opens a log with a retention and a clock.
func kept(t *testing.T, r Retention) (*Log, *clock) {
	t.Helper()
	clock := newClock()
	opt := memory(vfs.NewMem())
	opt.Retention, opt.Now, opt.Metadata = keep(r), clock.Now, time.Hour
	return mustOpen(t, opt), clock
}

// onDisk counts the records of all streams that have not been removed.
func onDisk(t *testing.T, l *Log) (n int) {
	t.Helper()
	it, err := l.last.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if it.Key()[0] == kindRecord {
			n++
		}
	}
	return n
}

func TestRetentionByCountIsExact(t *testing.T) {
	for _, n := range []int{1, 3, 100, 1000} {
		l, _ := kept(t, Retention{Messages: n})
		s := mustStream(t, l, "x")
		most := 0
		for i := range uint64(3*n + 500) {
			put(t, s, "x")
			oldest := i + 2 - min(i+1, uint64(n))
			if o := s.Resume(Position{1, 0}); o.After != oldest-1 || o.Missed != oldest-1 || (o.Gap == Expired) != (oldest > 1) {
				t.Fatalf("%d: after record %d: %+v", n, i+1, o)
			}
			if i%64 == 0 {
				most = max(most, onDisk(t, l))
			}
		}
		if most > n+max(trimRecords, n/trimShare)+n/markShare+2*markRecords {
			t.Errorf("%d: up to %d on the disk", n, most)
		}
		head, _ := s.Head()
		oldest := head.Serial - uint64(n) + 1
		if got := since(t, s, oldest-1, head.Serial); len(got) != n {
			t.Errorf("%d: %d records", n, len(got))
		}
		if n := s.Newest(1 << 30); n != oldest-1 {
			t.Errorf("Newest reaches back to %d, want %d", n, oldest-1)
		}
		wantErr(t, s.Since(context.Background(), oldest-2, head.Serial, func(Record) bool { t.Error("a record before the gap"); return true }), ErrGap)
		if err := s.Since(context.Background(), 0, oldest-1, nil); !errors.Is(err, ErrGap) {
			t.Errorf("%d: all that is gone: %v", n, err)
		}
	}
}

func TestRetentionByBytes(t *testing.T) {
	const limit = 100_000
	l, clock := kept(t, Retention{Messages: 1 << 30, Bytes: limit})
	s := mustStream(t, l, "x")
	payload := strings.Repeat("x", 100)
	for i := range 2500 {
		put(t, s, payload)
		info, err := l.Info("app", "x")
		if err != nil {
			t.Fatal(err)
		}
		if low, high := int64(min(100*(i+1), limit)), int64(limit+limit/trimShare+limit/markShare+200); info.Bytes < low || info.Bytes > high {
			t.Fatalf("%d bytes are kept after %d records, want %d to %d", info.Bytes, i+1, low, high)
		}
	}
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if info, _ := l.Info("app", "x"); info.Bytes != limit || info.Records != limit/100 {
		t.Errorf("a sweep leaves %d bytes in %d records", info.Bytes, info.Records)
	}
	put(t, s, strings.Repeat("y", 2*limit))
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if info, _ := l.Info("app", "x"); info.Records != 1 {
		t.Errorf("%d records are kept behind one that is larger than all may be", info.Records)
	}
}

func TestRetentionByAge(t *testing.T) {
	l, clock := kept(t, Retention{Messages: 1 << 30, Age: 100 * time.Second})
	s := mustStream(t, l, "x")
	for i := range 1000 {
		clock.add(time.Second)
		put(t, s, "x")
		info, _ := l.Info("app", "x")
		if age := clock.Now().Sub(info.Oldest); age > 120*time.Second || i > 100 && age < 100*time.Second {
			t.Fatalf("the oldest of %d records is %v old", info.Records, age)
		}
	}
	clock.add(50 * time.Second)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if info, _ := l.Info("app", "x"); info.Records != 51 || info.Head != 1000 {
		t.Errorf("a sweep leaves %d records", info.Records)
	}
	clock.add(101 * time.Second)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	info, err := l.Info("app", "x")
	if err != nil || info.Records != 0 || info.Bytes != 0 || info.First != 1001 || info.Head != 1000 || !info.Oldest.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}
	if o := s.Resume(Position{1, 990}); o != (Outcome{After: 1000, Gap: Expired, Missed: 10}) {
		t.Errorf("%+v", o)
	}
	if _, found, err := s.Last(); found || err != nil {
		t.Errorf("a last record, %v", err)
	}
	if p := put(t, s, "x"); p.Serial != 1001 {
		t.Errorf("serial %d goes on behind 1000", p.Serial)
	}
}

func TestLastRecordIsKeptLonger(t *testing.T) {
	l, clock := kept(t, Retention{Messages: 100, Age: time.Minute, Last: 10 * time.Minute})
	s := mustStream(t, l, "cache-x")
	putMany(t, s, 10)
	clock.add(2 * time.Minute)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if r, found, err := s.Last(); !found || err != nil || r.Serial != 10 {
		t.Errorf("%+v, %v, %v", r, found, err)
	}
	if n := onDisk(t, l); n != 1 {
		t.Errorf("%d records are kept", n)
	}
	clock.add(9 * time.Minute)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := s.Last(); found || onDisk(t, l) != 0 {
		t.Error("it is kept for ever")
	}
}

// TestRetentionIsAskedAgain pins that a reload of the settings takes effect.
func TestRetentionIsAskedAgain(t *testing.T) {
	var messages atomic.Int64
	messages.Store(1000)
	opt := memory(vfs.NewMem())
	opt.Retention = func(string, string) Retention { return Retention{Messages: int(messages.Load())} }
	l := mustOpen(t, opt)
	s := mustStream(t, l, "x")
	putMany(t, s, 500)
	messages.Store(10)
	putMany(t, s, 1+1000/markShare)
	if o := s.Resume(Position{1, 0}); o.Gap != Expired || o.After != 553 {
		t.Errorf("by appends: %+v", o)
	}
	messages.Store(0)
	if err := l.Sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := onDisk(t, l); n != 0 {
		t.Errorf("%d records where none are kept", n)
	}
}

func TestForgottenStreams(t *testing.T) {
	l, clock := kept(t, Retention{Messages: 10, Age: time.Minute})
	put(t, mustStream(t, l, "used"), "x")
	for i := range 5 {
		s, _ := l.Stream("app", fmt.Sprint("gone-", i))
		putMany(t, s, 100)
		s.Release()
	}
	clock.add(2 * time.Minute)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	clock.add(time.Hour)
	if err := l.Sweep(clock.Now()); err != nil || l.Stats().Purged != 0 {
		t.Fatalf("after an hour: %v, %d forgotten", err, l.Stats().Purged)
	}
	clock.add(time.Second)
	if err := l.Sweep(clock.Now()); err != nil {
		t.Fatal(err)
	}
	if n := l.Stats().Purged; n != 5 {
		t.Errorf("%d streams were forgotten, want 5: one is in use", n)
	}
	if n := l.Epoch(); n != 2 {
		t.Errorf("epoch %d", n)
	}
	s := mustStream(t, l, "gone-1")
	for _, c := range []struct {
		p    Position
		want Gap
	}{{Position{1, 0}, Epoch}, {Position{1, 100}, Epoch}, {Position{2, 0}, None}, {Position{2, 1}, Epoch}} {
		if o := s.Resume(c.p); o.Gap != c.want {
			t.Errorf("%+v of a forgotten stream: %+v", c.p, o)
		}
	}
	if o := mustStream(t, l, "used").Resume(Position{1, 1}); o != (Outcome{After: 1}) {
		t.Errorf("a stream that was not forgotten: %+v", o)
	}
	if p := put(t, s, "again"); p != (Position{2, 101}) {
		t.Errorf("a stream that was forgotten goes on at %+v: its serials must not come again", p)
	}
	// All of that outlives a stop.
	opt := l.opt
	mustClose(t, l)
	l = mustOpen(t, opt)
	if o := mustStream(t, l, "gone-2").Resume(Position{1, 0}); o.Gap != Epoch {
		t.Errorf("after a stop: %+v", o)
	}
	if o := mustStream(t, l, "gone-1").Resume(Position{2, 101}); o != (Outcome{After: 101}) {
		t.Errorf("after a stop: %+v", o)
	}
}

// TestDirectoryStaysBounded writes a hundred times what is kept; in test builds, ten times.
func TestDirectoryStaysBounded(t *testing.T) {
	fs := vfs.NewMem()
	opt := memory(fs)
	opt.Retention = keep(Retention{Messages: 500})
	l := mustOpen(t, opt)
	payload := make([]byte, 1024) // of which nothing can be compressed
	records := 5000
	if invariants.Enabled {
		records = 500 // it is slow
	}
	rng := newRand(1)
	size := func() (n int64) {
		names, err := fs.List(opt.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := fs.Stat(fs.PathJoin(opt.Dir, name)); err == nil && !isWAL(name) {
				n += info.Size()
			}
		}
		return n
	}
	var after [10]int64
	for round := range after {
		for i := range 8 {
			s := mustStream(t, l, fmt.Sprint("channel-", i))
			for range records {
				for k := 0; k < len(payload); k += 8 {
					binary.LittleEndian.PutUint64(payload[k:], rng.Uint64())
				}
				_, c, err := s.Append([2]uint32{}, payload)
				if err == nil {
					err = c.Wait()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		after[round] = size()
	}
	// 400 MB are written and 4 MB kept.
	if most := max(after[7], after[8], after[9]); most > 16<<20 {
		t.Errorf("%d MB on the disk", after)
	}
	if err := l.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "giving back what is not needed", func() bool { return size() < 6<<20 })
	t.Logf("bytes on the disk after each round: %d, compacted %d", after, size())
}
