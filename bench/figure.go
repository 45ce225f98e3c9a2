package bench

import "slices"

// Figure is a plot of a result. Package report draws it.
type Figure struct {
	Name  string // for a file: lower case, digits and hyphens
	Title string
	X, Y  string // what the axes show, with units
	LogX  bool
	LogY  bool
	// Quantiles says that X is 1/(1-q) of quantiles q: the axis is logarithmic, and says 50 %, 90 %, 99 %.
	Quantiles bool
	Ticks     []string // what X = 1, 2, ... are, where they are no numbers
	Lines     []Line
}

// Line is one line of a figure, or its dots.
type Line struct {
	Name string
	Dots bool // single values, not joined
	X, Y []float64
}

// add appends a point.
func (l *Line) add(x, y float64) {
	l.X, l.Y = append(l.X, x), append(l.Y, y)
}

// quantiles is the distribution of list, for a figure of Quantiles: denser where values are rarer, up to
// the last one. It has no points for an empty list.
func quantiles(name string, list []float64) Line {
	line := Line{Name: name}
	sorted := slices.Sorted(slices.Values(list))
	for beyond := 1.0; beyond*float64(len(list)) >= 1; beyond *= 0.85 {
		line.add(1/beyond, quantileOf(sorted, 1-beyond))
	}
	return line
}
