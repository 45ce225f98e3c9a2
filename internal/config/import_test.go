package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
)

// reverbJSON is what tinker prints of a project with two applications, with noise around it.
const reverbJSON = `
   WARN  {closure} is deprecated in vendor/psy/psysh/src/Shell.php on line 12.

{"default":"reverb","servers":{"reverb":{"host":"0.0.0.0","port":"6001","path":"","hostname":"shop.test","options":{"tls":[]},"max_request_size":10000,` +
	`"scaling":{"enabled":true,"channel":"reverb","server":{"url":null,"host":"127.0.0.1","port":"6379","username":null,"password":"hush-redis","database":"0","timeout":60}},` +
	`"pulse_ingest_interval":15,"telescope_ingest_interval":15,"hacks":{"password":"hush-hack"}}},"apps":{"provider":"config","apps":[` +
	`{"key":"shop-key","secret":"hush-shop","app_id":"1001","options":{"host":"shop.test","port":443,"scheme":"https","useTLS":true},"allowed_origins":["https:\/\/shop.test:8443","*.shop.test"],` +
	`"ping_interval":"45","activity_timeout":30,"max_connections":null,"max_message_size":20000,"accept_client_events_from":"all","rate_limiting":{"enabled":true,"max_attempts":5,"decay_seconds":60,"terminate_on_limit":false}},` +
	`{"key":"admin-key","secret":"hush # ${x} \"'\\","app_id":7,"options":{"host":"shop.test","port":"443","scheme":"https"},"allowed_origins":["*"],"max_connections":10,"accept_client_events_from":null,"webhooks":[1]}]}}
= null
`

// imported runs the import and reads its result back as a server would.
func (w *world) imported(t *testing.T, in string, args ...string) (*Config, string) {
	t.Helper()
	text, err := w.runImport(t, in, args...)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "resound.yaml", text)
	return w.start(t), text
}

