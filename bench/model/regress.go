package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A regression fits coefficients that are not negative, so that the errors relative to what was measured
// are least in squares: a delivery of 0.3 µs counts as much as one of 30.
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
	squares float64 // of the relative errors
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
		got, err := r.with(append(slices.Clone(kept), j))
		if err != nil {
			s.missing = append(s.missing, name)
			continue
		}
		kept, x = append(kept, j), got
	}
	if len(kept) == 0 {
		return s, fmt.Errorf("%s: %d points are not enough to tell %s", r.quantity, len(r.rows), strings.Join(r.columns, ", "))
	}
	s.x = make([]float64, len(r.columns))
	for k, j := range kept {
		s.x[j] = x[k]
	}
	s.fit = Fit{Quantity: r.quantity, Unit: r.unit}
	for i, row := range r.rows {
		predicted := r.known[i]
		for j, v := range row {
			predicted += v * s.x[j]
		}
		s.fit.Each = append(s.fit.Each, Residual{r.points[i], r.measured[i], predicted})
	}
	s.fit.summarise()
	for _, e := range s.fit.Each {
		s.squares += e.Error() * e.Error()
	}
	return s, nil
}

// with solves for some of the columns.
func (r *regression) with(columns []int) ([]float64, error) {
	a, b := make([][]float64, len(r.rows)), make([]float64, len(r.rows))
	for i, row := range r.rows {
		b[i] = 1 - r.known[i]/r.measured[i]
		for _, j := range columns {
			a[i] = append(a[i], row[j]/r.measured[i])
		}
	}
	return nnls(a, b)
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
