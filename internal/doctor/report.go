package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/goccy/go-json"
)

// Verdict is what came of a check.
type Verdict string

const (
	OK        Verdict = "ok"
	Warning   Verdict = "warning"     // it may not do what is wanted
	Problem   Verdict = "problem"     // it cannot work
	Unchecked Verdict = "not checked" // and Text says why
)

// Check is one line of the report. It never holds a secret.
type Check struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"` // the same in every report, for machines
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`         // what was seen, or why nothing was
	Do      string  `json:"do,omitempty"` // what to do, where Text does not say it
}

// Report is what Run found, in the order of the checks.
type Report struct {
	Checks []Check
}

// Count is how many checks have that verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	group := ""
	for _, c := range r.Checks {
		if c.Group != group {
			if group = c.Group; b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(group + "\n")
		}
		fmt.Fprintf(&b, "  %-11s  %s\n", c.Verdict, c.Text)
		if c.Do != "" {
			fmt.Fprintf(&b, "  %-11s  -> %s\n", "", c.Do)
		}
	}
	fmt.Fprintf(&b, "\n%s, %s, %d not checked\n", plural(r.Count(Problem), "problem"), plural(r.Count(Warning), "warning"), r.Count(Unchecked))
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes one object with the checks and how many are bad.
func (r *Report) PrintJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Problems  int     `json:"problems"`
		Warnings  int     `json:"warnings"`
		Unchecked int     `json:"not_checked"`
		Checks    []Check `json:"checks"`
	}{r.Count(Problem), r.Count(Warning), r.Count(Unchecked), r.Checks})
}

func (d *doctor) add(v Verdict, name, do, format string, args ...any) {
	d.report.Checks = append(d.report.Checks, Check{d.group, name, v, d.safe(fmt.Sprintf(format, args...)), d.safe(do)})
}

func (d *doctor) ok(name, format string, args ...any) { d.add(OK, name, "", format, args...) }

func (d *doctor) warn(name, do, format string, args ...any) {
	d.add(Warning, name, do, format, args...)
}

func (d *doctor) problem(name, do, format string, args ...any) {
	d.add(Problem, name, do, format, args...)
}

func (d *doctor) skip(name, format string, args ...any) { d.add(Unchecked, name, "", format, args...) }

// safe takes out what must not be shown, whoever said it: secrets, and what would speak to a terminal.
func (d *doctor) safe(text string) string {
	for _, secret := range d.secrets {
		text = strings.ReplaceAll(text, secret, "********")
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// brief is the beginning of what somebody answered, on one line.
func brief(text string) string {
	const enough = 200
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > enough {
		text = string(r[:enough]) + "..."
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
