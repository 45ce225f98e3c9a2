package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resound/internal/redistest"
)

// stockClients: what real clients see of one server they see of three, whose sockets and requests are spread over them
// by a balancer. cluster.mjs has what needs to know which node is which.
func stockClients(script string) func(*testing.T) {
	return func(t *testing.T) {
		redis := redistest.Start(t, redistest.Options{})
		runNode(t, script, startCluster(t, on(3, redis, "stock")...).nodeEnv(nil))
	}
}

// clusterReplays: pages that drop come back to another node than the one that they had, and get what they missed; so they
// do when all nodes have been stopped or killed, and are told when Redis is empty.
func clusterReplays(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := launchHistories(t, on(2, redis, "replays"))
	c.together()
	runNode(t, "replay.mjs", c.nodeEnv(func() { redis.Do("FLUSHALL") }))
}

// launchHistories is launchCluster with the rules that replay.mjs plays on.
func launchHistories(t testing.TB, nodes [][]string) *cluster {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resound.yaml")
	if err := os.WriteFile(path, []byte(histories), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		nodes[i] = append(nodes[i], "RESOUND_CONFIG="+path)
	}
	return launchCluster(t, nodes...)
}

// redisCluster: the same, in short, where keys are spread over three Redis servers.
func redisCluster(t *testing.T) {
	redis := redistest.StartCluster(t, redistest.Options{})
	nodes := func(prefix string) (list [][]string) {
		for range 2 {
			list = append(list, append(scaling(redis.Servers[0].Addr(), prefix), "RESOUND_REDIS_CLUSTER="+strings.Join(redis.Addrs(), ",")))
		}
		return list
	}
	for _, script := range []string{"cluster.mjs", "users.mjs"} {
		t.Run(script, func(t *testing.T) {
			runNode(t, script, startCluster(t, nodes(script)...).nodeEnv(nil))
		})
	}
	t.Run("drift", func(t *testing.T) {
		c := startCluster(t, nodes("drifting")...)
		newDrift(c, 10).run(func() { c.node(0).kill() }, func() { c.restart(0) })
	})
	t.Run("members", func(t *testing.T) {
		c := startCluster(t, nodes("members")...)
		withoutANode(t, c, (*server).kill)
	})
}
