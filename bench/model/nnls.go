package model

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// worstCondition is that of columns, scaled to one length, which the data still tell from each other.
const worstCondition = 1e6

// nnls returns x >= 0 with the least |a x - b|, by the method of Lawson and Hanson. Columns of a that
// cannot be told from each other are an error, as are fewer rows than columns. With trusted columns, which were told
// from each other before, that is not looked at: it takes longer than all else.
func nnls(a [][]float64, b []float64, trusted bool) ([]float64, error) {
	if len(a) == 0 || len(a) < len(a[0]) {
		return nil, fmt.Errorf("%d points are not enough", len(a))
	}
	rows, cols := len(a), len(a[0])
	m, y := mat.NewDense(rows, cols, nil), mat.NewVecDense(rows, nil)
	scale := make([]float64, cols)
	for j := range scale {
		for i := range a {
			scale[j] = math.Hypot(scale[j], a[i][j])
		}
		if scale[j] == 0 || math.IsNaN(scale[j]) || math.IsInf(scale[j], 0) {
			return nil, fmt.Errorf("column %d has no values", j)
		}
	}
	for i := range a {
		if math.IsNaN(b[i]) || math.IsInf(b[i], 0) {
			return nil, fmt.Errorf("point %d has no value", i)
		}
		y.SetVec(i, b[i])
		for j := range scale {
			m.Set(i, j, a[i][j]/scale[j])
		}
	}
	if !trusted && !(mat.Cond(m, 2) < worstCondition) {
		return nil, errors.New("the points do not differ in what they should tell apart")
	}
	x := lawsonHanson(m, y)
	for j := range x {
		x[j] /= scale[j]
	}
	return x, nil
}

// lawsonHanson solves it for scaled columns of full rank.
func lawsonHanson(a *mat.Dense, b *mat.VecDense) []float64 {
	rows, cols := a.Dims()
	x := make([]float64, cols)
	used := make([]bool, cols)
	tolerance := 1e-10 * mat.Norm(b, 2)
	for range 10 * cols {
		var residual, gradient mat.VecDense
		residual.MulVec(a, mat.NewVecDense(cols, x))
		residual.SubVec(b, &residual)
		gradient.MulVec(a.T(), &residual)
		best := -1
		for j := range used {
			if !used[j] && gradient.AtVec(j) > tolerance && (best < 0 || gradient.AtVec(j) > gradient.AtVec(best)) {
				best = j
			}
		}
		if best < 0 {
			break
		}
		used[best] = true
		for range cols {
			s := subset(a, b, used, rows)
			step := 1.0
			for j := range used {
				if used[j] && s[j] <= 0 {
					step = min(step, x[j]/(x[j]-s[j]))
				}
			}
			for j := range used {
				if x[j] += step * (s[j] - x[j]); used[j] && x[j] <= 1e-14 && s[j] <= 0 {
					used[j], x[j] = false, 0
				}
			}
			if step == 1 {
				break
			}
		}
	}
	return x
}

// subset is the unbounded solution with the used columns only.
func subset(a *mat.Dense, b *mat.VecDense, used []bool, rows int) []float64 {
	var list []int
	for j, u := range used {
		if u {
			list = append(list, j)
		}
	}
	part := mat.NewDense(rows, len(list), nil)
	for k, j := range list {
		part.SetCol(k, mat.Col(nil, j, a))
	}
	out := make([]float64, len(used))
	var s mat.VecDense
	if err := s.SolveVec(part, b); err != nil {
		var condition mat.Condition
		if !errors.As(err, &condition) {
			return out
		}
	}
	for k, j := range list {
		out[j] = s.AtVec(k)
	}
	return out
}
