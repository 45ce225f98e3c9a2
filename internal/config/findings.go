package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-json"
)

// Level is how bad a finding is: "ok", "warning" or "error".
type Level string

const (
	OK      Level = "ok"
	Warning Level = "warning" // it runs, and may not do what is wanted
	Error   Level = "error"   // it does not start, or cannot work
)

// Finding is one line of `resound check`. It never holds a secret.
type Finding struct {
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what to do, where Text does not say it
}

// Broken reports whether one of the findings is an error.
func Broken(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Error {
			return true
		}
	}
	return false
}

// PrintFindings writes a line for each finding, or with asJSON one JSON object.
func PrintFindings(w io.Writer, findings []Finding, asJSON bool) error {
	count := make(map[Level]int)
	for _, f := range findings {
		count[f.Level]++
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Errors   int       `json:"errors"`
			Warnings int       `json:"warnings"`
			Findings []Finding `json:"findings"`
		}{count[Error], count[Warning], findings})
	}
	var b strings.Builder
	for _, f := range findings {
		line := f.Text
		if f.Do != "" {
			line += "; " + f.Do
		}
		fmt.Fprintf(&b, "%-7s  %s\n", f.Level, line)
	}
	fmt.Fprintf(&b, "\n%s, %s\n", plural(count[Error], "error"), plural(count[Warning], "warning"))
	_, err := io.WriteString(w, b.String())
	return err
}

// inspection collects what there is to say about a configuration.
type inspection struct {
	*sources
	c    *Config
	list []Finding
}

func (i *inspection) ok(format string, args ...any) {
	i.list = append(i.list, Finding{OK, fmt.Sprintf(format, args...), ""})
}

func (i *inspection) add(level Level, do, format string, args ...any) {
	i.list = append(i.list, Finding{level, fmt.Sprintf(format, args...), do})
}

// findings is what `resound check` says, errors of reading first.
func (s *sources) findings(c *Config, descriptors uint64) []Finding {
	i := &inspection{sources: s, c: c}
	for _, err := range s.errs {
		i.add(Error, "", "%s", err)
	}
	i.files()
	for _, warning := range c.Warnings {
		i.add(Warning, "", "%s", warning)
	}
	i.public()
	i.certificates()
	if s.file != nil {
		i.broadcasting()
		i.vite()
	}
	i.served(descriptors)
	i.history()
	i.cluster()
	return i.list
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
