package crowd

import (
	"math/bits"
	"time"
)

// Second is the figures of one second, counted from the beginning of the warm-up, by when things happened.
type Second struct {
	Number     int   `json:"number"`
	Deliveries int64 `json:"deliveries"` // those of whispers as well
	Published  int64 `json:"published"`  // events that were acknowledged
	Open       int   `json:"open"`       // sockets, at its end
	Missing    int64 `json:"missing"`    // events that have not come although later ones have, at its end
	Latency    Rough `json:"latency"`    // of deliveries
}

// Add adds what another process had in the same second.
func (s *Second) Add(o Second) {
	s.Deliveries += o.Deliveries
	s.Published += o.Published
	s.Open += o.Open
	s.Missing += o.Missing
	s.Latency.Add(o.Latency)
}

// roughSteps is how many steps a doubling has: 4 to 8 % of a value.
const roughSteps = 16

// Rough is a small histogram of latencies, to a few per cent: how often each step was met.
type Rough []int64

// Record counts a latency.
func (r *Rough) Record(d time.Duration) {
	us := uint64(max(d/time.Microsecond, 0))
	step := int(us)
	if us >= roughSteps {
		shift := bits.Len64(us) - bits.Len64(roughSteps)
		step = shift*roughSteps + int(us>>shift)
	}
	for len(*r) <= step {
		*r = append(*r, 0)
	}
	(*r)[step]++
}

// Add adds all of o's values.
func (r *Rough) Add(o Rough) {
	for len(*r) < len(o) {
		*r = append(*r, 0)
	}
	for i, n := range o {
		(*r)[i] += n
	}
}

// Quantile returns the value that a part q, 0 to 1, does not exceed; 0 if there are none.
func (r Rough) Quantile(q float64) time.Duration {
	total := int64(0)
	for _, n := range r {
		total += n
	}
	seen := int64(0)
	for step, n := range r {
		if seen += n; n > 0 && float64(seen) >= q*float64(total) {
			if step < 2*roughSteps {
				return time.Duration(step) * time.Microsecond
			}
			shift := step/roughSteps - 1
			return time.Duration(uint64(step-shift*roughSteps)<<shift+1<<shift/2) * time.Microsecond
		}
	}
	return 0
}
