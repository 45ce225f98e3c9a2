package main

import "testing"

func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		live, allocated uint64
		want            int
	}{
		{0, 0, 100}, {mb, 0, 100}, {4 * mb, 0, 100}, {8 * mb, 0, 62}, {16 * mb, 0, 37}, {64 * mb, 0, 18}, {1024 * mb, 0, 12}, {1 << 40, 0, 12},
		{16 * mb, mb, 37}, {16 * mb, 4 * mb, 50}, {16 * mb, 100 * mb, 100}, {1024 * mb, 100 * mb, 19}, {0, 100 * mb, 100},
	} {
		if got := gcPercent(c.live, c.allocated); got != c.want {
			t.Errorf("%d MB alive, %d MB a second: %d", c.live/mb, c.allocated/mb, got)
		}
	}
}

func TestCollector(t *testing.T) {
	collected, at := 0, reading{live: 1 << 20}
	var set []int
	c := &collector{percent: 100, collect: func() { collected++ }, set: func(p int) int { set = append(set, p); return 0 }}
	steps := func(n, bytes int) {
		for range n {
			at.allocated += uint64(bytes)
			c.step(at)
		}
	}
	steps(100, 1000)
	at.sockets = 10_000
	if steps(60, 1<<20); collected > 0 || len(set) > 0 {
		t.Fatalf("without need: %d collections, %v", collected, set)
	}
	if steps(2, 0); collected > 0 {
		t.Error("collected in a pause of two seconds")
	}
	if steps(60, 0); collected != 1 {
		t.Errorf("%d collections behind a busy time", collected)
	}
	at.sockets = 9000
	if steps(60, 0); collected != 1 {
		t.Errorf("%d collections when a tenth has left", collected)
	}
	at.sockets = 5000
	if steps(60, 0); collected != 2 {
		t.Errorf("%d collections when half have left", collected)
	}
	at.live = 16 << 20
	steps(3, 0)
	at.live = 17 << 20 // hardly more
	steps(3, 0)
	at.live = 1 << 20
	steps(3, 0)
	if len(set) != 2 || set[0] != 37 || set[1] != 100 {
		t.Errorf("set to %v", set)
	}
	at.live = 300 << 20
	collected = 0
	for range 60 {
		steps(4, 1<<20)
		steps(6, 0)
	}
	if collected > 6 {
		t.Errorf("300 MB were looked at %d times in 600 seconds", collected)
	}
}
