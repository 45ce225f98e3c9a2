package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/redistest"
)

// TestCluster runs all that needs several nodes. Most of them is waiting, for a lease to end or for a node to come back, so that more are
// under way at a time than there are processors.
func TestCluster(t *testing.T) {
	t.Parallel()
	turns := make(chan struct{}, 5)
	if testing.Short() {
		turns = make(chan struct{}, 2) // under the race detector there is less waiting
	}
	var group sync.WaitGroup
	run := func(name string, test func(*testing.T)) {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(name, test)
		})
	}
	group.Go(func() { t.Run("subscriptions in Redis", hearsWhatItNeeds) }) // waits longer than all others, for almost nothing
	for _, script := range []string{"cluster", "echo", "publisher", "kinds", "users"} {
		run("stock clients/"+script, stockClients(script+".mjs"))
	}
	run("replays", clusterReplays)
	run("Redis Cluster", redisCluster)
	run("drift", clusterDrift)
	for _, trouble := range troubles {
		run("trouble/"+trouble.name, trouble.happen)
	}
	run("trouble/an answer is lost with the server", lostAnswer)
	run("trouble/two masters for a while", twoMasters)
	for name, end := range map[string]func(*server){"killed": (*server).kill, "stopped": func(s *server) { s.stop(syscall.SIGTERM) }} {
		run("a node is "+name, func(t *testing.T) {
			withoutANode(t, startCluster(t, on(3, redistest.Start(t, redistest.Options{}), "nodes")...), end)
		})
	}
	run("a node is frozen", frozenNode)
	run("a node hands over", clusterHandsOver)
	run("counts of subscriptions", countsSubscriptions)
	run("cache channels", cacheChannels)
	run("garbage on the bus", ignoresGarbage)
	run("garbage in keys", survivesGarbageInItsKeys)
	run("ways to Redis", waysToRedis)
	run("two prefixes", prefixes)
	run("two databases", databases)
	group.Wait()
}

// cluster is several servers that are one.
type cluster struct {
	t     testing.TB
	plans []plan

	mu    sync.Mutex
	nodes []*server // guarded by mu, since scripts stop and start them
}

// scaling are the settings of a node whose Redis is at an address. Nodes with the same prefix are one cluster. Others give it up
// sooner than by default, so that tests need not wait for long.
func scaling(addr, prefix string) []string {
	host, port, _ := net.SplitHostPort(addr)
	return []string{
		"REVERB_SCALING_ENABLED=true", "REVERB_SCALING_CHANNEL=" + prefix, "REDIS_HOST=" + host, "REDIS_PORT=" + port,
		"RESOUND_CLUSTER_LEASE=5",
	}
}

// startCluster starts a node for each list of settings, and returns when each hears the others.
func startCluster(t testing.TB, nodes ...[]string) *cluster {
	t.Helper()
	c := launchCluster(t, nodes...)
	c.together()
	return c
}

// launchCluster does not wait for that.
func launchCluster(t testing.TB, nodes ...[]string) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for _, env := range nodes {
		c.plans = append(c.plans, plan{dir: t.TempDir(), env: env})
		s := launch(t, c.plans[len(c.plans)-1])
		c.plans[len(c.plans)-1].port = s.port
		c.nodes = append(c.nodes, s)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.node(i).stop(syscall.SIGTERM)
		}
	})
	return c
}

// on are the settings of n nodes on one Redis.
func on(n int, redis *redistest.Server, prefix string) (nodes [][]string) {
	for range n {
		nodes = append(nodes, scaling(redis.Addr(), prefix))
	}
	return nodes
}

// until waits until ok, and fails with what there was in its place after patience.
func until(t testing.TB, about string, what func() (got any, ok bool)) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		got, ok := what()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s, and there is %v", patience, about, got)
		}
	}
}

// node is the process that is node i now.
func (c *cluster) node(i int) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[i]
}

func (c *cluster) all() []*server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// restart starts node i again at its address, after a stop or a kill.
func (c *cluster) restart(i int) {
	c.t.Helper()
	if err := c.tryRestart(i); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) tryRestart(i int) error {
	s, err := tryLaunch(c.t, c.plans[i])
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i] = s
	return nil
}

// together waits until an event of each node reaches a socket of each.
func (c *cluster) together() {
	c.t.Helper()
	var listeners []*listener
	for _, s := range c.all() {
		listeners = append(listeners, listenTo(c.t, s, "together"))
	}
	for i, s := range c.all() {
		n := 0
		eventually(c.t, fmt.Sprintf("node %d to be part of the cluster", i), func() bool {
			n++
			mark := fmt.Sprintf("%d of %d", n, i)
			if got := s.trigger(c.t, "together", "mark", mark); got.status != http.StatusOK || got.partial {
				return false
			}
			return !slices.ContainsFunc(listeners, func(l *listener) bool { return !l.soon(mark) })
		})
	}
	for _, l := range listeners {
		l.leave()
	}
}

// answer is what the API has said.
type answer struct {
	status  int
	partial bool // with a header that says so
	body    string
}

// ask sends a signed request.
func (s *server) ask(method, path, body string) (a answer, err error) {
	req, err := http.NewRequest(method, "http://"+s.addr+signed(method, "/apps/"+appID+path, body), strings.NewReader(body))
	if err != nil {
		return a, err
	}
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Resound-Partial") != "", string(text)}, err
}

