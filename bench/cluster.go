package bench

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// redis is the redis-server that nodes meet through: started for them, on loopback, and it keeps nothing on the disk.
func redis(program string) Target {
	return Target{Name: "Redis", Program: program, Args: []string{"--bind", "127.0.0.1", "--port", "{port}", "--dir", "{dir}", "--save", "", "--appendonly", "no"}}
}

var redisVersion = regexp.MustCompile(`v=(\S+)`)

// FindRedis says which version of redis-server a program is, or what to install.
func FindRedis(program string) (version string, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("nodes of a cluster meet through Redis, and %s is not here: apt-get install redis-server (Debian, Ubuntu), brew install redis (macOS), or give the path of one with --redis", program)
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	if found := redisVersion.FindSubmatch(out); found != nil {
		return string(found[1]), nil
	}
	return "", fmt.Errorf("%s --version says %q, which is no redis-server", program, strings.TrimSpace(string(out)))
}

// clusterPrefix is what the names of a cluster begin with in its Redis, which has no other.
const clusterPrefix = "bench:"

// Scaled is a node of ours as one of a cluster. {redis} is the port of the Redis; what our own environment says of another one is hidden.
func (t Target) Scaled() Target {
	t.Args = append(append([]string{}, t.Args...), "--scaling", "--redis-url=redis://127.0.0.1:{redis}", "--redis-prefix="+clusterPrefix)
	t.Env = append(append([]string{}, t.Env...), "REDIS_USERNAME=", "REDIS_PASSWORD=", "RESOUND_REDIS_SENTINELS=", "RESOUND_REDIS_CLUSTER=")
	return t
}

// named is t under another name.
func (t Target) named(name string) Target {
	t.Name = name
	return t
}

// nodeSet is nodes that are one server, or one that is on its own.
type nodeSet struct {
	nodes []*server
	redis *server // nil if it is on its own
}

// startNodes starts a Redis and so many nodes, each of which has joined the others before it listens; or one node without, if redis is "".
func startNodes(node Target, program string, nodes int, at place) (c *nodeSet, err error) {
	c = &nodeSet{}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if program != "" {
		node = node.Scaled()
		if c.redis, err = startServer(redis(program), at); err != nil {
			return c, err
		}
		port := fmt.Sprint(c.redis.addr.Port)
		for i, arg := range node.Args {
			node.Args[i] = strings.ReplaceAll(arg, "{redis}", port)
		}
	}
	for range nodes {
		s, err := startServer(node, at)
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, s)
	}
	return c, nil
}

// clusterServers is a node on its own, one with a log, one of a cluster, and the Redis.
func clusterServers(node Target) []Target {
	return []Target{node, ClusterShape{Log: true}.node(node).named(node.Name + ", log"), node.Scaled().named(node.Name + ", scaled"), redis("redis-server")}
}

// ClusterShape is a number of nodes, with Redis or without.
type ClusterShape struct {
	Nodes int  `json:"nodes"`
	Redis bool `json:"redis"`
	Log   bool `json:"log,omitempty"` // it keeps its events on the disk; with Redis it is there that they are kept
}

// node is the one of a shape.
func (c ClusterShape) node(t Target) Target {
	if c.Log {
		t.Args = append(append([]string{}, t.Args...), "--durability=process")
	}
	return t
}

func (c ClusterShape) name() string {
	name := "one node"
	if c.Nodes > 1 {
		name = plural(c.Nodes, "node")
	}
	switch {
	case c.Redis:
		name += ", Redis"
	case c.Log:
		name += ", log"
	}
	return name
}

// program is what to start as Redis, "" for none.
func (c ClusterShape) program(redis string) string {
	if c.Redis {
		return redis
	}
	return ""
}

// ClusterCPU is what the processes of a cluster have used, in seconds.
type ClusterCPU struct {
	Nodes []float64 `json:"nodes_s"` // in their order
	Redis float64   `json:"redis_s"`
}

// all is that of the nodes together.
func (c ClusterCPU) all() (sum float64) {
	for _, s := range c.Nodes {
		sum += s
	}
	return sum
}

// cpu is what has been used so far.
func (c *nodeSet) cpu() (used ClusterCPU, err error) {
	for _, s := range c.nodes {
		u, err := s.cpu()
		if err != nil {
			return used, err
		}
		used.Nodes = append(used.Nodes, u.Seconds())
	}
	if c.redis != nil {
		u, err := c.redis.cpu()
		used.Redis = u.Seconds()
		return used, err
	}
	return used, nil
}

// spent is what is used while f runs.
func (c *nodeSet) spent(f func() error) (used ClusterCPU, err error) {
	before, err := c.cpu()
	if err != nil {
		return used, err
	}
	if err = f(); err != nil {
		return used, err
	}
	if used, err = c.cpu(); err != nil {
		return used, err
	}
	for i := range used.Nodes {
		used.Nodes[i] -= before.Nodes[i]
	}
	used.Redis -= before.Redis
	if used.Redis < 0 || used.all() < 0 {
		err = errors.New("its CPU seconds went back: a process or a thread of it has ended, and took its count along")
	}
	return used, err
}

// stop ends all of it, the nodes first, which say bye to each other.
func (c *nodeSet) stop() {
	for _, s := range c.nodes {
		s.stop()
	}
	if c.redis != nil {
		c.redis.stop()
	}
}
