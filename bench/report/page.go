package report

import (
	"fmt"
	"strings"
	"time"

	"resound/bench"
)

// section is one saved result on a page.
type section struct {
	*bench.Saved
	Table   bench.Table
	Figures []drawn
}

// drawn is a figure with the name of its file, without .svg.
type drawn struct {
	bench.Figure
	File string
}

// page is what a report shows, whatever it is written as.
type page struct {
	Title    string
	Machines []string
	Compared []drawn
	Sections []section
}

// pageOf lays out saved results.
func pageOf(title string, list []*bench.Saved) page {
	p := page{Title: title}
	for _, f := range bench.Compare(list) {
		p.Compared = append(p.Compared, drawn{f, f.Name})
	}
	names := map[string]int{}
	for _, s := range list {
		if names[s.Name]++; names[s.Name] > 1 { // files of different directories
			again := *s
			again.Name = fmt.Sprintf("%s-%d", s.Name, names[s.Name])
			s = &again
		}
		part := section{Saved: s, Table: s.Result.Table()}
		for _, f := range s.Result.Figures() {
			part.Figures = append(part.Figures, drawn{f, s.Name + "-" + f.Name})
		}
		p.Sections = append(p.Sections, part)
		if m := s.Machine.String(); len(p.Machines) == 0 || p.Machines[len(p.Machines)-1] != m {
			p.Machines = append(p.Machines, m)
		}
	}
	return p
}

// When says when the result was measured, and what else the machine was busy with.
func (s section) When() string {
	return fmt.Sprintf("%s, load average before it %.2f, harness %s", s.Time.Format(time.DateTime+" UTC"), s.Machine.Load[0], s.Harness)
}

// SVGs are the figures of saved results, by the names of their files: those of each, NAME-FIGURE.svg, and
// those that compare them.
func SVGs(list []*bench.Saved) map[string][]byte {
	p := pageOf("", list)
	files := map[string][]byte{}
	for _, f := range p.Compared {
		files[f.File+".svg"] = SVG(f.Figure)
	}
	for _, s := range p.Sections {
		for _, f := range s.Figures {
			files[f.File+".svg"] = SVG(f.Figure)
		}
	}
	return files
}

// Markdown is a page of saved results. figures is the path, relative to the page, of the directory where
// the SVGs are; without one there are no figures.
func Markdown(title string, list []*bench.Saved, figures string) string {
	p := pageOf(title, list)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", inline(title))
	for _, m := range p.Machines {
		fmt.Fprintf(&b, "Measured on %s.\n", inline(m))
	}
	images := func(list []drawn) {
		for _, f := range list {
			if figures != "" {
				fmt.Fprintf(&b, "\n%s\n", embedded(f, figures))
			}
		}
	}
	images(p.Compared)
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n`%s`\n\n%s.\n", inline(s.Name), code(s.CommandLine()), inline(s.When()))
		for _, server := range s.Servers {
			fmt.Fprintf(&b, "- %s: `%s`", inline(server.Name), code(server.Started()))
			if server.Version != "" {
				fmt.Fprintf(&b, ", %s", inline(server.Version))
			}
			b.WriteString("\n")
		}
		if s.Failure != "" {
			fmt.Fprintf(&b, "\n**The run failed:** %s\n", inline(s.Failure))
		}
		b.WriteString("\n" + table(s.Table))
		images(s.Figures)
	}
	return b.String()
}

// embedded is a figure in Markdown.
func embedded(f drawn, dir string) string {
	return fmt.Sprintf("![%s](%s/%s.svg)", inline(f.Title), strings.TrimSuffix(dir, "/"), f.File)
}

// table is a table in Markdown, with what would be markup in its cells as text.
func table(t bench.Table) string {
	safe := bench.Table{Title: inline(t.Title)}
	cells := func(row []string) (list []string) {
		for _, cell := range row {
			list = append(list, inline(cell))
		}
		return list
	}
	safe.Header = cells(t.Header)
	for _, row := range t.Rows {
		safe.Rows = append(safe.Rows, cells(row))
	}
	for _, note := range t.Notes {
		safe.Notes = append(safe.Notes, inline(note))
	}
	var b strings.Builder
	_ = safe.Write(&b) // a Builder takes everything
	return strings.TrimPrefix(b.String(), "\n\n")
}

var (
	markup = strings.NewReplacer("\n", " ", "\r", " ", `\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "`", "\\`", "[", `\[`, "_", `\_`)
	ticks  = strings.NewReplacer("`", "'", "\n", " ", "\r", " ")
)

// inline is text in Markdown.
func inline(text string) string { return markup.Replace(text) }

// code is text between backticks.
func code(text string) string { return ticks.Replace(text) }
