package redisbroker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// redis returns the client that all partitions get their connections of, and makes it if there is none: a sentinel or a
// cluster has to be reached for that.
func (b *Broker) redis() (rueidis.Client, error) {
	b.clientMu.Lock()
	defer b.clientMu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	if err := b.ctx.Err(); err != nil {
		return nil, err
	}
	c, err := rueidis.NewClient(b.clientOption())
	if c == nil {
		return nil, err
	}
	b.client = c // a single server's is there also when the server is not
	return c, nil
}

func (b *Broker) clientOption() rueidis.ClientOption {
	o := &b.opt
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: pingGap}
	guards := net.Dialer{Timeout: dialTimeout, KeepAlive: guardGap} // tells dial that it is for a Sentinel
	c := rueidis.ClientOption{
		InitAddress: o.Addresses,
		Username:    o.Username,
		Password:    o.Password,
		SelectDB:    o.DB,
		ClientName:  "resound-" + hexNode(o.Node),
		TLSConfig:   o.TLS,
		Dialer:      dialer,
		DialCtxFn: func(ctx context.Context, address string, d *net.Dialer, conf *tls.Config) (net.Conn, error) {
			return dial(ctx, b.ctx, address, d, conf)
		},
		ConnWriteTimeout:    o.Grace,
		DisableRetry:        true, // we know better what may be sent twice
		DisableCache:        true,
		PipelineMultiplex:   -1, // one connection beside those of the partitions
		RingScaleEachConn:   8,
		ReadBufferEachConn:  bufferSize,
		WriteBufferEachConn: bufferSize,
		ForceSingleClient:   !o.Cluster && o.SentinelMaster == "",
	}
	if o.SentinelMaster != "" {
		c.Sentinel = rueidis.SentinelOption{
			MasterSet:               o.SentinelMaster,
			Username:                o.SentinelUsername,
			Password:                o.SentinelPassword,
			Dialer:                  guards,
			TLSConfig:               o.TLS,
			TopologyRefreshInterval: defaultGrace, // the sentinels' own word may be missed
		}
	}
	if o.Cluster {
		c.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: backoffMax, MaxMovedRedirections: 4}
	}
	return c
}

// address is that of the server that a Sentinel client takes for the master, else "".
func (b *Broker) address(c rueidis.Client) string {
	if b.opt.SentinelMaster == "" {
		return ""
	}
	for a := range c.Nodes() {
		return a
	}
	return ""
}

// verdict says what an error means for the command that got it.
type verdict byte

const (
	fine    verdict = iota
	lost            // the connection is of no use: broken, or to a server that does not do what a master does
	refused         // Redis takes no writes now
	unknown         // Redis does not know the script
	broken          // Redis does not like what it has, or what was asked
)

func judge(err error) verdict {
	if err == nil {
		return fine
	}
	var r *rueidis.RedisError
	if !errors.As(err, &r) {
		return lost
	}
	if r.IsNil() {
		return fine
	}
	return judgeText(r.Error())
}

// judgeText judges an answer of Redis.
func judgeText(text string) verdict {
	// Redis 6 has the script and the line in front of what went wrong within a script.
	if i := strings.LastIndex(text, "@user_script"); i >= 0 && !strings.Contains(text, "on @user_script") {
		text = strings.TrimLeft(text[i+len("@user_script"):], ":-0123456789 ")
	}
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "LOADING", "MASTERDOWN", "BUSY", "NOAUTH", "NOPERM", "WRONGPASS", "UNBLOCKED":
		return lost
	case "OOM", "MISCONF", "NOREPLICAS":
		return refused
	case "NOSCRIPT":
		return unknown
	}
	return broken
}

// server is what INFO says of one.
type server struct {
	run, version string
	major, minor int
}

// fields are those of an answer to INFO.
func fields(text string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && !yield(name, value) {
				return
			}
		}
	}
}

// mayEvict reports whether a server with that INFO memory drops keys when it is full.
func mayEvict(text string) bool {
	var bounded, evicts bool
	for name, value := range fields(text) {
		switch name {
		case "maxmemory":
			bounded = value != "0"
		case "maxmemory_policy":
			evicts = value != "noeviction"
		}
	}
	return bounded && evicts
}

func parseInfo(text string) (s server, err error) {
	for name, value := range fields(text) {
		switch name {
		case "run_id":
			s.run = value
		case "redis_version":
			s.version = value
		}
	}
	first, rest, _ := strings.Cut(s.version, ".")
	second, _, _ := strings.Cut(rest, ".")
	s.major, err = strconv.Atoi(first)
	if err == nil {
		s.minor, err = strconv.Atoi(second)
	}
	if err != nil || s.run == "" {
		return s, fmt.Errorf("no Redis: version %q, run id %q", s.version, s.run)
	}
	if s.major < 6 || s.major == 6 && s.minor < 2 {
		return s, fmt.Errorf("this is Redis %s, and 6.2 or newer is needed", s.version)
	}
	return s, nil
}
