package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
)

func TestOrderOfPlaces(t *testing.T) {
	for _, tc := range []struct {
		name, env, dotenv, flag string
		want                    int
		source                  string
	}{
		{"default", "", "", "", 8080, "default"},
		{"file over default", "", "REVERB_SERVER_PORT=1", "", 1, "DIR/.env:1"},
		{"environment over file", "REVERB_SERVER_PORT=2", "REVERB_SERVER_PORT=1", "", 2, "environment REVERB_SERVER_PORT"},
		{"flag over all", "REVERB_SERVER_PORT=2", "REVERB_SERVER_PORT=1", "--port=3", 3, "flag --port"},
		{"flag over file", "", "REVERB_SERVER_PORT=1", "--port=3", 3, "flag --port"},
		{"an empty variable hides the file, as in Laravel", "REVERB_SERVER_PORT=", "REVERB_SERVER_PORT=1", "", 8080, "default"},
		{"empty is not set", "", "REVERB_SERVER_PORT=", "", 8080, "default"},
		{"null is not set", "", "REVERB_SERVER_PORT=null", "", 8080, "default"},
		{"a word of Laravel", "", "REVERB_SERVER_PORT=(EMPTY)", "", 8080, "default"},
		{"only declared", "", "REVERB_SERVER_PORT", "", 8080, "default"},
		{"quotes inside quotes, as Laravel", "", `REVERB_SERVER_PORT="'7'"`, "", 7, "DIR/.env:1"},
	} {
		w := newWorld(t).laravel(t, tc.dotenv)
		var args []string
		if tc.env != "" {
			w.environ = []string{tc.env}
		}
		if tc.flag != "" {
			args = []string{tc.flag}
		}
		c := w.start(t, args...)
		row := c.setting(t, "port")
		if c.Port != tc.want || row.Source != strings.ReplaceAll(tc.source, "DIR", w.dir) {
			t.Errorf("%s: %d from %s, want %d from %s", tc.name, c.Port, row.Source, tc.want, tc.source)
		}
	}
}

// Parse sees the environment it is given and no other.
func TestTheProcessIsNotRead(t *testing.T) {
	t.Setenv("REVERB_SERVER_PORT", "1")
	if c := newWorld(t).start(t); c.Port != 8080 {
		t.Errorf("port %d comes from the process", c.Port)
	}
}

