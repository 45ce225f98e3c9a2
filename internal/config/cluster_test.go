package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/internal/certtest"
)

// Every name of Reverb's scaling means what it means there.
func TestScalingSettings(t *testing.T) {
	c := newWorld(t).laravel(t, shopApp+`REVERB_SCALING_ENABLED=true
REDIS_HOST=redis.internal
REDIS_PORT=6380
REDIS_USERNAME=shop
REDIS_PASSWORD="p@ss#word"
REDIS_DB=2
REDIS_TIMEOUT=60
`).start(t)
	want := Redis{Addresses: []string{"redis.internal:6380"}, Username: "shop", Password: "p@ss#word", Database: 2}
	if !c.Scaling || c.ScalingChannel != "reverb" || !reflect.DeepEqual(c.Redis(), want) || len(c.Warnings) > 0 {
		t.Errorf("got %+v of %+v, %q", c.Redis(), c.Cluster, c.Warnings)
	}
	if c.ClusterGrace != 2*time.Second || c.ClusterLease != 10*time.Second || c.ClusterDeadline != time.Second {
		t.Errorf("times are %+v", c.Cluster)
	}
	off := newWorld(t).laravel(t, shopApp).start(t)
	if off.Scaling || off.RedisPrefix != "" || len(off.Warnings) > 0 {
		t.Errorf("without a choice: %+v, %q", off.Cluster, off.Warnings)
	}
	c = newWorld(t).laravel(t, shopApp+"REVERB_SCALING_ENABLED=true\nREDIS_HOST=null\nREDIS_PORT=\nREDIS_USERNAME=null\nREDIS_PASSWORD=null\n").start(t)
	if want := (Redis{Addresses: []string{"127.0.0.1:6379"}}); !reflect.DeepEqual(c.Redis(), want) {
		t.Errorf("without a choice it is %+v", c.Redis())
	}
}

