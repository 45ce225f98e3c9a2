package redistest

import (
	"fmt"
	"strconv"
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
		bus := FreePort() // the usual one, 10000 above the other, may be taken
		o := options
		o.Lines = append(o.Lines[:len(o.Lines):len(o.Lines)], "cluster-enabled yes", "cluster-node-timeout 2000", "cluster-port "+bus)
		c.Servers = append(c.Servers, Start(tb, o))
		buses = append(buses, bus)
	}
	for i, s := range c.Servers {
		s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/size), strconv.Itoa((i+1)*slots/size-1))
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

// Addrs are those of all of them.
func (c *Cluster) Addrs() (list []string) {
	for _, s := range c.Servers {
		list = append(list, s.Addr())
	}
	return list
}