// Every name sets its field, from the environment and from the file.
func TestEveryName(t *testing.T) {
	app := "REVERB_APP_ID=i\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n"
	cases := map[string]struct {
		value string
		get   func(*Config) any
		want  any
	}{
		"REVERB_SERVER_HOST":                   {"127.0.0.1", func(c *Config) any { return c.Host }, "127.0.0.1"},
		"REVERB_SERVER_PORT":                   {"6001", func(c *Config) any { return c.Port }, 6001},
		"REVERB_SERVER_PATH":                   {"ws/", func(c *Config) any { return c.Path }, "/ws"},
		"REVERB_HOST":                          {"shop.test", func(c *Config) any { return c.Hostname }, "shop.test"},
		"REVERB_PORT":                          {"8443", func(c *Config) any { return c.PublicPort }, 8443},
		"REVERB_SCHEME":                        {"https", func(c *Config) any { return c.Scheme }, "https"},
		"REVERB_APP_ID":                        {"one", func(c *Config) any { return c.AppID }, "one"},
		"REVERB_APP_KEY":                       {"two", func(c *Config) any { return c.AppKey }, "two"},
		"REVERB_APP_SECRET":                    {"a/b+c$D=", func(c *Config) any { return c.AppSecret }, "a/b+c$D="},
		"REVERB_APP_MAX_CONNECTIONS":           {"12", func(c *Config) any { return c.MaxConnections }, 12},
		"REVERB_APP_MAX_MESSAGE_SIZE":          {"20000", func(c *Config) any { return c.MaxMessageSize }, 20000},
		"REVERB_MAX_REQUEST_SIZE":              {"30000", func(c *Config) any { return c.MaxRequestSize }, 30000},
		"REVERB_APP_PING_INTERVAL":             {"90", func(c *Config) any { return c.PingInterval }, 90 * time.Second},
		"REVERB_APP_ACTIVITY_TIMEOUT":          {"2m", func(c *Config) any { return c.ActivityTimeout }, 2 * time.Minute},
		"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM": {"all", func(c *Config) any { return c.AcceptClientEvents }, apps.FromAll},
		"REVERB_APP_RATE_LIMITING_ENABLED":     {"true", func(c *Config) any { return c.RateLimiting }, true},
		"REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS":   {"5", func(c *Config) any { return c.RateLimitAttempts }, 5},
		"REVERB_APP_RATE_LIMIT_DECAY_SECONDS":  {"7", func(c *Config) any { return c.RateLimitDecay }, 7 * time.Second},
		"REVERB_APP_RATE_LIMIT_TERMINATE":      {"on", func(c *Config) any { return c.RateLimitClose }, true},
		"RESOUND_ALLOWED_ORIGINS":              {"shop.test,*.shop.test", func(c *Config) any { return c.AllowedOrigins }, []string{"shop.test", "*.shop.test"}},
		"RESOUND_CACHE_TTL":                    {"5m", func(c *Config) any { return c.CacheTTL }, 5 * time.Minute},
		"RESOUND_SUBSCRIPTION_COUNT":           {"1", func(c *Config) any { return c.SubscriptionCount }, true},
		"RESOUND_MAX_SUBSCRIPTIONS":            {"200", func(c *Config) any { return c.MaxSubscriptions }, 200},
		"RESOUND_MAX_PRESENCE_MEMBERS":         {"100", func(c *Config) any { return c.MaxPresenceMembers }, 100},
		"RESOUND_MAX_USER_INFO":                {"1024", func(c *Config) any { return c.MaxUserInfo }, 1024},
		"RESOUND_MAX_BATCH":                    {"50", func(c *Config) any { return c.MaxBatch }, 50},
		"RESOUND_COMPRESSION":                  {"true", func(c *Config) any { return c.Compression }, true},
		"RESOUND_COMPRESSION_MIN_SIZE":         {"1000", func(c *Config) any { return c.CompressionMinSize }, 1000},
		"RESOUND_AUTH_TIMESTAMP":               {"enforce", func(c *Config) any { return c.AuthTimestamp }, apps.TimestampEnforce},
		"RESOUND_BACKLOG":                      {"65536", func(c *Config) any { return c.Backlog }, 65536},
		"RESOUND_MEMORY_LIMIT":                 {"512MiB", func(c *Config) any { return c.MemoryLimit }, "536870912"},
		"RESOUND_CONNECTION_RATE":              {"20", func(c *Config) any { return c.ConnectionRate }, 20},
		"RESOUND_CONNECTIONS_PER_ADDRESS":      {"500", func(c *Config) any { return c.ConnectionsPerAddress }, 500},
		"RESOUND_TRUSTED_PROXIES":              {"10.0.0.0/8,::1", func(c *Config) any { return c.TrustedProxies }, []string{"10.0.0.0/8", "::1/128"}},
		"RESOUND_LOOPS":                        {"3", func(c *Config) any { return c.Loops }, 3},
		"RESOUND_HISTORY_MESSAGES":             {"0", func(c *Config) any { return c.HistoryMessages }, 0},
		"RESOUND_HISTORY_AGE":                  {"7d", func(c *Config) any { return c.HistoryAge }, 7 * 24 * time.Hour},
		"RESOUND_HISTORY_BYTES":                {"4294967296", func(c *Config) any { return c.HistoryBytes }, 1 << 32},
		"RESOUND_REPLAY_MESSAGES":              {"10", func(c *Config) any { return c.ReplayMessages }, 10},
		"RESOUND_REPLAY_BYTES":                 {"20000", func(c *Config) any { return c.ReplayBytes }, 20000},
		"RESOUND_DRAIN":                        {"0", func(c *Config) any { return c.Drain }, time.Duration(0)},
		"RESOUND_DURABILITY":                   {"disk", func(c *Config) any { return c.Durability }, "disk"},
		"RESOUND_REPLAY_MEMORY":                {"8589934592", func(c *Config) any { return c.ReplayMemory }, 1 << 33},
		"RESOUND_ADMIN_ADDRESS":                {"127.0.0.1:9600", func(c *Config) any { return c.AdminAddress }, "127.0.0.1:9600"},
		"RESOUND_ADMIN_TOKEN":                  {"a/b+c$D=", func(c *Config) any { return c.AdminToken }, "a/b+c$D="},
		"RESOUND_DATA_DIR":                     {"/var/lib/resound", func(c *Config) any { return c.DataDir }, "/var/lib/resound"},
		"RESOUND_UNIX_SOCKET":                  {"/run/resound.sock", func(c *Config) any { return c.UnixSocket }, "/run/resound.sock"},
		"RESOUND_UNIX_SOCKET_MODE":             {"0600", func(c *Config) any { return c.UnixPermissions() }, os.FileMode(0o600)},
		"REVERB_SCALING_ENABLED":               {"true", func(c *Config) any { return c.Scaling }, true},
		"REVERB_SCALING_CHANNEL":               {"live", func(c *Config) any { return c.ScalingChannel }, "live"},
		"REDIS_URL":                            {"redis://h", func(c *Config) any { return c.RedisURL }, "redis://h"},
		"REDIS_HOST":                           {"h", func(c *Config) any { return c.RedisHost }, "h"},
		"REDIS_PORT":                           {"6380", func(c *Config) any { return c.RedisPort }, "6380"},
		"REDIS_USERNAME":                       {"u", func(c *Config) any { return c.RedisUsername }, "u"},
		"REDIS_PASSWORD":                       {"a/b+c$D=", func(c *Config) any { return c.RedisPassword }, "a/b+c$D="},
		"REDIS_DB":                             {"2", func(c *Config) any { return c.RedisDB }, "2"},
		"RESOUND_REDIS_SENTINELS":              {"a,b:1", func(c *Config) any { return c.RedisSentinels }, []string{"a:26379", "b:1"}},
		"RESOUND_REDIS_SENTINEL_MASTER":        {"m", func(c *Config) any { return c.RedisSentinelMaster }, "m"},
		"RESOUND_REDIS_SENTINEL_USERNAME":      {"u", func(c *Config) any { return c.RedisSentinelUsername }, "u"},
		"RESOUND_REDIS_SENTINEL_PASSWORD":      {"p", func(c *Config) any { return c.RedisSentinelPassword }, "p"},
		"RESOUND_REDIS_CLUSTER":                {"a", func(c *Config) any { return c.RedisCluster }, []string{"a:6379"}},
		"RESOUND_REDIS_TLS":                    {"true", func(c *Config) any { return c.RedisTLS }, true},
		"RESOUND_REDIS_CA":                     {"/a", func(c *Config) any { return c.RedisCA }, "/a"},
		"RESOUND_REDIS_CERT":                   {"/a", func(c *Config) any { return c.RedisCert }, "/a"},
		"RESOUND_REDIS_KEY":                    {"/a", func(c *Config) any { return c.RedisKey }, "/a"},
		"RESOUND_REDIS_PREFIX":                 {"a:", func(c *Config) any { return c.RedisPrefix }, "a:"},
		"RESOUND_CLUSTER_GRACE":                {"3", func(c *Config) any { return c.ClusterGrace }, 3 * time.Second},
		"RESOUND_CLUSTER_LEASE":                {"12s", func(c *Config) any { return c.ClusterLease }, 12 * time.Second},
		"RESOUND_CLUSTER_DEADLINE":             {"2", func(c *Config) any { return c.ClusterDeadline }, 2 * time.Second},
		"RESOUND_LOG_FORMAT":                   {"json", func(c *Config) any { return c.LogFormat }, "json"},
		"RESOUND_LOG_LEVEL":                    {"debug", func(c *Config) any { return c.LogLevel }, "debug"},
	}
	for _, name := range ownNames() {
		if name == "RESOUND_CONFIG" || strings.HasPrefix(name, "RESOUND_TLS_") {
			continue // see TestConfigFileIsFound, TestTLSSettings
		}
		tc, ok := cases[name]
		if !ok {
			t.Errorf("%s has no case here", name)
			continue
		}
		file := newWorld(t).laravel(t, app+name+"="+tc.value+"\n")
		environment := newWorld(t, name+"="+tc.value).laravel(t, app)
		for place, w := range map[string]*world{"file": file, "environment": environment} {
			c := w.start(t)
			if got := tc.get(c); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s in the %s: %v, want %v", name, place, got, tc.want)
			}
			if len(c.Warnings) > 0 {
				t.Errorf("%s in the %s: %v", name, place, c.Warnings)
			}
		}
	}
	if len(cases) != len(ownNames())-4 {
		t.Errorf("there are %d names and %d cases", len(ownNames()), len(cases))
	}
}