func (w *world) runImport(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	inv, err := w.parse(append([]string{"apps", "import"}, args...)...)
	if err != nil {
		return "", err
	}
	var out, notes bytes.Buffer
	err = inv.Import.Run(strings.NewReader(in), &out, &notes)
	if strings.Contains(notes.String(), "hush") || err != nil && strings.Contains(err.Error(), "hush") {
		t.Errorf("a secret is told: %s %v", notes.String(), err)
	}
	return out.String(), err
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	c, text := w.imported(t, reverbJSON)
	w.golden(t, "import.yaml", text)
	if strings.Contains(text, "hush-hack") {
		t.Error("hush-hack is in the file, and is nothing that this server needs")
	}
	if want := (Redis{Addresses: []string{"127.0.0.1:6379"}, Password: "hush-redis"}); !c.Scaling || !reflect.DeepEqual(c.Redis(), want) {
		t.Errorf("scaling %v over %+v", c.Scaling, c.Redis())
	}
	shop := apps.New("1001", "shop-key", "hush-shop")
	shop.AllowedOrigins = []string{"shop.test", "*.shop.test"}
	shop.PingInterval, shop.MaxMessageSize, shop.ClientEvents = 45*time.Second, 20000, apps.FromAll
	shop.RateLimit = apps.RateLimit{Enabled: true, MaxAttempts: 5, Decay: time.Minute}
	admin := apps.New("7", "admin-key", "hush # ${x} \"'\\")
	admin.MaxConnections, admin.ClientEvents = 10, apps.FromNone
	for _, want := range []*apps.App{shop, admin} {
		if got := c.byID(t, want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if c.Host != "0.0.0.0" || c.Port != 6001 || c.Hostname != "shop.test" || c.PublicPort != 443 || c.Scheme != "https" || c.MaxRequestSize != 1<<20 || len(c.Warnings) > 0 {
		t.Errorf("the server is %s:%d, %s://%s:%d, %d, %q", c.Host, c.Port, c.Scheme, c.Hostname, c.PublicPort, c.MaxRequestSize, c.Warnings)
	}
}

func TestImportWithReferences(t *testing.T) {
	w := newWorld(t).laravel(t, "REVERB_APP_SECRET=hush-shop\nCOPY_OF_IT=hush-shop\nOTHER=x\nREDIS_PASSWORD=hush-redis\n")
	text, err := w.runImport(t, reverbJSON, "--env")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "hush-shop") || strings.Contains(text, "hush-redis") || !strings.Contains(text, "password: ${REDIS_PASSWORD}\n") || !strings.Contains(text, "secret: ${COPY_OF_IT}\n") || !strings.Contains(text, "# no name in the .env file has this value") {
		t.Errorf("got\n%s", text)
	}
	path := w.write(t, "other.env", "THAT_SECRET=hush-shop\n")
	if text, err = w.runImport(t, reverbJSON, "--env", "--env-file="+path); err != nil || !strings.Contains(text, "secret: ${THAT_SECRET}\n") {
		t.Errorf("%v\n%s", err, text)
	}
	// Without --env a broken .env file is no matter.
	w.write(t, ".env", "broken line")
	if _, err = w.runImport(t, reverbJSON); err != nil {
		t.Error(err)
	}
	if _, err = w.runImport(t, reverbJSON, "--env"); err == nil || !strings.Contains(err.Error(), "/.env:1: ") {
		t.Errorf("got %v", err)
	}
}

func TestImportWritesAFile(t *testing.T) {
	w := newWorld(t)
	in, out := w.write(t, "reverb.json", reverbJSON), filepath.Join(w.dir, "new.yaml")
	for _, args := range [][]string{{in, "-o", "new.yaml"}, {"reverb.json", "--output=" + out, "--force"}} {
		if text, err := w.runImport(t, "", args...); err != nil || text != "" {
			t.Fatalf("%q: %v, %q", args, err, text)
		}
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", args, info, err)
		}
		if c := w.start(t, "--config=new.yaml"); len(c.Apps()) != 2 {
			t.Errorf("%q: %d applications", args, len(c.Apps()))
		}
		if err := os.Chmod(out, 0o666); err != nil { // the next must not take this mode over
			t.Fatal(err)
		}
	}
	if list, err := filepath.Glob(w.dir + "/.resound-*"); err != nil || len(list) > 0 {
		t.Errorf("left behind: %q, %v", list, err)
	}
	w.write(t, "new.yaml", "mine")
	for args, want := range map[string]string{
		"reverb.json -o new.yaml":        "DIR/new.yaml is there already; --force replaces it",
		"reverb.json -o no/new.yaml":     "cannot write DIR/no/new.yaml: no such file or directory",
		"reverb.json --force -o no/a.ya": "cannot write DIR/no/a.ya: no such file or directory",
		"nope.json":                      "cannot read DIR/nope.json: no such file or directory",
		". --force":                      "cannot read DIR: is a directory",
	} {
		if _, err := w.runImport(t, "", strings.Fields(args)...); err == nil || strings.ReplaceAll(err.Error(), w.dir, "DIR") != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

func TestImportOfOtherShapes(t *testing.T) {
	const app = `{"app_id":"1","key":"k","secret":"s"}`
	for name, in := range map[string]string{
		"only apps":             `{"provider":"config","apps":[` + app + `]}`,
		"a list with holes":     `{"apps":{"apps":{"0":` + app + `,"2":{"app_id":"2","key":"k2","secret":"s2"}}}}`,
		"colours around":        "\x1b[32m" + `{"apps":{"apps":[` + app + `]}}` + "\x1b[0m",
		"pretty":                "{\n  \"apps\": {\n    \"apps\": [\n      " + app + "\n    ]\n  }\n}",
		"objects before":        `{"a":1} {} {"apps":null} {"apps":[` + app + `]}`,
		"nothing but origins":   `{"apps":[{"app_id":"1","key":"k","secret":"s","allowed_origins":["a","b"]}]}`,
		"an empty rate limit":   `{"apps":[{"app_id":"1","key":"k","secret":"s","rate_limiting":[]}]}`,
		"what looks like a tag": `{"apps":[{"app_id":"1","key":"k","secret":"!s"}]}`,
	} {
		c, text := newWorld(t).imported(t, in)
		if a := c.byID(t, "1"); a.Key != "k" || len(c.Warnings) > 0 {
			t.Errorf("%s: %+v, %q\n%s", name, a, c.Warnings, text)
		}
	}
	for _, in := range []string{"", "{", "null", "[]", `{"apps":`, `{"apps":null}`, strings.Repeat("{", 5000), strings.Repeat(`{"a":`, 5000)} {
		if _, err := newWorld(t).runImport(t, in); err == nil || !strings.HasPrefix(err.Error(), "there is no configuration of Reverb here") {
			t.Errorf("%.20q: %v", in, err)
		}
	}
	for _, in := range []string{`{"apps":[]}`, `{"apps":{"apps":[]}}`, `{"apps":{"apps":[[]]}}`, `{"apps":7}`} {
		if _, err := newWorld(t).runImport(t, in); err == nil || !strings.HasPrefix(err.Error(), "there is no application in this JSON") {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := newWorld(t).runImport(t, strings.Repeat(" ", maxImport+1)); err == nil || !strings.Contains(err.Error(), "no configuration of Reverb") {
		t.Errorf("got %v", err)
	}
	inv, err := newWorld(t).parse("apps", "import")
	if err != nil {
		t.Fatal(err)
	}
	if err := inv.Import.Run(strings.NewReader(reverbJSON), failing{}, failing{}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// Where browsers find the server is said by the server, or else by all applications alike.
func TestImportOfTheHostname(t *testing.T) {
	const conflict, other, none = "hostname: the applications do not have the same in their options", "options.host of the applications: the server has another hostname", "options.host of the applications: no host name or address"
	for _, tc := range []struct{ server, first, second, want, left string }{
		{`null`, `"ws.test"`, `"ws.test"`, "ws.test", ""},
		{`""`, `"::1"`, `"::1"`, "::1", ""},
		{`null`, `"ws.test"`, `"b.test"`, "", conflict},
		{`null`, `null`, `null`, "", ""},
		{`null`, `"https://ws.test"`, `"https://ws.test"`, "", none},
		{`"ws.test"`, `"ws.test"`, `null`, "ws.test", ""},
		{`"a.test"`, `"ws.test"`, `"ws.test"`, "a.test", other},
		{`"a.test"`, `"a.test"`, `"b.test"`, "a.test", other},
	} {
		in := `{"default":"mine","servers":{"mine":{"hostname":` + tc.server + `}},"apps":{"apps":[{"app_id":"1","key":"k","secret":"s","options":{"host":` + tc.first +
			`}},{"app_id":"2","key":"k2","secret":"s","options":{"host":` + tc.second + `}}]}}`
		c, text := newWorld(t).imported(t, in)
		if c.Hostname != tc.want || strings.Contains(text, "Not taken over") != (tc.left != "") || !strings.Contains(text, tc.left) {
			t.Errorf("%+v: %q in\n%s", tc, c.Hostname, text)
		}
	}
	if c, _ := newWorld(t).imported(t, `{"apps":[{"app_id":"1","key":"k","secret":"s","options":{"host":"ws.test","port":443,"scheme":"https"}}]}`); c.Hostname != "ws.test" || c.PublicPort != 443 {
		t.Errorf("the server is %s:%d", c.Hostname, c.PublicPort)
	}
}

// Whatever the texts are, they come back as they were.
func FuzzImport(f *testing.F) {
	f.Add("hush # ${x}", "https://a.test", "note")
	f.Add("- a: b", "*", "\n")
	f.Add("\u2028\u0085\x00", "é", "~")
	keys := testKeys(f)
	f.Fuzz(func(t *testing.T, secret, origin, other string) {
		in, err := json.Marshal(map[string]any{"apps": []any{map[string]any{"app_id": "1", "key": "k", "secret": secret, "allowed_origins": []string{origin}, other: other}}})
		if err != nil {
			t.Skip()
		}
		var back struct {
			Apps []struct {
				Secret  string
				Origins []string `json:"allowed_origins"`
			}
		}
		if json.Unmarshal(in, &back) != nil || len(back.Apps) != 1 || back.Apps[0].Secret == "" {
			t.Skip() // the other name was one of these, or no text
		}
		c, err := convert(append([]byte("noise {\n"), in...), nil)
		if err != nil {
			t.Fatal(err)
		}
		file, errs := parseFile("f", c.text, keys, environ)
		for _, err := range errs {
			if !strings.Contains(err.Error(), "allowed_origins") {
				t.Fatalf("%v in\n%s", err, c.text)
			}
		}
		if len(file.apps) != 1 || file.apps[0].values[secretKey].text != back.Apps[0].Secret {
			t.Fatalf("%q came back as %q in\n%s", secret, file.apps[0].values[secretKey].text, c.text)
		}
	})
}