// Laravel's own names are in every project. Nothing in them may keep a single server from starting.
func TestRedisIsNotLookedAtWithoutScaling(t *testing.T) {
	c := newWorld(t).laravel(t, shopApp+"REDIS_URL=nonsense\nREDIS_PORT=tcp://10.0.0.1:6379\nREDIS_DB=x\nREDIS_HOST='?'\nREVERB_SCALING_CHANNEL='my channel'\n").start(t)
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestWhereRedisIs(t *testing.T) {
	const defaults = "127.0.0.1:6379"
	at := func(address string, change ...func(*Redis)) Redis {
		r := Redis{Addresses: []string{address}}
		for _, f := range change {
			f(&r)
		}
		return r
	}
	user := func(name, password string) func(*Redis) {
		return func(r *Redis) { r.Username, r.Password = name, password }
	}
	db := func(n int) func(*Redis) { return func(r *Redis) { r.Database = n } }
	secure := func(r *Redis) { r.TLS = true }
	socket := func(r *Redis) { r.Socket = true }
	for env, want := range map[string]Redis{
		"":                    at(defaults),
		"REDIS_URL=redis://h": at("h:6379"),
		"REDIS_URL=redis://h:7000/3 REDIS_HOST=x REDIS_PORT=1 REDIS_DB=9":      at("h:7000", db(3)),
		"REDIS_URL=redis://h REDIS_PORT=7000 REDIS_DB=9":                       at("h:7000", db(9)),
		"REDIS_URL=redis://u:p%40%23@h/":                                       at("h:6379", user("u", "p@#")),
		"REDIS_URL=redis://:p@h REDIS_PASSWORD=x":                              at("h:6379", user("", "p")),
		"REDIS_URL=redis://h REDIS_PASSWORD=x REDIS_USERNAME=u":                at("h:6379", user("u", "x")),
		"REDIS_URL=redis://h?password=p&db=4&username=u":                       at("h:6379", user("u", "p"), db(4)),
		"REDIS_URL=redis://h?database=4":                                       at("h:6379", db(4)),
		"REDIS_URL=rediss://h:7000":                                            at("h:7000", secure),
		"REDIS_URL=TLS://h":                                                    at("h:6379", secure),
		"REDIS_URL=tcp://h":                                                    at("h:6379"),
		"REDIS_URL=tcp://h RESOUND_REDIS_TLS=true":                             at("h:6379", secure),
		"REDIS_URL=redis://[::1]:7000":                                         at("[::1]:7000"),
		"REDIS_URL=unix:///run/redis.sock":                                     at("/run/redis.sock", socket),
		"REDIS_URL=unix://u:p@/run/redis.sock?db=2":                            at("/run/redis.sock", socket, user("u", "p"), db(2)),
		"REDIS_HOST=/run/redis.sock REDIS_PORT=0":                              at("/run/redis.sock", socket),
		"REDIS_HOST=unix:///run/redis.sock":                                    at("/run/redis.sock", socket),
		"REDIS_HOST=/run/redis.sock REDIS_URL=redis://h":                       at("h:6379"),
		"REDIS_HOST=tls://h":                                                   at("h:6379", secure),
		"REDIS_HOST=tcp://h":                                                   at("h:6379"),
		"REDIS_HOST=::1":                                                       at("[::1]:6379"),
		"RESOUND_REDIS_SENTINELS=a,b:1":                                        {Addresses: []string{"a:26379", "b:1"}, Master: "mymaster"},
		"RESOUND_REDIS_SENTINELS=a RESOUND_REDIS_SENTINEL_MASTER=m REDIS_DB=2": {Addresses: []string{"a:26379"}, Master: "m", Database: 2},
		"RESOUND_REDIS_SENTINELS=a RESOUND_REDIS_SENTINEL_PASSWORD=s RESOUND_REDIS_SENTINEL_USERNAME=n": {Addresses: []string{"a:26379"}, Master: "mymaster", SentinelUsername: "n", SentinelPassword: "s"},
		"RESOUND_REDIS_CLUSTER=a,[::2]:7,::3,a:6379 REDIS_HOST=/run/redis.sock":                         {Addresses: []string{"a:6379", "[::2]:7", "[::3]:6379"}, Cluster: true},
		"RESOUND_REDIS_CLUSTER=a REDIS_URL=rediss://u:p@x RESOUND_REDIS_PREFIX=":                        {Addresses: []string{"a:6379"}, Cluster: true, Username: "u", Password: "p", TLS: true},
	} {
		environ := append(strings.Fields(env), "REVERB_SCALING_ENABLED=true")
		inv, err := newWorld(t, environ...).laravel(t, shopApp).parse("start")
		if err != nil {
			t.Errorf("%s: %v", env, err)
			continue
		}
		if got := inv.Config.Redis(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", env, got, want)
		}
	}
}

func TestRedisText(t *testing.T) {
	for _, tc := range []struct {
		redis Redis
		text  string
		local bool
	}{
		{Redis{Addresses: []string{"127.0.0.1:6379"}, Password: "hush"}, "127.0.0.1:6379", true},
		{Redis{Addresses: []string{"h:1"}, Database: 2}, "h:1, database 2", false},
		{Redis{Addresses: []string{"/run/r.sock"}, Socket: true}, "/run/r.sock", true},
		{Redis{Addresses: []string{"a:1", "b:2"}, Master: "mymaster"}, "mymaster of the sentinels a:1, b:2", false},
		{Redis{Addresses: []string{"a:1", "b:2"}, Cluster: true}, "the Redis Cluster of a:1, b:2", false},
	} {
		if got := tc.redis.String(); got != tc.text || tc.redis.Local() != tc.local {
			t.Errorf("got %q, local %v; want %q", got, tc.redis.Local(), tc.text)
		}
	}
}

func TestScalingErrors(t *testing.T) {
	const port = "REDIS_PORT in the environment"
	for env, want := range map[string]string{
		"REVERB_SCALING_ENABLED=maybe":                                     `--scaling: REVERB_SCALING_ENABLED in the environment: "maybe" is neither true nor false`,
		"REDIS_URL=hush:6379":                                              `REDIS_URL in the environment: this is no URL such as redis://user:password@host:6379/0`,
		"REDIS_URL=http://hush":                                            `REDIS_URL in the environment: the scheme "http" is none of redis, rediss, tls, tcp and unix`,
		"REDIS_URL=redis://u:hu#sh@h":                                      `REDIS_URL in the environment: this is no URL such as redis://user:password@host:6379/0; in a password # is written %23, / is %2F, ? is %3F, @ is %40, % is %25`,
		"REDIS_URL=redis://u:hush/@h":                                      `REDIS_URL in the environment: this is no URL such as redis://user:password@host:6379/0; in a password # is written %23, / is %2F, ? is %3F, @ is %40, % is %25`,
		"REDIS_URL=redis://h/hush":                                         `REDIS_URL in the environment: "hush" is not the number of a database, such as 0`,
		"REDIS_URL=redis://h?password=%zz":                                 `REDIS_URL in the environment: what stands behind the ? is not name=value&name=value`,
		"REDIS_URL=unix://run/redis.sock":                                  `REDIS_URL in the environment: a URL of a socket has its path behind three slashes, such as unix:///run/redis/redis.sock?db=0`,
		"REDIS_PORT=x":                                                     port + `: "x" is not the port of Redis, such as 6379`,
		"REDIS_PORT=tcp://10.0.0.1:6379":                                   port + `: this is an address and no port: Kubernetes sets that name beside a service called redis; set enableServiceLinks: false for the pod`,
		"REDIS_DB=shop":                                                    `REDIS_DB in the environment: "shop" is not the number of a database, such as 0`,
		"RESOUND_REDIS_SENTINELS=a:b":                                      `--redis-sentinels: RESOUND_REDIS_SENTINELS in the environment: "a:b" is not host:port`,
		"RESOUND_REDIS_CLUSTER=a RESOUND_REDIS_SENTINELS=b":                `RESOUND_REDIS_SENTINELS in the environment and RESOUND_REDIS_CLUSTER in the environment: a Redis is either behind sentinels or a Redis Cluster; remove one of the two`,
		"RESOUND_REDIS_CLUSTER=a REDIS_DB=1":                               `REDIS_DB in the environment: a Redis Cluster has the database 0 alone, and this says 1; set it to 0`,
		"REDIS_URL=unix:///r RESOUND_REDIS_TLS=1":                          `there is no TLS over a socket of the file system (/r): remove what asks for it`,
		"RESOUND_REDIS_CERT=/a":                                            `the certificate for Redis is "/a" (RESOUND_REDIS_CERT in the environment) and its key "" (default): one needs the other`,
		"RESOUND_REDIS_PREFIX={shop}":                                      `RESOUND_REDIS_PREFIX in the environment: "{shop}" has something in it that Redis has a meaning for: letters, digits and : - _ . / are fine`,
		"RESOUND_CLUSTER_LEASE=2 RESOUND_CLUSTER_GRACE=1":                  `RESOUND_CLUSTER_LEASE in the environment: 2s is less than 3s, in which a slow moment of Redis or of this machine would end a lease`,
		"RESOUND_CLUSTER_GRACE=10":                                         `RESOUND_CLUSTER_GRACE in the environment: 10s of grace are not less than the lease, 10s (default): the others would give this server up while it still waits`,
		"REDIS_HOST=a_b:6379":                                              port,
		"REDIS_URL=redis://h?timeout=5 REDIS_DB=-1":                        `REDIS_DB in the environment: "-1" is not the number of a database, such as 0`,
		"REDIS_URL=redis://u:hush@h:x/":                                    `REDIS_URL in the environment: this is no URL`,
		"RESOUND_REDIS_SENTINELS=a RESOUND_REDIS_CLUSTER=b REDIS_DB=hush1": `REDIS_DB in the environment: "hush1"`,
	} {
		environ := append([]string{"REVERB_SCALING_ENABLED=true", "REDIS_PORT=6379"}, strings.Fields(env)...)
		_, err := newWorld(t, environ...).laravel(t, shopApp).parse("start")
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hush") && !strings.Contains(want, "hush") {
			t.Errorf("%s:\ngot  %v\nwant %s", env, err, want)
		}
	}
}

