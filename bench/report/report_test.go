package report

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot"

	"resound/bench"
)

// hostile is what a name can be: markup of every page that it gets into.
const hostile = "a<b>&\"'|*`[x](y)\x01\n</svg><script>alert(1)</script>"

// fanout is a saved result of so many sockets.
func fanout(t *testing.T, file string, sockets int, server string) *bench.Saved {
	t.Helper()
	rounds := func(cpu float64) (list []bench.FanoutRound) {
		for i := range 5 {
			list = append(list, bench.FanoutRound{Deliveries: 1e6, CPU: cpu + float64(i)/10, Bursts: []int64{2e6, 3e6 + int64(sockets), 4e6}})
		}
		return list
	}
	ours := bench.Target{Name: server, Address: "127.0.0.1:8080", PID: 7, Secret: "s3cr3t"}
	r := &bench.FanoutResult{Sockets: sockets, Window: 1, Payload: 64, Columns: []bench.FanoutColumn{
		{Target: bench.Baseline, Name: "raw", Channels: 1, Rounds: rounds(4)}, {Target: ours, Name: server, Channels: 1, Rounds: rounds(5)}}}
	return save(t, file, []string{"fanout", "--sockets", fmt.Sprint(sockets), "--server", server, "--json", file}, r, nil)
}

// save writes a result to a file and reads it again.
func save(t *testing.T, file string, args []string, r bench.Result, failure error) *bench.Saved {
	t.Helper()
	run := bench.Run{Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Harness: "v1", Command: args,
		Machine: bench.Machine{CPU: "Some CPU", Cores: 2, System: "linux/amd64", Kernel: "6.1", Go: "go1.26.8", Load: [3]float64{0.25, 0, 0}}}
	if err := run.Save(file, r, failure); err != nil {
		t.Fatal(err)
	}
	s, err := bench.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wellFormed reads text as XML and returns the text of all elements of a name.
func wellFormed(t *testing.T, what string, text []byte, element string) (found []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	inside, part := 0, strings.Builder{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("%s is not well-formed: %v\n%s", what, err, text)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "script" || e.Name.Local == "b" {
				t.Errorf("%s has an element %s", what, e.Name.Local)
			}
			if e.Name.Local == element {
				inside++
			}
		case xml.EndElement:
			if e.Name.Local == element {
				inside--
				found = append(found, part.String())
				part.Reset()
			}
		case xml.CharData:
			if inside > 0 {
				part.Write(e)
			}
		}
	}
}

func TestFiguresOfHostileNames(t *testing.T) {
	f := bench.Figure{Name: "x", Title: hostile, X: hostile, Y: hostile, Ticks: []string{hostile}, Lines: []bench.Line{{Name: hostile, Dots: true, X: []float64{1}, Y: []float64{2}}}}
	want := strings.ReplaceAll(hostile, "\x01", "\ufffd")
	texts := wellFormed(t, "the figure", SVG(f), "text")
	count := 0
	for _, line := range strings.Split(want, "\n") {
		for _, text := range texts {
			if text == line {
				count++
			}
		}
	}
	if count < 5 { // title, both axes, tick, legend
		t.Errorf("%d times in %q", count, texts)
	}
}

func TestFiguresAreTheSameEachTime(t *testing.T) {
	list := []*bench.Saved{fanout(t, filepath.Join(t.TempDir(), "a.json"), 100, "new"), fanout(t, filepath.Join(t.TempDir(), "b.json"), 19000, "new")}
	first := SVGs(list)
	if len(first) != 4+2*2 {
		t.Errorf("%d figures", len(first))
	}
	for name, svg := range SVGs(list) {
		if !bytes.Equal(svg, first[name]) {
			t.Errorf("%s is another one the second time", name)
		}
		if titles := wellFormed(t, name, svg, "title"); len(titles) != 1 || titles[0] == "" {
			t.Errorf("%s: titles %q", name, titles)
		}
		if !bytes.Contains(svg, []byte("prefers-color-scheme:dark")) {
			t.Errorf("%s has no colours for dark pages", name)
		}
	}
}

var coordinate = regexp.MustCompile(`[ML](-?[\d.]+) (-?[\d.]+)`)

