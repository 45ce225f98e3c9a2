package measure

import (
	"sync/atomic"
	"time"
)

var start = time.Now()

// Now returns the time since the process began, which no clock that is set can change. It is never 0.
func Now() time.Duration { return time.Since(start) + 1 }

// Bounds are the upper bounds of a histogram's buckets. A turn takes tens of microseconds, a
// broadcast milliseconds; what takes seconds is wrong.
var Bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations. The zero Histogram is empty and ready.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Uint64 // the last is for what is above all bounds
	sum     atomic.Int64                   // ns
}

// Observe counts a duration. One below 0 counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Counts is what a histogram had at a moment.
type Counts struct {
	Buckets [len(Bounds) + 1]uint64 // not cumulative
	Count   uint64
	Sum     time.Duration
}

// Counts returns what was observed so far. What is observed meanwhile may be in it or not.
func (h *Histogram) Counts() (c Counts) {
	for i := range h.buckets {
		c.Buckets[i] = h.buckets[i].Load()
		c.Count += c.Buckets[i]
	}
	c.Sum = time.Duration(h.sum.Load())
	return c
}

// Add adds what another histogram had.
func (c *Counts) Add(o Counts) {
	for i, n := range o.Buckets {
		c.Buckets[i] += n
	}
	c.Count += o.Count
	c.Sum += o.Sum
}

// Sum only rises. One goroutine writes to it, or who holds a lock, and any may read: that takes no more than a store.
type Sum struct{ n atomic.Uint64 }

// Add is for the one who writes.
func (s *Sum) Add(n int) { s.n.Store(s.n.Load() + uint64(n)) }

// Load returns the sum so far.
func (s *Sum) Load() uint64 { return s.n.Load() }

// CacheLine is how many bytes a core takes at once, with the line beside it: what two goroutines write to is that far apart.
const CacheLine = 128
