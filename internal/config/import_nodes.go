package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-json"
	"go.yaml.in/yaml/v3"

	"resound/internal/apps"
)

// object returns a mapping, or none for anything else: PHP writes an empty one as [].
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// elements returns a list, also one that PHP wrote as an object because its keys have holes or names.
func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case map[string]any:
		var list []any
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, v[key])
		}
		return list
	default:
		return nil
	}
}

// plainValue returns the text of a scalar, "" for null, and false for all else.
func plainValue(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	default:
		return "", false
	}
}

// scalar is a value that is written as a number or a switch where it looks like one.
func scalar(text string) *yaml.Node {
	n := quoted(unexpanded(text))
	if _, err := strconv.ParseInt(text, 10, 0); err == nil {
		n.Tag = "!!int"
	} else if text == "true" || text == "false" {
		n.Tag = "!!bool"
	}
	return n
}

// quoted is a text, with quotes around it where YAML would take it for something else.
func quoted(text string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(text)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// cleanList writes origins as they can match, and beside each what it was.
func cleanList(v any) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, entry := range elements(v) {
		text, ok := plainValue(entry)
		if !ok {
			continue
		}
		pattern, changed := apps.CleanOrigin(text)
		n := quoted(unexpanded(pattern))
		if changed {
			n.LineComment = oneLine(fmt.Sprintf("was %q, which could never match", text))
		}
		list.Content = append(list.Content, n)
	}
	return list
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, quoted(key), value)
}

// oneLine takes out what would end a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
