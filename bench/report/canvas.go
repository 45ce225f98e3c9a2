package report

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// canvas is a vg.Canvas that writes SVG in which each colour has two values: one for a light page and one
// for a dark one. vgsvg knows one value each. A length is a pixel; a y axis that goes up becomes one that
// goes down. The same drawing gives the same bytes.
type canvas struct {
	width, height float64
	body          strings.Builder
	path          string // attributes of the path that is under way, to which more of the same kind is added
	stack         []state
	used          map[string]paint
}

// state is what Push keeps.
type state struct {
	matrix [6]float64 // x' = m0 x + m2 y + m4, y' = m1 x + m3 y + m5
	width  vg.Length
	dashes []vg.Length
	paint  paint
}

func newCanvas(width, height float64) *canvas {
	c := &canvas{width: width, height: height, used: map[string]paint{}}
	c.stack = []state{{matrix: [6]float64{1, 0, 0, 1, 0, 0}, paint: ink}}
	return c
}

func (c *canvas) state() *state { return &c.stack[len(c.stack)-1] }

func (c *canvas) SetLineWidth(w vg.Length)                    { c.state().width = w }
func (c *canvas) SetLineDash(dashes []vg.Length, _ vg.Length) { c.state().dashes = dashes }

// SetColor takes paints. What gonum sets by itself is ink.
func (c *canvas) SetColor(clr color.Color) {
	c.state().paint = ink
	if p, ok := clr.(paint); ok {
		c.state().paint = p
	}
}

func (c *canvas) Push() { c.stack = append(c.stack, *c.state()) }
func (c *canvas) Pop()  { c.stack = c.stack[:len(c.stack)-1] }

func (c *canvas) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	c.transform([6]float64{cos, sin, -sin, cos, 0, 0})
}

func (c *canvas) Translate(p vg.Point) {
	c.transform([6]float64{1, 0, 0, 1, float64(p.X), float64(p.Y)})
}

func (c *canvas) Scale(x, y float64) { c.transform([6]float64{x, 0, 0, y, 0, 0}) }

// transform applies n before what was there.
func (c *canvas) transform(n [6]float64) {
	m := c.state().matrix
	c.state().matrix = [6]float64{
		m[0]*n[0] + m[2]*n[1], m[1]*n[0] + m[3]*n[1],
		m[0]*n[2] + m[2]*n[3], m[1]*n[2] + m[3]*n[3],
		m[0]*n[4] + m[2]*n[5] + m[4], m[1]*n[4] + m[3]*n[5] + m[5],
	}
}

// at is a point of the image, as SVG has it.
func (c *canvas) at(p vg.Point) string {
	m := c.state().matrix
	x, y := float64(p.X), float64(p.Y)
	return short(m[0]*x+m[2]*y+m[4]) + " " + short(c.height-(m[1]*x+m[3]*y+m[5]))
}

// short is a coordinate to a tenth of a pixel.
func short(f float64) string {
	s := strconv.FormatFloat(f, 'f', 1, 64)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

func (c *canvas) Stroke(p vg.Path) {
	s := c.state()
	if s.width <= 0 {
		return
	}
	attributes := fmt.Sprintf(`class="s-%s" fill="none" stroke="%s" stroke-width="%s"`, s.paint.name, s.paint.light, short(float64(s.width)))
	if len(s.dashes) > 0 {
		var list []string
		for _, d := range s.dashes {
			list = append(list, short(float64(d)))
		}
		attributes += fmt.Sprintf(` stroke-dasharray="%s"`, strings.Join(list, " "))
	}
	c.add(attributes, p)
}

func (c *canvas) Fill(p vg.Path) {
	c.add(fmt.Sprintf(`class="f-%s" fill="%s"`, c.state().paint.name, c.state().paint.light), p)
}

// add writes a path, as a part of the one before if it looks the same.
func (c *canvas) add(attributes string, p vg.Path) {
	if attributes != c.path {
		c.end()
		c.path = attributes
		fmt.Fprintf(&c.body, `<path %s d="`, attributes)
	}
	c.used[c.state().paint.name] = c.state().paint
	for _, part := range p {
		switch part.Type {
		case vg.MoveComp:
			c.body.WriteString("M" + c.at(part.Pos))
		case vg.LineComp:
			c.body.WriteString("L" + c.at(part.Pos))
		case vg.ArcComp:
			c.arc(part)
		case vg.CurveComp:
			c.body.WriteString([]string{"", "Q", "C"}[len(part.Control)])
			for _, p := range part.Control {
				c.body.WriteString(c.at(p) + " ")
			}
			c.body.WriteString(c.at(part.Pos))
		case vg.CloseComp:
			c.body.WriteString("Z")
		}
	}
}

// arc is two halves: one arc of SVG cannot be a circle.
func (c *canvas) arc(part vg.PathComp) {
	on := func(angle float64) string {
		sin, cos := math.Sincos(angle)
		return c.at(vg.Point{X: part.Pos.X + part.Radius*vg.Length(cos), Y: part.Pos.Y + part.Radius*vg.Length(sin)})
	}
	sweep := "0"
	if part.Angle < 0 {
		sweep = "1"
	}
	r := short(float64(part.Radius))
	for _, portion := range []float64{0.5, 1} {
		fmt.Fprintf(&c.body, "A%s %s 0 0 %s %s", r, r, sweep, on(part.Start+part.Angle*portion))
	}
}

// end finishes the path that is under way.
func (c *canvas) end() {
	if c.path != "" {
		c.body.WriteString("\"/>\n")
	}
	c.path = ""
}

func (c *canvas) FillString(f font.Face, p vg.Point, text string) {
	c.end()
	s := c.state()
	c.used[s.paint.name] = s.paint
	x, y, _ := strings.Cut(c.at(p), " ")
	fmt.Fprintf(&c.body, `<text class="f-%s" fill="%s" x="%s" y="%s" font-size="%s"`, s.paint.name, s.paint.light, x, y, short(float64(f.Font.Size)))
	if f.Font.Weight > 0 {
		c.body.WriteString(` font-weight="bold"`)
	}
	if angle := math.Atan2(s.matrix[1], s.matrix[0]) * 180 / math.Pi; angle != 0 {
		fmt.Fprintf(&c.body, ` transform="rotate(%s %s %s)"`, short(-angle), x, y)
	}
	fmt.Fprintf(&c.body, ">%s</text>\n", escaped(text))
}

// DrawImage draws the outline of an image: figures have none.
func (c *canvas) DrawImage(r vg.Rectangle, _ image.Image) { c.Stroke(r.Path()) }

// escaped is text for XML. What XML cannot hold at all becomes a replacement character.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// svg is the whole image.
func (c *canvas) svg(title string) []byte {
	c.end()
	var b, dark strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.used)) {
		fmt.Fprintf(&dark, ".s-%s{stroke:%s}.f-%[1]s{fill:%[2]s}", name, c.used[name].dark)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" role="img" font-family="Helvetica,Arial,'Liberation Sans',sans-serif">`,
		short(c.width), short(c.height))
	fmt.Fprintf(&b, "\n<title>%s</title>\n<style>@media(prefers-color-scheme:dark){%s}</style>\n%s</svg>\n", escaped(title), &dark, &c.body)
	return []byte(b.String())
}