func TestDefaults(t *testing.T) {
	w := newWorld(t)
	c := w.start(t)
	if len(c.Apps()) > 0 {
		t.Error("there is an application out of nothing")
	}
	if c.Host != "0.0.0.0" || c.Port != 8080 || c.Path != "" || c.Loops != 0 || c.Hostname != "" || c.PublicHost() != "localhost" {
		t.Errorf("it listens on %s:%d%s, %d loops, public %s", c.Host, c.Port, c.Path, c.Loops, c.PublicHost())
	}
	if c.DataDir != filepath.Join(w.dir, "resound-data") || c.EnvFile != "" || c.Project != "" {
		t.Errorf("data %s, env %s, project %s", c.DataDir, c.EnvFile, c.Project)
	}
	if c.Durability != "process" || c.ReplayMemory != 64<<20 || c.LogDir() != filepath.Join(w.dir, "resound-data", "log") {
		t.Errorf("the log is in %s, durability %s, %d bytes of memory", c.LogDir(), c.Durability, c.ReplayMemory)
	}
	if c.LogFormat != "auto" || c.LogLevel != "info" || c.Debug || len(c.Warnings) > 0 {
		t.Errorf("log %s %s %v, warnings %v", c.LogFormat, c.LogLevel, c.Debug, c.Warnings)
	}
	// The defaults of an application are those of the package that owns them.
	if got, want := c.NewApp("i", "k", "s"), apps.New("i", "k", "s"); !reflect.DeepEqual(got, want) {
		t.Errorf("an application is %+v, want %+v", got, want)
	}
	for _, s := range c.Settings {
		if s.Source != "default" {
			t.Errorf("%s comes from %s", s.Name, s.Source)
		}
	}
}

