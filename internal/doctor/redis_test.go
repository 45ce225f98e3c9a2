package doctor

import (
	"context"
	"errors"
	"testing"
	"time"

	"resound/channels/redisbroker"
)

func TestRedis(t *testing.T) {
	good := redisbroker.Condition{Version: "7.0.15", Policy: "noeviction", MaxMemory: 500e6, Used: 20e6, RoundTrip: 300 * time.Microsecond, Nodes: 2}
	with := func(change func(*redisbroker.Condition)) redisbroker.Condition {
		c := good
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		found   redisbroker.Condition
		err     error
		args    []string
		running bool

		check   string
		verdict Verdict
		words   string
	}{
		"well":           {found: good, check: "redis", verdict: OK, words: "Redis 7.0.15 answers at 127.0.0.1:6379"},
		"the user":       {found: good, check: "redis-acl", verdict: OK},
		"its memory":     {found: good, check: "redis-memory", verdict: OK, words: "20 MB of 500 MB"},
		"its latency":    {found: good, check: "redis-latency", verdict: OK, words: "300µs"},
		"its servers":    {found: good, check: "redis-servers", verdict: OK, words: "2 servers are there with the prefix reverb:1001:"},
		"nobody yet":     {found: with(func(c *redisbroker.Condition) { c.Nodes = 0 }), check: "redis-servers", verdict: OK, words: "no server is there yet"},
		"a server alone": {found: with(func(c *redisbroker.Condition) { c.Nodes = 0 }), running: true, check: "redis-servers", verdict: Warning, words: "it is alone, or has another prefix"},
		"away":           {err: errors.New("connection refused"), check: "redis", verdict: Problem, words: "cannot be used: connection refused"},
		"its password":   {err: errors.New("no hush-redis"), args: []string{"--redis-password=hush-redis"}, check: "redis", verdict: Problem, words: "no ********"},
		"old":            {found: with(func(c *redisbroker.Condition) { c.Version = "6.0.16" }), check: "redis-version", verdict: Problem, words: "6.2 or newer"},
		"older":          {found: with(func(c *redisbroker.Condition) { c.Version = "5.9" }), check: "redis-version", verdict: Problem},
		"new":            {found: with(func(c *redisbroker.Condition) { c.Version = "10.0" }), check: "redis", verdict: OK},
		"unknown":        {found: with(func(c *redisbroker.Condition) { c.Version = "valkey" }), check: "redis", verdict: OK},
		"open to all":    {found: good, args: []string{"--redis-host=redis.internal"}, check: "redis-password", verdict: Warning},
		"refused":        {found: with(func(c *redisbroker.Condition) { c.Refused = []string{"XADD", "DEL", "DEL"} }), check: "redis-acl", verdict: Problem, words: "Redis refuses DEL, XADD on the prefix reverb:1001:"},
		"full":           {found: with(func(c *redisbroker.Condition) { c.Full = "OOM command not allowed" }), check: "redis-memory", verdict: Problem, words: "OOM"},
		"nearly full":    {found: with(func(c *redisbroker.Condition) { c.Used = 450e6 }), check: "redis-memory", verdict: Warning, words: "450 MB of 500 MB"},
		"unbounded":      {found: with(func(c *redisbroker.Condition) { c.MaxMemory = 0 }), check: "redis-memory", verdict: Warning, words: "maxmemory"},
		"evicting":       {found: with(func(c *redisbroker.Condition) { c.Policy = "allkeys-lru" }), check: "redis-memory", verdict: Warning, words: "noeviction"},
		"slow":           {found: with(func(c *redisbroker.Condition) { c.RoundTrip = 80 * time.Millisecond }), check: "redis-latency", verdict: Warning, words: "80ms"},
	} {
		t.Run(name, func(t *testing.T) {
			d := patient(t, files{}, nil, append([]string{"--scaling"}, tc.args...)...)
			d.o.Redis = func(context.Context) (redisbroker.Condition, error) { return tc.found, tc.err }
			d.resound = tc.running
			d.hide()
			d.redis()
			d.want(t, tc.check, tc.verdict, tc.words)
		})
	}
	alone := patient(t, files{}, nil)
	alone.redis()
	alone.want(t, "redis", OK, "scaling is off")
	wrong := patient(t, files{}, nil, "--scaling", "--redis-url=nonsense")
	wrong.redis()
	wrong.want(t, "redis", Unchecked, "not good")
}
