package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
)

const shopFile = `# one server, two shops
port: 6001
data-dir: /var/lib/resound
max_connections: 500
rate_limiting: {enabled: true, max_attempts: 20}
history_messages: 50
history: [{channels: "*", rewind: 3}]

apps:
  - app_id: shop
    key: shop-key
    secret: ${SHOP_SECRET}
    allowed_origins: [shop.test, "*.shop.test"]
    ping_interval: 45
    activity_timeout: 1m
    max_connections: 1000
    max_message_size: 20000
    accept_client_events_from: all
    rate_limiting:
      enabled: true
      max_attempts: 5
      decay_seconds: 2
      terminate_on_limit: true
    cache_ttl: 5m
    subscription_count: true
    max_subscriptions_per_connection: 40
    max_presence_members: 50
    max_user_info: 2048
    max_batch: 20
    compression: true
    compression_min_size: 1000
    auth_timestamp: enforce
    history_age: 2h
    history:
      - channels: [presence-*, "*.typing"]
        messages: 0
      - channels: private-orders.*
        bytes: 0
        conflate: /row/id
  - id: admin
    key: admin-key
    secret: 'pa$$word # ${not}'
`

func (c *Config) byID(t *testing.T, id string) *apps.App {
	t.Helper()
	for _, a := range c.Apps() {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("there is no application %q", id)
	return nil
}

func TestConfigFile(t *testing.T) {
	w := newWorld(t, "SHOP_SECRET=from-outside")
	path := w.write(t, "resound.yaml", strings.Replace(shopFile, "${not}", "$${not}", 1))
	c := w.start(t)
	if c.ConfigFile != path || c.Port != 6001 || c.DataDir != "/var/lib/resound" || len(c.Warnings) > 0 {
		t.Errorf("%s: port %d, data %s, warnings %q", c.ConfigFile, c.Port, c.DataDir, c.Warnings)
	}
	if row := c.setting(t, "port"); row.Source != path+":2" || row.Value != "6001" {
		t.Errorf("the port %s comes from %s", row.Value, row.Source)
	}
	shop := &apps.App{
		ID: "shop", Key: "shop-key", Secret: "from-outside", PingInterval: 45 * time.Second, ActivityTimeout: time.Minute,
		MaxConnections: 1000, MaxMessageSize: 20000, ClientEvents: apps.FromAll,
		RateLimit:      apps.RateLimit{Enabled: true, MaxAttempts: 5, Decay: 2 * time.Second, Terminate: true},
		AllowedOrigins: []string{"shop.test", "*.shop.test"}, CacheTTL: 5 * time.Minute, SubscriptionCount: true,
		MaxSubscriptions: 40, MaxPresenceMembers: 50, MaxUserInfo: 2048, MaxBatch: 20, Compression: true, CompressionMinSize: 1000, Timestamps: apps.TimestampEnforce,
		History: apps.DefaultHistory(),
	}
	shop.History.Messages, shop.History.Age = 50, 2*time.Hour
	none, orders := shop.History, shop.History
	none.Messages, orders.Bytes, orders.Conflate = 0, 0, "/row/id"
	shop.HistoryRules = []apps.HistoryRule{{Channels: []string{"presence-*", "*.typing"}, History: none}, {Channels: []string{"private-orders.*"}, History: orders}}
	if got := c.byID(t, "shop"); !reflect.DeepEqual(got, shop) {
		t.Errorf("got %+v", got)
	}
	// What an entry does not say, it takes from the settings around it.
	admin := apps.New("admin", "admin-key", "pa$$word # ${not}")
	admin.MaxConnections, admin.RateLimit.Enabled, admin.RateLimit.MaxAttempts = 500, true, 20
	admin.History.Messages = 50
	all := admin.History
	all.Rewind = 3
	admin.HistoryRules = []apps.HistoryRule{{Channels: []string{"*"}, History: all}}
	if got := c.byID(t, "admin"); !reflect.DeepEqual(got, admin) {
		t.Errorf("got %+v", got)
	}
	if len(c.Apps()) != 2 || c.AppID != "" {
		t.Errorf("there are %d applications, and %q", len(c.Apps()), c.AppID)
	}
}

// Every setting can stand in the file, under its own key, and every limit in an application too.
func TestEveryKey(t *testing.T) {
	values := map[string]string{
		"host": "127.0.0.1", "port": "6001", "path": "/ws", "loops": "3", "hostname": "shop.test", "public_port": "8443", "scheme": "https",
		"max_connections": "12", "max_message_size": "20000", "ping_interval": "90s", "activity_timeout": "120s", "accept_client_events_from": "all",
		"allowed_origins": "shop.test", "rate_limiting.enabled": "true", "rate_limiting.max_attempts": "5", "rate_limiting.decay_seconds": "7s",
		"rate_limiting.terminate_on_limit": "true", "cache_ttl": "300s", "subscription_count": "true", "max_subscriptions_per_connection": "200", "max_presence_members": "100",
		"max_user_info": "1024", "max_batch": "50", "compression": "true", "compression_min_size": "500", "auth_timestamp": "enforce", "max_request_size": "30000", "backlog": "65536", "drain": "30s",
		"memory_limit": "536870912", "connection_rate": "20", "connections_per_address": "500", "trusted_proxies": "10.0.0.0/8",
		"data_dir": "/var/lib/resound", "log_format": "json", "log_level": "debug", "debug": "true",
		"history_messages": "20", "history_age": "86400s", "history_bytes": "4294967296", "replay_messages": "10", "replay_bytes": "20000",
		"durability": "disk", "replay_memory": "8589934592", "admin_address": "127.0.0.1:9600", "admin_token": "t", "unix_socket": "/run/resound.sock", "unix_socket_mode": "0600",
		"scaling.enabled": "true", "scaling.channel": "live", "scaling.prefix": "live/", "scaling.grace": "3s", "scaling.lease": "12s", "scaling.deadline": "2s",
		"scaling.server.url": "redis://h", "scaling.server.host": "h", "scaling.server.port": "6380", "scaling.server.username": "u", "scaling.server.password": "p", "scaling.server.database": "2",
		"scaling.server.sentinels": "a:26379,b:1", "scaling.server.sentinel_master": "m", "scaling.server.sentinel_username": "u", "scaling.server.sentinel_password": "p", "scaling.server.cluster": "a:6379,b:1",
		"scaling.server.tls": "true", "scaling.server.ca": "/etc/ca.pem", "scaling.server.cert": "/etc/cert.pem", "scaling.server.key": "/etc/key.pem",
	}
	keys := testKeys(t)
	for key := range keys.top {
		if _, ok := values[key]; !ok && !strings.HasPrefix(key, "tls_") { // those come together: TestTLSSettings
			t.Errorf("%s has no case here", key)
		}
	}
	for key, value := range values {
		groups := strings.Split(key, ".")
		line := groups[len(groups)-1] + ": '" + value + "'"
		for _, group := range slices.Backward(groups[:len(groups)-1]) {
			line = group + ": {" + line + "}"
		}
		w := newWorld(t)
		path := w.write(t, "resound.yaml", "\n"+line+"\n")
		c := w.start(t)
		if row := c.setting(t, keys.top[key].Name); row.Value != value || row.Source != path+":2" || len(c.Warnings) > 0 {
			t.Errorf("%s: %q from %s, %q", line, row.Value, row.Source, c.Warnings)
		}
		if keys.app[key] == nil {
			continue
		}
		w.write(t, "resound.yaml", "apps:\n- {app_id: 1, key: k, secret: s, "+line+"}\n")
		inApp, plain := w.start(t).byID(t, "1"), c.NewApp("1", "k", "s")
		if !reflect.DeepEqual(inApp, plain) || reflect.DeepEqual(inApp, apps.New("1", "k", "s")) {
			t.Errorf("%s in an application: %+v", line, inApp)
		}
	}
}

func TestOrderOfPlacesWithAConfigFile(t *testing.T) {
	for _, tc := range []struct {
		name, dotenv, env, flag string
		want                    int
	}{
		{"file over default", "", "", "", 1},
		{".env over file", "REVERB_SERVER_PORT=2", "", "", 2},
		{"environment over file", "", "REVERB_SERVER_PORT=3", "", 3},
		{"environment over all files", "REVERB_SERVER_PORT=2", "REVERB_SERVER_PORT=3", "", 3},
		{"flag over all", "REVERB_SERVER_PORT=2", "REVERB_SERVER_PORT=3", "--port=4", 4},
		{"empty is not set", "REVERB_SERVER_PORT=", "", "", 1},
		{"an empty variable is not set", "REVERB_SERVER_PORT=2", "REVERB_SERVER_PORT=", "", 1},
	} {
		w := newWorld(t, tc.env).laravel(t, tc.dotenv)
		w.write(t, "resound.yaml", "port: 1")
		if c := w.start(t, strings.Fields(tc.flag)...); c.Port != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, c.Port, tc.want)
		}
	}
}

