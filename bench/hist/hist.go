package hist

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	json "github.com/goccy/go-json"
)

const (
	lowest  = 1                              // µs
	highest = int64(10 * time.Minute / 1000) // µs
	digits  = 3
)

// Histogram counts latencies. The zero Histogram is not ready: New makes one. One goroutine uses it.
type Histogram struct{ h *hdrhistogram.Histogram }

// New returns an empty histogram.
func New() *Histogram { return &Histogram{hdrhistogram.New(lowest, highest, digits)} }

// Record counts a latency. What is below a microsecond counts as one, what is above ten minutes as ten minutes.
func (h *Histogram) Record(d time.Duration) {
	us := min(max(int64(d/time.Microsecond), lowest), highest)
	_ = h.h.RecordValue(us) // it is in the range
}

// Merge adds all of o's values.
func (h *Histogram) Merge(o *Histogram) { h.h.Merge(o.h) }

// Count returns how many values there are.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Quantile returns the value that a part q of all values, 0 to 1, does not exceed; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.ValueAtQuantile(q*100)) * time.Microsecond
}

// Max returns the largest value, to three digits; 0 if there are none.
func (h *Histogram) Max() time.Duration { return h.Quantile(1) }

// Mean returns the mean; 0 if there are no values.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Mean() * float64(time.Microsecond))
}

// Point is one of a distribution: a part Q of all values, 0 to 1, does not exceed Value.
type Point struct {
	Q     float64
	Value time.Duration
}

// Points returns the distribution for a plot: dense where it is rare, up to the last value.
func (h *Histogram) Points() (list []Point) {
	count := float64(h.Count())
	for beyond := 1.0; count > 0 && beyond*count >= 1; beyond *= 0.85 {
		list = append(list, Point{1 - beyond, h.Quantile(1 - beyond)})
	}
	if count > 0 {
		list = append(list, Point{1, h.Max()})
	}
	return list
}

// summary is a histogram as JSON: what people look for, and all of it in HdrHistogram's own compressed form.
type summary struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
	HDR   []byte  `json:"hdr,omitempty"`
}

// Millis converts a duration for people.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MarshalJSON writes the quantiles and, in base64, the whole.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	s := summary{h.Count(), Millis(h.Quantile(0.5)), Millis(h.Quantile(0.9)), Millis(h.Quantile(0.99)), Millis(h.Quantile(0.999)), Millis(h.Max()), nil}
	if s.Count > 0 {
		var err error
		if s.HDR, err = h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err != nil {
			return nil, fmt.Errorf("encode a histogram: %w", err)
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote. The quantiles come from the whole.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var s summary
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*h = *New()
	if len(s.HDR) == 0 {
		return nil
	}
	read, err := hdrhistogram.Decode(s.HDR)
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	h.h.Merge(read)
	if h.Count() != s.Count {
		return fmt.Errorf("a histogram of %d values says that it has %d", h.Count(), s.Count)
	}
	return nil
}
