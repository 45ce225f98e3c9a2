package bench

// Figure is a plot of a result. Package report draws it.
type Figure struct {
	Name  string // for a file: lower case, digits and hyphens
	Title string
	X, Y  string // what the axes show, with units
	LogX  bool
	LogY  bool
	Lines []Line
}

// Line is one line of a figure, or its dots.
type Line struct {
	Name string
	Dots bool // single values, not joined
	X, Y []float64
}
