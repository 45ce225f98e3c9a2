package config

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"resound/internal/apps"
)

// testKeys returns the keys of a config file, as Parse has them.
func testKeys(t testing.TB) fileKeys {
	t.Helper()
	k, err := kong.New(new(grammar), kongOptions(Options{Stdout: io.Discard, Stderr: io.Discard}, newSources(Options{}))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range k.Model.Children {
		if command.Name == "start" {
			return newFileKeys(command.Flags)
		}
	}
	t.Fatal("there is no start command")
	return fileKeys{}
}

// Every error of a config file, word for word; F is its path.
func TestConfigFileErrors(t *testing.T) {
	const app = "apps:\n- {app_id: 1, key: k, secret: hush}\n"
	for _, tc := range []struct{ file, want string }{
		{"prot: 1", `F:1: "prot" is not a setting; did you mean port?`},
		{"\nentirely_different: 1", `F:2: "entirely_different" is not a setting`},
		{"app: 1", `F:1: "app" is not a setting; did you mean apps?`},
		{"secret: hush", `F:1: secret belongs to an application, below apps`},
		{"app_secret: hush", `F:1: app_secret belongs to an application, below apps`},
		{"config: x", `F:1: "config" is not a setting`},
		{"port: 1\nport: 2", `F:2: port is there already, in line 1`},
		{"data_dir: 1\ndata-dir: 2", `F:2: data_dir is there already, in line 1`},
		{"port: x", `--port: port in F:1: "x" is not a whole number`},
		{"port: 70000", `--port: port in F:1: 70000 is not between 0 and 65535`},
		{"log_level: loud", `--log-level: log_level in F:1: "loud" is not one of debug, info, warn, error`},
		{"host: http://x", `host in F:1: "http://x" is not a host name or an address (without scheme and port)`},
		{"port: [1]", `F:1: port: this takes one value`},
		{"rate_limiting: true", `F:1: rate_limiting must be a mapping, such as rate_limiting: {enabled: true}`},
		{"rate_limiting:\n  enable: true", `F:2: "rate_limiting.enable" is not a setting; did you mean rate_limiting.enabled?`},
		{"allowed_origins: []", `F:1: allowed_origins: the list is empty; leave it out to have the default`},
		{"allowed_origins: [a, ~]", `F:1: allowed_origins: an entry of the list is empty or no text`},
		{"history: {messages: 1}", `F:1: history must be a list of rules: each begins with a dash and has channels; history_messages, history_age and history_bytes are for the channels that no rule names`},
		{"history: 1000", `F:1: history must be a list of rules: each begins with a dash and has channels; history_messages, history_age and history_bytes are for the channels that no rule names`},
		{"histroy: []", `F:1: "histroy" is not a setting; did you mean history?`},
		{"history_mesages: 1", `F:1: "history_mesages" is not a setting; did you mean history_messages?`},
		{"history:\n- channels: a\n- a", `F:3: name: value is expected here`},
		{"history:\n- channels: a\n- messages: 1", `F:3: a rule of history needs channels: a pattern such as "orders.*", or a list of them`},
		{"history:\n- {}", `F:2: a rule of history needs channels: a pattern such as "orders.*", or a list of them`},
		{"history:\n- channels: []", `F:2: channels: the list is empty, so the rule is for no channel`},
		{"history:\n- channels:\n  messages: 1", `F:2: channels: a pattern is empty; "*" is every channel`},
		{"history:\n- channels:\n  - a\n  - ''", `F:4: channels: a pattern is empty; "*" is every channel`},
		{"history:\n- channels: {a: b}", `F:2: channels: this takes one value`},
		{"history:\n- channels: *.typing", `F:2: a value that begins with * or & needs quotes around it`},
		{"history:\n- channels: *", `F:2: a value that begins with * or & needs quotes around it`},
		{"history:\n- channels: [a, *]", `F:2: a value that begins with * or & needs quotes around it`},
		{"history:\n- channels: ${NOPE}", `F:2: channels: ${NOPE} is set neither in the environment nor in the .env file`},
		{"history:\n- channels: a\n  mesages: 1", `F:3: "mesages" is nothing that a rule of history has; did you mean messages?`},
		{"history:\n- channels: a\n  history-age: 1", `F:3: "history_age" is nothing that a rule of history has; did you mean age?`},
		{"history:\n- channel: a", `F:2: "channel" is nothing that a rule of history has; did you mean channels?`},
		{"history:\n- channels: a\n  entirely_different: 1", `F:3: "entirely_different" is nothing that a rule of history has`},
		{"history:\n- channels: a\n  messages: 1\n  messages: 2", `F:4: messages is there already, in line 3`},
		{"history:\n- channels: a\n  messages: -1", `F:3: messages: -1 is not between 0 and 2147483647`},
		{"history:\n- channels: a\n  messages: [1]", `F:3: messages: this takes one value`},
		{"history:\n- channels: a\n  age: soon", `F:3: age: "soon" is not a time, such as 3600, 90m, 24h or 7d`},
		{"history:\n- channels: a\n  age: -1h", `F:3: age: -1h is not a time in whole seconds between 0 and 3650d`},
		{"history:\n- channels: a\n  bytes: 1MB", `F:3: bytes: "1MB" is not a whole number`},
		{"history:\n- channels: a\n  rewind: all", `F:3: rewind: "all" is not a whole number`},
		{"history:\n- channels: a\n  conflate: row.id", `F:3: conflate: "row.id" is neither event nor a pointer into the event's data, such as /row/id`},
		{"history:\n- channels: a\n  replay_messages: 0", `F:3: replay_messages: 0 is not between 1 and 2147483647`},
		{"apps:\n- app_id: 1\n  history: [{channels: a, replay_bytes: 0}]", `F:3: replay_bytes: 0 is not between 1 and 1099511627776`},
		{"apps: {app_id: 1}", `F:1: apps must be a list: each application begins with a dash`},
		{"apps: [1]", `F:1: name: value is expected here`},
		{"[1, 2]", `F:1: name: value is expected here`},
		{"? [a]\n: 1", `F:1: name: value is expected here`},
		{app + "- {app_id: 2, key: k2, secret: hush, max_conections: 1}", `F:3: "max_conections" is not a setting; did you mean max_connections?`},
		{app + "- {app_id: 2, key: k2, secret: hush, port: 1}", `F:3: port is a setting of the server: it stands at the margin, beside apps`},
		{app + "- {app_id: 2, id: 3, key: k2, secret: hush}", `F:3: app_id is there already, in line 3`},
		{app + "- {app_id: 2, key: k2, secret: hush, max_batch: 0}", `F:3: max_batch in F:3: 0 is not between 1 and 2147483647`},
		{app + "- {app_id: 2, key: k2}", `F:3: app secret is empty`},
		{app + "- {app_id: a/b, secret: hush}", `F:3: app key is empty; app id "a/b" may only hold letters, digits, '-', '_' and '.'`},
		{app + "- {app_id: 1, key: k2, secret: hush}", `F:3: the application "1" is there already (F:2)`},
		{app + "- {app_id: 2, key: k, secret: hush}", `F:3: the applications "2" and "1" (F:2) have the same key`},
		{"apps:\n- app_id: 1\n  secret: ${NOPE}", `F:3: secret: ${NOPE} is set neither in the environment nor in the .env file`},
		{"host: ${NO-PE}", `F:1: host: ${ begins the name of a variable, as in ${REVERB_APP_SECRET}; write $${ for the text itself`},
		{"host: a${NOPE", `F:1: host: ${ begins the name of a variable, as in ${REVERB_APP_SECRET}; write $${ for the text itself`},
		{"apps:\n- secret: *hush", `F:2: a value that begins with * needs quotes around it`},
		{"apps:\n- secret: &hush", `F:2: secret: a value that begins with & needs quotes around it`},
		{"apps:\n- secret: !hush", `F:2: secret: a value that begins with ! needs quotes around it`},
		{"port: 1\n---\nport: 2", `F:2: a second document begins here; a config file has only one`},
		{"a: b: c", `F:1: mapping values are not allowed in this context`},
		{"\tport: 1", `F:1: found character that cannot start any token`},
		{"x: &x {<<: *x}", `F:1: "x" is not a setting`},
		{"<<: &x {<<: *x}", `F:1: << goes deeper than 8 mappings here`},
		{"prot: 1\nhots: 2\nport: x", `F:1: "prot" is not a setting; did you mean port? (and 1 more: resound check lists them)`},
	} {
		w := newWorld(t)
		path := w.write(t, "resound.yaml", tc.file)
		_, err := w.parse("start")
		if err == nil {
			t.Errorf("%q: no error", tc.file)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), path, "F"); got != tc.want {
			t.Errorf("%q\ngot  %s\nwant %s", tc.file, got, tc.want)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: the error tells the secret: %v", tc.file, err)
		}
	}
}

