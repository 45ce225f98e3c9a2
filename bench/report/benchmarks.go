package report

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"resound/bench"
)

// Where BENCHMARKS.md comes from and goes to, in the repository.
const (
	templateFile = "bench/report/benchmarks.md.tmpl"
	resultsDir   = "bench/results"
	pageFile     = "BENCHMARKS.md"
	plotsDir     = "docs/benchmarks"
)

// results are what is saved, by the names of the files.
type results struct {
	saved map[string]*bench.Saved
	texts map[string]string // of go test -bench
	plots map[string][]byte // the figures that the page shows
	noted map[string]bool   // the notes that it has
}

// loadResults reads a directory of saved results.
func loadResults(dir string) (*results, error) {
	r := &results{map[string]*bench.Saved{}, map[string]string{}, map[string][]byte{}, map[string]bool{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("no saved results: %w; make bench saves them, and --root says where the repository is", err)
	}
	var failures []error
	for _, f := range files {
		file := filepath.Join(dir, f.Name())
		switch path.Ext(f.Name()) {
		case ".json":
			s, err := bench.Load(file)
			if err == nil && s.Failure != "" {
				err = fmt.Errorf("%s: this run failed, so it says nothing: %s", file, s.Failure)
			}
			if failures = append(failures, err); err == nil {
				r.saved[s.Name] = s
			}
		case ".txt":
			text, err := os.ReadFile(file)
			failures, r.texts[strings.TrimSuffix(f.Name(), ".txt")] = append(failures, err), string(text)
		}
	}
	return r, errors.Join(failures...)
}

// Benchmarks renders BENCHMARKS.md of the repository at root: its template, filled with the saved results.
// It returns the files that belong to it, by their paths in the repository. A template that names what
// is not saved is an error.
func Benchmarks(root string) (map[string][]byte, error) {
	r, err := loadResults(filepath.Join(root, resultsDir))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, templateFile))
	if err != nil {
		return nil, fmt.Errorf("%w: --root says where the repository is", err)
	}
	page, err := r.render(string(text))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{pageFile: page}
	for name, svg := range r.plots {
		files[path.Join(plotsDir, name+".svg")] = svg
	}
	return files, nil
}

// WriteBenchmarks writes those files, and removes plots that are no longer shown.
func WriteBenchmarks(root string) error {
	files, err := Benchmarks(root)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(root, plotsDir, "*.svg"))
	if err != nil {
		return err
	}
	failures := []error{os.MkdirAll(filepath.Join(root, plotsDir), 0o755)}
	for _, file := range old {
		if files[path.Join(plotsDir, filepath.Base(file))] == nil {
			failures = append(failures, os.Remove(file))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		failures = append(failures, os.WriteFile(filepath.Join(root, name), files[name], 0o644))
	}
	return errors.Join(failures...)
}

// render fills a template. See the functions for what one can say.
func (r *results) render(text string) ([]byte, error) {
	t, err := template.New(path.Base(templateFile)).Option("missingkey=error").Funcs(template.FuncMap{
		"table": r.table, "fanouts": r.fanouts, "title": r.title, "notes": r.notes, "cell": r.cell, "figure": r.figure, "compare": r.compare, "setting": r.setting, "command": r.command, "saved": r.matching,
		"gobench": r.gobench, "metric": r.metric, "text": r.text, "gocommand": r.gocommand,
		"machine": r.machine, "dates": r.dates, "load": r.load, "versions": r.versions,
		"words": strings.Fields, "num": num, "about": about, "add": add, "sub": sub, "mul": mul, "div": div,
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// get finds a saved result.
func (r *results) get(name string) (*bench.Saved, error) {
	if s := r.saved[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%s/%s.json is not there: make bench saves it", resultsDir, name)
}

// all finds several.
func (r *results) all(names []string) (list []*bench.Saved, err error) {
	for _, name := range names {
		s, err := r.get(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// matching is {{saved "peer-*"}}: the names of the results that match, in order.
func (r *results) matching(pattern string) (list []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(r.saved)) {
		ok, bad := path.Match(pattern, name)
		if err = bad; ok {
			list = append(list, name)
		}
	}
	return list, err
}

// table is {{table "idle"}}, all of the table and its notes; or {{table "idle" "seconds" "percent of a core"}},
// these columns behind those that have no header, without title and notes.
func (r *results) table(name string, columns ...string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	t := s.Result.Table()
	if len(columns) > 0 {
		t, err = pick(t, columns)
	}
	return strings.TrimRight(table(t), "\n"), err
}

// title is {{title "idle"}}, what the table is of.
func (r *results) title(name string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	return inline(s.Result.Table().Title), nil
}

// notes is {{notes "steady"}}, what the table says below itself, such as that the load was too slow;
// but not again what notes has said before.
func (r *results) notes(name string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	var list []string
	for _, note := range s.Result.Table().Notes {
		if !r.noted[note] {
			list = append(list, inline(note))
		}
		r.noted[note] = true
	}
	return strings.Join(list, "\n\n"), nil
}

// pick keeps the first columns, which have no header, and those named.
func pick(t bench.Table, columns []string) (bench.Table, error) {
	var at []int
	for i := 0; i < len(t.Header) && t.Header[i] == ""; i++ {
		at = append(at, i)
	}
	for _, c := range columns {
		i := slices.Index(t.Header, c)
		if i < 0 {
			return t, fmt.Errorf("the table %q has no column %q; it has %q", t.Title, c, t.Header)
		}
		at = append(at, i)
	}
	take := func(row []string) (cells []string) {
		for _, i := range at {
			cells = append(cells, row[i])
		}
		return cells
	}
	picked := bench.Table{Header: take(t.Header)}
	for _, row := range t.Rows {
		picked.Rows = append(picked.Rows, take(row))
	}
	return picked, nil
}

// fanouts is {{fanouts "fanout-100" "fanout-1000"}}: a row for each.
func (r *results) fanouts(names ...string) (string, error) {
	list, err := r.all(names)
	if err != nil {
		return "", err
	}
	t, err := bench.CompareFanouts(list)
	t.Title = ""
	return strings.TrimRight(table(t), "\n"), err
}

// cell is {{cell "idle" "resound" "percent of a core"}}: what the table of a result says in a row and a column.
// A row goes by its first cell, or by its first two with a comma between them.
func (r *results) cell(name, row, column string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	t := s.Result.Table()
	at := slices.Index(t.Header, column)
	for _, cells := range t.Rows {
		if at >= 0 && (cells[0] == row || cells[0]+", "+cells[1] == row) {
			return cells[at], nil
		}
	}
	return "", fmt.Errorf("the table of %s has no row %q with a column %q; its columns are %q", name, row, column, t.Header)
}

// figure is {{figure "memory" "resident"}}: one of a result.
func (r *results) figure(name, figure string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	return r.draw(s.Result.Figures(), figure, name+"-"+figure)
}

// compare is {{compare "fanout-ratio" "fanout-100" "fanout-1000"}}: a figure that compares results.
func (r *results) compare(figure string, names ...string) (string, error) {
	list, err := r.all(names)
	if err != nil {
		return "", err
	}
	return r.draw(bench.Compare(list), figure, figure)
}

// draw draws the one of this name, and returns how the page shows it.
func (r *results) draw(list []bench.Figure, name, file string) (string, error) {
	var have []string
	for _, f := range list {
		if f.Name != name {
			have = append(have, f.Name)
			continue
		}
		svg := SVG(f)
		if before := r.plots[file]; before != nil && !bytes.Equal(before, svg) {
			return "", fmt.Errorf("%s.svg would be two plots: compare the same results each time", file)
		}
		r.plots[file] = svg
		return embedded(drawn{f, file}, plotsDir), nil
	}
	return "", fmt.Errorf("there is no figure %q of these results; there are %q", name, have)
}

// setting is {{setting "idle" "sockets"}}.
func (r *results) setting(name, flag string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	for _, setting := range s.Settings {
		if setting.Name == flag {
			return setting.Value, nil
		}
	}
	return "", fmt.Errorf("%s has no setting %q", name, flag)
}

// command is {{command "idle"}}: what was run.
func (r *results) command(name string) (string, error) {
	s, err := r.get(name)
	if err != nil {
		return "", err
	}
	return s.CommandLine(), nil
}

// machine is the one of all results: those of two machines do not go on one page.
func (r *results) machine() (string, error) {
	said := ""
	for _, name := range slices.Sorted(maps.Keys(r.saved)) {
		m := r.saved[name].Machine.String()
		if said != "" && m != said {
			return "", fmt.Errorf("%s comes from another machine than the results before it (%s, and %s): run make bench on one", name, said, m)
		}
		said = m
	}
	if said == "" {
		return "", fmt.Errorf("nothing is saved in %s: make bench does that", resultsDir)
	}
	return said, nil
}

// dates are the first and the last day of the results.
func (r *results) dates() string {
	var days []string
	for _, s := range r.saved {
		days = append(days, s.Time.Format(time.DateOnly))
	}
	if len(days) == 0 {
		return "no day"
	}
	return span(slices.Min(days), slices.Max(days))
}

// load is the least and the most that the machine was busy with before a run.
func (r *results) load() string {
	var list []float64
	for _, s := range r.saved {
		list = append(list, s.Machine.Load[0])
	}
	if len(list) == 0 {
		return "unknown"
	}
	return span(strconv.FormatFloat(slices.Min(list), 'f', 2, 64), strconv.FormatFloat(slices.Max(list), 'f', 2, 64))
}

func span(low, high string) string {
	if low == high {
		return low
	}
	return low + " to " + high
}

// versions are those of the harness and of all servers.
func (r *results) versions() string {
	have := map[string]bool{}
	for _, s := range r.saved {
		have["resound-bench "+s.Harness] = true
		for _, server := range s.Servers {
			if server.Version != "" && server.Program != "resound-bench" {
				have[server.Version] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(have)), "; ")
}