// All servers of a cluster come to one prefix, whatever order their applications came in or went; two projects do not.
func TestRedisPrefix(t *testing.T) {
	const file = "apps:\n- {app_id: shop, key: k1, secret: s}\n- {app_id: admin, key: k2, secret: s}\n"
	for _, tc := range []struct{ env, file, args, want string }{
		{shopApp, "", "", "reverb:1001:"},
		{shopApp, file, "", "reverb:1001:"},
		{"", file, "", "reverb:shop:"},
		{"", file + "- {app_id: later, key: k3, secret: s}\n", "", "reverb:shop:"},
		{"REVERB_SCALING_CHANNEL=live\n", file, "", "live:shop:"},
		{"REVERB_SCALING_CHANNEL='{my} channel'\n", file, "", "70296b89d7f9:shop:"},
		{"REVERB_SCALING_CHANNEL=live\nRESOUND_REDIS_PREFIX=mine/\n", file, "", "mine/"},
		{"", "", "", "reverb:demo:"},
		{shopApp, "scaling: {prefix: 'file:', channel: no}", "", "file:"},
		{shopApp, "", "--redis-prefix=flag:", "flag:"},
	} {
		w := newWorld(t).laravel(t, tc.env)
		if tc.file != "" {
			w.write(t, "resound.yaml", tc.file)
		}
		c := w.start(t, append(strings.Fields(tc.args), "--scaling")...)
		if c.RedisPrefix != tc.want || c.setting(t, "redis-prefix").Value != tc.want {
			t.Errorf("%q %q: got %q, want %q", tc.env, tc.file, c.RedisPrefix, tc.want)
		}
	}
}

