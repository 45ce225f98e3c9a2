package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every error a person can meet, word for word; DIR is the working directory.
func TestErrors(t *testing.T) {
	const (
		hostOf  = ` is not a host name or an address (without scheme and port)`
		pathOf  = ` is not a path of letters, digits and / - _ . ~`
		allOrNo = `; set all three, or none to get a demo app`
	)
	for _, tc := range []struct {
		args, env, dotenv, want string
	}{
		{"strat", "", "", `unexpected argument strat, did you mean "start"? (resound --help says more)`},
		{"start now", "", "", `unexpected argument now (resound start --help says more)`},
		{"start --prot=1", "", "", `unknown flag --prot, did you mean "--port"? (resound start --help says more)`},
		{"start --ap-secret=hush", "", "", `unknown flag --ap-secret, did you mean "--app-secret"? (resound start --help says more)`},
		{"start --json", "", "", `unknown flag --json (resound start --help says more)`},
		{"start --port", "", "", `--port: the value is missing (resound start --help says more)`},
		{"start --ping-interval", "", "", `--ping-interval: the value is missing (resound start --help says more)`},
		{"start --accept-client-events-from", "", "", `--accept-client-events-from: the value is missing (resound start --help says more)`},
		{"start --host", "", "", `--host: the value is missing (resound start --help says more)`},
		{"start --host --port=1", "", "", `--host: expected a value but got "--port=1" (long flag); perhaps try --host="--port=1"? (resound start --help says more)`},
		{"start --port=x", "", "", `--port: "x" is not a whole number (resound start --help says more)`},
		{"start --port=65536", "", "", `--port: 65536 is not between 0 and 65535 (resound start --help says more)`},
		{"start --loops=-1", "", "", `--loops: -1 is not between 0 and 256 (resound start --help says more)`},
		{"start --max-message-size=0", "", "", `--max-message-size: 0 is not between 1 and 2147483647 (resound start --help says more)`},
		{"start --ping-interval=soon", "", "", `--ping-interval: "soon" is not a time in seconds, such as 60 or 60s (resound start --help says more)`},
		{"start --activity-timeout=0", "", "", `--activity-timeout: 0 is not a time in whole seconds between 1s and 24h (resound start --help says more)`},
		{"start --activity-timeout=1.5s", "", "", `--activity-timeout: 1.5s is not a time in whole seconds between 1s and 24h (resound start --help says more)`},
		{"start --log-level=loud", "", "", `--log-level must be one of "debug","info","warn","error" but got "loud" (resound start --help says more)`},
		{"start --allowed-origins=https://", "", "", `--allowed-origins: the origin "https://" has no host (resound start --help says more)`},
		{"start --allowed-origins=,", "", "", `--allowed-origins: no origin is allowed, so nobody could connect; * allows all (resound start --help says more)`},
		{"start --admin-address=9600", "", "", `flag --admin-address: "9600" is not a host and another port than that of the server (8080), as in 127.0.0.1:9600`},
		{"start --admin-address=127.0.0.1:8080", "", "", `flag --admin-address: "127.0.0.1:8080" is not a host and another port than that of the server (8080), as in 127.0.0.1:9600`},
		{"start --admin-address=:9600", "", "", `flag --admin-address: other machines can reach :9600, and profiles show what goes on: set RESOUND_ADMIN_TOKEN, or listen on 127.0.0.1`},
		{"start --memory-limit=lots", "", "", `--memory-limit: "lots" is not auto, off or a number of bytes such as 536870912 or 512MiB (resound start --help says more)`},
		{"start --memory-limit=10MiB", "", "", `--memory-limit: 10485760 bytes are less than the 50331648 that an idle server needs (resound start --help says more)`},
		{"start --memory-limit=99999999999GiB", "", "", `--memory-limit: "99999999999GiB" is not auto, off or a number of bytes such as 536870912 or 512MiB (resound start --help says more)`},
		{"start --trusted-proxies=nginx", "", "", `--trusted-proxies: "nginx" is not an address, a network such as 10.0.0.0/8, unix, PRIVATE_SUBNETS or * (resound start --help says more)`},
		{"start --trusted-proxies=10.1.2.3/8", "", "", `--trusted-proxies: "10.1.2.3/8" is not a network: its address is 10.0.0.0/8 (resound start --help says more)`},
		{"start --auth-timestamp=maybe", "", "", `--auth-timestamp: "maybe" is none of warn, enforce and ignore (resound start --help says more)`},
		{"start --durability=none", "", "", `--durability must be one of "async","process","disk","off" but got "none" (resound start --help says more)`},
		{"start --history-messages=-1", "", "", `--history-messages: -1 is not between 0 and 2147483647 (resound start --help says more)`},
		{"start --history-age=1w", "", "", `--history-age: "1w" is not a time, such as 3600, 90m, 24h or 7d (resound start --help says more)`},
		{"start --history-age=-1", "", "", `--history-age: -1 is not a time in whole seconds between 0 and 3650d (resound start --help says more)`},
		{"start --history-age=4000d", "", "", `--history-age: 4000d is not a time in whole seconds between 0 and 3650d (resound start --help says more)`},
		{"start --history-age=1.5s", "", "", `--history-age: 1.5s is not a time in whole seconds between 0 and 3650d (resound start --help says more)`},
		{"start --replay-messages=0", "", "", `--replay-messages: 0 is not between 1 and 2147483647 (resound start --help says more)`},
		{"start --rate-limiting=maybe", "", "", `--rate-limiting: "maybe" is neither true nor false (resound start --help says more)`},

		{"log", "", "", `expected one of "list", "show", "truncate", "compact" (resound log --help says more)`},
		{"log lst", "", "", `unexpected argument lst, did you mean "list"? (resound log --help says more)`},
		{"log list --prfix=a", "", "", `unknown flag --prfix, did you mean "--prefix"? (resound log list --help says more)`},
		{"log show", "", "", `expected "<channel>" (resound log show --help says more)`},
		{"log show a --from=0", "", "", `--from: 0 is not between 1 and 9007199254740992 (resound log show --help says more)`},
		{"log show a --limit=-1", "", "", `--limit: -1 is not between 0 and 2147483647 (resound log show --help says more)`},
		{"log truncate a", "", "", `say which events: --before=SERIAL or --all (resound log truncate --help says more)`},
		{"log truncate a --all --before=2", "", "", `--before and --all can't be used together (resound log truncate --help says more)`},
		{"log list --config=nope.yaml", "", "", `cannot read DIR/nope.yaml: no such file or directory`},
		{"log list", "", "A=1\nB=two words", `DIR/.env:2: B: a value with spaces needs quotes around it`},

		{"start", "REVERB_SERVER_PORT=x", "", `--port: REVERB_SERVER_PORT in the environment: "x" is not a whole number`},
		{"start", "", "\nREVERB_SERVER_PORT=x", `--port: REVERB_SERVER_PORT in DIR/.env:2: "x" is not a whole number`},
		{"config", "", "REVERB_APP_PING_INTERVAL=0", `--ping-interval: REVERB_APP_PING_INTERVAL in DIR/.env:1: 0 is not a time in whole seconds between 1s and 24h`},
		{"start", "", "REVERB_SCHEME=ftp", `--scheme: REVERB_SCHEME in DIR/.env:1: "ftp" is not one of http, https`},
		{"start", "RESOUND_LOG_FORMAT=xml", "", `--log-format: RESOUND_LOG_FORMAT in the environment: "xml" is not one of auto, text, json`},
		{"start", "", "A=1\nB=two words", `DIR/.env:2: B: a value with spaces needs quotes around it`},

		{"start --host=http://x", "", "", `flag --host: "http://x"` + hostOf},
		{"start", "", "REVERB_SERVER_HOST=0.0.0.0:8080", `REVERB_SERVER_HOST in DIR/.env:1: "0.0.0.0:8080"` + hostOf},
		{"start", "", "REVERB_HOST='a\"b'", `REVERB_HOST in DIR/.env:1: "a\"b"` + hostOf},
		{"start --path=/a?b", "", "", `flag --path: "/a?b"` + pathOf},
		{"start --env-file=", "", "", `--env-file: the path is empty`},
		{"start --env-file=nope/.env", "", "", `cannot read DIR/nope/.env: no such file or directory`},
		{"start --env-file=/", "", "", `cannot read /: is a directory`},

		{"start --app-id=1", "", "", `half an application: found flag --app-id, but no REVERB_APP_KEY and no REVERB_APP_SECRET on the command line, in the environment or in DIR/.env` + allOrNo},
		{"start", "REVERB_APP_KEY=k", "REVERB_APP_ID=1", `half an application: found REVERB_APP_ID in DIR/.env:1 and REVERB_APP_KEY in the environment, but no REVERB_APP_SECRET on the command line, in the environment or in DIR/.env` + allOrNo},
		{"start", "", "PUSHER_APP_SECRET=hush", `half an application: found PUSHER_APP_SECRET in DIR/.env:1, but no PUSHER_APP_ID and no PUSHER_APP_KEY on the command line, in the environment or in DIR/.env` + allOrNo},
		{"start --app-id=a/b --app-key=k --app-secret=hush", "", "", `app id "a/b" may only hold letters, digits, '-', '_' and '.' (set by flag --app-id, flag --app-key, flag --app-secret)`},
	} {
		w := newWorld(t).laravel(t, tc.dotenv)
		if tc.env != "" {
			w.environ = []string{tc.env}
		}
		_, err := w.parse(strings.Fields(tc.args)...)
		if err == nil {
			t.Errorf("%s %s %q: no error", tc.args, tc.env, tc.dotenv)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), w.dir, "DIR"); got != tc.want {
			t.Errorf("%s %s %q\ngot  %s\nwant %s", tc.args, tc.env, tc.dotenv, got, tc.want)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error tells the secret: %v", tc.args, err)
		}
	}
}

func TestHalfAnApplicationWithoutAFile(t *testing.T) {
	_, err := newWorld(t, "REVERB_APP_ID=1", "REVERB_APP_KEY=k").parse("start")
	want := "half an application: found REVERB_APP_ID in the environment and REVERB_APP_KEY in the environment, but no REVERB_APP_SECRET on the command line, in the environment (and no .env file was found); set all three, or none to get a demo app"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A .env file that is there but cannot be read must not end in demo mode.
func TestUnreadableEnvFile(t *testing.T) {
	w := newWorld(t)
	w.write(t, "artisan", "")
	w.write(t, "composer.json", `{"require":{"laravel/framework":"*"}}`)
	if err := os.Mkdir(filepath.Join(w.dir, ".env"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := w.parse("start"); err == nil || !strings.Contains(err.Error(), "cannot read "+w.dir+"/.env") {
		t.Errorf("got %v", err)
	}
}
