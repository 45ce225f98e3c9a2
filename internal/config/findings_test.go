package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// findings is what check says in a Laravel project, a line each; DIR is the project.
func (w *world) findings(t *testing.T, args ...string) []string {
	t.Helper()
	inv, err := Parse(append([]string{"check"}, args...), Options{Stdout: &w.out, Stderr: &w.out, Environ: w.environ, Dir: w.dir, Descriptors: 1024})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := PrintFindings(&out, inv.Findings, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hush") {
		t.Errorf("a secret is told:\n%s", out.String())
	}
	return strings.Split(strings.ReplaceAll(out.String(), w.dir, "DIR"), "\n")
}

// goodEnv has nothing that check could find fault with.
const goodEnv = `APP_ENV=production
APP_URL=https://shop.test
BROADCAST_CONNECTION=reverb
REVERB_APP_ID=1001
REVERB_APP_KEY=shop-key
REVERB_APP_SECRET=hush-hush
REVERB_HOST=shop.test
REVERB_PORT=443
REVERB_SCHEME=https
VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
VITE_REVERB_HOST="${REVERB_HOST}"
VITE_REVERB_PORT="${REVERB_PORT}"
VITE_REVERB_SCHEME="${REVERB_SCHEME}"
`

func TestCheckFindsNothing(t *testing.T) {
	w := newWorld(t).laravel(t, goodEnv)
	for _, line := range w.findings(t) {
		if line != "" && line != "0 errors, 0 warnings" && !strings.HasPrefix(line, "ok ") {
			t.Errorf("it says %s", line)
		}
	}
}

