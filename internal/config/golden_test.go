package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file. Where the world lies is /srv/shop there.
func (w *world) golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, w.dir, "/srv/shop")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestHelpGolden(t *testing.T) {
	for name, args := range map[string]string{
		"help.txt": "--help", "help-start.txt": "start --help", "help-config.txt": "config --help", "help-check.txt": "check --help", "help-doctor.txt": "doctor --help", "help-health.txt": "health --help", "help-completion.txt": "completion --help", "help-man.txt": "man --help",
		"help-import.txt": "apps import --help",
		"help-log.txt":    "log --help", "help-log-list.txt": "log list --help", "help-log-show.txt": "log show --help", "help-log-truncate.txt": "log truncate --help", "help-log-compact.txt": "log compact --help",
	} {
		w := newWorld(t)
		if _, err := w.parse(strings.Fields(args)...); !errors.Is(err, ErrHandled) {
			t.Fatal(err)
		}
		w.golden(t, name, w.out.String())
	}
}

// The help must name every setting's environment name: it is where people look first.
func TestHelpNamesEveryEnvironmentName(t *testing.T) {
	w := newWorld(t)
	_, _ = w.parse("start", "--help")
	for _, name := range ownNames() {
		if !strings.Contains(w.out.String(), "["+name+"]") {
			t.Errorf("start --help does not name %s", name)
		}
	}
}

const shopEnv = `APP_NAME=Shop
BROADCAST_CONNECTION=reverb

REVERB_APP_ID=1001
REVERB_APP_KEY=shop-key
REVERB_APP_SECRET='s3cr$et#of-the-shop'
REVERB_HOST="shop.test"
REVERB_PORT=443
REVERB_SCHEME=https
REVERB_SEVER_PORT=8081
REVERB_SCALING_ENABLED=true

VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
`

func TestTableGolden(t *testing.T) {
	w := newWorld(t, "RESOUND_LOG_LEVEL=warn", "HOME=/root").laravel(t, shopEnv)
	w.write(t, "resound.yaml", "max_batch: 20\napps:\n- {app_id: admin, key: admin-key, secret: a-secret-of-admins, max_connections: 50, rate_limiting: {enabled: true}, history_age: 2d, history: [{channels: [orders.*, a b], messages: 5000, rewind: 1, conflate: /row/id}, {channels: '*.typing', messages: 0, bytes: 0}]}\n")
	inv, err := w.parse("config", "--port=9000")
	if err != nil {
		t.Fatal(err)
	}
	for name, print := range map[string]struct{ json, secrets bool }{
		"table.txt": {false, false}, "table.json": {true, false}, "table-secrets.txt": {false, true},
	} {
		// The column is as wide as its longest path, so the path must be short before it is laid out.
		c := *inv.Config
		c.Settings, c.served = nil, nil
		for _, a := range inv.Config.served {
			a.place = strings.ReplaceAll(a.place, w.dir, "/srv/shop")
			a.rules = slices.Clone(a.rules)
			for i := range a.rules {
				a.rules[i].place = strings.ReplaceAll(a.rules[i].place, w.dir, "/srv/shop")
			}
			c.served = append(c.served, a)
		}
		for _, s := range inv.Config.Settings {
			s.Value = strings.ReplaceAll(s.Value, w.dir, "/srv/shop")
			s.Source = strings.ReplaceAll(s.Source, w.dir, "/srv/shop")
			c.Settings = append(c.Settings, s)
		}
		var out bytes.Buffer
		if err := c.Print(&out, print.json, print.secrets); err != nil {
			t.Fatal(err)
		}
		w.golden(t, name, out.String())
		if strings.Contains(out.String(), "s3cr$et#of-the-shop") != print.secrets || strings.Contains(out.String(), "a-secret-of-admins") != print.secrets {
			t.Errorf("%s: a whole secret is there, or none: %v", name, !print.secrets)
		}
	}
}

func TestTableReportsAFailedWrite(t *testing.T) {
	c := newWorld(t).start(t)
	for _, asJSON := range []bool{true, false} {
		if err := c.Print(failing{}, asJSON, false); !errors.Is(err, errFull) {
			t.Errorf("json %v: %v", asJSON, err)
		}
	}
}

var errFull = errors.New("no space left")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestMask(t *testing.T) {
	for secret, want := range map[string]string{
		"":                     "********",
		"abc":                  "********",
		"abcdefgh":             "ab********",
		"abcdefghijklmnopqrst": "abcd********",
		"ééééé":                "é********",
	} {
		if got := Mask(secret); got != want {
			t.Errorf("%q is shown as %q, want %q", secret, got, want)
		}
	}
}

// A value must not break the table or speak to the terminal.
func TestTableQuotesWhatIsNotPrintable(t *testing.T) {
	c := Config{Settings: []Setting{{Name: "data-dir", Value: "/tmp/a\x1b[2J\nb\tc", Source: "default"}}}
	var out bytes.Buffer
	if err := c.Print(&out, false, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"/tmp/a\x1b[2J\nb\tc"`) || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("printed %q", out.String())
	}
}
