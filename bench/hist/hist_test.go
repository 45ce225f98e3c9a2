package hist

import (
	"math"
	"testing"
	"time"

	json "github.com/goccy/go-json"
)

// The values 1 to 10,000 ms have known quantiles.
func TestQuantilesOfAKnownSample(t *testing.T) {
	h, odd := New(), New()
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Mean() != 0 || len(h.Points()) != 0 {
		t.Error("an empty histogram has values")
	}
	for i := 1; i <= 10_000; i++ {
		if d := time.Duration(i) * time.Millisecond; i%2 == 0 {
			h.Record(d)
		} else {
			odd.Record(d)
		}
	}
	h.Merge(odd)
	for q, want := range map[float64]float64{0: 1, 0.5: 5000, 0.9: 9000, 0.99: 9900, 0.999: 9990, 1: 10_000} {
		if got := Millis(h.Quantile(q)); math.Abs(got-want) > want/1000 {
			t.Errorf("the %v quantile is %v ms, want %v", q, got, want)
		}
	}
	if got := Millis(h.Mean()); math.Abs(got-5000.5) > 5 {
		t.Errorf("the mean is %v ms", got)
	}
	if h.Count() != 10_000 {
		t.Errorf("%d values", h.Count())
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var again *Histogram
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	points := again.Points()
	if len(points) < 40 || points[len(points)-1] != (Point{1, h.Max()}) {
		t.Errorf("%d points, the last is %v", len(points), points[len(points)-1])
	}
	for i, p := range points {
		if want := h.Quantile(p.Q); p.Value != want || i > 0 && (p.Q <= points[i-1].Q || p.Value < points[i-1].Value) {
			t.Errorf("point %d is %v, the quantile was %v", i, p, want)
		}
	}
}

func TestValuesOutOfRange(t *testing.T) {
	h := New()
	h.Record(-time.Second)
	h.Record(time.Hour)
	if low, high := h.Quantile(0), h.Max(); low != time.Microsecond || high < 599*time.Second || high > 601*time.Second || h.Count() != 2 {
		t.Errorf("from %v to %v", low, high)
	}
	for _, bad := range []string{`{"count":1}x`, `{"count":1,"hdr":"AAAA"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), h); err == nil {
			t.Errorf("%s is a histogram", bad)
		}
	}
	b, err := json.Marshal(New())
	if err != nil || json.Unmarshal(b, h) != nil || h.Count() != 0 {
		t.Errorf("an empty one comes back from %s with %d values, %v", b, h.Count(), err)
	}
}
