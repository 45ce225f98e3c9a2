package redisbroker

import (
	"hash/fnv"
	"strconv"
	"strings"

	"resound/channels"
	"resound/persist"
)

// names makes keys and pub/sub topics. All of one partition have its tag, which puts them into one slot of a cluster.
type names struct {
	keys string // prefix, tag and ":"
	bus  string // the same for topics: those know no database, so it is in the name
}

func newNames(prefix string, db, partition int) names {
	// A brace of the prefix would be taken for that of the tag.
	prefix = strings.NewReplacer("{", "(", "}", ")").Replace(prefix)
	tag := prefix + "{" + strconv.Itoa(partition) + "}:"
	return names{keys: tag, bus: tag + "t" + strconv.Itoa(db) + ":"}
}

// partitionOf says where a topic is. Nodes have to agree on it.
func partitionOf(app, topic string, n int) int {
	if n == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(app))
	h.Write([]byte{0})
	h.Write([]byte(topic))
	return int(h.Sum32() % uint32(n))
}

var escapeApp = strings.NewReplacer("%", "%25", ":", "%3A")

// nameOf is the part of a key that tells topics apart.
func nameOf(app, topic string) string {
	if strings.ContainsAny(app, "%:") {
		app = escapeApp.Replace(app)
	}
	return app + ":" + topic
}

func (n *names) log() string    { return n.keys + "log" }
func (n *names) leases() string { return n.keys + "nodes" }

func (n *names) stream(log persist.LogID, name string) string {
	return n.keys + "s:" + log.String() + ":" + name
}

func (n *names) cache(name string) string   { return n.keys + "c:" + name }
func (n *names) records(name string) string { return n.keys + "r:" + name }

// recordsOf begins the key of one node's records, which its hexNode ends.
func (n *names) recordsOf(name string) string { return n.keys + "n:" + name + ":" }

func (n *names) topic(name string) string { return n.bus + "c:" + name }
func (n *names) control() string          { return n.bus + "all" }

// inbox is where the answers to a broker's questions come.
func (n *names) inbox(id uint64) string { return n.bus + "i:" + hexNode(channels.NodeID(id)) }

func hexNode(id channels.NodeID) string {
	s := strconv.FormatUint(uint64(id), 16)
	return "0000000000000000"[len(s):] + s
}

func parseNode(s string) (channels.NodeID, bool) {
	id, err := strconv.ParseUint(s, 16, 64)
	return channels.NodeID(id), err == nil && len(s) == 16 && id != 0
}
