package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// sources knows the places that settings come from and remembers, for each
// flag, which of them won. It is the resolver that kong asks for every flag
// that is not on the command line. One Parse uses it, on one goroutine.
type sources struct {
	dir     string
	environ map[string]string
	project string      // Laravel project, or ""
	file    *envFile    // the .env file, or nil
	yaml    *configFile // the config file, or nil

	origin map[string]origin // by flag name
	notes  []string          // warnings about values

	collect bool    // errors are collected, not returned
	errs    []error // so far
	lost    bool    // one of errs may be why an application is not there

	pipes  map[string][]byte // see Options
	places []string          // every path where a file is or would be read
	sums   fingerprint       // of the files that were read
}

// origin is the place of one value. The zero origin is the default.
type origin struct {
	name  string // variable or key, or "" for a flag
	place string // "environment", "path:line" or "flag --x"
	file  bool   // it is the config file
}

func newSources(o Options) *sources {
	s := &sources{dir: o.Dir, environ: make(map[string]string), origin: make(map[string]origin), pipes: o.pipes, sums: make(fingerprint)}
	if s.pipes == nil {
		s.pipes = make(map[string][]byte)
	}
	for _, kv := range o.Environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			s.environ[name] = value
		}
	}
	s.project = findProject(s.dir)
	return s
}

// fail returns the error, or with collect remembers it and returns nil.
func (s *sources) fail(err error) error {
	if s.collect && err != nil {
		s.errs = append(s.errs, err)
		return nil
	}
	return err
}

func (s *sources) env(name string) (string, bool) {
	v, ok := s.environ[name]
	return v, ok
}

// Validate is kong's; there is no list of keys to check here, see warnings.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve returns the text of the flag from the environment, the .env file or
// the config file, or nil.
func (s *sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, from := s.find(flag)
	if value == "" {
		return nil, nil
	}
	if err := try(flag, value); err != nil {
		return nil, s.fail(fmt.Errorf("%s: %w", from, err))
	}
	s.noteClientEvents(flag, from, value)
	s.origin[flag.Name] = from
	return value, nil
}

// find returns the text that was set for the flag, or "".
func (s *sources) find(flag *kong.Flag) (string, origin) {
	for _, name := range flag.Envs {
		raw, from, ok := s.lookup(name)
		if !ok {
			continue
		}
		value := word(raw)
		if value == "" {
			// REVERB_APP_MAX_CONNECTIONS= and =null mean that nothing was chosen, with the one exception that carries the tag.
			value = flag.Tag.Get("empty")
		}
		if value != "" {
			return value, from
		}
	}
	if s.yaml != nil {
		key := fileKey(flag)
		if v, ok := s.yaml.settings[key]; ok {
			return v.or(flag.Tag.Get("empty")), origin{name: key, place: s.yaml.at(v.line), file: true}
		}
	}
	return "", origin{}
}

// load finds and reads the .env file and then, since it may name it, the config file.
func (s *sources) load(ctx *kong.Context) error {
	switch command := ctx.Selected(); {
	case command == nil || slices.Contains([]string{"version", "completion", "man"}, command.Name):
		return nil
	case command.Parent.Name == "log":
		// With the directory at hand no other setting is asked for, and no broken file in the way.
		if dir, err := s.given(ctx, "data-dir"); dir != "" || err != nil {
			return err
		}
	case command.Name == "import":
		if slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "env" }) {
			return s.loadEnv(ctx)
		}
		return nil
	default:
		s.collect = command.Name == "check" || command.Name == "doctor"
		if err := s.chooseProject(ctx); err != nil {
			return err
		}
	}
	if err := s.fail(s.loadEnv(ctx)); err != nil {
		return err
	}
	err := s.fail(s.loadConfig(ctx))
	s.lost = len(s.errs) > 0
	return err
}

// chooseProject takes the Laravel project that --project names, if it does. Paths stay relative to the working directory.
func (s *sources) chooseProject(ctx *kong.Context) error {
	dir, err := s.given(ctx, "project")
	if err != nil || dir == "" {
		return err
	}
	if s.project = findProject(dir); s.project == "" {
		return fmt.Errorf("--project: there is no Laravel project in %s: it has no artisan with a .env file or a composer.json beside it", dir)
	}
	return nil
}

// loadEnv finds and reads the .env file.
func (s *sources) loadEnv(ctx *kong.Context) error {
	path, err := s.given(ctx, "env-file")
	if err != nil {
		return err
	}
	if path == "" && s.project != "" {
		var places []string
		path, places = projectEnv(s.project, s.environ["APP_ENV"])
		s.places = append(s.places, places...)
	}
	if path == "" {
		return nil
	}
	data, err := s.read(path)
	if err != nil {
		return err
	}
	s.file, err = parseEnv(path, data, s.env)
	return err
}

