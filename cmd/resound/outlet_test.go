package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

func note(lines uint64) []byte { return fmt.Appendf(nil, "%d dropped\n", lines) }

// Lines come out whole and in order, from any number of goroutines, and flush waits for them.
func TestOutletKeepsLines(t *testing.T) {
	var b bytes.Buffer
	o := newOutlet(&b, note)
	var group sync.WaitGroup
	for writer := range 4 {
		group.Go(func() {
			for i := range 500 {
				_, _ = fmt.Fprintf(o, "%d %d\n", writer, i)
			}
		})
	}
	group.Wait()
	o.flush()
	o.mu.Lock()
	defer o.mu.Unlock()
	var next [4]int
	for line := range strings.Lines(b.String()) {
		var writer, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &writer, &i); err != nil || next[writer] != i {
			t.Fatalf("%q comes when %v are next: %v", line, next, err)
		}
		next[writer]++
	}
	if next != [4]int{500, 500, 500, 500} || o.Dropped() != 0 {
		t.Errorf("%v came, %d were dropped", next, o.Dropped())
	}
}

// Nobody waits for a pipe that nobody reads. What there was no room for is told when somebody reads it again.
func TestOutletDoesNotWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	o := newOutlet(w, note)
	const lines = 4 * outletRoom / 1024
	for i := range lines {
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", 1000))
		if n, err := o.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	dropped := o.Dropped()
	if dropped == 0 || dropped >= lines {
		t.Errorf("%d of %d lines were dropped", dropped, lines)
	}
	o.flush() // ends though nobody reads
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	o.flush()
	_, _ = io.WriteString(o, "after\n")
	o.flush()
	_ = w.Close()
	got := strings.Split(strings.TrimSpace(<-text), "\n")
	if len(got) != lines-int(dropped)+2 {
		t.Fatalf("%d lines came out", len(got))
	}
	for i, line := range got[:len(got)-2] {
		if !strings.HasPrefix(line, fmt.Sprintf("%d x", i)) {
			t.Fatalf("line %d is %.20q", i, line)
		}
	}
	if end := got[len(got)-2:]; end[0] != fmt.Sprintf("%d dropped", dropped) || end[1] != "after" {
		t.Errorf("the end is %q", end)
	}
}
