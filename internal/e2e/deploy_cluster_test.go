package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/redistest"
)

// balancers run the files of deploy/ for two servers, in front of two that are at these addresses.
var balancers = map[string]func(t *testing.T, one, two string) *server{
	"nginx": func(t *testing.T, one, two string) *server {
		site := replaced(t, deployed(t, "nginx.cluster.conf"), "server resound-1:8080", "server "+one, "server resound-2:8080", "server "+two)
		return onAFreePort(t, func(addr string) (*server, error) {
			return runNginx(t, replaced(t, site, "listen 80;", "listen "+addr+";"), addr)
		})
	},
	"haproxy": func(t *testing.T, one, two string) *server {
		sections := replaced(t, deployed(t, "haproxy.cluster.cfg"), "resound-1:8080", one, "resound-2:8080", two)
		if _, err := os.Stat("/etc/resolv.conf"); err != nil { // addresses need no resolver, and it needs that file
			sections = replaced(t, sections, "    parse-resolv-conf\n", "")
		}
		return runHAProxy(t, sections)
	},
}

// Sockets go to who has fewer, and everything to who is left when one of the two stops.
func TestTwoBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, balancer := range balancers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := start(t, plan{}), start(t, plan{})
			s := balancer(t, one.addr, two.addr)
			var sockets []*socket
			for range 8 {
				sockets = append(sockets, s.connect(t))
			}
			if a, b := one.connections(t), two.connections(t); a != 4 || b != 4 {
				t.Errorf("of eight sockets one has %d and the other %d", a, b)
			}
			one.stop(syscall.SIGTERM)
			ended := 0
			for _, c := range sockets {
				_ = c.write(`{"event":"pusher:ping","data":{}}`) // it may be closed already
				var closed closedError
				if m, err := c.read(); errors.As(err, &closed) && closed.code == ws.StatusGoingAway {
					ended++
				} else if err != nil || m.Event != "pusher:pong" {
					t.Errorf("a socket has got %+v, %v", m, err)
				}
			}
			if ended != 4 {
				t.Errorf("%d sockets were told that their server stops, want 4", ended)
			}
			p := s.publisher()
			for range 8 {
				c := s.connect(t)
				c.subscribe("orders", nil)
				if err := p.Trigger("orders", "e", "d"); err != nil {
					t.Fatal(err)
				}
				c.expect("e", "orders", "d")
			}
		})
	}
}

// A server that refuses sockets is passed over, without anybody noticing. What it refuses to publish is told to the publisher, and
// nothing is asked twice that may have been done.
func TestOneRefusesBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, balancer := range balancers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int64
			full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/apps/") {
					posts.Add(1)
				}
				if r.URL.Path != "/ready" {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer full.Close()
			s := balancer(t, full.Listener.Addr().String(), start(t, plan{}).addr)
			for range 6 {
				s.connect(t)
			}
			refused := int64(0)
			for range 6 {
				body, _ := json.Marshal(map[string]string{"name": "e", "channel": "orders", "data": "d"})
				switch status, text := s.request(t, "POST", "/events", string(body)); status {
				case http.StatusOK:
				case http.StatusServiceUnavailable:
					refused++
				default:
					t.Errorf("publishing: %d %s", status, text)
				}
			}
			if posts.Load() != refused {
				t.Errorf("the full server was asked to publish %d times, and %d publishers were refused", posts.Load(), refused)
			}
		})
	}
}

// Both files have the same two servers as the compose file.
func TestBalancersNameTheServers(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"nginx.cluster.conf", "haproxy.cluster.cfg", "compose.cluster.yaml"} {
		for _, name := range []string{"resound-1", "resound-2"} {
			if !strings.Contains(deployed(t, file), name) {
				t.Errorf("%s does not have %s", file, name)
			}
		}
	}
}

// Two servers that are one, behind what is in front of them: whatever a client does goes to one or the other.
func TestClusterBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, balancer := range balancers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, redistest.Options{Password: "sesame"})
			password := "REDIS_PASSWORD=sesame"
			c := startCluster(t, append(scaling(redis.Addr(), name), password), append(scaling(redis.Addr(), name), password))
			s := balancer(t, c.node(0).addr, c.node(1).addr)
			for range 3 { // with one more socket each time, so that both servers get each kind of request
				crosses(t, s)
				s.connect(t)
			}
			p := c.plans[0]
			if out, complaints, code := run(t, plan{dir: p.dir, env: p.env}, append(append([]string{"health"}, appFlags...), fmt.Sprintf("--port=%d", p.port))...); code != 0 || out != "cluster: 1 other server\n" {
				t.Errorf("health: %d %s%s", code, out, complaints)
			}
			e := examine(t, envOf(c.node(0).addr, append(scaling(redis.Addr(), name), password)...), "--url=http://"+s.addr)
			for check, words := range map[string]string{"redis": "answers at " + redis.Addr(), "redis-acl": "all that is needed", "redis-servers": "2 servers are there", "redis-latency": "a round trip", "public-round-trip": "came back"} {
				e.want(t, check, "ok", words)
			}
			e.want(t, "redis-memory", "warning", "maxmemory")
			if e.Problems > 0 {
				t.Errorf("it has problems: %+v", e.Checks)
			}
		})
	}
}

// The user that docs/OPERATIONS.md has for the servers may do all that they do.
func TestClusterWithTheUserOfThePage(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	_, rules, ok := strings.Cut(page(t, "docs/OPERATIONS.md"), "ACL SETUSER resound on '>a long password' ")
	rules, _, ends := strings.Cut(rules, "\n```")
	if !ok || !ends {
		t.Fatal("the page has no user")
	}
	redis.Do(append([]string{"ACL", "SETUSER", "resound", "on", ">sesame"}, strings.Fields(strings.NewReplacer("\\\n", " ", "'", "", "reverb:1001:", "page:"+appID+":").Replace(rules))...)...)
	user := append(scaling(redis.Addr(), "page"), "REDIS_USERNAME=resound", "REDIS_PASSWORD=sesame")
	c := startCluster(t, user, user)
	s := c.node(0)
	p := s.publisher()
	a, b := s.connect(t), c.node(1).connect(t)
	auth := func(c *socket) []byte {
		return must[[]byte](t)(p.AuthorizePresenceChannel(c.form("presence-room"), pusher.MemberData{UserID: c.id}))
	}
	a.subscribe("presence-room", auth(a))
	b.subscribe("presence-room", auth(b))
	a.next() // the other has come
	b.subscribe("cache-price", nil)
	b.next() // there is none yet
	if err := p.Trigger("cache-price", "e", "7"); err != nil {
		t.Fatal(err)
	}
	b.expect("e", "cache-price", "7")
	if status, text := s.request(t, "GET", "/channels/presence-room/users", ""); status != http.StatusOK || !strings.Contains(text, a.id) || !strings.Contains(text, b.id) {
		t.Errorf("users: %d %s", status, text)
	}
	if err := b.leave(); err != nil {
		t.Error(err)
	}
	a.next() // and gone
	c.node(1).stop(syscall.SIGTERM)
	if denied, ok := redis.Do("ACL", "LOG").([]any); !ok || len(denied) > 0 {
		t.Errorf("Redis has refused %v", denied)
	}
}
