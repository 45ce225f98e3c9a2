package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is one config file that was read. Its texts have no ${NAME} in them any more.
type configFile struct {
	path     string
	settings map[string]fileValue // by key, as fileKeys knows it
	apps     []fileApp
	rules    []historyRule // for every application without a list of its own
}

// fileApp is one entry of `apps`.
type fileApp struct {
	values map[string]fileValue
	rules  []historyRule // nil: those at the margin
	line   int
	broken bool // something in it could not be read, and an error says what
}

// fileValue is one value and the line it stands on.
type fileValue struct {
	text string
	line int
	null bool
}

// fileKeys is what may stand in a config file, by key: "port", "rate_limiting.enabled".
type fileKeys struct {
	top map[string]*kong.Flag // beside apps
	app map[string]*kong.Flag // in an entry of apps, beside app_id, key and secret
}

// The keys of an application that are no flags of their own.
const (
	idKey     = "app_id"
	keyKey    = "key"
	secretKey = "secret"
)

func newFileKeys(flags []*kong.Flag) fileKeys {
	k := fileKeys{top: make(map[string]*kong.Flag), app: make(map[string]*kong.Flag)}
	for _, f := range flags {
		key := fileKey(f)
		if f.Group == nil || key == "-" {
			continue
		}
		k.top[key] = f
		if perApplication(f.Group.Key) {
			k.app[key] = f
		}
	}
	return k
}

// fileKey is the flag's key in the config file, or "-" if it has none.
func fileKey(f *kong.Flag) string {
	if key := f.Tag.Get("file"); key != "" {
		return key
	}
	return underscored(f.Name)
}

// canonical is the one spelling of a key.
func canonical(key string) string {
	if key == "id" {
		return idKey
	}
	return underscored(key)
}

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// parseFile reads a config file. It goes on after an error, so that a person
// sees them all; what it returns then is what could be read. lookup finds what ${NAME} stands for.
func parseFile(path string, data []byte, keys fileKeys, lookup lookupFunc) (*configFile, []error) {
	r := &fileReader{file: configFile{path: path, settings: make(map[string]fileValue)}, keys: keys, lookup: lookup, budget: maxFileEntries}
	if root := r.document(data); root != nil {
		r.top(root)
	}
	return &r.file, r.errs
}

// document returns the node at the top, or nil if there is none.
func (r *fileReader) document(data []byte) *yaml.Node {
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		r.errs = append(r.errs, syntaxError(r.file.path, data, err))
		return nil
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		r.fail(&more, "a second document begins here; a config file has only one")
	case !errors.Is(err, io.EOF):
		r.errs = append(r.errs, syntaxError(r.file.path, data, err))
	}
	root := resolve(doc.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	return root
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxError puts the place before the words of the YAML reader, which has
// none for the first line, and leaves out the one word of the file that it
// repeats: it may be a secret without its quotes.
func syntaxError(path string, data []byte, err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%s: this is not YAML", path)
	}
	line, text := m[1], m[2]
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		anchor = strings.TrimSuffix(anchor, "' referenced")
		before, _, _ := bytes.Cut(data, []byte("*"+anchor))
		line, text = strconv.Itoa(bytes.Count(before, []byte("\n"))+1), "a value that begins with * needs quotes around it"
	}
	if text == "did not find expected alphabetic or numeric character" {
		text = "a value that begins with * or & needs quotes around it" // it is about the name of an alias
	}
	if line == "" {
		line = "1"
	}
	return fmt.Errorf("%s:%s: %s", path, line, text)
}

// reference is ${NAME}, or $${ for the text "${" itself, whatever follows.
var reference = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}?`)

// expand replaces each ${NAME} by what Laravel's env() would return for it.
func expand(s string, lookup lookupFunc) (string, error) {
	var err error
	s = reference.ReplaceAllStringFunc(s, func(match string) string {
		if strings.HasPrefix(match, "$$") {
			return match[1:]
		}
		name, closed := strings.CutSuffix(match[len("${"):], "}")
		if !closed || !plainName(name) {
			err = errReference
			return match
		}
		v, ok := lookup(name)
		if !ok {
			err = fmt.Errorf("${%s} is set neither in the environment nor in the .env file", name)
		}
		return word(v)
	})
	return s, err
}

var errReference = errors.New("${ begins the name of a variable, as in ${REVERB_APP_SECRET}; write $${ for the text itself")

// unexpanded is the text that expand turns into s.
func unexpanded(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// at is the place of a line of the file.
func (f *configFile) at(line int) string { return f.path + ":" + strconv.Itoa(line) }