// trigger publishes an event and returns the answer.
func (s *server) trigger(t testing.TB, channel, name, data string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "channel": channel, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.ask("POST", "/events", string(body))
	if err != nil {
		t.Fatalf("publishing: %v\n%s", err, s.log.String())
	}
	return a
}

// listener is a stock socket that notes what it gets, of one channel or more.
type listener struct {
	*socket
	mu   sync.Mutex
	got  []message // guarded by mu
	gone error     // guarded by mu: how it has ended
}

// listenTo opens one, on a channel without authorization; "" is on none.
func listenTo(t testing.TB, s *server, channel string) *listener {
	t.Helper()
	return listenWith(t, s, channel, nil)
}

// listenWith is listenTo with what an authorizer has answered for the socket.
func listenWith(t testing.TB, s *server, channel string, auth func(*socket) []byte) *listener {
	t.Helper()
	l := &listener{socket: s.connect(t)}
	if channel != "" {
		var answer []byte
		if auth != nil {
			answer = auth(l.socket)
		}
		l.got = append(l.got, l.subscribe(channel, answer))
	}
	go l.listen()
	return l
}

func (l *listener) listen() {
	l.rest = true
	for {
		m, err := l.read()
		l.mu.Lock()
		if err != nil {
			l.gone = err
			l.mu.Unlock()
			return
		}
		l.got = append(l.got, m)
		l.mu.Unlock()
	}
}

// leave ends it without a word.
func (l *listener) leave() { _ = l.conn.Close() }

// heard are the messages so far that are none of the protocol's own.
func (l *listener) heard() (list []message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		if !strings.HasPrefix(m.Event, "pusher") {
			list = append(list, m)
		}
	}
	return list
}

// data is that of what it has heard.
func (l *listener) data() (list []string) {
	for _, m := range l.heard() {
		list = append(list, m.Data)
	}
	return list
}

// count is how many messages of a name it has got, with that in their data.
func (l *listener) count(event, data string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		if m.Event == event && strings.Contains(m.Data, data) {
			n++
		}
	}
	return n
}

// all are the messages of a name.
func (l *listener) all(event string) (list []message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		if m.Event == event {
			list = append(list, m)
		}
	}
	return list
}

// soon gives data a moment to arrive, and reports whether it has.
func (l *listener) soon(data string) bool {
	for range 100 {
		if slices.Contains(l.data(), data) {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// hears waits until it has heard exactly that.
func (l *listener) hears(data ...string) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%d events", len(data)), func() bool { return len(l.data()) >= len(data) })
	if got := l.data(); !slices.Equal(got, data) {
		l.t.Errorf("got %.2000q, want %.2000q", got, data)
	}
}

// connected requires that the socket has not been ended.
func (l *listener) connected(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone != nil {
		t.Errorf("a socket was ended: %v", l.gone)
	}
}

// whisper sends a client event.
func (l *listener) whisper(channel, data string) {
	l.t.Helper()
	l.send("client-e", map[string]any{"channel": channel, "data": data})
}

// member authorizes a socket as a user of a presence channel.
func (s *server) member(t testing.TB, channel, user string) func(*socket) []byte {
	return func(c *socket) []byte {
		data := pusher.MemberData{UserID: user, UserInfo: map[string]string{"name": "User " + user}}
		return must[[]byte](t)(s.publisher().AuthorizePresenceChannel(c.form(channel), data))
	}
}

// balancer is one address for all nodes: connections go to them in turns, to the next one when one is away, and wait when all are.
func (c *cluster) balancer() net.Addr {
	c.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	var over atomic.Bool
	c.t.Cleanup(func() { over.Store(true); _ = ln.Close() })
	var turn atomic.Int64
	balance := func(conn net.Conn) {
		for !over.Load() {
			for range c.plans {
				nodes := c.all()
				addr := nodes[int(turn.Add(1))%len(nodes)].addr
				if probe, err := net.Dial("tcp", addr); err == nil {
					_ = probe.Close()
					relay(conn, addr)
					return
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		_ = conn.Close()
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go balance(conn)
		}
	}()
	return ln.Addr()
}

// nodeEnv tells a script where the balancer is, and a way to stop, kill and start all nodes, and to wipe what they have kept.
func (c *cluster) nodeEnv(wipe func()) []string {
	handle := func(mux *http.ServeMux, pattern string, do func(i int) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			for i := range c.plans {
				if err := do(i); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			}
		})
	}
	mux := http.NewServeMux()
	handle(mux, "POST /stop", func(i int) error { c.node(i).stop(syscall.SIGTERM); return nil })
	handle(mux, "POST /kill", func(i int) error { c.node(i).kill(); return nil })
	handle(mux, "POST /start", c.tryRestart)
	mux.HandleFunc("POST /wipe", func(http.ResponseWriter, *http.Request) { wipe() })
	h := httptest.NewServer(mux)
	c.t.Cleanup(h.Close)
	var ports []string
	for _, s := range c.all() {
		ports = append(ports, strconv.Itoa(s.port))
	}
	addr := c.balancer().(*net.TCPAddr)
	return []string{
		"SERVER_HOST=127.0.0.1", "SERVER_PORT=" + strconv.Itoa(addr.Port), "NODE_PORTS=" + strings.Join(ports, ","), "CONTROL=" + h.URL,
		"APP_ID=" + appID, "APP_KEY=" + appKey, "APP_SECRET=" + appSecret,
	}
}
