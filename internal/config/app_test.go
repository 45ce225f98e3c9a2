package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
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
		for _, app := range w.start(t, strings.Fields(tc.args)...).Apps() {
			got += app.ID + " " + app.Key + " " + app.Secret
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
	w.write(t, "resound.yaml", "history: [{channels: a, messages: 0}]")
	c := w.start(t, "--ping-interval=10", "--activity-timeout=20s", "--max-connections=30", "--max-message-size=40", "--accept-client-events-from=all",
		"--rate-limiting", "--rate-limit-max-attempts=50", "--rate-limit-decay-seconds=60s", "--rate-limit-terminate", "--allowed-origins=a.test,b.test",
		"--cache-ttl=70", "--subscription-count", "--max-subscriptions=75", "--max-presence-members=80", "--max-user-info=90", "--max-batch=100", "--compression", "--compression-min-size=105", "--auth-timestamp=ignore",
		"--history-messages=110", "--history-age=2d", "--history-bytes=120000", "--replay-messages=100", "--replay-bytes=110000")
	history := apps.History{Messages: 110, Age: 48 * time.Hour, Bytes: 120_000, ReplayMessages: 100, ReplayBytes: 110_000}
	want := &apps.App{
		ID: "1001", Key: "shop-key", Secret: "shop-secret", PingInterval: 10 * time.Second, ActivityTimeout: 20 * time.Second,
		MaxConnections: 30, MaxMessageSize: 40, ClientEvents: apps.FromAll,
		RateLimit:      apps.RateLimit{Enabled: true, MaxAttempts: 50, Decay: time.Minute, Terminate: true},
		AllowedOrigins: []string{"a.test", "b.test"}, CacheTTL: 70 * time.Second, SubscriptionCount: true,
		MaxSubscriptions: 75, MaxPresenceMembers: 80, MaxUserInfo: 90, MaxBatch: 100, Compression: true, CompressionMinSize: 105, Timestamps: apps.TimestampIgnore,
		History: history, HistoryRules: []apps.HistoryRule{{Channels: []string{"a"}, History: history}},
	}
	want.HistoryRules[0].Messages = 0
	if list := c.Apps(); len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("the application is %+v", list)
	}
	for i, v := 0, reflect.ValueOf(*want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tried here", v.Type().Field(i).Name)
		}
	}
	if c = w.start(t, "--max-connections=null"); c.MaxConnections != 0 {
		t.Errorf("null connections are %d", c.MaxConnections)
	}
}

func TestOriginsAreCleanedWithAWarning(t *testing.T) {
	w := newWorld(t).laravel(t, shopApp+"RESOUND_ALLOWED_ORIGINS=' shop.test ,https://admin.shop.test:8443/x,, *.test'\n")
	c := w.start(t)
	if want := []string{"shop.test", "admin.shop.test", "*.test"}; !reflect.DeepEqual(c.AllowedOrigins, want) {
		t.Errorf("the origins are %q, want %q", c.AllowedOrigins, want)
	}
	want := "RESOUND_ALLOWED_ORIGINS in " + w.dir + `/.env:4: the origin "https://admin.shop.test:8443/x" counts as "admin.shop.test": only the host is compared, as in Reverb`
	if len(c.Warnings) != 1 || c.Warnings[0] != want {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestSwitches(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "(true)": true, "1": true, "yes": true, "ON": true, "false": false, "0": false, "off": false, "no": false, "": false, "null": false} {
		c := newWorld(t).laravel(t, shopApp+"RESOUND_SUBSCRIPTION_COUNT="+value).start(t)
		if c.SubscriptionCount != want {
			t.Errorf("%q is %v", value, c.SubscriptionCount)
		}
	}
	w := newWorld(t, "RESOUND_SUBSCRIPTION_COUNT=true")
	if c := w.start(t, "--subscription-count=false"); c.SubscriptionCount {
		t.Error("the flag could not turn the switch off")
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
