package bench

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ReadWorkload reads a workload from a YAML file. An error names the line, and for a key that there is not the
// nearest one that there is.
func ReadWorkload(path string) (Workload, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Workload{}, err
	}
	w, err := ParseWorkload(text)
	if err != nil {
		return w, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// ParseWorkload reads a workload that can be played.
func ParseWorkload(text []byte) (Workload, error) {
	var w Workload
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return w, err
	}
	if len(file.Content) == 0 {
		return w, errors.New("the file is empty: `resound-bench mixed --example` prints one to start from")
	}
	r := reader{}
	r.value(file.Content[0], reflect.ValueOf(&w).Elem(), "the workload")
	if len(r.errs) > 0 {
		return w, errors.Join(r.errs...)
	}
	return w, w.Complete()
}

// reader fills a structure from the nodes of a file.
type reader struct{ errs []error }

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
}

// value reads a value into v; name is what people call it.
func (r *reader) value(n *yaml.Node, v reflect.Value, name string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case v.Kind() == reflect.Struct:
		r.mapping(n, v, name)
	case v.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			r.fail(n, "%s has to be a list: each entry begins with a dash", name)
			return
		}
		for _, entry := range n.Content {
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
			r.value(entry, v.Index(v.Len()-1), "an entry of "+name)
		}
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "%s has to be a single value", name)
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(n.Value)
		if err != nil {
			r.fail(n, "%s is %q: a time with its unit, such as 500ms, 10s or 2m", name, n.Value)
			return
		}
		v.SetInt(int64(d))
	default:
		if err := n.Decode(v.Addr().Interface()); err != nil {
			r.fail(n, "%s is %q: it has to be %s", name, n.Value, kindName(v.Kind()))
		}
	}
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	}
	return "a text"
}

// mapping reads the keys of a structure.
func (r *reader) mapping(n *yaml.Node, v reflect.Value, name string) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s has to have keys, such as %s", name, strings.Join(keysOf(v.Type()), ", "))
		return
	}
	keys, seen := keysOf(v.Type()), map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := -1
		for j, k := range keys {
			if k == key.Value {
				at = j
			}
		}
		switch {
		case at < 0:
			r.fail(key, "there is no %q in %s: did you mean %q? It knows %s", key.Value, name, nearest(key.Value, keys), strings.Join(keys, ", "))
		case seen[key.Value]:
			r.fail(key, "%s is there twice", key.Value)
		default:
			seen[key.Value] = true
			r.value(value, v.Field(at), key.Value)
		}
	}
}

// keysOf is the keys of a structure, in the order of its fields.
func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

// nearest is the word that takes the fewest changes of a letter to become another.
func nearest(word string, words []string) (best string) {
	least := 1 << 30
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// ExampleWorkload is a file for ReadWorkload that shows every key.
const ExampleWorkload = `# A workload for "resound-bench mixed": what is played against a server, all groups at the same time.

warmup: 5s      # not counted: caches fill, and connections settle
duration: 30s   # this counts

groups:
  # A dashboard: many viewers of a few tables that change all the time.
  - name: dashboard           # names its channels: private-dashboard-0 and so on
    kind: private             # public (default), private, presence or cache
    sockets: 2000
    channels: 20              # default 1
    subscribe: 2              # channels of each socket, spread evenly; default 1
    publish:
      rate: 5                 # events a second, for EACH channel
      size: 400               # bytes of an event's data
      batch: 1                # events in one request of the API; a server takes 10 or so
    table:
      rows: 500               # each event is the change of one of so many rows

  # A chat: members come and go, and tell each other that they type.
  - name: chat
    kind: presence
    sockets: 400
    channels: 40
    user_info: 80             # bytes of each member's user_info
    publish: {rate: 0.5, size: 120}
    whisper: {rate: 2, size: 64}   # client events a second, for each channel
    churn: 10                 # sockets a second that leave, and new ones take their places

  # Phones: connections that are cut off without a word, and come back.
  - name: phones
    sockets: 500
    channels: 5
    publish: {rate: 4}
    drop:
      rate: 20                # a second, in all
      away: 2s
      replay: true            # who comes back asks for what was missed, as resound-replay does
`

// FormatWorkload is a workload as ReadWorkload reads it, without what it does not say.
func FormatWorkload(w Workload) (string, error) {
	var file yaml.Node
	if err := file.Encode(w); err != nil {
		return "", err
	}
	dropEmpty(&file)
	text, err := yaml.Marshal(&file)
	return string(text), err
}

// dropEmpty removes keys whose values are nothing.
func dropEmpty(n *yaml.Node) {
	for _, child := range n.Content {
		dropEmpty(child)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch v := n.Content[i+1]; {
		case v.Kind == yaml.MappingNode && len(v.Content) == 0:
		case v.Kind == yaml.ScalarNode && (v.Value == "0" || v.Value == "0s" || v.Value == "false" || v.Value == ""):
		default:
			kept = append(kept, n.Content[i], v)
		}
	}
	n.Content = kept
}
