package engine

import (
	"strings"
	"testing"
	"time"
)

// opened connects n clients in memory and takes what they are told first.
func opened(m *Manual, n int) (wires []*Wire) {
	for range n {
		w := m.Open(0)
		w.Feed([]byte(handshake))
		w.Take()
		wires = append(wires, w)
	}
	return wires
}

// After a process was stopped for a day nobody may be found silent who had no chance to speak.
func TestTimeThatStoodStillDoesNotCount(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	wires := opened(m, 50)
	m.Advance(10 * time.Second)
	l := m.loops[0]
	l.tick(m.now + 86_400)
	l.flush()
	for _, w := range wires {
		if got := w.Take(); len(got) > 0 || w.Closed {
			t.Fatalf("after standing still: %q, closed %v", got, w.Closed)
		}
	}
	// From here on time goes on as before: a ping when the rest of the minute is over, and the end.
	m.now += 86_400
	m.Advance(48 * time.Second)
	if got := wires[0].Take(); len(got) > 0 {
		t.Errorf("pinged early: %q", got)
	}
	m.Advance(2 * time.Second)
	if got := string(wires[0].Take()); !strings.Contains(got, "pusher:ping") {
		t.Errorf("no ping but %q", got)
	}
	m.Advance(31 * time.Second)
	if got := string(wires[0].Take()); !strings.Contains(got, "4201") {
		t.Errorf("no end but %q", got)
	}
}

// A few seconds late is ordinary, and made up for.
func TestALateTickIsMadeUpFor(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	opened(m, 1)
	l := m.loops[0]
	l.tick(1)
	l.tick(1 + maxCatchUp)
	if l.wheel.now != 1+maxCatchUp || l.lost != 0 {
		t.Errorf("the clock is at %d, %d are lost", l.wheel.now, l.lost)
	}
	l.tick(1 + maxCatchUp) // one that was posted late
	if l.wheel.now != 1+maxCatchUp {
		t.Errorf("a tick of the past moved the clock to %d", l.wheel.now)
	}
}

// A client that sends a large message slowly is there, though it can't answer pings meanwhile.
func TestATrickledMessageIsASignOfLife(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	w := opened(m, 1)[0]
	frame := text(`{"event":"pusher:ping","data":"` + strings.Repeat("x", 5000) + `"}`)
	for len(frame) > 20 { // 40 s for each
		n := min(1000, len(frame)-10)
		w.Feed(frame[:n:n])
		frame = frame[n:]
		m.Advance(40 * time.Second)
		if got := w.Take(); len(got) > 0 || w.Closed {
			t.Fatalf("%d bytes before the end: %q, closed %v", len(frame), got, w.Closed)
		}
	}
	w.Feed(frame)
	if got := string(w.Take()); !strings.Contains(got, "pusher:pong") {
		t.Errorf("got %q", got)
	}
}

func TestAnIdleSecondAllocatesNothing(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	subscribed(t, m, 500, "news")
	l := m.loops[0]
	now := uint32(0)
	if n := testing.AllocsPerRun(50, func() {
		now++
		l.tick(now)
	}); n > 0 {
		t.Errorf("a second in which nothing is due allocates %v times", n)
	}
}