func TestPublicSide(t *testing.T) {
	for _, tc := range []struct {
		args string
		want int
	}{
		{"--port=9000", 9000},
		{"--port=9000 --scheme=https", 443},
		{"--port=9000 --public-port=8443", 8443},
		{"--port=9000 --public-port=80 --scheme=https", 80},
	} {
		if c := newWorld(t).start(t, strings.Fields(tc.args)...); c.PublicPort != tc.want {
			t.Errorf("%s: browsers are sent to %d, want %d", tc.args, c.PublicPort, tc.want)
		}
	}
}

func TestPathsAndHosts(t *testing.T) {
	for given, want := range map[string]string{"": "", "/": "", "ws": "/ws", "/ws/": "/ws", "//a//b/": "/a/b", "/a/../b": "/b"} {
		if c := newWorld(t).start(t, "--path="+given); c.Path != want {
			t.Errorf("path %q became %q, want %q", given, c.Path, want)
		}
	}
	for given, want := range map[string]string{"[::1]": "::1", "::": "::", "fe80::1%eth0": "fe80::1%eth0", "localhost": "localhost", "bücher.test": "bücher.test"} {
		if c := newWorld(t).start(t, "--host="+given); c.Host != want {
			t.Errorf("host %q became %q, want %q", given, c.Host, want)
		}
	}
}

