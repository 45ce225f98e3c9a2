package report

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// linear marks an axis at multiples of 1, 2 or 5, about so many of them.
type linear struct {
	about int
	whole bool // and only at whole numbers
}

// step is the distance of the marks.
func (l linear) step(low, high float64) float64 {
	raw := (high - low) / float64(l.about)
	if l.whole && raw < 1 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 5} {
		if raw <= f*power*1.0000001 {
			return f * power
		}
	}
	return 10 * power
}

// Ticks implements plot.Ticker.
func (l linear) Ticks(low, high float64) (list []plot.Tick) {
	step := l.step(low, high)
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		list = append(list, plot.Tick{Value: i * step, Label: separated(i*step, decimals)})
	}
	return list
}

// logarithmic marks powers of ten, and 2 and 5 times those where there are few.
type logarithmic struct{}

// Ticks implements plot.Ticker.
func (logarithmic) Ticks(low, high float64) (list []plot.Tick) {
	few := math.Log10(high/low) < 3.2
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for f := 1.0; f < 10; f++ {
			t := plot.Tick{Value: f * math.Pow(10, e)}
			if t.Value < low*0.999999 || t.Value > high*1.000001 {
				continue
			}
			if f == 1 || few && (f == 2 || f == 5) {
				t.Label = separated(t.Value, max(0, int(-e)))
			}
			list = append(list, t)
		}
	}
	return list
}

// percentiles marks 1/(1-q) with q.
type percentiles struct{}

// Ticks implements plot.Ticker.
func (percentiles) Ticks(low, high float64) (list []plot.Tick) {
	list = []plot.Tick{{Value: 1, Label: "0 %"}, {Value: 2, Label: "50 %"}, {Value: 10, Label: "90 %"}, {Value: 100, Label: "99 %"}}
	for x, nines := 1000.0, "9"; x <= high; x, nines = x*10, nines+"9" {
		list = append(list, plot.Tick{Value: x, Label: "99." + nines + " %"})
	}
	for len(list) > 0 && list[len(list)-1].Value > high*1.000001 {
		list = list[:len(list)-1]
	}
	return list
}

// named marks 1, 2, ... with names.
type named []string

// Ticks implements plot.Ticker.
func (n named) Ticks(low, high float64) (list []plot.Tick) {
	for i, name := range n {
		if x := float64(i + 1); x >= low && x <= high {
			list = append(list, plot.Tick{Value: x, Label: name})
		}
	}
	return list
}

// separated prints a number with thousands separators.
func separated(f float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(f), 'f', decimals, 64)
	whole, rest, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	if f < 0 {
		return "-" + whole
	}
	return whole
}
