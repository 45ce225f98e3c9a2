package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Table is what people read, in Markdown.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
	Notes  []string
}

// Write prints the table with aligned columns.
func (t Table) Write(w io.Writer) error {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, width := range widths {
			fmt.Fprintf(&b, "| %s%s ", row[i], strings.Repeat(" ", width-utf8.RuneCountInString(row[i])))
		}
		b.WriteString("|\n")
	}
	fmt.Fprintf(&b, "%s\n\n", t.Title)
	line(t.Header)
	for _, width := range widths {
		fmt.Fprintf(&b, "|%s", strings.Repeat("-", width+2))
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		line(row)
	}
	for _, note := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// number prints three significant digits.
func number(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "–"
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}

// String prints the median, and the quartiles beside it.
func (s Spread) String() string {
	if s.Median != s.Median {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Low), number(s.High))
}

// percent prints a part of 1.
func percent(f float64) string {
	if f != f {
		return "–"
	}
	return number(f*100) + " %"
}

// thousands prints a large number with separators.
func thousands(f float64) string {
	if f != f {
		return "–"
	}
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