func TestConfigFileIsFound(t *testing.T) {
	w := newWorld(t).laravel(t, shopApp)
	below := filepath.Join(w.dir, "public")
	other := w.write(t, "other/a.yaml", "port: 3")
	w.write(t, "public/resound.yaml", "port: 2")
	w.dir = below
	if c := w.start(t); c.Port != 2 || c.ConfigFile != below+"/resound.yaml" {
		t.Errorf("in the working directory: %d from %s", c.Port, c.ConfigFile)
	}
	w.write(t, "../resound.yaml", "port: 1")
	if c := w.start(t); c.Port != 1 {
		t.Errorf("in the project: %d from %s", c.Port, c.ConfigFile)
	}
	w.environ = []string{"RESOUND_CONFIG=../other/a.yaml"}
	if c := w.start(t); c.Port != 3 || c.ConfigFile != other || c.setting(t, "config").Value != other {
		t.Errorf("with a variable: %d from %s", c.Port, c.ConfigFile)
	}
	if c := w.start(t, "--config=resound.yaml"); c.Port != 2 {
		t.Errorf("with a flag: %d from %s", c.Port, c.ConfigFile)
	}
	w.write(t, "../.env", shopApp+"RESOUND_CONFIG=../other/a.yaml")
	if w.environ = nil; w.start(t).Port != 3 {
		t.Error("the name in .env is not heard")
	}
	for args, want := range map[string]string{
		"--config=nope.yaml": "cannot read " + below + "/nope.yaml: no such file or directory",
		"--config=":          "--config: the path is empty",
	} {
		if _, err := w.parse("start", args); err == nil || err.Error() != want {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// The application of .env joins those of the file; with the same id it wins, setting by setting.
func TestAppsOfFileAndEnv(t *testing.T) {
	const file = "max_batch: 7\napps:\n- {app_id: 1001, key: file-key, secret: file-secret, max_connections: 5, max_batch: 6, ping_interval: 50}\n- {app_id: 2, key: k2, secret: s2}\n"
	w := newWorld(t).laravel(t, shopApp+"REVERB_APP_MAX_CONNECTIONS=9\nREVERB_APP_ACTIVITY_TIMEOUT=8\n")
	path := w.write(t, "resound.yaml", file)
	c := w.start(t)
	a := c.byID(t, "1001")
	if a.Key != "shop-key" || a.Secret != "shop-secret" || a.MaxConnections != 9 || a.MaxBatch != 6 || a.PingInterval != 50*time.Second || a.ActivityTimeout != 8*time.Second {
		t.Errorf("got %+v", a)
	}
	// For another application the same names are what it has no value of its own for.
	if b := c.byID(t, "2"); b.MaxConnections != 9 || b.MaxBatch != 7 || b.PingInterval != time.Minute {
		t.Errorf("got %+v", b)
	}
	want := []string{
		"key in " + path + ":3 is not used: REVERB_APP_KEY in " + w.dir + "/.env:2 has another",
		"secret in " + path + ":3 is not used: REVERB_APP_SECRET in " + w.dir + "/.env:3 has another",
	}
	if !slices.Equal(c.Warnings, want) || len(c.Apps()) != 2 {
		t.Errorf("%d applications, warnings %q", len(c.Apps()), c.Warnings)
	}
	w.write(t, ".env", strings.Replace(shopApp, "1001", "3", 1))
	if c = w.start(t); len(c.Apps()) != 3 || c.Apps()[0].ID != "3" || len(c.Warnings) > 0 {
		t.Errorf("%d applications, warnings %q", len(c.Apps()), c.Warnings)
	}
	w.write(t, ".env", "PUSHER_APP_ID=4\nPUSHER_APP_KEY=k4\nPUSHER_APP_SECRET=s4\n")
	if c = w.start(t); len(c.Apps()) != 2 || len(c.Warnings) > 0 {
		t.Errorf("with names of Pusher: %d applications, %q", len(c.Apps()), c.Warnings)
	}
	w.write(t, "resound.yaml", "apps:\n")
	if c = w.start(t); len(c.Apps()) != 1 || c.Apps()[0].ID != "4" {
		t.Errorf("with an empty list: %d applications", len(c.Apps()))
	}
}

func TestMergeKeys(t *testing.T) {
	w := newWorld(t)
	w.write(t, "resound.yaml", `apps:
- &first {app_id: 1, key: k1, secret: s1, max_batch: 3, max_connections: 4, rate_limiting: {enabled: true}}
- {<<: *first, id: 2, key: k2, max_batch: 5}
- <<: [{app_id: 3, key: k3}, *first]
`)
	for id, want := range map[string][]any{"1": {"k1", 3, 4, true}, "2": {"k2", 5, 4, true}, "3": {"k3", 3, 4, true}} {
		a := w.start(t).byID(t, id)
		if got := []any{a.Key, a.MaxBatch, a.MaxConnections, a.RateLimit.Enabled}; !reflect.DeepEqual(got, want) || a.Secret != "s1" {
			t.Errorf("application %s: %v, want %v", id, got, want)
		}
	}
}

// Null is not set, in the file as elsewhere.
func TestNullInAConfigFile(t *testing.T) {
	w := newWorld(t, "NONE=null")
	w.write(t, "resound.yaml", "max_connections: 5\nping_interval: ~\nport: ${NONE}\napps:\n- {app_id: 1, key: k, secret: s, max_connections: null, accept_client_events_from: null}\n")
	c := w.start(t)
	if a := c.byID(t, "1"); a.MaxConnections != 5 || a.PingInterval != time.Minute || a.ClientEvents != apps.FromNone || c.Port != 8080 {
		t.Errorf("got %+v and port %d", a, c.Port)
	}
}

func TestEmptyConfigFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n", "{}\n", "apps: []\n", "\ufeff"} {
		w := newWorld(t)
		w.write(t, "resound.yaml", text)
		if c := w.start(t); len(c.Apps()) > 0 || c.ConfigFile == "" {
			t.Errorf("%q: %d applications from %q", text, len(c.Apps()), c.ConfigFile)
		}
	}
}

func TestConfigFileIsWarnedOf(t *testing.T) {
	w := newWorld(t)
	path := w.write(t, "resound.yaml", "apps:\n- app_id: 1\n  key: k\n  secret: s\n  allowed_origins:\n  - https://shop.test:8443\n  accept_client_events_from: member\n")
	want := []string{
		"accept_client_events_from in " + path + `:7: "member" is none of members, all and none, so client events are off`,
		"allowed_origins in " + path + `:6: the origin "https://shop.test:8443" counts as "shop.test": only the host is compared, as in Reverb`,
	}
	if c := w.start(t); !slices.Equal(c.Warnings, want) {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestUnreadableConfigFile(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(filepath.Join(w.dir, "resound.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := w.parse("start"); err == nil || !strings.Contains(err.Error(), "resound.yaml: is a directory") {
		t.Errorf("got %v", err)
	}
}
