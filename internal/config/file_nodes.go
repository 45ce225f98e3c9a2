package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// maxFileEntries bounds how many names a file may have when all that it takes
// over with << is counted: ten lines can otherwise stand for billions.
const maxFileEntries = 1_000_000

// maxFileErrors is how many errors one file is good for.
const maxFileErrors = 100

// maxMerges is how deep mappings may take over others.
const maxMerges = 8

// fileReader walks the nodes of one config file.
type fileReader struct {
	file   configFile
	keys   fileKeys
	lookup lookupFunc
	errs   []error
	failed int // how many errors there were, also those beyond maxFileErrors
	budget int
}

// scope is a mapping that settings are read from, and where they go.
type scope struct {
	known map[string]*kong.Flag
	into  map[string]fileValue
	app   bool   // an entry of apps
	above string // "rate_limiting." inside of it
}

// pair is one entry of a mapping.
type pair struct {
	name string // canonical
	line int
	node *yaml.Node
}

func (r *fileReader) fail(n *yaml.Node, format string, args ...any) {
	r.failed++
	if len(r.errs) >= maxFileErrors {
		return
	}
	r.errs = append(r.errs, fmt.Errorf("%s: %s", r.file.at(n.Line), fmt.Sprintf(format, args...)))
}

// top reads what stands at the margin.
func (r *fileReader) top(root *yaml.Node) {
	server := scope{known: r.keys.top, into: r.file.settings}
	for _, p := range r.pairs(root, 0) {
		switch p.name {
		case "apps":
			r.apps(p.node)
		case historyKey:
			r.file.rules = r.history(p.node)
		default:
			r.setting(p, server)
		}
	}
}

// apps reads the list of applications.
func (r *fileReader) apps(node *yaml.Node) {
	list := resolve(node)
	switch {
	case list.Kind == yaml.SequenceNode:
		for _, n := range list.Content {
			r.app(n)
		}
	case list.Tag != "!!null":
		r.fail(node, "apps must be a list: each application begins with a dash")
	}
}

// app reads one application.
func (r *fileReader) app(n *yaml.Node) {
	a, before := fileApp{values: make(map[string]fileValue), line: n.Line}, r.failed
	app := scope{known: r.keys.app, into: a.values, app: true}
	for _, p := range r.pairs(n, 0) {
		if p.name == historyKey {
			a.rules = r.history(p.node)
			continue
		}
		r.setting(p, app)
	}
	a.broken = r.failed > before || r.budget <= 0
	r.file.apps = append(r.file.apps, a)
}

// setting reads one entry, or the entries of a mapping such as rate_limiting.
func (r *fileReader) setting(p pair, in scope) {
	key, n := in.above+p.name, resolve(p.node)
	group := in.group(key)
	switch {
	case group && n.Kind == yaml.MappingNode:
		in.above = key + "."
		for _, sub := range r.pairs(n, 0) {
			r.setting(sub, in)
		}
		return
	case group:
		r.fail(p.node, "%s must be a mapping, such as %s: {enabled: true}", key, key)
		return
	}
	f, ok := in.known[key]
	if !ok && !(in.app && isCredential(key)) {
		r.fail(&yaml.Node{Line: p.line}, "%s", r.unknown(key, in))
		return
	}
	if _, twice := in.into[key]; twice {
		r.fail(&yaml.Node{Line: p.line}, "%s is there twice", key)
		return
	}
	text, null, err := r.text(n, f != nil && (f.Tag.Type == "origins" || f.Tag.Type == "files" || f.Tag.Type == "addresses"))
	if err != nil {
		r.fail(n, "%s: %v", key, err)
		return
	}
	in.into[key] = fileValue{text: text, null: null, line: p.node.Line}
}

// text returns a scalar as it was written, with its references replaced; a list has commas between its parts.
func (r *fileReader) text(n *yaml.Node, list bool) (text string, null bool, err error) {
	if n.Kind == yaml.SequenceNode && list {
		var parts []string
		for _, item := range n.Content {
			part, null, err := r.text(resolve(item), false)
			if err != nil || null || part == "" {
				return "", false, fmt.Errorf("an entry of the list is empty or no text")
			}
			parts = append(parts, part)
		}
		if len(parts) == 0 {
			return "", false, fmt.Errorf("the list is empty; leave it out to have the default")
		}
		return strings.Join(parts, ","), false, nil
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", false, fmt.Errorf("this takes one value")
	case n.Tag == "!!null" && n.Anchor != "":
		return "", false, fmt.Errorf("a value that begins with & needs quotes around it")
	case n.Style&yaml.TaggedStyle != 0:
		return "", false, fmt.Errorf("a value that begins with ! needs quotes around it")
	case n.Tag == "!!null":
		return "", true, nil
	}
	text, err = expand(n.Value, r.lookup)
	return text, text == "", err
}

// pairs returns the entries of a mapping, those that it takes over with << at the end.
func (r *fileReader) pairs(n *yaml.Node, depth int) []pair {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		r.fail(n, "name: value is expected here")
		return nil
	}
	var own, merged []pair
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := canonical(k.Value)
		switch line, twice := lines[name]; {
		case k.Kind != yaml.ScalarNode:
			r.fail(k, "name: value is expected here")
		case k.Tag == "!!merge":
			merged = append(merged, r.merged(v, depth+1)...)
		case twice:
			r.fail(k, "%s is there already, in line %d", name, line)
		case r.spend(k):
			lines[name] = k.Line
			own = append(own, pair{name, k.Line, v})
		}
	}
	for _, p := range merged {
		if _, hidden := lines[p.name]; !hidden && r.spend(n) {
			lines[p.name] = p.line
			own = append(own, p)
		}
	}
	return own
}

// merged returns the entries that << takes over; the first of several mappings wins.
func (r *fileReader) merged(n *yaml.Node, depth int) []pair {
	if depth > maxMerges {
		r.fail(n, "<< goes deeper than %d mappings here", maxMerges)
		r.budget = 0 // there may be billions of these
		return nil
	}
	list := []*yaml.Node{n}
	if resolved := resolve(n); resolved.Kind == yaml.SequenceNode {
		list = resolved.Content
	}
	var all []pair
	for _, n := range list {
		if !r.spend(n) {
			break
		}
		all = append(all, r.pairs(n, depth)...)
	}
	return all
}

// spend takes one entry from the budget. The error is said once.
func (r *fileReader) spend(n *yaml.Node) bool {
	r.budget--
	if r.budget == 0 {
		r.fail(n, "there are more than %d entries up to here", maxFileEntries)
	}
	return r.budget > 0
}

// unknown says what a key that nobody knows may have been meant to be.
func (r *fileReader) unknown(key string, in scope) string {
	switch _, server := r.keys.top[key]; {
	case !in.app && (isCredential(key) || slices.Contains([]string{"app_key", "app_secret"}, key)):
		return key + " belongs to an application, below apps"
	case in.app && server:
		return key + " is a setting of the server: it stands at the margin, beside apps"
	}
	names := append(slices.Sorted(maps.Keys(in.known)), historyKey)
	if in.app {
		names = append(names, idKey, keyKey, secretKey)
	} else {
		names = append(names, "apps")
	}
	text := fmt.Sprintf("%q is not a setting", key)
	if near := Nearest(key, names); near != "" {
		text += "; did you mean " + near + "?"
	}
	return text
}

// group reports whether the key is a mapping of settings.
func (in scope) group(key string) bool {
	for known := range in.known {
		if strings.HasPrefix(known, key+".") {
			return true
		}
	}
	return false
}

func isCredential(key string) bool { return key == idKey || key == keyKey || key == secretKey }

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