// A line goes where its values are: on a linear axis from zero, halves are half as high.
func TestLinesGoWhereTheirValuesAre(t *testing.T) {
	f := bench.Figure{Lines: []bench.Line{{Name: "l", X: []float64{0, 1, 2}, Y: []float64{0, 5, 10}}}}
	var points [][2]float64
	for _, path := range strings.Split(string(SVG(f)), "\n") {
		if !strings.Contains(path, `class="s-a"`) {
			continue
		}
		for _, m := range coordinate.FindAllStringSubmatch(path, -1) {
			var p [2]float64
			if _, err := fmt.Sscan(m[1], &p[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(m[2], &p[1]); err != nil {
				t.Fatal(err)
			}
			points = append(points, p)
		}
	}
	if len(points) < 5 { // two of the legend, three of the line
		t.Fatalf("%v", points)
	}
	p := points[len(points)-3:]
	if math.Abs(p[1][0]-(p[0][0]+p[2][0])/2) > 0.2 || math.Abs(p[1][1]-(p[0][1]+p[2][1])/2) > 0.2 || p[2][1] >= p[0][1] || p[0][0] >= p[2][0] {
		t.Errorf("%v is not a straight line upwards", p)
	}
	for _, p := range points {
		if p[0] < 0 || p[0] > width || p[1] < 0 || p[1] > height {
			t.Errorf("%v is outside", p)
		}
	}
}

func TestFiguresOfStrangeValues(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, f := range map[string]bench.Figure{
		"nothing":                   {},
		"no finite value":           {Lines: []bench.Line{{Name: "l", X: []float64{1, nan}, Y: []float64{inf, 1}}}},
		"one value":                 {Lines: []bench.Line{{Name: "l", X: []float64{7}, Y: []float64{0}}}},
		"zero on logarithmic axes":  {LogX: true, LogY: true, Lines: []bench.Line{{Name: "l", X: []float64{0, 10}, Y: []float64{5, 0}}}},
		"one on logarithmic axes":   {LogX: true, LogY: true, Lines: []bench.Line{{Name: "l", X: []float64{10}, Y: []float64{5}}}},
		"one quantile":              {Quantiles: true, Lines: []bench.Line{{Name: "l", X: []float64{1}, Y: []float64{5}}}},
		"below zero":                {Lines: []bench.Line{{Name: "l", X: []float64{-2, -1}, Y: []float64{-5, 5}}}},
		"more Y than X":             {Lines: []bench.Line{{Name: "l", X: []float64{1}, Y: []float64{5, 6}}}},
		"huge":                      {Lines: []bench.Line{{Name: "l", X: []float64{1, 2}, Y: []float64{1, 1e15}}}},
		"tiny":                      {Lines: []bench.Line{{Name: "l", X: []float64{1, 2}, Y: []float64{1e-9, 2e-9}}}},
		"more lines than colours":   {Lines: slicesOf(30)},
		"ticks without a line's X":  {Ticks: []string{"a"}, Lines: []bench.Line{{Name: "l", Dots: true, X: []float64{1, 2}, Y: []float64{1, 2}}}},
		"wide on logarithmic scale": {LogY: true, Lines: []bench.Line{{Name: "l", X: []float64{1, 2}, Y: []float64{1e-6, 1e9}}}},
	} {
		svg := SVG(f)
		wellFormed(t, name, svg, "text")
		if text := string(svg); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || len(text) > 100<<10 {
			t.Errorf("%s: %d bytes: %s", name, len(text), text[:min(len(text), 2000)])
		}
	}
}

func slicesOf(n int) (list []bench.Line) {
	for i := range n {
		list = append(list, bench.Line{Name: fmt.Sprintf("line %d", i), X: []float64{1, 2}, Y: []float64{1, float64(i)}})
	}
	return list
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		got  []string
		want string
	}{
		{labels(linear{about: 6}, 0, 6), "0 1 2 3 4 5 6"},
		{labels(linear{about: 6}, 0, 1.2), "0.0 0.2 0.4 0.6 0.8 1.0 1.2"},
		{labels(linear{about: 6}, 0, 120000), "0 20,000 40,000 60,000 80,000 100,000 120,000"},
		{labels(linear{about: 6}, -1, 1), "-1.0 -0.5 0.0 0.5 1.0"},
		{labels(linear{9, true}, 0, 3.06), "0 1 2 3"},
		{labels(logarithmic{}, 90, 21000), "100 200 500 1,000 2,000 5,000 10,000 20,000"},
		{labels(logarithmic{}, 0.001, 100000), "0.001 0.01 0.1 1 10 100 1,000 10,000 100,000"},
		{labels(percentiles{}, 1, 5000), "0 % 50 % 90 % 99 % 99.9 %"},
		{labels(percentiles{}, 1, 2), "0 % 50 %"},
		{labels(named{"before", "after"}, 0.5, 2.5), "before after"},
	} {
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func labels(marker interface {
	Ticks(low, high float64) []plot.Tick
}, low, high float64) (list []string) {
	for _, tick := range marker.Ticks(low, high) {
		if tick.Label != "" {
			list = append(list, tick.Label)
		}
	}
	return list
}

func TestHTML(t *testing.T) {
	dir := t.TempDir()
	list := []*bench.Saved{fanout(t, filepath.Join(dir, "a.json"), 100, hostile), fanout(t, filepath.Join(dir, "b.json"), 1000, hostile)}
	list[1].Name = list[0].Name                       // of another directory
	list[1].Failure = "it ended: <b>" + hostile       // the error of a server
	list[0].Result.(*bench.FanoutResult).Frame = 1234 // only to find it again
	page, err := HTML(hostile, list)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "s3cr3t") || strings.Contains(page, "ZgotmplZ") {
		t.Errorf("something got through: %s", page)
	}
	clean := strings.ReplaceAll(page, "\x01", "") // HTML may hold it, XML may not
	cells := strings.Join(wellFormed(t, "the page", []byte(clean), "td"), "\n")
	if !strings.Contains(cells, "<script>alert(1)</script>") {
		t.Errorf("the name is not there as text: %s", cells)
	}
	if titles := wellFormed(t, "the page", []byte(clean), "h2"); strings.Join(titles, ", ") != "Compared, a, a-2" {
		t.Errorf("sections %q", titles)
	}
	if n := strings.Count(page, "<svg "); n != 4+2*2 {
		t.Errorf("%d plots", n)
	}
	_, raw, _ := strings.Cut(page, "data:application/json;base64,")
	raw, _, _ = strings.Cut(raw, `"`)
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(raw, "&#43;", "+"))
	if err != nil || !bytes.Contains(b, []byte(`"frame":1234`)) {
		t.Errorf("the raw figures: %v: %s", err, b)
	}
}

func TestMarkdown(t *testing.T) {
	dir := t.TempDir()
	list := []*bench.Saved{fanout(t, filepath.Join(dir, "a.json"), 100, "x|y <i>"), save(t, filepath.Join(dir, "idle.json"), []string{"idle"},
		&bench.IdleResult{Sockets: 5, Rows: []bench.IdleRow{{Target: bench.Target{Name: "z"}, Seconds: 1, CPU: 0.1, Pings: 1}}}, errors.New("server ended"))}
	text := Markdown("A title", list, "plots")
	for _, want := range []string{
		"# A title\n", "2 cores of Some CPU, linux/amd64 6.1, Go 1.26.8", "## a\n", "`resound-bench fanout --sockets 100 --server 'x|y <i>'`\n", "2026-05-04 03:02:01 UTC",
		`| x\|y &lt;i> `, "![CPU of each turn](plots/a-cpu.svg)", "**The run failed:** server ended",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if text := Markdown("A title", list, ""); strings.Contains(text, "![") {
		t.Errorf("figures that nobody wrote: %s", text)
	}
}

func TestLongNumbersKeepTheirDigits(t *testing.T) {
	for _, c := range []struct {
		digits int
		x      any
		want   string
	}{{2, 1234567.0, "1,200,000"}, {2, "117,200 (1–2)", "120,000"}, {3, 0.001234, "0.00123"}, {2, 0.0, "0"}, {2, 9.96, "10"}, {1, 5.4, "5"}, {2, -42.7, "-43"}, {3, 12, "12.0"}} {
		if got, err := about(c.digits, c.x); err != nil || got != c.want {
			t.Errorf("about %d %v is %q, %v, want %q", c.digits, c.x, got, err, c.want)
		}
	}
}

// The repository is two folders up.
var root = filepath.Join("..", "..")

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
