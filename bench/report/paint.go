package report

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// paint is a colour for light pages and one for dark ones.
type paint struct {
	name        string
	light, dark rgb
}

type rgb uint32

func (c rgb) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// RGBA implements color.Color: a paint goes through gonum as one.
func (p paint) RGBA() (r, g, b, a uint32) {
	return color.RGBA{uint8(p.light >> 16), uint8(p.light >> 8), uint8(p.light), 255}.RGBA()
}

var (
	paper  = paint{"paper", 0xffffff, 0x0d1117}
	border = paint{"border", 0xd0d7de, 0x30363d}
	ink    = paint{"ink", 0x1f2328, 0xe6edf3}
	faint  = paint{"faint", 0x59636e, 0x9198a1}
	grid   = paint{"grid", 0xe4e8ec, 0x262c34}

	// The colours of lines are told apart also by those who do not see red and green.
	palette = []paint{
		{"a", 0x0969da, 0x58a6ff}, {"b", 0xd1570b, 0xf0883e}, {"c", 0x0f8a6d, 0x3fc9a1}, {"d", 0x8250df, 0xbc8cff},
		{"e", 0xbf3989, 0xf778ba}, {"f", 0x8a6500, 0xd9a62e}, {"g", 0x57606a, 0xb1bac4},
	}
	shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}}
	dashes = [][]vg.Length{nil, {7, 4}, {2, 3}}
)

// style is text of a figure. Its widths are those of Liberation Sans, which has the widths of Arial and Helvetica.
func style(size vg.Length, p paint, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: p, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// bold is for titles.
func bold(s text.Style) text.Style {
	s.Font.Weight = 3 // the scale of CSS, where 400 is 0
	return s
}
