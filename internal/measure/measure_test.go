package measure

import (
	"sync"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Microsecond, 51 * time.Microsecond, time.Second, 10 * time.Second, time.Hour} {
		h.Observe(d)
	}
	c := h.Counts()
	want := map[int]uint64{0: 3, 1: 1, 13: 1, 16: 1, 17: 1}
	for i, n := range c.Buckets {
		if n != want[i] {
			t.Errorf("bucket %d has %d, want %d", i, n, want[i])
		}
	}
	if sum := 101*time.Microsecond + 11*time.Second + time.Hour; c.Count != 7 || c.Sum != sum {
		t.Errorf("%d values, %v in all, want 7 and %v", c.Count, c.Sum, sum)
	}
	twice := c
	twice.Add(c)
	if twice.Count != 14 || twice.Buckets[0] != 6 || twice.Sum != 2*c.Sum {
		t.Errorf("twice is %+v", twice)
	}
	for i := 1; i < len(Bounds); i++ {
		if Bounds[i] <= Bounds[i-1] {
			t.Errorf("bound %d is not above the one before", i)
		}
	}
}

func TestObserveByMany(t *testing.T) {
	var h Histogram
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				h.Observe(time.Millisecond)
			}
		})
	}
	group.Wait()
	if c := h.Counts(); c.Count != 4000 || c.Sum != 4*time.Second {
		t.Errorf("%+v", c)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Observe(Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNowRises(t *testing.T) {
	before := Now()
	if after := Now(); before <= 0 || after < before {
		t.Errorf("%v, then %v", before, after)
	}
}

// One writes, any reads, and what is read never falls.
func TestSum(t *testing.T) {
	var s Sum
	var group sync.WaitGroup
	group.Go(func() {
		for range 1000 {
			s.Add(3)
		}
	})
	for last := uint64(0); last < 3000; {
		n := s.Load()
		if n < last {
			t.Fatalf("%d behind %d", n, last)
		}
		last = n
	}
	group.Wait()
	if n := s.Load(); n != 3000 {
		t.Errorf("the sum is %d", n)
	}
}