// Each slip gives one line more, word for word, and no other.
func TestCheckFinds(t *testing.T) {
	const add = "\x00" // the change is a line more, not one replaced
	for _, tc := range []struct{ old, new, file, want string }{
		{"REVERB_PORT=443", "REVERB_PORT=8080", "", `error    browsers are sent to https://shop.test:8080, but port 8080 of this server is without TLS; set REVERB_SCHEME=http, or REVERB_PORT to the port of a proxy that takes TLS off, usually 443, and REVERB_SERVER_PORT=8080`},
		{"REVERB_PORT=443", "REVERB_PORT=80", "", `warning  browsers are sent to https://shop.test:80, which is the port of the other scheme; check REVERB_SCHEME and REVERB_PORT`},
		{"REVERB_SCHEME=https", "REVERB_SCHEME=http", "", `warning  browsers are sent to http://shop.test:443, which is the port of the other scheme; check REVERB_SCHEME and REVERB_PORT`},
		{"REVERB_PORT=443\nREVERB_SCHEME=https", "REVERB_PORT=9000\nREVERB_SCHEME=http", "", `warning  browsers are sent to port 9000 (REVERB_PORT), but the server listens on 8080 (REVERB_SERVER_PORT); set both to one number, or have a proxy on port 9000 that passes on to 8080`},
		{"REVERB_HOST=shop.test", "REVERB_HOST=0.0.0.0", "", `error    REVERB_HOST in DIR/.env:7: browsers cannot reach 0.0.0.0; set REVERB_HOST to the name that browsers know, and REVERB_SERVER_HOST to what to listen on`},
		{"REVERB_HOST=shop.test", "REVERB_HOST=localhost", "", `warning  APP_ENV is production, but browsers are sent to localhost; set REVERB_HOST to the name that browsers know`},
		{"BROADCAST_CONNECTION=reverb", "", "", `warning  BROADCAST_CONNECTION is not set, so Laravel broadcasts nothing; set it to reverb`},
		{"BROADCAST_CONNECTION=reverb", "BROADCAST_DRIVER=log", "", `warning  BROADCAST_DRIVER in DIR/.env:3: Laravel broadcasts with "log", not to this server; set it to reverb`},
		{"BROADCAST_CONNECTION=reverb", "BROADCAST_CONNECTION=pusher", "", `warning  PUSHER_HOST is not set, so Laravel publishes to the servers of Pusher; set it to the host where Laravel reaches this server, such as PUSHER_HOST=localhost`},
		{"REVERB_PORT=443\nREVERB_SCHEME=https", "REVERB_PORT=8080", "", `warning  REVERB_SCHEME is not set, and Laravel takes https for it, not http; set REVERB_SCHEME=http`},
		{"REVERB_PORT=443\nREVERB_SCHEME=https", "REVERB_SCHEME=http", "", `warning  REVERB_PORT is not set, and Laravel takes 443 for it, not 8080; set REVERB_PORT=8080`},
		{`VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"`, "VITE_REVERB_APP_KEY=other", "", `error    VITE_REVERB_APP_KEY in DIR/.env:10 is "other", which is the key of no application; set it to "${REVERB_APP_KEY}" and build the page again (npm run build)`},
		{`VITE_REVERB_PORT="${REVERB_PORT}"`, "VITE_REVERB_PORT=8080", "", `warning  VITE_REVERB_PORT in DIR/.env:12 is "8080", but the server has "443"; set it to "${REVERB_PORT}" and build the page again (npm run build)`},
		{"REVERB_APP_SECRET=hush-hush", "REVERB_APP_SECRET=shop-key", "", `error    application "1001": the secret is the key, which every browser knows; give it a secret of its own`},
		{"REVERB_APP_ID=1001\nREVERB_APP_KEY=shop-key\nREVERB_APP_SECRET=hush-hush", "", "", `warning  there is no application: a demo application would be served; set REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, or list applications in resound.yaml`},
		{add, "RESOUND_ALLOWED_ORIGINS=Shop.test,shop.test", "", `warning  application "1001": the origin "Shop.test" can never match, since browsers send small letters; write it in small letters`},
		{add, "RESOUND_ALLOWED_ORIGINS=bücher.test,shop.test", "", `warning  application "1001": the origin "bücher.test" can never match, since hosts are ASCII; write it as the xn-- name that browsers send`},
		{add, "RESOUND_ALLOWED_ORIGINS='shop.test;admin.test x,shop.test'", "", `warning  application "1001": the origin "shop.test;admin.test x" can never match, since it is no host; name hosts only, such as shop.example.com`},
		{add, "RESOUND_ALLOWED_ORIGINS=shop.test,*", "", `warning  application "1001": the origin * admits everybody, whatever else is listed; remove it to admit the others only`},
		{add, "RESOUND_ALLOWED_ORIGINS=other.test", "", `warning  application "1001": pages of https://shop.test (APP_URL in DIR/.env:2) may not connect; add shop.test to the allowed origins`},
		{add, "RESOUND_ALLOWED_ORIGINS=https://shop.test", "", `warning  RESOUND_ALLOWED_ORIGINS in DIR/.env:14: the origin "https://shop.test" counts as "shop.test": only the host is compared, as in Reverb`},
		{add, "REVERB_APP_MAX_CONNECTIONS=5000", "", `warning  the applications may have 5000 sockets, but this process may open 1024 descriptors at most; raise the hard limit (LimitNOFILE= of systemd, ulimit -Hn) or lower max_connections`},
		{add, "REVERB_APP_MAX_MESSAGE_SIZE=2000000", "", `warning  application "1001": a message of a socket may have 2000000 bytes, but a request of a publisher only 1048576; raise max_request_size`},
		{add, "REVERB_APP_ACTIVITY_TIMEOUT=90", "", `warning  application "1001": an idle socket is silent for 1m0s, after which nginx and many load balancers close it; set ping_interval or activity_timeout to 30 s or so`},
		{add, "REVERB_APP_PING_INTERVAL=2", "", `warning  application "1001": every idle socket is pinged every 2s; raise ping_interval and activity_timeout`},
		{add, "RESOUND_HISTORY_AGE=0", "", `warning  application "1001": without an age, the events of channels that nobody uses any more stay for ever; set an age, such as 30d`},
		{add, "RESOUND_REPLAY_MESSAGES=2000", "", `warning  application "1001": a replay may have 2000 events, but only 1000 are kept; lower replay_messages, or keep more`},
		{add, "RESOUND_REPLAY_BYTES=2000000", "", `warning  application "1001": a replay may have 2000000 bytes, but only 1048576 are kept; lower replay_bytes, or keep more`},
		{add, "RESOUND_HISTORY_BYTES=5000", "", `warning  application "1001": one event may have 10000 bytes, but 5000 of all are kept and 1048576 sent in one replay; raise them`},
		{add, "RESOUND_DURABILITY=off\nRESOUND_HISTORY_MESSAGES=5", "", `warning  RESOUND_HISTORY_MESSAGES in DIR/.env:15 has no effect: durability is off (RESOUND_DURABILITY in DIR/.env:14), so nothing is stored; choose another durability, or remove it`},
		{add, "RESOUND_DURABILITY=off", "history: [{channels: a}]", `warning  the history rule in DIR/resound.yaml:1 has no effect: durability is off (RESOUND_DURABILITY in DIR/.env:14), so nothing is stored; choose another durability, or remove it`},
		{add, "", "history:\n- {channels: '*'}\n- {channels: orders.*}", `warning  the history rule in DIR/resound.yaml:3 never counts for "orders.*": the one in DIR/resound.yaml:2 has all of these channels; put it before the other, or remove it`},
		{add, "", "history:\n- {channels: [x, '*.up.*']}\n- {channels: [a.up.b.*, '*.up', 'a*b', y]}", `warning  the history rule in DIR/resound.yaml:3 never counts for "a.up.b.*": the one in DIR/resound.yaml:2 has all of these channels; put it before the other, or remove it`},
		{add, "", "history: [{channels: a, messages: 5, replay_messages: 6}]", `warning  the history rule in DIR/resound.yaml:1: a replay may have 6 events, but only 5 are kept; lower replay_messages, or keep more`},
		{add, "", "history: [{channels: a, bytes: 50000, replay_bytes: 50001}]", `warning  the history rule in DIR/resound.yaml:1: a replay may have 50001 bytes, but only 50000 are kept; lower replay_bytes, or keep more`},
		{add, "", "history: [{channels: a, replay_bytes: 500}]", `warning  the history rule in DIR/resound.yaml:1: one event may have 10000 bytes, but 1048576 of all are kept and 500 sent in one replay; raise them`},
		{add, "", "history: [{channels: a, messages: 5, rewind: 6}]", `warning  the history rule in DIR/resound.yaml:1: rewind is 6, but only 5 events are kept; lower rewind, or keep more`},
		{add, "", "history: [{channels: a, messages: 9, replay_messages: 5, rewind: 6}]", `warning  the history rule in DIR/resound.yaml:1: rewind is 6, but a replay has 5 events at most; lower rewind, or raise replay_messages`},
		{add, "", "history: [{channels: a, messages: 0, rewind: 6}]", `warning  the history rule in DIR/resound.yaml:1: rewind 6 has nothing to send, since nothing is kept; set messages, or remove rewind`},
		{add, "", "history: [{channels: a, age: 0}]\napps: [{app_id: 2, key: k2, secret: hush}]", `warning  the history rule in DIR/resound.yaml:1: without an age, the events of channels that nobody uses any more stay for ever; set an age, such as 30d`},
		{add, "RESOUND_REDIS_CLUSTER=a", "", `warning  RESOUND_REDIS_CLUSTER in DIR/.env:14 has no effect: scaling is off; set REVERB_SCALING_ENABLED=true, or remove it`},
		{add, "REVERB_SCALING_ENABLED=true\nREDIS_URL=hush", "", `error    REDIS_URL in DIR/.env:15: this is no URL such as redis://user:password@host:6379/0`},
		{add, "REVERB_SCALING_ENABLED=true\nREDIS_URL=redis://h?timeout=5", "", `warning  REDIS_URL in DIR/.env:15: timeout in the URL is not used`},
		{add, "REVERB_SCALING_ENABLED=true\nRESOUND_REDIS_CA=/gone", "", `error    the certificates for Redis: cannot read /gone: no such file or directory`},
		{add, "REVERB_SCALING_ENABLED=true\nRESOUND_DURABILITY=disk", "", `warning  RESOUND_DURABILITY in DIR/.env:15 has no effect: with scaling, events are kept in Redis, and its persistence decides what they survive; remove it`},
		{add, "REVERB_SEVER_PORT=1", "", `warning  REVERB_SEVER_PORT in DIR/.env:14 is not a setting; did you mean REVERB_SERVER_PORT?`},
		{add, "REVERB_SERVER_PORT=x", "", `error    REVERB_SERVER_PORT in DIR/.env:14: "x" is not a whole number`},
		{add, "", "apps: [{app_id: 2, key: k, secret: hush}, {app_id: 3, key: k, secret: hush}]", `error    DIR/resound.yaml:1: the applications "3" and "2" (DIR/resound.yaml:1) have the same key`},
		{add, "", "apps: [{app_id: 2, kye: k, key: k, secret: hush}]", `error    DIR/resound.yaml:1: "kye" is not a setting; did you mean key?`},
		{add, "", "apps: [{", `error    DIR/resound.yaml:1: did not find expected node content`},
	} {
		env := goodEnv + tc.new + "\n"
		if tc.old != add {
			env = strings.Replace(goodEnv, tc.old, tc.new, 1)
		}
		w := newWorld(t).laravel(t, env)
		if tc.file != "" {
			w.write(t, "resound.yaml", tc.file)
		}
		var bad []string
		for _, line := range w.findings(t) {
			if strings.HasPrefix(line, "warning") || strings.HasPrefix(line, "error") {
				bad = append(bad, line)
			}
		}
		seen := false
		for _, line := range bad {
			seen = seen || line == tc.want
		}
		if !seen {
			t.Errorf("%q %q\nsaid %s\nwant %s", tc.new, tc.file, strings.Join(bad, "\n     "), tc.want)
		}
		if len(bad) > 1 && tc.old == add {
			t.Errorf("%q %q: it says more: %s", tc.new, tc.file, strings.Join(bad, "\n     "))
		}
	}
}

