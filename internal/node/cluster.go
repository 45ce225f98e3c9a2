package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"resound/channels"
	"resound/channels/redisbroker"
	"resound/internal/config"
	"resound/internal/control"
	"resound/persist"
)

// clusterWorkers is how many goroutines look up channels and read what pages have missed in a cluster: each waits for the network most of
// the time, and a thousand channels are looked up at once when the node joins again.
const clusterWorkers = 32

// cluster is this node among others.
type cluster struct {
	*redisbroker.Broker
	where  string // the Redis, for people
	prefix string
	joined chan struct{} // closed when the node has joined for the first time
	once   sync.Once
}

// BrokerOptions are the Redis of the settings, without secrets of applications.
func BrokerOptions(c *config.Config) (redisbroker.Options, error) {
	r := c.Redis()
	secure, err := c.RedisTLSConfig()
	return redisbroker.Options{
		Addresses: r.Addresses, Cluster: r.Cluster, SentinelMaster: r.Master, DB: r.Database, TLS: secure,
		Username: r.Username, Password: r.Password, SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword,
		Prefix: c.RedisPrefix, Grace: c.ClusterGrace, Lease: c.ClusterLease,
	}, err
}

// openBroker makes the node one of several, which keep their events in Redis.
func (n *Node) openBroker() error {
	c := n.config
	if err := n.whoHasIt(persist.Pass(c.LogDir())); err != nil {
		return err
	}
	o, err := BrokerOptions(c)
	if err != nil {
		return err
	}
	o.Secret, o.Log = n.secret, n.log
	b, err := redisbroker.New(o)
	if err != nil {
		return fmt.Errorf("the cluster: %w", err)
	}
	n.cluster = &cluster{Broker: b, where: c.Redis().String(), prefix: c.RedisPrefix, joined: make(chan struct{})}
	n.engine.Hub().UseBroker(b, channels.ClusterOptions{
		Deadline: c.ClusterDeadline, Memory: replayMemory(c.ReplayMemory, n.meter.Bound().Bytes),
	})
	return nil
}

// secret is that of an application as it is now.
func (n *Node) secret(app string) (string, bool) {
	a := n.registry.ByID([]byte(app))
	if a == nil {
		return "", false
	}
	return a.Secret, true
}

// receiver is the hub, and notes when the node has joined.
type receiver struct {
	*channels.Hub
	cluster *cluster
}

func (r receiver) Rejoined() {
	r.Hub.Rejoined()
	r.cluster.once.Do(func() { close(r.cluster.joined) })
}

// join lets the node into the cluster. It waits for that, so that the first sockets find everybody there, and no longer than a publisher
// would: without Redis the node serves alone until there is one.
func (n *Node) join() {
	k := n.cluster
	if k == nil {
		return
	}
	k.Start(receiver{n.engine.Hub(), k})
	select {
	case <-k.joined:
		n.log.Info("this server is one of a cluster", "redis", k.where, "prefix", k.prefix, "others", k.Others())
	case <-time.After(n.config.ClusterGrace):
		n.log.Warn("this server is alone until Redis can be reached", "redis", k.where, "prefix", k.prefix)
	}
}

// leave says bye to the others. Nothing is published here any more, and nobody is connected.
func (n *Node) leave(ctx context.Context) {
	if n.cluster != nil {
		n.cluster.Close(ctx)
	}
}

// state is how it goes, in a few words.
func (k *cluster) state() string {
	if !k.Joined() {
		return "alone, since Redis cannot be reached"
	}
	switch others := k.Others(); others {
	case 0:
		return "no other server"
	case 1:
		return "1 other server"
	default:
		return fmt.Sprintf("%d other servers", others)
	}
}

// Cluster says where the servers of the cluster meet and how many others there are; "" without scaling.
func (n *Node) Cluster() string {
	if n.cluster == nil {
		return ""
	}
	return fmt.Sprintf("%s at %s, %s", n.cluster.prefix, n.cluster.where, n.cluster.state())
}

// clusterTop is what `resound top` shows of the cluster; nil without one.
func (n *Node) clusterTop(before, now moment, rate func(before, now uint64) float64) *control.TopCluster {
	k := n.cluster
	if k == nil {
		return nil
	}
	t := &control.TopCluster{Redis: k.where, Prefix: k.prefix, Joined: k.Joined(), Others: k.Others()}
	if published := now.broker.Published - before.broker.Published; published > 0 {
		t.RoundTrip = (now.broker.Seconds - before.broker.Seconds) / float64(published) * 1000
	}
	t.Alone, t.Fetched, t.Lost = rate(before.cluster.Alone, now.cluster.Alone), rate(before.cluster.Fetched, now.cluster.Fetched), rate(before.cluster.Lost, now.cluster.Lost)
	return t
}
