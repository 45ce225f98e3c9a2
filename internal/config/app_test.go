package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppFromAnyPlace(t *testing.T) {
	reverb := "REVERB_APP_ID=1\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n"
	pusher := "PUSHER_APP_ID=2\nPUSHER_APP_KEY=pk\nPUSHER_APP_SECRET=ps\n"
	for _, tc := range []struct {
		name, dotenv, env, args, want string
	}{
		{"reverb", reverb, "", "", "1 k s"},
		{"reverb before pusher", reverb + pusher, "", "", "1 k s"},
		{"pusher", pusher, "", "", "2 pk ps"},
		{"pusher, and empty names of reverb", pusher + "REVERB_APP_ID=\nREVERB_APP_KEY=null\n", "", "", "2 pk ps"},
		{"flags", "", "", "--app-id=3 --app-key=fk --app-secret=fs", "3 fk fs"},
		{"flags before pusher", pusher, "", "--app-id=3 --app-key=fk --app-secret=fs", "3 fk fs"},
		{"one from each place", "REVERB_APP_ID=1", "REVERB_APP_KEY=ek", "--app-secret=fs", "1 ek fs"},
		{"environment before file", reverb, "REVERB_APP_SECRET=es", "", "1 k es"},
		{"none", "", "", "", ""},
		{"all empty", "REVERB_APP_ID=\nREVERB_APP_KEY=\"\"\nREVERB_APP_SECRET=null\nPUSHER_APP_ID=\n", "", "", ""},
	} {
		w := newWorld(t).laravel(t, tc.dotenv)
		if tc.env != "" {
			w.environ = []string{tc.env}
		}
		got := ""
		if app, ok := w.start(t, strings.Fields(tc.args)...).App(); ok {
			got = app.ID + " " + app.Key + " " + app.Secret
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestEmptyPusherNamesAreNoSource(t *testing.T) {
	c := newWorld(t).laravel(t, "PUSHER_APP_ID=\nPUSHER_APP_KEY=null\n").start(t)
	for _, name := range []string{"app-id", "app-key", "app-secret"} {
		if row := c.setting(t, name); row.Source != "default" || row.Value != "" {
			t.Errorf("%s: %q from %s", name, row.Value, row.Source)
		}
	}
}

func TestPusherNamesAreShownAsTheSource(t *testing.T) {
	w := newWorld(t, "PUSHER_APP_KEY=k").laravel(t, "PUSHER_APP_ID=2\nPUSHER_APP_SECRET=s\n")
	c := w.start(t)
	for name, want := range map[string]string{
		"app-id":     w.dir + "/.env:1 PUSHER_APP_ID",
		"app-key":    "environment PUSHER_APP_KEY",
		"app-secret": w.dir + "/.env:2 PUSHER_APP_SECRET",
	} {
		if row := c.setting(t, name); row.Source != want || row.Value == "" {
			t.Errorf("%s %q comes from %s, want %s", name, row.Value, row.Source, want)
		}
	}
}

func TestAppTakesTheLimits(t *testing.T) {
	w := newWorld(t).laravel(t, shopApp)
	c := w.start(t, "--ping-interval=10", "--activity-timeout=20s", "--max-connections=30", "--max-message-size=40", "--accept-client-events-from=all")
	app, ok := c.App()
	if !ok || app.PingInterval != c.PingInterval || app.PingInterval.Seconds() != 10 || app.ActivityTimeout.Seconds() != 20 ||
		app.MaxConnections != 30 || app.MaxMessageSize != 40 || app.ClientEvents.String() != "all" {
		t.Errorf("the application is %+v", app)
	}
	if c = w.start(t, "--max-connections=null"); c.MaxConnections != 0 {
		t.Errorf("null connections are %d", c.MaxConnections)
	}
}

func TestDemoModeInAProjectIsSaid(t *testing.T) {
	c := newWorld(t).laravel(t, "APP_NAME=Shop\n").start(t)
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "a demo app is served instead") {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

// Ten events of 10,000 bytes fit into one request, however they are escaped.
func TestRequestSizeHoldsABatch(t *testing.T) {
	type event struct {
		Name    string `json:"name"`
		Channel string `json:"channel"`
		Data    string `json:"data"`
	}
	var batch struct {
		Batch []event `json:"batch"`
	}
	long := strings.Repeat("c", 200)
	for range 10 {
		batch.Batch = append(batch.Batch, event{long, long, strings.Repeat("\x01", 10_000)})
	}
	body, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	if c := newWorld(t).start(t); len(body) < 600_000 || len(body) > c.MaxRequestSize {
		t.Errorf("a batch of %d bytes against a limit of %d", len(body), c.MaxRequestSize)
	}
}