// loadConfig finds and reads the config file.
func (s *sources) loadConfig(ctx *kong.Context) error {
	path, err := s.given(ctx, "config")
	if err != nil {
		return err
	}
	if path == "" {
		if raw, _, ok := s.lookup("RESOUND_CONFIG"); ok && word(raw) != "" {
			path = s.abs(word(raw))
		}
	}
	for _, dir := range []string{s.project, s.dir} {
		if path != "" || dir == "" {
			continue
		}
		place := filepath.Join(dir, "resound.yaml")
		s.places = append(s.places, place)
		if exists(place) {
			path = place
		}
	}
	if path == "" {
		return nil
	}
	data, err := s.read(path)
	if err != nil {
		return err
	}
	var errs []error
	s.yaml, errs = parseFile(path, data, newFileKeys(settingFlags(ctx)), s.value)
	switch {
	case s.collect:
		s.errs = append(s.errs, errs...)
		return nil
	case len(errs) == 0:
		return nil
	case len(errs) == 1:
		return errs[0]
	default:
		return fmt.Errorf("%w (and %d more: resound check lists them)", errs[0], len(errs)-1)
	}
}

// settingFlags are those of `resound start`, which has all settings.
func settingFlags(ctx *kong.Context) []*kong.Flag {
	i := slices.IndexFunc(ctx.Model.Children, func(n *kong.Node) bool { return n.Name == "start" })
	return ctx.Model.Children[i].Flags
}

// given returns the absolute path that the flag has on the command line, or "" without it.
func (s *sources) given(ctx *kong.Context, name string) (string, error) {
	path := ""
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name == name {
			given, _ := ctx.FlagValue(p.Flag).(string)
			if given == "" {
				return "", fmt.Errorf("--%s: the path is empty", name)
			}
			path = s.abs(given)
		}
	}
	return path, nil
}

// value finds what ${NAME} in the config file stands for.
func (s *sources) value(name string) (string, bool) {
	v, _, ok := s.lookup(name)
	return v, ok
}

// lookup finds a variable: the environment wins over the file, even with an
// empty value, because Laravel loads .env without overwriting.
func (s *sources) lookup(name string) (string, origin, bool) {
	if v, ok := s.environ[name]; ok {
		return v, origin{name: name, place: "environment"}, true
	}
	if s.file != nil {
		if e, ok := s.file.entries[name]; ok && !e.null {
			return e.value, origin{name: name, place: s.file.path + ":" + strconv.Itoa(e.line)}, true
		}
	}
	return "", origin{}, false
}

// flags remembers which settings are on the command line.
func (s *sources) flags(ctx *kong.Context) {
	for _, p := range ctx.Path {
		if p.Flag != nil && !p.Resolved {
			s.origin[p.Flag.Name] = origin{place: "flag --" + p.Flag.Name}
		}
	}
}

// settings lists the flags of the command, with values as they stand now.
func (s *sources) settings(ctx *kong.Context) []Setting {
	var list []Setting
	for _, f := range ctx.Selected().Flags {
		if f.Group == nil {
			continue // --json and --show-secrets are not settings
		}
		row := Setting{group: f.Group.Key, Name: f.Name, Value: text(f.Target), Source: s.origin[f.Name].source(), Secret: f.Tag.Has("secret"), url: f.Tag.Get("secret") == "url"}
		if len(f.Envs) > 0 {
			row.Env = f.Envs[0]
		}
		if row.Value == "0" || row.Value == "0s" {
			row.Note = f.Tag.Get("zero")
		}
		list = append(list, row)
	}
	return list
}

// text writes a value the way that a person would type it.
func text(v reflect.Value) string {
	switch v := v.Interface().(type) {
	case time.Duration:
		return wholeSeconds(v)
	case []string:
		return strings.Join(v, ",")
	default:
		return fmt.Sprint(v)
	}
}

// try decodes the value into nothing, so that the error can name the place.
func try(flag *kong.Flag, value string) error {
	return decode(flag, value, reflect.New(flag.Target.Type()).Elem())
}

// decode reads the value as the flag would into another target.
func decode(flag *kong.Flag, value string, target reflect.Value) error {
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target); err != nil {
		return err
	}
	if flag.Enum == "" || flag.EnumMap()[value] {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", value, strings.Join(flag.EnumSlice(), ", "))
}

// abs makes a path absolute from the working directory.
func (s *sources) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.dir, path)
}

// String is for errors: "REVERB_SERVER_PORT in /srv/shop/.env:3".
func (o origin) String() string {
	switch {
	case o.place == "":
		return "default"
	case o.name == "":
		return o.place
	default:
		return o.name + " in " + article(o.place)
	}
}

// source is for the table, where the name has a column of its own.
func (o origin) source() string {
	switch {
	case o.place == "":
		return "default"
	case o.name == "":
		return o.place
	case o.place == "environment" || strings.HasPrefix(o.name, "PUSHER_"):
		return o.place + " " + o.name
	default:
		return o.place
	}
}

func article(place string) string {
	if place == "environment" {
		return "the environment"
	}
	return place
}
