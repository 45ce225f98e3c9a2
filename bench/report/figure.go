package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"resound/bench"
)

// The size of a figure, in pixels.
const (
	width  = 760
	height = 400
	margin = 20
)

// SVG draws a figure, for light and dark pages. Values that are no finite numbers are left out, and those
// that a logarithmic axis cannot show.
func SVG(f bench.Figure) []byte {
	c := newCanvas(width, height)
	card(c)
	area := draw.Crop(draw.NewCanvas(c, width, height), margin, -margin-6, margin-4, -margin)
	title := bold(style(15, ink, text.XLeft, text.YTop))
	area.FillText(title, vg.Point{X: area.Min.X, Y: area.Max.Y}, f.Title)
	area.Max.Y -= 26
	lines := visible(f)
	area.Max.Y -= legend(area, f, lines)
	if len(lines) == 0 {
		area.FillText(style(13, faint, text.XCenter, text.YCenter), area.Center(), "no values")
		return c.svg(f.Title)
	}
	p := axes(f, lines)
	for _, l := range lines {
		p.Add(l.plotters(f)...)
	}
	p.X.Min, p.X.Max = rangeOfX(f, lines)
	p.Y.Min, p.Y.Max = rangeOfY(f, lines)
	p.Draw(area)
	return c.svg(f.Title)
}

// card is what a figure lies on, so that it can be read on any page.
func card(c *canvas) {
	c.SetColor(paper)
	r := vg.Length(8)
	for _, fill := range []bool{true, false} {
		var p vg.Path
		low, right, top := vg.Length(0.5), vg.Length(width-0.5), vg.Length(height-0.5)
		p.Move(vg.Point{X: low + r, Y: low})
		for _, corner := range [][3]vg.Point{
			{{X: right - r, Y: low}, {X: right, Y: low}, {X: right, Y: low + r}}, {{X: right, Y: top - r}, {X: right, Y: top}, {X: right - r, Y: top}},
			{{X: low + r, Y: top}, {X: low, Y: top}, {X: low, Y: top - r}}, {{X: low, Y: low + r}, {X: low, Y: low}, {X: low + r, Y: low}},
		} {
			p.Line(corner[0])
			p.QuadTo(corner[1], corner[2])
		}
		p.Close()
		if fill {
			c.Fill(p)
			continue
		}
		c.SetColor(border)
		c.SetLineWidth(1)
		c.Stroke(p)
	}
}

// curve is a line of a figure, with how it looks.
type curve struct {
	bench.Line
	points plotter.XYs
	line   draw.LineStyle
	glyph  draw.GlyphStyle
}

