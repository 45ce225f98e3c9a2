package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// clock is a time that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lines is a log for a slog.Logger.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), part)
}

// keep is the same retention for every channel.
func keep(r Retention) func(string, string) Retention {
	return func(string, string) Retention { return r }
}

// memory is a log that lives in a file system in memory.
func memory(fs vfs.FS) Options {
	return Options{Dir: "/data/log", FS: fs, Durability: Process, Boot: "first"}
}

func mustOpen(t testing.TB, opt Options) *Log {
	t.Helper()
	l, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustStream(t testing.TB, l *Log, channel string) *Stream {
	t.Helper()
	s, err := l.Stream("app", channel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Release)
	return s
}

// put appends a record and waits for it.
func put(t testing.TB, s *Stream, payload string) Position {
	t.Helper()
	p, c, err := s.Append([2]uint32{}, []byte(payload))
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func putMany(t testing.TB, s *Stream, n int) {
	t.Helper()
	for i := range n {
		put(t, s, fmt.Sprintf("record %d", i))
	}
}

// since is what Since yields, as "serial:payload" each.
func since(t testing.TB, s *Stream, after, upto uint64) []string {
	t.Helper()
	var got []string
	err := s.Since(context.Background(), after, upto, func(r Record) bool {
		got = append(got, fmt.Sprintf("%d:%s", r.Serial, r.Payload))
		return true
	})
	if err != nil {
		t.Fatalf("Since(%d, %d): %v", after, upto, err)
	}
	return got
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s did not happen", what)
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }
