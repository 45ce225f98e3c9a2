package redisbroker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"resound/channels"
)

// Options say which Redis, and who this node is.
type Options struct {
	Node   channels.NodeID                              // 0 is a random one
	Secret func(app string) (secret string, known bool) // of any goroutine, and cheap
	Log    *slog.Logger                                 // nil says nothing

	// Addresses are host:port each: the server, the sentinels, or some nodes of the cluster. Without a port it is 6379, 26379 for
	// sentinels. That of one server may also be the path of its socket.
	Addresses          []string
	Username, Password string
	DB                 int
	TLS                *tls.Config // nil is none. For sentinels too

	SentinelMaster                     string // the name of the master; "" is no Sentinel
	SentinelUsername, SentinelPassword string
	Cluster                            bool

	Prefix string        // of every key and topic; servers with the same Redis, prefix and DB are one cluster
	Grace  time.Duration // how long Redis may be out of reach; 0 is 2 s
	Lease  time.Duration // how long a silent node counts as alive; 0 is 10 s
}

// isSocket reports whether an address is the path of a Unix socket.
func isSocket(address string) bool { return strings.HasPrefix(address, "/") }

// check fills in defaults and says what is wrong.
func (o *Options) check() error {
	if o.Secret == nil {
		return errors.New("redis: no secrets")
	}
	if len(o.Addresses) == 0 {
		return errors.New("redis: no address")
	}
	port := "6379"
	if o.SentinelMaster != "" {
		port = "26379"
	}
	list := make([]string, len(o.Addresses))
	for i, a := range o.Addresses {
		if list[i] = a; a == "" {
			return errors.New("redis: an empty address")
		}
		if isSocket(a) {
			if o.Cluster || o.SentinelMaster != "" {
				return fmt.Errorf("redis: %s is a socket, which neither a cluster nor a Sentinel has", a)
			}
			continue
		}
		if _, _, err := net.SplitHostPort(a); err != nil {
			list[i] = net.JoinHostPort(strings.Trim(a, "[]"), port)
			if _, _, err := net.SplitHostPort(list[i]); err != nil {
				return fmt.Errorf("redis: address %q: %w", a, err)
			}
		}
	}
	o.Addresses = list
	switch {
	case o.Cluster && o.SentinelMaster != "":
		return errors.New("redis: a cluster has no sentinels")
	case o.Cluster && o.DB != 0:
		return fmt.Errorf("redis: a cluster has database 0 only, not %d", o.DB)
	case !o.Cluster && o.SentinelMaster == "" && len(o.Addresses) > 1:
		return fmt.Errorf("redis: %d addresses, and neither a cluster nor sentinels", len(o.Addresses))
	case o.DB < 0:
		return fmt.Errorf("redis: database %d", o.DB)
	case o.Grace < 0 || o.Lease < 0:
		return fmt.Errorf("redis: grace %v, lease %v", o.Grace, o.Lease)
	}
	for o.Node == 0 {
		o.Node = channels.NodeID(rand.Uint64())
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	return nil
}
