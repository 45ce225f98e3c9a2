package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Cluster is what servers need to be one: a Redis where they meet. The texts of Laravel's own names are not looked at while
// scaling is off, since every project has them.
type Cluster struct {
	Scaling        bool   `name:"scaling" group:"cluster" type:"switch" file:"scaling.enabled" env:"REVERB_SCALING_ENABLED" help:"Be one server with all others that have the same Redis and the same prefix."`
	ScalingChannel string `name:"scaling-channel" group:"cluster" placeholder:"NAME" default:"reverb" file:"scaling.channel" env:"REVERB_SCALING_CHANNEL" help:"What the prefix begins with (default ${default})."`

	RedisURL      string `name:"redis-url" group:"cluster" placeholder:"URL" secret:"url" file:"scaling.server.url" env:"REDIS_URL" help:"Where Redis is, as in rediss://user:password@host:6379/0. The schemes are redis, rediss or tls for TLS, and unix for a socket. What it says wins over the settings below, and what it does not say they have."`
	RedisHost     string `name:"redis-host" group:"cluster" placeholder:"HOST" default:"127.0.0.1" file:"scaling.server.host" env:"REDIS_HOST" help:"Host of Redis, or the path of its socket (default ${default})."`
	RedisPort     string `name:"redis-port" group:"cluster" placeholder:"PORT" default:"6379" file:"scaling.server.port" env:"REDIS_PORT" help:"Its port (default ${default})."`
	RedisUsername string `name:"redis-username" group:"cluster" placeholder:"NAME" file:"scaling.server.username" env:"REDIS_USERNAME" help:"User of Redis. Default: the default user of Redis."`
	RedisPassword string `name:"redis-password" group:"cluster" placeholder:"PASSWORD" secret:"true" file:"scaling.server.password" env:"REDIS_PASSWORD" help:"Password of Redis. On a command line other users of the machine can see it: prefer .env."`
	RedisDB       string `name:"redis-db" group:"cluster" placeholder:"N" default:"0" file:"scaling.server.database" env:"REDIS_DB" help:"Number of the database (default ${default})."`

	RedisSentinels        []string `name:"redis-sentinels" group:"cluster" placeholder:"HOST:PORT,..." type:"addresses" port:"26379" file:"scaling.server.sentinels" env:"RESOUND_REDIS_SENTINELS" help:"Sentinels that know where Redis is; its host and port do not count then. Default: none."`
	RedisSentinelMaster   string   `name:"redis-sentinel-master" group:"cluster" placeholder:"NAME" default:"mymaster" file:"scaling.server.sentinel_master" env:"RESOUND_REDIS_SENTINEL_MASTER" help:"Name that the sentinels have for it (default ${default})."`
	RedisSentinelUsername string   `name:"redis-sentinel-username" group:"cluster" placeholder:"NAME" file:"scaling.server.sentinel_username" env:"RESOUND_REDIS_SENTINEL_USERNAME" help:"User of the sentinels themselves."`
	RedisSentinelPassword string   `name:"redis-sentinel-password" group:"cluster" placeholder:"PASSWORD" secret:"true" file:"scaling.server.sentinel_password" env:"RESOUND_REDIS_SENTINEL_PASSWORD" help:"Password of the sentinels themselves."`
	RedisCluster          []string `name:"redis-cluster" group:"cluster" placeholder:"HOST:PORT,..." type:"addresses" port:"6379" file:"scaling.server.cluster" env:"RESOUND_REDIS_CLUSTER" help:"Some nodes of a Redis Cluster; host and port of Redis do not count then. Default: none."`

	RedisTLS  bool   `name:"redis-tls" group:"cluster" type:"switch" file:"scaling.server.tls" env:"RESOUND_REDIS_TLS" help:"Speak TLS with Redis, and with its sentinels."`
	RedisCA   string `name:"redis-ca" group:"cluster" placeholder:"FILE" file:"scaling.server.ca" env:"RESOUND_REDIS_CA" help:"Certificates in PEM of who may sign that of Redis. Default: those that this machine trusts."`
	RedisCert string `name:"redis-cert" group:"cluster" placeholder:"FILE" file:"scaling.server.cert" env:"RESOUND_REDIS_CERT" help:"Certificate in PEM that is shown to Redis. Default: none."`
	RedisKey  string `name:"redis-key" group:"cluster" placeholder:"FILE" file:"scaling.server.key" env:"RESOUND_REDIS_KEY" help:"Its private key in PEM."`

	// RedisPrefix is never "" after Parse, if Scaling is set.
	RedisPrefix     string        `name:"redis-prefix" group:"cluster" placeholder:"TEXT" file:"scaling.prefix" env:"RESOUND_REDIS_PREFIX" help:"What the names of all keys and channels in Redis begin with: servers with the same one are one cluster, servers with different ones do not know of each other. Default: the scaling channel and the id of the first application, as in reverb:1001:."`
	ClusterGrace    time.Duration `name:"cluster-grace" group:"cluster" placeholder:"SECONDS" type:"seconds" default:"2" file:"scaling.grace" env:"RESOUND_CLUSTER_GRACE" help:"How long publishers wait for a Redis that does not answer; then the server goes on alone (default ${default})."`
	ClusterLease    time.Duration `name:"cluster-lease" group:"cluster" placeholder:"SECONDS" type:"seconds" default:"10" file:"scaling.lease" env:"RESOUND_CLUSTER_LEASE" help:"How long the others believe in a server that nothing is heard of: so long its members stay in presence channels after a crash (default ${default})."`
	ClusterDeadline time.Duration `name:"cluster-deadline" group:"cluster" placeholder:"SECONDS" type:"seconds" default:"1" file:"scaling.deadline" env:"RESOUND_CLUSTER_DEADLINE" help:"How long a question to the other servers may take, such as who is connected (default ${default})."`

	redis Redis
}

