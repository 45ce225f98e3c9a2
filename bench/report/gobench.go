package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"resound/bench"
)

// measurement is one line of go test -bench.
type measurement struct {
	name   string // without Benchmark and the number of processors
	values map[string]float64
	units  []string
}

var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// failed is a line of go test that failed.
var failed = regexp.MustCompile(`(?m)^\s*(--- )?FAIL`)

// output is what a command wrote, if it did not fail.
func (r *results) output(name string) (string, error) {
	text, ok := r.texts[name]
	switch {
	case !ok:
		return "", fmt.Errorf("%s/%s.txt is not there: make bench saves it", resultsDir, name)
	case failed.MatchString(text):
		return "", fmt.Errorf("%s/%s.txt: this run failed, so it says nothing: run make bench again", resultsDir, name)
	}
	return text, nil
}

// measurements reads saved output of go test -bench.
func (r *results) measurements(name string) ([]measurement, error) {
	text, err := r.output(name)
	if err != nil {
		return nil, err
	}
	var list []measurement
	for line := range strings.Lines(text) {
		match := benchLine.FindStringSubmatch(strings.TrimSpace(line))
		if match == nil {
			continue
		}
		m := measurement{name: match[1], values: map[string]float64{}}
		for fields := strings.Fields(match[2]); len(fields) >= 2; fields = fields[2:] {
			f, err := strconv.ParseFloat(fields[0], 64)
			if err != nil {
				return nil, fmt.Errorf("%s/%s.txt: %q is no line of go test -bench", resultsDir, name, line)
			}
			m.values[fields[1]] = f
			m.units = append(m.units, fields[1])
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s/%s.txt has no line of go test -bench: run make bench again", resultsDir, name)
	}
	return list, nil
}

// gobench is {{gobench "persist-append" "appends/s"}}: a table of the benchmarks with these units, or all.
func (r *results) gobench(name string, units ...string) (string, error) {
	list, err := r.measurements(name)
	if err != nil {
		return "", err
	}
	if len(units) == 0 {
		for _, m := range list {
			for _, u := range m.units {
				if !slices.Contains(units, u) {
					units = append(units, u)
				}
			}
		}
	}
	t := bench.Table{Header: append([]string{""}, units...)}
	for _, m := range list {
		row, any := []string{m.name}, false
		for _, u := range units {
			text := ""
			if f, ok := m.values[u]; ok {
				any, text = true, significant(f)
			}
			row = append(row, text)
		}
		if any {
			t.Rows = append(t.Rows, row)
		}
	}
	if len(t.Rows) == 0 {
		return "", fmt.Errorf("no benchmark of %s/%s.txt has one of the units %q", resultsDir, name, units)
	}
	return strings.TrimRight(table(t), "\n"), nil
}

// metric is {{metric "persist-append" "Append/one/disk" "appends/s"}}.
func (r *results) metric(name, benchmark, unit string) (float64, error) {
	list, err := r.measurements(name)
	for _, m := range list {
		if f, ok := m.values[unit]; ok && m.name == benchmark {
			return f, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s/%s.txt has no benchmark %s with the unit %s", resultsDir, name, benchmark, unit)
	}
	return 0, err
}

// text is {{text "persist-append"}}: the output as it was saved.
func (r *results) text(name string) (string, error) {
	text, err := r.output(name)
	return "```\n" + strings.TrimRight(text, "\n") + "\n```", err
}

// gocommand is {{gocommand "persist-append"}}: the command behind "$ ", in the first line of the file.
func (r *results) gocommand(name string) (string, error) {
	text, err := r.output(name)
	line, _, _ := strings.Cut(text, "\n")
	command, ok := strings.CutPrefix(line, "$ ")
	if err == nil && !ok {
		err = fmt.Errorf("%s/%s.txt does not begin with its command: run make bench again", resultsDir, name)
	}
	return command, err
}

// significant prints four digits of a number, and all of a whole one.
func significant(f float64) string {
	if f == float64(int64(f)) {
		return separated(f, 0)
	}
	text, _ := about(4, f) // a float64 is a number
	return text
}
