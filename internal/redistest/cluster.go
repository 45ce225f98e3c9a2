package redistest

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// slots is how many Redis Cluster has.
const slots = 16384

// Cluster is three masters, without replicas, with a third of the slots each.
type Cluster struct {
	Servers []*Server
}

// StartCluster starts them, and returns when all see all.
func StartCluster(tb testing.TB, options Options) *Cluster {
	tb.Helper()
	c := &Cluster{}
	const size = 3
	var buses []string
	for range size {
		o := options
		o.Lines = append(o.Lines[:len(o.Lines):len(o.Lines)], "cluster-enabled yes", "cluster-node-timeout 2000")
		var bus string
		if modern() {
			bus = FreePort() // the usual one, 10000 above the other, may be taken
			o.Lines = append(o.Lines, "cluster-port "+bus)
		}
		s := Start(tb, o)
		if bus == "" {
			port, _ := strconv.Atoi(s.Port())
			bus = strconv.Itoa(port + 10000)
		}
		c.Servers = append(c.Servers, s)
		buses = append(buses, bus)
	}
	for i, s := range c.Servers {
		add := []string{"CLUSTER", "ADDSLOTS"} // ADDSLOTSRANGE came with 7.0
		for slot := i * slots / size; slot < (i+1)*slots/size; slot++ {
			add = append(add, strconv.Itoa(slot))
		}
		s.Do(add...)
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for i, s := range c.Servers[1:] {
		c.Servers[0].Do("CLUSTER", "MEET", s.Host(), s.Port(), buses[i+1])
	}
	for _, s := range c.Servers {
		until(tb, "the cluster to be complete", func() bool {
			info := func(field string) string { return s.Info(field, "CLUSTER", "INFO") }
			return info("cluster_state") == "ok" && info("cluster_known_nodes") == fmt.Sprint(size) && info("cluster_slots_ok") == fmt.Sprint(slots)
		})
	}
	return c
}

// modern reports whether the servers are of 7.0 or newer, which can be told the port of the bus.
func modern() bool {
	out, err := exec.Command("redis-server", "--version").Output()
	return err != nil || !strings.Contains(string(out), "v=6.")
}

// Addrs are those of all of them.
func (c *Cluster) Addrs() (list []string) {
	for _, s := range c.Servers {
		list = append(list, s.Addr())
	}
	return list
}