// Redis is how to reach the Redis of a cluster, in a form to work with.
type Redis struct {
	Addresses []string // host:port each, or one path of a socket; of sentinels or of nodes of a Redis Cluster in these modes
	Socket    bool     // the one address is a path
	Cluster   bool     // it is a Redis Cluster
	Master    string   // what sentinels call it; "" without sentinels

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	Database                           int
	TLS                                bool
}

// Redis returns how the settings say to reach it. It is of no use without Scaling.
func (c *Config) Redis() Redis { return c.redis }

// String is where it is, without any secret: "10.0.0.5:6379/0", "mymaster of the sentinels a:26379, b:26379".
func (r Redis) String() string {
	where := strings.Join(r.Addresses, ", ")
	switch {
	case r.Cluster:
		where = "the Redis Cluster of " + where
	case r.Master != "":
		where = r.Master + " of the sentinels " + where
	}
	if r.Database != 0 {
		where += ", database " + strconv.Itoa(r.Database)
	}
	return where
}

// Local reports whether it is on this machine.
func (r Redis) Local() bool {
	if r.Socket {
		return true
	}
	for _, a := range r.Addresses {
		if host, _, _ := net.SplitHostPort(a); !local(host) {
			return false
		}
	}
	return true
}

// RedisTLSConfig reads the files that are named; nil is without TLS.
func (c *Config) RedisTLSConfig() (*tls.Config, error) {
	if !c.redis.TLS {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.RedisCA != "" {
		data, err := os.ReadFile(c.RedisCA)
		if err != nil {
			return nil, fmt.Errorf("the certificates for Redis: %w", readError(c.RedisCA, err))
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("the certificates for Redis: there is none in %s", c.RedisCA)
		}
	}
	if c.RedisCert != "" {
		pair, _, err := loadPair(c.RedisCert, c.RedisKey)
		if err != nil {
			return nil, fmt.Errorf("for Redis: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// scaling reports whether the settings that were read have it on, for a command that does not have that flag.
func (s *sources) scaling() bool {
	text := ""
	if raw, _, ok := s.lookup("REVERB_SCALING_ENABLED"); ok {
		text = word(raw)
	}
	if text == "" && s.yaml != nil {
		text = s.yaml.settings["scaling.enabled"].text
	}
	on, err := parseSwitch(text)
	return on && err == nil
}

// cluster completes what is said of Redis. It comes behind applications, since the prefix has the first one's id.
func (s *sources) cluster(c *Config, _ *kong.Context) error {
	if !c.Scaling {
		return nil
	}
	if err := s.redisFiles(c); err != nil {
		return err
	}
	redis, err := s.redis(c)
	if err != nil {
		return err
	}
	c.redis = redis
	if c.ClusterGrace >= c.ClusterLease {
		return fmt.Errorf("%s: %v of grace are not less than the lease, %v (%s): the others would give this server up while it still waits",
			s.at("cluster-grace"), c.ClusterGrace, c.ClusterLease, s.at("cluster-lease"))
	}
	if c.ClusterLease < minLease {
		return fmt.Errorf("%s: %v is less than %v, in which a slow moment of Redis or of this machine would end a lease", s.at("cluster-lease"), c.ClusterLease, minLease)
	}
	return s.prefix(c)
}

// minLease leaves room for three signs of life in it.
const minLease = 3 * time.Second

// prefix checks the one that is given, or makes one. All servers of a cluster come to the same one, and two projects on one Redis
// do not: hence an id. It is that of the first application and no sum of all: that would change, and tear a cluster apart, whenever
// an application is added and the servers start again one by one.
func (s *sources) prefix(c *Config) error {
	if c.RedisPrefix != "" {
		if strings.ContainsFunc(c.RedisPrefix, unfitForPrefix) {
			return fmt.Errorf(`%s: %q has something in it that Redis has a meaning for: letters, digits and : - _ . / are fine`, s.at("redis-prefix"), c.RedisPrefix)
		}
		return nil
	}
	channel, app := c.ScalingChannel, "demo"
	if strings.ContainsFunc(channel, unfitForPrefix) {
		sum := sha256.Sum256([]byte(channel))
		channel = hex.EncodeToString(sum[:6])
	}
	if len(c.served) > 0 {
		app = c.served[0].app.ID
	}
	c.RedisPrefix = channel + ":" + app + ":"
	return nil
}

// unfitForPrefix is true of what a Redis Cluster takes for a mark of a slot, or an ACL for a pattern, or people for an end.
func unfitForPrefix(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune(":-_./@", r)
}

// redisFiles makes paths absolute and notes them, so that a change is noticed.
func (s *sources) redisFiles(c *Config) error {
	if (c.RedisCert == "") != (c.RedisKey == "") {
		return fmt.Errorf("the certificate for Redis is %q (%s) and its key %q (%s): one needs the other", c.RedisCert, s.at("redis-cert"), c.RedisKey, s.at("redis-key"))
	}
	for _, file := range []*string{&c.RedisCA, &c.RedisCert, &c.RedisKey} {
		if *file != "" {
			*file = s.abs(*file)
		}
	}
	return nil
}

// redis finds out where it is.
func (s *sources) redis(c *Config) (r Redis, err error) {
	r = Redis{Username: c.RedisUsername, Password: c.RedisPassword, SentinelUsername: c.RedisSentinelUsername, SentinelPassword: c.RedisSentinelPassword}
	r.TLS = c.RedisTLS || c.RedisCA != "" || c.RedisCert != ""
	host, port, database := hostOf(c.RedisHost, &r), c.RedisPort, c.RedisDB
	ports, databases := s.at("redis-port"), s.at("redis-db")
	if c.RedisURL != "" {
		u, err := parseRedisURL(c.RedisURL)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.at("redis-url"), err)
		}
		r.TLS = r.TLS || u.tls
		take(&host, u.host, nil, "")
		take(&port, u.port, &ports, s.at("redis-url"))
		take(&database, u.database, &databases, s.at("redis-url"))
		take(&r.Username, u.username, nil, "")
		take(&r.Password, u.password, nil, "")
		r.Socket = u.socket || r.Socket && u.host == ""
		for _, name := range u.left {
			s.notes = append(s.notes, fmt.Sprintf("%s: %s in the URL is not used", s.at("redis-url"), name))
		}
	}
	if r.Database, err = strconv.Atoi(database); err != nil || r.Database < 0 {
		return r, fmt.Errorf("%s: %q is not the number of a database, such as 0", databases, database)
	}
	switch {
	case len(c.RedisSentinels) > 0 && len(c.RedisCluster) > 0:
		return r, fmt.Errorf("%s and %s: a Redis is either behind sentinels or a Redis Cluster; remove one of the two", s.at("redis-sentinels"), s.at("redis-cluster"))
	case len(c.RedisCluster) > 0 && r.Database != 0:
		return r, fmt.Errorf("%s: a Redis Cluster has the database 0 alone, and this says %d; set it to 0", databases, r.Database)
	case len(c.RedisCluster) > 0:
		r.Addresses, r.Cluster, r.Socket = c.RedisCluster, true, false
		return r, nil
	case len(c.RedisSentinels) > 0:
		r.Addresses, r.Master, r.Socket = c.RedisSentinels, c.RedisSentinelMaster, false
		return r, nil
	case r.Socket && r.TLS:
		return r, fmt.Errorf("there is no TLS over a socket of the file system (%s): remove what asks for it", host)
	case r.Socket:
		r.Addresses = []string{s.abs(host)}
		return r, nil
	}
	address, err := redisAddress(host, port)
	if err != nil {
		return r, fmt.Errorf("%s: %w", ports, err)
	}
	r.Addresses = []string{address}
	return r, nil
}

// take replaces a value by one that the URL has, and the place that an error names.
func take(value *string, given string, place *string, from string) {
	if given == "" {
		return
	}
	*value = given
	if place != nil {
		*place = from
	}
}

// hostOf reads what Laravel's clients take as a host: also tls://host, and the path of a socket.
func hostOf(text string, r *Redis) string {
	if scheme, host, ok := strings.Cut(text, "://"); ok {
		switch scheme {
		case "tls", "rediss", "ssl":
			r.TLS = true
			return host
		case "unix":
			r.Socket = true
			return host
		case "tcp", "redis":
			return host
		}
	}
	r.Socket = strings.HasPrefix(text, "/")
	return text
}

// redisAddress is host:port.
func redisAddress(host, port string) (string, error) {
	if strings.HasPrefix(port, "tcp://") {
		return "", errors.New("this is an address and no port: Kubernetes sets that name beside a service called redis; set enableServiceLinks: false for the pod")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q is not the port of Redis, such as 6379", port)
	}
	name, err := normalHost(host)
	if err != nil || name == "" {
		return "", fmt.Errorf("%q is no host of a Redis", host)
	}
	return net.JoinHostPort(name, port), nil
}
