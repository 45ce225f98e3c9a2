package redisbroker

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"resound/internal/certtest"
	"resound/internal/redistest"
)

// TestTLS: with the right authority, and not with another.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority, dir := certtest.New(t), t.TempDir()
	cert, key := authority.Pair("127.0.0.1")
	certFile, keyFile := authority.Write(dir, "redis", cert, key)
	caFile := filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(caFile, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := redistest.Start(t, redistest.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ln.Close()
	r.Do("CONFIG", "SET", "tls-cert-file", certFile, "tls-key-file", keyFile, "tls-ca-cert-file", caFile, "tls-auth-clients", "no", "tls-port", port)
	address := "127.0.0.1:" + port
	a := join(t, address, func(o *Options) { o.TLS = &tls.Config{RootCAs: authority.Pool()} })
	a.subscribe("x")
	a.publish("x", strings.Repeat("1", 200_000))
	a.until("it", func() bool { return len(a.events) == 1 })
	b := start(t, address, func(o *Options) { o.TLS = &tls.Config{RootCAs: certtest.New(t).Pool()} })
	eventually(t, "the reason", func() bool { return strings.Contains(b.Stats().Cause, "certificate") })
}

// TestLeastRights: the user of docs/OPERATIONS.md is enough for all that a node does. Without a right the node says which.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	r.Do(append(append([]string{"ACL", "SETUSER", "resound", "on", ">pw"}, aclOfThePage(t)...), "-info")...)
	user := func(o *Options) { o.Username, o.Password, o.Prefix = "resound", "pw", "reverb:1001:" }
	a := start(t, r.Addr(), user)
	eventually(t, "the reason", func() bool { return strings.Contains(a.Stats().Cause, "'info'") })
	r.Do("ACL", "SETUSER", "resound", "+info")
	a.joined()
	b := join(t, r.Addr(), user)
	full(t, a, b, func() { r.Do("CONFIG", "SET", "maxmemory", "1") }, func() { r.Do("CONFIG", "SET", "maxmemory", "0") })
	b.Close(b.ctx())
	eventually(t, "alone", func() bool { return a.Others() == 0 })
}

// TestEvictionIsWarnedOf: a Redis that may drop keys is warned of, once.
func TestEvictionIsWarnedOf(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{MaxMemory: "100mb"})
	if a := join(t, r.Addr()); a.logs.count("maxmemory-policy") != 0 {
		t.Errorf("logs:\n%s", a.logs)
	}
	r.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	a := join(t, r.Addr(), func(o *Options) { o.Grace = patience })
	before := a.rejoins()
	r.Restart()
	a.until("there again", func() bool { return len(a.states) > before })
	if a.logs.count("maxmemory-policy") != 1 {
		t.Errorf("logs:\n%s", a.logs)
	}
}

// TestQueueIsBounded: what waits for Redis is bounded, and what is beyond fails at once.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr(), func(o *Options) { o.Grace = patience })
	a.subscribe("x")
	r.Pause()
	payload := strings.Repeat("x", 1<<20)
	var list []interface{ Wait() error }
	for range 20 {
		list = append(list, a.Publish(outgoing("x", payload, a.newID())))
	}
	failed := 0
	if s := a.Stats(); s.QueuedBytes > maxQueuedBytes || s.Full == 0 || s.Queued == 0 {
		t.Errorf("%+v", s)
	}
	r.Resume()
	for _, w := range list {
		if w.Wait() != nil {
			failed++
		}
	}
	if failed != int(a.Stats().Full) || failed == 20 {
		t.Errorf("%d failed, %+v", failed, a.Stats())
	}
	a.until("those that did not", func() bool { return len(a.events) == 20-failed })
	eventually(t, "nothing waits", func() bool { s := a.Stats(); return s.Queued == 0 && s.QueuedBytes == 0 })
}

// TestRestIsQuiet: a node that has nothing to do does little.
func TestRestIsQuiet(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr(), func(o *Options) { o.Lease = time.Hour })
	a.publish("x", "1")
	commands := func() int {
		n, err := strconv.Atoi(r.Info("total_commands_processed"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, began := commands(), time.Now()
	time.Sleep(3 * time.Second)
	if n, seconds := commands()-before, time.Since(began).Seconds(); float64(n) > 5*seconds {
		t.Errorf("%d commands in %.1f s", n, seconds)
	}
}

// TestSocket: a server on the same machine, without a network.
func TestSocket(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/redis.sock"
	redistest.Start(t, redistest.Options{Lines: []string{"unixsocket " + path}})
	a := join(t, path)
	a.subscribe("x")
	a.publish("x", "1")
	a.until("it", func() bool { return len(a.events) == 1 })
}