// Ten lines that stand for a billion entries end in an error, and soon.
func TestMergeBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 {port: 1}\n")
	for i := 1; i <= maxMerges; i++ {
		b.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " {<<: [" + strings.Repeat("*a"+string(rune('0'+i-1))+",", 50) + "]}\n")
	}
	b.WriteString("<<: *a" + string(rune('0'+maxMerges)) + "\n")
	_, errs := parseFile("F", []byte(b.String()), testKeys(t), environ)
	if len(errs) == 0 {
		t.Fatal("no error")
	}
	if len(errs) > maxFileErrors {
		t.Errorf("%d errors", len(errs))
	}
}

func TestReferencesInAConfigFile(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "x", "EMPTY": "(empty)", "QUOTED": `'q'`, "TRUE": "(true)", "DOLLAR": "${A}"}[name]
		return v, ok
	}
	for given, want := range map[string]string{
		"${A}": "x", "a${A}b${A}": "axbx", "$A": "$A", "$$": "$$", "$${A}": "${A}", "$$${A}": "$${A}", "a$": "a$",
		"${EMPTY}": "", "${QUOTED}": "q", "${TRUE}": "true", "${DOLLAR}": "${A}", "{A}": "{A}",
	} {
		if got, err := expand(given, lookup); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", given, got, err, want)
		}
		if got, err := expand(unexpanded(given), lookup); err != nil || got != given {
			t.Errorf("%q comes back as %q, %v", given, got, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{
		shopFile, "", "port: 1\n---\n", "<<: &x {<<: *x}", "apps: [{app_id: 1, key: k, secret: '${A}'}]", "apps:\n- *a", "a: &a [*a]",
		"? {a: b}\n: c", "apps: [[[]]]", "rate_limiting: {enabled: {x: y}}", "\ufeffport: 1", "port: !!binary aGk=", "port: |\n  1\n", "%YAML 1.1\n---\nport: 0x10",
		"history:\n- {channels: a, age: 7d, conflate: /x}\n- &r {channels: ['*', b], messages: 0}\napps:\n- {app_id: 1, history: [*r, *r]}\n- {history: }\n- {history: []}",
	} {
		f.Add(s)
	}
	keys := testKeys(f)
	f.Fuzz(func(t *testing.T, s string) {
		file, errs := parseFile("f", []byte(s), keys, environ)
		for _, err := range errs {
			if !strings.HasPrefix(err.Error(), "f:") || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("no place, or no single line: %q", err)
			}
		}
		lines := strings.Count(s, "\n") + strings.Count(s, "\r") + strings.Count(s, "\u0085") + strings.Count(s, "\u2028") + strings.Count(s, "\u2029") + 1
		check := func(values map[string]fileValue, known func(string) bool) {
			for key, v := range values {
				if !known(key) || v.line < 1 || v.line > lines || v.null && v.text != "" {
					t.Fatalf("%q: %+v of %d lines", key, v, lines)
				}
			}
		}
		rules := slices.Clone(file.rules)
		check(file.settings, func(key string) bool { return keys.top[key] != nil })
		for _, a := range file.apps {
			check(a.values, func(key string) bool { return keys.app[key] != nil || isCredential(key) })
			rules = append(rules, a.rules...)
		}
		for _, rule := range rules {
			h := apps.DefaultHistory()
			rule.apply(&h)
			if err := h.Validate(); err != nil || len(rule.channels) == 0 || slices.Contains(rule.channels, "") {
				t.Fatalf("%+v: %v", rule, err)
			}
			check(rule.values, func(key string) bool {
				return slices.ContainsFunc(ruleKeys, func(k ruleKey) bool { return k.name == key })
			})
		}
	})
}
