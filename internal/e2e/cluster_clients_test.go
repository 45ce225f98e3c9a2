package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resound/internal/redistest"
)

// TestClusterOfStockClients: what real clients see of one server they see of three, whose sockets and requests are spread over them
// by a balancer. cluster.mjs has what needs to know which node is which.
func TestClusterOfStockClients(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	for _, script := range []string{"cluster.mjs", "echo.mjs", "publisher.mjs", "kinds.mjs", "users.mjs"} {
		name := strings.TrimSuffix(script, ".mjs")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, on(3, redis, name)...)
			runNode(t, script, c.nodeEnv(nil))
		})
	}
}

// TestClusterReplays: pages that drop come back to another node than the one that they had, and get what they missed; so they
// do when all nodes have been stopped or killed, and are told when Redis is empty.
func TestClusterReplays(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	nodes := on(2, redis, "replays")
	c := launchHistories(t, nodes)
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

// TestClusterOnRedisCluster: the same, in short, where keys are spread over three Redis servers.
func TestClusterOnRedisCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t, redistest.Options{})
	nodes := func(prefix string) (list [][]string) {
		for range 2 {
			list = append(list, append(scaling(redis.Servers[0].Addr(), prefix), "RESOUND_REDIS_CLUSTER="+strings.Join(redis.Addrs(), ",")))
		}
		return list
	}
	for _, script := range []string{"cluster.mjs", "echo.mjs", "users.mjs"} {
		name := strings.TrimSuffix(script, ".mjs")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, nodes(name)...)
			runNode(t, script, c.nodeEnv(nil))
		})
	}
	t.Run("replay", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, nodes("drifting")...)
		newDrift(c, 10).run(func() { c.node(0).kill() }, func() { c.restart(0) })
	})
}
