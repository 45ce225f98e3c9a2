package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// world is a directory and an environment to parse in.
type world struct {
	dir     string
	environ []string
	out     bytes.Buffer
}

func newWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	t.Setenv("COLUMNS", "100") // the help is wrapped to it
	// Nested so deep that nothing above can be taken for a project.
	dir := filepath.Join(t.TempDir(), "a", "b", "c", "d", "e")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &world{dir: dir, environ: environ}
}

// laravel makes the directory a Laravel project with that .env file.
func (w *world) laravel(t *testing.T, env string) *world {
	t.Helper()
	w.write(t, "artisan", "#!/usr/bin/env php\n")
	w.write(t, ".env", env)
	return w
}

func (w *world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *world) parse(args ...string) (*Invocation, error) {
	return Parse(args, Options{Stdout: &w.out, Stderr: &w.out, Environ: w.environ, Dir: w.dir})
}

func (w *world) start(t *testing.T, args ...string) *Config {
	t.Helper()
	inv, err := w.parse(append([]string{"start"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return inv.Config
}

// setting returns the row of that name.
func (c *Config) setting(t *testing.T, name string) Setting {
	t.Helper()
	for _, s := range c.Settings {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no setting %q", name)
	return Setting{}
}

func TestCommands(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		args string
		want Invocation
	}{
		{"start", Invocation{Command: "start"}},
		{"config", Invocation{Command: "config"}},
		{"config --json", Invocation{Command: "config", JSON: true}},
		{"config --show-secrets --port=1", Invocation{Command: "config", ShowSecrets: true}},
		{"check", Invocation{Command: "check"}},
		{"check --json", Invocation{Command: "check", JSON: true}},
		{"health", Invocation{Command: "health"}},
		{"doctor --json", Invocation{Command: "doctor", JSON: true}},
		{"version", Invocation{Command: "version"}},
	} {
		inv, err := w.parse(strings.Fields(tc.args)...)
		if err != nil {
			t.Errorf("%s: %v", tc.args, err)
			continue
		}
		if (inv.Config == nil) != (tc.want.Command == "version") {
			t.Errorf("%s: config is %v", tc.args, inv.Config)
		}
		if inv.Config, inv.Findings, inv.Doctor = nil, nil, nil; !reflect.DeepEqual(*inv, tc.want) {
			t.Errorf("%s: got %+v", tc.args, *inv)
		}
	}
}

func TestHelpAndVersionAreHandled(t *testing.T) {
	for _, args := range []string{"", "--help", "-h", "start --help", "config -h", "--version"} {
		w := newWorld(t)
		_, err := w.parse(strings.Fields(args)...)
		if !errors.Is(err, ErrHandled) || w.out.Len() == 0 {
			t.Errorf("%q: %v, printed %q", args, err, w.out.String())
		}
	}
	// Help is what one asks for when the .env file is broken.
	w := newWorld(t).laravel(t, "broken line\n")
	if _, err := w.parse("start", "--help"); !errors.Is(err, ErrHandled) {
		t.Errorf("help with a broken .env: %v", err)
	}
}
