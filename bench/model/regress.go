package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A regression fits coefficients that are not negative, so that the errors relative to what was measured
// are least: a delivery of 0.3 µs counts as much as one of 30.
type regression struct {
	quantity, unit string
	columns        []string // the coefficients, the most important first
	rows           [][]float64
	measured       []float64
	known          []float64 // what of it the coefficients do not have to explain
	points         []string
}

func (r *regression) add(point string, measured, known float64, row ...float64) {
	r.points, r.measured, r.known, r.rows = append(r.points, point), append(r.measured, measured), append(r.known, known), append(r.rows, row)
}

// solution is what a regression found.
type solution struct {
	x       []float64 // by column, 0 of those that are missing
	missing []string
	loss    float64 // the sum of the relative errors
	fit     Fit
}

// solve leaves out columns that no point has, or that the points do not tell from those before, and says so.
// Points that are not numbers, that are fewer than the coefficients, or that tell nothing are an error.
func (r *regression) solve() (s solution, err error) {
	for i, y := range r.measured {
		if !(y > 0) || math.IsInf(y, 0) {
			return s, fmt.Errorf("%s: %s was measured as %v, which cannot be", r.quantity, r.points[i], y)
		}
		for _, v := range append(r.rows[i], r.known[i]) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return s, fmt.Errorf("%s: %s cannot be", r.quantity, r.points[i])
			}
		}
	}
	var kept []int
	var x []float64
	for j, name := range r.columns {
		if len(kept) > 0 && len(kept)+1 >= len(r.rows) { // a fit without a point to spare meets them all, and says nothing of its error
			s.missing = append(s.missing, name)
			continue
		}
		got, err := r.with(append(slices.Clone(kept), j), nil)
		if err != nil {
			s.missing = append(s.missing, name)
			continue
		}
		kept, x = append(kept, j), got
	}
	if len(kept) == 0 {
		return s, fmt.Errorf("%s: %d points are not enough to tell %s", r.quantity, len(r.rows), strings.Join(r.columns, ", "))
	}
	if s.x, err = r.robust(kept, x); err != nil {
		return s, fmt.Errorf("%s: %w", r.quantity, err)
	}
	s.fit = Fit{Quantity: r.quantity, Unit: r.unit}
	for i := range r.rows {
		s.fit.Each = append(s.fit.Each, Residual{r.points[i], r.measured[i], r.predict(i, s.x)})
	}
	s.fit.summarise()
	for _, e := range s.fit.Each {
		s.loss += math.Abs(e.Error())
	}
	return s, nil
}

// exact is the relative error below which a point counts in full.
const exact = 0.03

// robust fits again and again, where points that are off count the less the farther they are: other programs of the
// machine make some points wrong, and many points a little. The result has a coefficient for each column.
func (r *regression) robust(kept []int, x []float64) ([]float64, error) {
	all := make([]float64, len(r.columns))
	spread := func() {
		for k, j := range kept {
			all[j] = x[k]
		}
	}
	spread()
	weights := make([]float64, len(r.rows))
	for range 10 {
		for i := range r.rows {
			weights[i] = 1 / math.Sqrt(max(math.Abs(r.predict(i, all)/r.measured[i]-1), exact))
		}
		var err error
		if x, err = r.with(kept, weights); err != nil {
			return nil, err
		}
		spread()
	}
	return all, nil
}

// predict is what coefficients say of a point.
func (r *regression) predict(i int, x []float64) float64 {
	predicted := r.known[i]
	for j, v := range r.rows[i] {
		predicted += v * x[j]
	}
	return predicted
}

// with solves for some of the columns, with a weight for each point.
func (r *regression) with(columns []int, weights []float64) ([]float64, error) {
	a, b := make([][]float64, len(r.rows)), make([]float64, len(r.rows))
	for i, row := range r.rows {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		b[i] = w * (1 - r.known[i]/r.measured[i])
		for _, j := range columns {
			a[i] = append(a[i], w*row[j]/r.measured[i])
		}
	}
	return nnls(a, b, weights != nil)
}

// summarise fills Points, Median and Worst in.
func (f *Fit) summarise() {
	var errors []float64
	for _, e := range f.Each {
		errors = append(errors, math.Abs(e.Error()))
	}
	f.Points, f.Median, f.Worst = len(errors), median(errors), 0
	if len(errors) > 0 {
		f.Worst = slices.Max(errors)
	}
}

// median is 0 of nothing.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
