package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProjectIsFound(t *testing.T) {
	const composer = `{"require":{"php":"^8.2","laravel/framework":"^12.0"}}`
	for _, tc := range []struct {
		name  string
		files map[string]string
		found bool
	}{
		{"artisan and .env", map[string]string{"artisan": "", ".env": ""}, true},
		{"artisan and composer.json", map[string]string{"artisan": "", "composer.json": composer}, true},
		{"only artisan", map[string]string{"artisan": ""}, false},
		{"only .env", map[string]string{".env": ""}, false},
		{"a package of Laravel", map[string]string{"composer.json": composer}, false},
		{"artisan of something else", map[string]string{"artisan": "", "composer.json": `{"require":{"a/b":"*"}}`}, false},
		{"artisan and a broken composer.json", map[string]string{"artisan": "", "composer.json": `{`}, false},
		{"artisan is a directory", map[string]string{"artisan/x": "", ".env": ""}, false},
	} {
		w := newWorld(t)
		for name, text := range tc.files {
			w.write(t, name, text)
		}
		want := ""
		if tc.found {
			want = w.dir
		}
		if got := findProject(w.dir); got != want {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
	}
}

func TestProjectIsFoundFromBelow(t *testing.T) {
	w := newWorld(t).laravel(t, "REVERB_SERVER_PORT=6001\n")
	root, below := w.dir, w.dir
	for level := 1; level <= maxUp+1; level++ {
		below = filepath.Join(below, "app")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		w.dir = below
		c := w.start(t)
		if level > maxUp {
			if c.Project != "" || c.Port != 8080 {
				t.Errorf("%d levels down the project %q is found", level, c.Project)
			}
			continue
		}
		if c.Project != root || c.Port != 6001 || c.EnvFile != filepath.Join(root, ".env") || c.DataDir != filepath.Join(root, "storage", "resound") {
			t.Errorf("%d levels down: project %q, port %d, %s, %s", level, c.Project, c.Port, c.EnvFile, c.DataDir)
		}
	}
}

func TestEnvironmentChoosesTheFile(t *testing.T) {
	w := newWorld(t).laravel(t, "REVERB_SERVER_PORT=1\n")
	w.write(t, ".env.staging", "REVERB_SERVER_PORT=2\n")
	w.write(t, "../outside", "REVERB_SERVER_PORT=3\n")
	for appEnv, want := range map[string]int{"staging": 2, "production": 1, "": 1, "x/../../outside": 1, "x/.env": 1} {
		w.environ = []string{"APP_ENV=" + appEnv}
		if c := w.start(t); c.Port != want {
			t.Errorf("APP_ENV=%s: port %d, want %d", appEnv, c.Port, want)
		}
	}
}

func TestWordsOfLaravel(t *testing.T) {
	for given, want := range map[string]string{
		"true": "true", "(true)": "true", "TRUE": "true", "false": "false", "(False)": "false",
		"null": "", "(null)": "", "NULL": "", "empty": "", "(empty)": "", "": "",
		`"x"`: "x", `'x'`: "x", `"x'`: `"x'`, `"`: `"`, `""`: "", "x": "x", "nullify": "nullify",
	} {
		if got := word(given); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}

func TestUnknownNamesAreWarnedOf(t *testing.T) {
	for name, want := range map[string]string{
		"REVERB_SEVER_PORT":               "; did you mean REVERB_SERVER_PORT?",
		"REVERB_APP_MESSAGE_SIZE":         "; did you mean REVERB_APP_MAX_MESSAGE_SIZE?",
		"REVERB_SCALING_ENABLE":           "; did you mean REVERB_SCALING_ENABLED?",
		"RESOUND_APP_KEY":                 "; did you mean REVERB_APP_KEY?",
		"RESOUND_DATADIR":                 "; did you mean RESOUND_DATA_DIR?",
		"REVERB_FOO":                      "",
		"REVERB_COMPLETELY_SOMETHINGELSE": "",
	} {
		line := name + "=hush"
		for place, w := range map[string]*world{
			"DIR/.env:4":      newWorld(t).laravel(t, shopApp+line),
			"the environment": newWorld(t, line).laravel(t, shopApp),
		} {
			c := w.start(t)
			want := name + " in " + strings.ReplaceAll(place, "DIR", w.dir) + " is not a setting" + want
			if len(c.Warnings) != 1 || c.Warnings[0] != want {
				t.Errorf("got %q, want %q", c.Warnings, want)
			}
		}
	}
}

func TestKnownNamesAreNotWarnedOf(t *testing.T) {
	var file strings.Builder
	file.WriteString(shopApp)
	for _, name := range reverbNames {
		file.WriteString(name + "=false\n")
	}
	file.WriteString("VITE_REVERB_APP_KEY=x\nVITE_REVERB_ANYTHING=x\nPUSHER_SOMETHING=x\nREDIS_HOST=x\nAPP_REVERB_=x\n")
	w := newWorld(t, "RESOUND_SERVICE_HOST=10.0.0.1", "RESOUND_PORT=tcp://10.0.0.1:80", "REVERB_SERVICE_PORT_HTTP=80", "RESOUND_PORT_80_TCP_ADDR=10.0.0.1").laravel(t, file.String())
	if c := w.start(t); len(c.Warnings) > 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

// In a file such a name was typed by somebody.
func TestServiceNamesInAFileAreWarnedOf(t *testing.T) {
	c := newWorld(t).laravel(t, shopApp+"RESOUND_PORT=8080\n").start(t)
	if len(c.Warnings) != 1 || !strings.HasSuffix(c.Warnings[0], "is not a setting; did you mean REVERB_PORT?") {
		t.Errorf("warnings: %q", c.Warnings)
	}
}
