package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"resound/channels/redisbroker"
)

const (
	// slowRedis is a round trip that people begin to notice: each event waits for one.
	slowRedis = 10 * time.Millisecond
	// nearlyFull is the part of Redis's memory from which on it is worth a word, in percent.
	nearlyFull = 80
)

// oldestRedis is the oldest version that has all that is needed.
var oldestRedis = []int{6, 2}

// redis looks at where the servers of a cluster meet.
func (d *doctor) redis() {
	c := d.o.Config
	switch {
	case !c.Scaling:
		d.ok("redis", "the server is to run alone (scaling is off), and needs no Redis")
		return
	case d.o.Redis == nil || c.RedisPrefix == "":
		d.skip("redis", "the settings of Redis are not good")
		return
	}
	where := c.Redis().String()
	ctx, cancel := context.WithTimeout(d.ctx, 2*patience)
	defer cancel()
	found, err := d.o.Redis(ctx)
	if err != nil {
		d.problem("redis", "check REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_USERNAME and REDIS_PASSWORD", "Redis at %s cannot be used: %v", where, err)
		return
	}
	if found.Version != "" && older(found.Version, oldestRedis) {
		d.problem("redis-version", "update it", "Redis at %s is %s, and 6.2 or newer is needed", where, found.Version)
		return
	}
	d.ok("redis", "Redis %s answers at %s", found.Version, where)
	if !c.Redis().Local() && c.Redis().Password == "" && c.RedisCert == "" {
		d.warn("redis-password", "set one in Redis and REDIS_PASSWORD, or make sure that only the servers reach it", "Redis asks for no password: whoever reaches it reads all events")
	}
	d.redisRights(found)
	d.redisMemory(found)
	trip := found.RoundTrip.Round(10 * time.Microsecond)
	if found.RoundTrip > slowRedis {
		d.warn("redis-latency", "put Redis and the servers into one data centre", "a round trip to Redis takes %v, and each event waits for one", trip)
	} else {
		d.ok("redis-latency", "a round trip to Redis takes %v", trip)
	}
	switch {
	case found.Nodes > 0:
		d.ok("redis-servers", "%s with the prefix %s", are(found.Nodes), c.RedisPrefix)
	case d.resound:
		d.warn("redis-servers", "compare the settings that it was started with (resound config), and look at its log", "a server runs here, and none is there with the prefix %s: it is alone, or has another prefix", c.RedisPrefix)
	default:
		d.ok("redis-servers", "no server is there yet with the prefix %s", c.RedisPrefix)
	}
}

func are(n int) string {
	if n == 1 {
		return "1 server is there"
	}
	return strconv.Itoa(n) + " servers are there"
}

// redisRights says what the user may not do.
func (d *doctor) redisRights(found redisbroker.Condition) {
	if len(found.Refused) > 0 {
		slices.Sort(found.Refused)
		d.problem("redis-acl", "give the user what docs/OPERATIONS.md lists under what Redis needs", "Redis refuses %s on the prefix %s", strings.Join(slices.Compact(found.Refused), ", "), d.o.Config.RedisPrefix)
		return
	}
	d.ok("redis-acl", "the user may do all that is needed")
}

// redisMemory looks whether Redis keeps what it is told.
func (d *doctor) redisMemory(found redisbroker.Condition) {
	const policy = "set maxmemory-policy noeviction, or give the servers a Redis of their own"
	switch used := found.Used * 100; {
	case found.Full != "":
		d.problem("redis-memory", "give it more memory, or keep less; if it is about the disk, mend that", "Redis takes no writes: %s", found.Full)
	case found.MaxMemory == 0:
		d.warn("redis-memory", "set maxmemory, so that Redis says when it is full before the machine is", "Redis has no maxmemory")
	case found.Policy != "" && found.Policy != "noeviction":
		d.warn("redis-memory", policy, "when Redis is full it drops keys by itself (maxmemory-policy %s), and pages miss what was in them", found.Policy)
	case used > found.MaxMemory*nearlyFull:
		d.warn("redis-memory", "give it more, or keep less", "Redis uses %d MB of %d MB", found.Used/1e6, found.MaxMemory/1e6)
	default:
		d.ok("redis-memory", "Redis uses %d MB of %d MB, and keeps what it is told", found.Used/1e6, found.MaxMemory/1e6)
	}
}

// older reports whether a version such as "6.0.16" comes before another. One that cannot be read does not.
func older(version string, than []int) bool {
	parts := strings.Split(version, ".")
	for i, want := range than {
		if i >= len(parts) {
			return true
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n != want {
			return err == nil && n < want
		}
	}
	return false
}