// All that is wrong is said at once, and whatever can be read is looked at.
func TestCheckGoesOn(t *testing.T) {
	w := newWorld(t, "RESOUND_LOG_LEVEL=loud").laravel(t, goodEnv+"REVERB_SERVER_HOST=a:b\nREVERB_APP_PING_INTERVAL=0\n")
	w.write(t, "resound.yaml", "prot: 1\nport: x\napps:\n- {app_id: 2}\n- {app_id: 3, key: k3, secret: hush}\n- {app_id: 4, key: k4, secret: hush, max_batch: 0}\n")
	lines := w.findings(t)
	for _, want := range []string{
		`error    DIR/resound.yaml:1: "prot" is not a setting; did you mean port?`,
		`error    port in DIR/resound.yaml:2: "x" is not a whole number`,
		`error    RESOUND_LOG_LEVEL in the environment: "loud" is not one of debug, info, warn, error`,
		`error    REVERB_SERVER_HOST in DIR/.env:14: "a:b" is not a host name or an address (without scheme and port)`,
		`error    REVERB_APP_PING_INTERVAL in DIR/.env:15: 0 is not a time in whole seconds between 1s and 24h`,
		`error    DIR/resound.yaml:4: app key is empty; app secret is empty`,
		`error    DIR/resound.yaml:6: max_batch in DIR/resound.yaml:6: 0 is not between 1 and 2147483647`,
		`ok       2 applications: 1001, 3`,
		`7 errors, 0 warnings`,
	} {
		found := false
		for _, line := range lines {
			found = found || line == want
		}
		if !found {
			t.Errorf("there is no line\n%s\nin\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if _, err := w.parse("check", "--prot=1"); err == nil || !strings.HasPrefix(err.Error(), "unknown flag --prot") {
		t.Errorf("a wrong command line: %v", err)
	}
}

// What only follows from an error of a file is not said: with it nothing is served.
func TestCheckSaysNoConsequences(t *testing.T) {
	const (
		noApp  = "BROADCAST_CONNECTION=reverb\nREVERB_HOST=localhost\nREVERB_PORT=8080\nREVERB_SCHEME=http\n"
		broken = "apps:\n- {app_id: 2, kee: k, secret: hush}\n"
		kee    = `error    DIR/resound.yaml:2: "kee" is not a setting; did you mean key?`
	)
	for _, tc := range []struct{ env, file, want string }{
		{noApp, broken, kee},
		{noApp + "VITE_REVERB_APP_KEY=k", broken, kee},
		{noApp, "apps:\n- {app_id: 2, key: k, secret: '${NOPE}'}", `error    DIR/resound.yaml:2: secret: ${NOPE} is set neither in the environment nor in the .env file`},
		{noApp, "apps:\n- 7", `error    DIR/resound.yaml:2: name: value is expected here`},
		{noApp, "apps: [{", `error    DIR/resound.yaml:1: did not find expected node content`},
		{noApp, "app: []", `error    DIR/resound.yaml:1: "app" is not a setting; did you mean apps?`},
		{noApp, "apps:\n- {app_id: 2, key: k}", `error    DIR/resound.yaml:2: app secret is empty`},
		{noApp, broken + "- {app_id: 3}", kee + "\n" + `error    DIR/resound.yaml:3: app key is empty; app secret is empty`},
		{noApp + "REVERB_APP_KEY=k", "", `error    half an application: found REVERB_APP_KEY in DIR/.env:5, but no REVERB_APP_ID and no REVERB_APP_SECRET on the command line, in the environment or in DIR/.env; set all three, or none to get a demo app`},
	} {
		w := newWorld(t).laravel(t, tc.env)
		w.write(t, "resound.yaml", tc.file)
		var bad []string
		for _, line := range w.findings(t) {
			if strings.HasPrefix(line, "warning") || strings.HasPrefix(line, "error") {
				bad = append(bad, line)
			}
		}
		if got := strings.Join(bad, "\n"); got != tc.want {
			t.Errorf("%q\nsaid %s\nwant %s", tc.file, got, tc.want)
		}
	}
	// Also where there are more errors than are told.
	w := newWorld(t)
	w.write(t, "resound.yaml", "apps:\n"+strings.Repeat("- {kee: k}\n", maxFileErrors+1))
	if all := strings.Join(w.findings(t), "\n"); strings.Contains(all, "is empty") || !strings.Contains(all, "100 errors, 0 warnings") {
		t.Errorf("it says\n%s", all)
	}
}

func TestCheckCountsNamesOfVite(t *testing.T) {
	for env, want := range map[string]string{
		goodEnv: "ok       4 names of VITE_REVERB_* agree with the server",
		strings.Split(goodEnv, "VITE_REVERB_HOST")[0]: "ok       1 name of VITE_REVERB_* agrees with the server",
	} {
		if all := strings.Join(newWorld(t).laravel(t, env).findings(t), "\n"); !strings.Contains(all, want+"\n") {
			t.Errorf("there is no line\n%s\nin\n%s", want, all)
		}
	}
}

func TestCheckWarnsOfReadableSecrets(t *testing.T) {
	w := newWorld(t).laravel(t, goodEnv)
	path := w.write(t, "resound.yaml", "apps: []")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	want := "warning  every user of this machine may read DIR/resound.yaml and the secrets in it; chmod 640 it"
	if all := strings.Join(w.findings(t), "\n"); !strings.Contains(all, want) {
		t.Errorf("it says\n%s", all)
	}
}

func TestFindingsAsJSON(t *testing.T) {
	list := []Finding{{OK, "a", ""}, {Warning, "b <", "c"}, {Error, "d", "e"}}
	var out bytes.Buffer
	if err := PrintFindings(&out, list, true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Errors, Warnings int
		Findings         []Finding
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Errors != 1 || got.Warnings != 1 || len(got.Findings) != 3 || got.Findings[1] != list[1] {
		t.Errorf("%v: %s", err, out.String())
	}
	if !Broken(list) || Broken(list[:2]) {
		t.Error("an error is no error, or a warning is one")
	}
	for _, asJSON := range []bool{true, false} {
		if err := PrintFindings(failing{}, list, asJSON); !errors.Is(err, errFull) {
			t.Errorf("json %v: %v", asJSON, err)
		}
	}
}