// visible lists the lines that have something to show.
func visible(f bench.Figure) (list []curve) {
	for i, l := range f.Lines {
		p := palette[i%len(palette)]
		c := curve{
			Line:  l,
			line:  draw.LineStyle{Color: p, Width: 2, Dashes: dashes[i/len(palette)%len(dashes)]},
			glyph: draw.GlyphStyle{Color: p, Radius: 3.2, Shape: shapes[i%len(shapes)]},
		}
		aside := 0.0
		if l.Dots && len(f.Ticks) > 0 { // beside each other: they may have the same value
			aside = (float64(i) - float64(len(f.Lines)-1)/2) * min(0.08, 0.6/float64(len(f.Lines)))
		}
		for j := range min(len(l.X), len(l.Y)) {
			x, y := l.X[j]+aside, l.Y[j]
			if finite(x) && finite(y) && (x > 0 || !f.LogX && !f.Quantiles) && (y > 0 || !f.LogY) {
				c.points = append(c.points, plotter.XY{X: x, Y: y})
			}
		}
		if len(c.points) > 0 {
			list = append(list, c)
		}
	}
	return list
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// marked says whether points show: single ones, and few on a line that are not a distribution.
func (c curve) marked(f bench.Figure) bool {
	return c.Dots || len(c.points) <= 12 && !f.Quantiles
}

func (c curve) plotters(f bench.Figure) (list []plot.Plotter) {
	if !c.Dots {
		list = append(list, &plotter.Line{XYs: c.points, LineStyle: c.line})
	}
	if c.marked(f) {
		list = append(list, &plotter.Scatter{XYs: c.points, GlyphStyle: c.glyph})
	}
	return list
}

// legend draws the names of the lines in rows above the plot, and returns its height.
func legend(area draw.Canvas, f bench.Figure, lines []curve) vg.Length {
	const swatch, gap, row = 22, 22, 19
	s := style(12, ink, text.XLeft, text.YCenter)
	x, y := area.Min.X, area.Max.Y-row/2
	for _, l := range lines {
		need := swatch + 6 + s.Width(l.Name)*1.18 // the reader's font may be a wider one
		if x > area.Min.X && x+need > area.Max.X {
			x, y = area.Min.X, y-row
		}
		if !l.Dots {
			area.StrokeLine2(l.line, x, y, x+swatch, y)
		}
		if l.marked(f) {
			area.DrawGlyph(l.glyph, vg.Point{X: x + swatch/2, Y: y})
		}
		area.FillText(s, vg.Point{X: x + swatch + 6, Y: y}, l.Name)
		x += need + gap
	}
	return area.Max.Y - y + row/2 + 8
}

// axes is a plot with both axes and the grid, and nothing in it.
func axes(f bench.Figure, lines []curve) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = f.X, f.Y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle = style(12, faint, text.XCenter, text.YBottom)
		a.Label.Padding = 6
		a.Tick.Label.Color, a.Tick.Label.Font = faint, style(11.5, faint, 0, 0).Font
		a.LineStyle = draw.LineStyle{Color: border, Width: 1}
		a.Tick.LineStyle = draw.LineStyle{Color: border, Width: 1}
		a.Tick.Length = 5
		a.Padding = 0
		a.Tick.Marker = linear{about: 6}
	}
	p.X.Tick.Marker = linear{9, whole(lines)}
	switch {
	case len(f.Ticks) > 0:
		p.X.Tick.Marker = named(f.Ticks)
	case f.Quantiles:
		p.X.Tick.Marker, p.X.Scale = percentiles{}, plot.LogScale{}
	case f.LogX:
		p.X.Tick.Marker, p.X.Scale = logarithmic{}, plot.LogScale{}
	}
	if f.LogY {
		p.Y.Tick.Marker, p.Y.Scale = logarithmic{}, plot.LogScale{}
	}
	g := plotter.NewGrid()
	g.Vertical = draw.LineStyle{Color: grid, Width: 1}
	g.Horizontal = g.Vertical
	p.Add(g)
	return p
}

// whole says whether all X are whole numbers, such as turns.
func whole(lines []curve) bool {
	for _, l := range lines {
		for _, p := range l.points {
			if p.X != math.Trunc(p.X) {
				return false
			}
		}
	}
	return true
}

// extremes are those of all points.
func extremes(lines []curve, of func(plotter.XY) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.points {
			low, high = min(low, of(p)), max(high, of(p))
		}
	}
	return low, high
}

func rangeOfX(f bench.Figure, lines []curve) (low, high float64) {
	low, high = extremes(lines, func(p plotter.XY) float64 { return p.X })
	switch {
	case len(f.Ticks) > 0:
		return 0.5, float64(len(f.Ticks)) + 0.5
	case f.Quantiles:
		return 1, max(high, 2)
	case f.LogX && high/low < 1.5:
		return low / 2, high * 2
	case f.LogX:
		return low / 1.1, high * 1.1
	case low >= 0 && low <= high/3:
		low = 0
	}
	if low == high {
		return low - 1, high + 1
	}
	return low, high + (high-low)/50
}

// rangeOfY begins at zero where it can: what is twice as much is then twice as high.
func rangeOfY(f bench.Figure, lines []curve) (low, high float64) {
	low, high = extremes(lines, func(p plotter.XY) float64 { return p.Y })
	if f.LogY {
		if high/low < 2 {
			return low / 2, high * 2
		}
		return low / 1.2, high * 1.2
	}
	if low = min(low, 0); low == high {
		return 0, 1
	}
	step := linear{about: 6}.step(low, high*1.02)
	return math.Floor(low/step) * step, math.Ceil(high*1.02/step) * step
}
