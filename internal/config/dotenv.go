package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// envFile is one .env file that was read.
type envFile struct {
	path    string
	entries map[string]entry
}

// entry is the last assignment to a name.
type entry struct {
	value string
	null  bool // a name without '=': phpdotenv leaves the variable unset
	line  int  // the line it begins on, from 1
}

// lookupFunc finds a variable of the environment.
type lookupFunc func(name string) (string, bool)

// parseEnv reads data as phpdotenv does. environ has the last word on the
// variables that values refer to; it may be nil. path is for error texts.
func parseEnv(path string, data []byte, environ lookupFunc) (*envFile, error) {
	f := &envFile{path: path, entries: make(map[string]entry)}
	lookup := func(name string) (string, bool) {
		if environ != nil {
			if v, ok := environ(name); ok {
				return v, true
			}
		}
		e, ok := f.entries[name]
		return e.value, ok && !e.null
	}
	lines := splitLines(data)
	for i := 0; i < len(lines); {
		first := i + 1
		text, n, err := statement(lines[i:])
		i += n
		if err == nil && text != "" {
			err = f.assign(text, first, lookup)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, first, err)
		}
	}
	return f, nil
}

// assign reads one statement, which may hold newlines inside double quotes.
func (f *envFile) assign(text string, line int, lookup lookupFunc) error {
	left, right, assigned := strings.Cut(text, "=")
	name, err := parseName(trim(left))
	if err != nil {
		return err
	}
	e := entry{line: line, null: !assigned}
	if assigned {
		if e.value, err = parseValue(trim(right), lookup); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	f.entries[name] = e
	return nil
}

// splitLines cuts at \n, \r\n and \r, and drops the mark that some Windows editors put first.
func splitLines(data []byte) []string {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	s := strings.ReplaceAll(string(data), "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
}

// statement returns the first statement and how many lines it takes; "" is a
// blank line or a comment.
func statement(lines []string) (string, int, error) {
	first := trim(lines[0])
	if first == "" || first[0] == '#' {
		return "", 1, nil
	}
	if !strings.Contains(lines[0], `="`) || closes(lines[0], 2) {
		return lines[0], 1, nil
	}
	for n := 1; n < len(lines); n++ {
		if closes(lines[n], 1) {
			return strings.Join(lines[:n+1], "\n"), n + 1, nil
		}
	}
	return "", len(lines), errUnclosed
}

// closes reports whether the line has at least that many quotes that end or
// begin a value. It counts as phpdotenv does: a quote at the very start of the line
// is one only when it is alone there, and pairs of backslashes do not count.
func closes(line string, quotes int) bool {
	if line == `"` {
		return true
	}
	line = strings.ReplaceAll(line, `\\`, "")
	for i := 1; i < len(line); i++ {
		if line[i] == '"' && line[i-1] != '\\' {
			quotes--
		}
	}
	return quotes <= 0
}

// parseName takes off a leading "export" and quotes around the name.
func parseName(s string) (string, error) {
	if rest, ok := strings.CutPrefix(s, "export"); ok && rest != "" && isSpace(rest[0]) {
		s = strings.TrimLeft(rest, " \t\n\r\v\f")
	}
	if n := len(s); n > 2 && (s[0] == '"' || s[0] == '\'') && s[0] == s[n-1] {
		s = s[1 : n-1]
	}
	if s == "" {
		return "", fmt.Errorf("there is no name before '='")
	}
	for _, r := range s {
		if r != '_' && r != '.' && !unicode.In(r, unicode.Ll, unicode.Lu, unicode.M, unicode.N) {
			return "", fmt.Errorf("%q stands in the name of a variable; a line is NAME=value or a # comment", r)
		}
	}
	return s, nil
}

// trim takes off what PHP's trim does.
func trim(s string) string { return strings.Trim(s, " \n\r\t\x00\v") }

func isSpace(c byte) bool { return strings.IndexByte(" \t\n\r\v\f", c) >= 0 }