func TestDataDirIsAbsolute(t *testing.T) {
	w := newWorld(t)
	for given, want := range map[string]string{"x": filepath.Join(w.dir, "x"), "../x": filepath.Join(filepath.Dir(w.dir), "x"), "/x/": "/x"} {
		if c := w.start(t, "--data-dir="+given); c.DataDir != want {
			t.Errorf("%s became %s, want %s", given, c.DataDir, want)
		}
	}
}

func TestClientEvents(t *testing.T) {
	for value, want := range map[string]apps.ClientEvents{
		"members": apps.FromMembers, "all": apps.FromAll, "none": apps.FromNone,
		"false": apps.FromNone, "null": apps.FromNone, "": apps.FromNone, "(empty)": apps.FromNone,
	} {
		c := newWorld(t).laravel(t, shopApp+"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM="+value).start(t)
		if c.AcceptClientEvents != want || len(c.Warnings) > 0 {
			t.Errorf("%q: %v, warnings %v", value, c.AcceptClientEvents, c.Warnings)
		}
	}
	c := newWorld(t).laravel(t, shopApp+"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM").start(t)
	if c.AcceptClientEvents != apps.FromMembers {
		t.Errorf("a name without a value is not the default but %v", c.AcceptClientEvents)
	}
	c = newWorld(t).laravel(t, shopApp+"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM=member").start(t)
	if c.AcceptClientEvents != apps.FromNone || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], `"member" is none of members, all and none`) {
		t.Errorf("a word with a slip: %v, %v", c.AcceptClientEvents, c.Warnings)
	}
}

const shopApp = "REVERB_APP_ID=1001\nREVERB_APP_KEY=shop-key\nREVERB_APP_SECRET=shop-secret\n"

func TestEnvFileFlag(t *testing.T) {
	w := newWorld(t).laravel(t, "REVERB_SERVER_PORT=1\n")
	path := w.write(t, "other/prod.env", "REVERB_SERVER_PORT=2\n")
	for _, given := range []string{"other/prod.env", path} {
		c := w.start(t, "--env-file="+given)
		if c.Port != 2 || c.EnvFile != path || c.setting(t, "port").Source != path+":1" || c.setting(t, "env-file").Source != "flag --env-file" {
			t.Errorf("%s: port %d from %s", given, c.Port, c.setting(t, "port").Source)
		}
	}
	if err := os.Remove(filepath.Join(w.dir, ".env")); err != nil {
		t.Fatal(err)
	}
	w.write(t, "composer.json", `{"require":{"laravel/framework":"^13.0"}}`)
	if c := w.start(t); c.Port != 8080 || c.EnvFile != "" || c.Project != w.dir {
		t.Errorf("without a .env file: port %d, %q, %q", c.Port, c.EnvFile, c.Project)
	}
}

// As in `--env-file <(sops -d prod.env)`: what comes out of a pipe is there once.
func TestEnvFileIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("REVERB_SERVER_PORT=6001\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := newWorld(t).start(t, fmt.Sprintf("--env-file=/dev/fd/%d", r.Fd()), "--host=127.0.0.1", "--debug")
	if c.Port != 6001 {
		t.Errorf("port %d from %s", c.Port, c.setting(t, "port").Source)
	}
}
