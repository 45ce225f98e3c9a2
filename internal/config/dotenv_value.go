package config

import (
	"errors"
	"strings"
)

// The faults of a value. None repeats it: it may be a secret.
var (
	errUnclosed = errors.New("a quote is never closed")
	errAfter    = errors.New("something follows the closing quote; write \\\" for a quote inside double quotes")
	errSpace    = errors.New("a value with spaces needs quotes around it")
	errEscape   = errors.New(`only \" \\ \$ \n \r \t \f \v may be escaped in double quotes; use single quotes to keep backslashes`)
)

// parseValue reads what stands behind '=', already trimmed.
func parseValue(s string, lookup lookupFunc) (string, error) {
	if s == "" {
		return "", nil
	}
	var (
		out  []byte
		vars []int // where an unescaped '$' stands in out
		rest string
		err  error
	)
	switch s[0] {
	case '\'':
		end := strings.IndexByte(s[1:], '\'')
		if end < 0 {
			return "", errUnclosed
		}
		out, rest = []byte(s[1:1+end]), s[2+end:]
	case '"':
		out, vars, rest, err = doubleQuoted(s[1:])
	default:
		out, vars, rest = unquoted(s)
	}
	if err != nil {
		return "", err
	}
	if rest = strings.TrimLeft(rest, " \t\n\r\v\f"); rest != "" && rest[0] != '#' {
		if s[0] == '\'' || s[0] == '"' {
			return "", errAfter
		}
		return "", errSpace
	}
	return interpolate(string(out), vars, lookup), nil
}

// doubleQuoted reads up to the closing quote.
func doubleQuoted(s string) (out []byte, vars []int, rest string, err error) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return out, vars, s[i+1:], nil
		case '$':
			vars = append(vars, len(out))
		case '\\':
			if i++; i == len(s) {
				return nil, nil, "", errUnclosed
			}
			c, ok := unescape(s[i])
			if !ok {
				return nil, nil, "", errEscape
			}
			out = append(out, c)
			continue
		}
		out = append(out, s[i])
	}
	return nil, nil, "", errUnclosed
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '$':
		return c, true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'f':
		return '\f', true
	case 'v':
		return '\v', true
	}
	return 0, false
}

// unquoted reads up to the first space or '#'. Quotes and backslashes are
// ordinary there, and so is every '$' that does not begin a ${NAME}.
func unquoted(s string) (out []byte, vars []int, rest string) {
	end := 0
	for end < len(s) && !isSpace(s[end]) && s[end] != '#' {
		if s[end] == '$' {
			vars = append(vars, end)
		}
		end++
	}
	return []byte(s[:end]), vars, s[end:]
}

// interpolate replaces each ${NAME} at one of the places, from the last to the
// first, and leaves a name that nobody knows as it stands.
func interpolate(s string, places []int, lookup lookupFunc) string {
	for i := len(places) - 1; i >= 0; i-- {
		at := places[i]
		body, ok := strings.CutPrefix(s[at:], "${")
		if !ok {
			continue
		}
		name, rest, ok := strings.Cut(body, "}")
		if !ok || !plainName(name) {
			continue
		}
		if v, ok := lookup(name); ok {
			s = s[:at] + v + rest
		}
	}
	return s
}

// plainName reports whether s can stand in ${...}: letters, digits, '_' and '.'.
func plainName(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}