func TestScalingInTheFile(t *testing.T) {
	w := newWorld(t, "HUSH=p@ss")
	w.write(t, "resound.yaml", `
scaling:
  enabled: true
  channel: live
  grace: 3
  lease: 12s
  deadline: 2
  server: {password: "${HUSH}", username: u, database: 0, cluster: ["a:1", b], tls: true}
apps: [{app_id: shop, key: k, secret: s}]
`)
	c := w.start(t)
	want := Redis{Addresses: []string{"a:1", "b:6379"}, Cluster: true, Username: "u", Password: "p@ss", TLS: true}
	if !reflect.DeepEqual(c.Redis(), want) || c.RedisPrefix != "live:shop:" || c.ClusterGrace != 3*time.Second || c.ClusterLease != 12*time.Second || c.ClusterDeadline != 2*time.Second {
		t.Errorf("got %+v of %+v", c.Redis(), c.Cluster)
	}
	for text, want := range map[string]string{
		"scaling: true": `:1: scaling must be a mapping, such as scaling: {enabled: true}`,
		"scaling: {enabled: true, sentinels: [a]}": `:1: "scaling.sentinels" is not a setting`,
		"scaling: {server: {hots: a}}":             `:1: "scaling.server.hots" is not a setting; did you mean scaling.server.host?`,
		"scaling: {server: {cluster: []}}":         `:1: scaling.server.cluster: the list is empty; leave it out to have the default`,
	} {
		w.write(t, "resound.yaml", text)
		if _, err := w.parse("start"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// No table shows a password, wherever it stands.
func TestPasswordsOfRedisAreMasked(t *testing.T) {
	for text, want := range map[string]string{
		"redis://h:1/2":                 "redis://h:1/2",
		"redis://u:sesame-open@h:1/2":   "redis://u:se********@h:1/2",
		"rediss://:sesame-open@h":       "rediss://:se********@h",
		"redis://u@h":                   "redis://u@h",
		"redis://u:sesame@open@h/1":     "redis://u:se********@h/1",
		"redis://u:sesame/open?x#y@h/1": "redis://u:ses********@h/1",
		"redis://h/1?password=sesame":   "redis://h/1?********",
		"sesame-open":                   "se********",
	} {
		got := maskURL(text)
		if strings.Contains(got, "esam") || strings.Contains(got, "open") {
			t.Errorf("%s: %s tells it", text, got)
		}
		if want != got {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	w := newWorld(t).laravel(t, shopApp+"REVERB_SCALING_ENABLED=true\nREDIS_URL=redis://u:hush-hush-1@h/1\nREDIS_PASSWORD=hush-hush-2\nRESOUND_REDIS_SENTINEL_PASSWORD=hush-hush-3\nRESOUND_ADMIN_TOKEN=hush-hush-4\n")
	for _, asJSON := range []bool{false, true} {
		for _, secrets := range []bool{false, true} {
			var b bytes.Buffer
			if err := w.start(t).Print(&b, asJSON, secrets); err != nil {
				t.Fatal(err)
			}
			for _, password := range []string{"hush-hush-1", "hush-hush-2", "hush-hush-3", "hush-hush-4"} {
				if strings.Contains(b.String(), password) != secrets {
					t.Errorf("json %v, secrets %v, %s:\n%s", asJSON, secrets, password, b.String())
				}
			}
		}
	}
	for _, line := range w.findings(t) {
		if strings.Contains(line, "hush") {
			t.Errorf("it tells a password: %s", line)
		}
	}
}

func TestRedisTLSConfig(t *testing.T) {
	w, authority := newWorld(t), certtest.New(t)
	cert, key := authority.Pair("redis.internal")
	w.write(t, "ca.pem", string(authority.PEM()))
	w.write(t, "cert.pem", string(cert))
	w.write(t, "key.pem", string(key))
	w.write(t, "empty.pem", "nothing")
	for args, want := range map[string]string{
		"":                       "off",
		"--redis-tls":            "the machine's, no certificate",
		"--redis-url=rediss://h": "the machine's, no certificate",
		"--redis-ca=ca.pem":      "own, no certificate",
		"--redis-ca=ca.pem --redis-cert=cert.pem --redis-key=": "error",
		"--redis-cert=cert.pem --redis-key=key.pem":            "the machine's, certificate",
		"--redis-ca=empty.pem":                                 "the certificates for Redis: there is none in DIR/empty.pem",
		"--redis-ca=gone.pem":                                  "the certificates for Redis: cannot read DIR/gone.pem: no such file or directory",
		"--redis-cert=cert.pem --redis-key=cert.pem":           "for Redis: the TLS certificate DIR/cert.pem and the key DIR/cert.pem do not work together: the second is a certificate, too; are they in the wrong order?",
	} {
		inv, err := w.parse(append([]string{"start", "--scaling"}, strings.Fields(args)...)...)
		got := "error"
		if err == nil {
			got = tlsText(inv.Config)
		}
		if got = strings.ReplaceAll(got, w.dir, "DIR"); got != want {
			t.Errorf("%s: got %s, want %s", args, got, want)
		}
	}
}

// tlsText is what becomes of the settings of TLS in a word.
func tlsText(c *Config) string {
	got, err := c.RedisTLSConfig()
	switch {
	case err != nil:
		return err.Error()
	case got == nil:
		return "off"
	}
	text := "the machine's"
	if got.RootCAs != nil {
		text = "own"
	}
	if len(got.Certificates) == 0 {
		return text + ", no certificate"
	}
	return text + ", certificate"
}
