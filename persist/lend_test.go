package persist

import (
	"context"
	"errors"
	"strconv"
	"testing"
)

// TestLend: another process appends in between, or its disk fails, or it does nothing; the handle goes on behind it.
func TestLend(t *testing.T) {
	for _, d := range []Durability{Async, Process, Disk} {
		for _, other := range []string{"nothing", "appends", "appends and fails"} {
			t.Run(d.String()+" "+other, func(t *testing.T) { lend(t, d, other) })
		}
	}
}

func lend(t *testing.T, d Durability, other string) {
	opt := Options{Dir: t.TempDir(), Durability: d}
	l, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go l.Run(ctx)
	s, err := l.Stream("1", "c")
	if err != nil {
		t.Fatal(err)
	}
	add := func(s *Stream, n int) Position {
		t.Helper()
		p, commit, err := s.Append([2]uint32{}, []byte(strconv.Itoa(n)))
		if err == nil {
			err = commit.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := add(s, 1)
	if err := l.Lend(); err != nil {
		t.Fatal(err)
	}
	if err := l.Lend(); err == nil {
		t.Error("it was lent twice")
	}
	if _, _, err := s.Append([2]uint32{}, []byte("x")); !errors.Is(err, ErrOff) {
		t.Errorf("an append to a lent log: %v", err)
	}
	want := []string{"1"}
	second, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Reclaim(); !errors.Is(err, ErrLocked) {
		t.Fatalf("it was reclaimed from another process: %v", err)
	}
	if other != "nothing" {
		s2, err := second.Stream("1", "c")
		if err != nil {
			t.Fatal(err)
		}
		if p := add(s2, 2); p.Epoch != before.Epoch || p.Serial != before.Serial+1 {
			t.Errorf("the other process went on at %v behind %v", p, before)
		}
		want = append(want, "2")
	}
	if other == "appends and fails" {
		second.cur.Load().fs.fail("testing", "", errors.New("the disk is gone"))
		<-second.last.gone
		if err := second.unlock(); err != nil {
			t.Fatal(err)
		}
	} else if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Reclaim(); err != nil {
		t.Fatal(err)
	}
	if err := l.Reclaim(); err == nil {
		t.Error("it was reclaimed twice")
	}
	if o := s.Resume(before); (o.Gap != None) != (other == "appends and fails") {
		t.Errorf("who was there before is told of gap %v", o.Gap)
	}
	add(s, 3)
	want = append(want, "3")
	var got []string
	head, _ := s.Head()
	if err := s.Since(ctx, 0, head.Serial, func(r Record) bool { got = append(got, string(r.Payload)); return true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) && d != Async {
		t.Errorf("there is %q, want %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A log that was lent for good is closed without touching what is another's now.
func TestCloseWhileLent(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Durability: Process}
	l, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := l.Lend(); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); !errors.Is(err, ErrOff) {
		t.Error(err)
	}
	second, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Reclaim(); err == nil {
		t.Error("a closed log was reclaimed")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
