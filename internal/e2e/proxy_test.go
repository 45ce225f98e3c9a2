package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/pusher/pusher-http-go/v5"
)

// blockOfReverb is what Laravel projects have in front of Reverb, with one
// location for both browsers and publishers.
const blockOfReverb = `server {
    listen 80;

    location / {
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Scheme $scheme;
        proxy_set_header SERVER_PORT $server_port;
        proxy_set_header REMOTE_ADDR $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "Upgrade";
        proxy_pass http://127.0.0.1:8080;
    }
}`

// deployed returns a file of deploy/.
func deployed(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tap stands between a proxy and a server, and counts the connections.
type tap struct {
	net.Listener
	count atomic.Int64
}

func newTap(t testing.TB, to string) *tap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p := &tap{Listener: ln}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.count.Add(1)
			go relay(c, to)
		}
	}()
	return p
}

// relay copies both ways until both sides are done.
func relay(c net.Conn, to string) {
	defer c.Close()
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(s, c)
		_ = s.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(c, s)
	_ = c.(*net.TCPConn).CloseWrite()
	<-done
}

// nginxBinary finds nginx where Debian keeps it too, which is not in every PATH.
func nginxBinary(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("nginx is missing: run make deps")
	return ""
}

// proxied runs nginx with the given site in front of a server, and returns the
// way to that server through nginx. The site listens on port 80 and passes on to 127.0.0.1:8080.
func proxied(t testing.TB, site, upstream string) *server {
	t.Helper()
	for _, old := range []string{"listen 80;", "127.0.0.1:8080;"} {
		if strings.Count(site, old) != 1 {
			t.Fatalf("%q is not there once in the site:\n%s", old, site)
		}
	}
	site = strings.Replace(site, "127.0.0.1:8080;", upstream+";", 1)
	return onAFreePort(t, func(addr string) (*server, error) {
		return runNginx(t, strings.Replace(site, "listen 80;", "listen "+addr+";", 1), addr)
	})
}

// onAFreePort runs a proxy. A port that was free a moment ago may be taken: three tries.
func onAFreePort(t testing.TB, run func(addr string) (*server, error)) *server {
	t.Helper()
	for try := 1; ; try++ {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		s, err := run(addr)
		if err == nil {
			return s
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
}

// runNginx starts one process of nginx and waits until it listens.
func runNginx(t testing.TB, site, addr string) (*server, error) {
	t.Helper()
	dir := t.TempDir()
	var main strings.Builder
	main.WriteString("daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n")
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&main, "%s_temp_path %s;\n", name, name)
	}
	fmt.Fprintf(&main, "%s\n}\n", site)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(main.String()), 0o600); err != nil {
		return nil, err
	}
	return runProxy(t, addr, exec.Command(nginxBinary(t), "-p", dir, "-c", conf), main.String())
}

// runProxy starts a proxy until the end of the test, and waits until it listens.
func runProxy(t testing.TB, addr string, cmd *exec.Cmd, conf string) (*server, error) {
	t.Helper()
	s := &server{t: t, addr: addr, gone: make(chan struct{}), cmd: cmd}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // the exit code is in ProcessState
		close(s.gone)
	}()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			t.Cleanup(func() { s.stop(syscall.SIGTERM) })
			return s, nil
		}
		select {
		case <-s.gone:
			return nil, fmt.Errorf("the proxy ended: %v\n%s\n%s", s.cmd.ProcessState, s.log.String(), conf)
		default:
		}
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
	return nil, fmt.Errorf("the proxy does not listen on %s\n%s", addr, s.log.String())
}

// Browsers and publishers through the site of deploy/, and through the one for Reverb.
func TestProxy(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]string{"deploy": deployed(t, "nginx.conf"), "reverb": blockOfReverb} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crosses(t, proxied(t, site, start(t, plan{}).addr))
		})
	}
}

// crosses goes through a proxy in all ways that there are.
func crosses(t *testing.T, s *server) {
	t.Helper()
	p := s.publisher()
	a, b := s.connect(t), s.connect(t)
	a.subscribe("orders", nil)
	b.subscribe("private-orders", must[[]byte](t)(p.AuthorizePrivateChannel(b.form("private-orders"))))
	b.subscribe("orders", nil)

	if err := p.Trigger("orders", "small", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TriggerWithParams("orders", "others", "2", pusher.TriggerParams{SocketID: &a.id}); err != nil {
		t.Fatal(err)
	}
	// Larger than every buffer of nginx: the body goes through a file, the event through many writes.
	big := strings.Repeat("0123456789", 18_000)
	if err := p.Trigger("orders", "big", big); err != nil {
		t.Fatal(err)
	}
	a.expect("small", "orders", "1")
	a.expect("big", "orders", big)
	b.expect("small", "orders", "1")
	b.expect("others", "orders", "2")
	b.expect("big", "orders", big)

	whisper := strings.Repeat("w", 9_000)
	a.send("client-typing", map[string]any{"channel": "orders", "data": whisper})
	b.expect("client-typing", "orders", whisper)
	pings(t, a)
	if err := a.leave(); err != nil {
		t.Error(err)
	}
}

// pings asks both ways of asking.
func pings(t *testing.T, c *socket) {
	t.Helper()
	c.send("pusher:ping", map[string]any{})
	c.expect("pusher:pong", "", "")
	if err := wsutil.WriteClientMessage(c.conn, ws.OpPing, []byte("are you there")); err != nil {
		t.Fatal(err)
	}
	const size = len("are you there")
	h, err := ws.ReadHeader(c.r)
	if err != nil || h.OpCode != ws.OpPong || h.Length != int64(size) {
		t.Fatalf("the ping was answered with %+v, %v", h, err)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(c.r, payload); err != nil || string(payload) != "are you there" {
		t.Fatalf("the pong holds %q, %v", payload, err)
	}
}

// nginx keeps its connections to us, so an upgrade comes on one that was the
// HTTP server's: it has to go back to a loop.
func TestProxyUpgradesOnAKeptConnection(t *testing.T) {
	t.Parallel()
	upstream := newTap(t, start(t, plan{}).addr)
	s := proxied(t, deployed(t, "nginx.conf"), upstream.Addr().String())
	p := s.publisher()
	for range 5 {
		if err := p.Trigger("orders", "nobody-listens", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := upstream.count.Load(); n != 1 {
		t.Fatalf("five publishes took %d connections to the server, want 1 that is kept", n)
	}
	c := s.connect(t)
	if n := upstream.count.Load(); n != 1 {
		t.Fatalf("the upgrade took a connection of its own, so this test tests nothing: %d", n)
	}
	c.subscribe("orders", nil)
	for i := range 5 {
		data := fmt.Sprint(i)
		if err := p.Trigger("orders", "update", data); err != nil {
			t.Fatal(err)
		}
		c.expect("update", "orders", data)
	}
	if n := upstream.count.Load(); n != 2 {
		t.Errorf("%d connections to the server, want one that became a WebSocket and one that is kept", n)
	}
	pings(t, c)
	if err := c.leave(); err != nil {
		t.Error(err)
	}
}

// A stop of the server reaches the browsers behind the proxy as 1001, on which they come back.
func TestProxyPassesTheGoodbyeOn(t *testing.T) {
	t.Parallel()
	direct := start(t, plan{})
	s := proxied(t, deployed(t, "nginx.conf"), direct.addr)
	if err := s.publisher().Trigger("orders", "nobody-listens", nil); err != nil {
		t.Fatal(err)
	}
	// The first one comes back from the HTTP server, the others never were there.
	var clients []*socket
	for range 3 {
		clients = append(clients, s.connect(t))
	}
	ended := make(chan error, len(clients))
	for _, c := range clients {
		go func() {
			err := c.ended()
			_ = c.conn.Close()
			ended <- err
		}()
	}
	direct.stop(syscall.SIGTERM)
	for range clients {
		err := <-ended
		var closed closedError
		if !errors.As(err, &closed) || closed.code != ws.StatusGoingAway {
			t.Errorf("a client behind the proxy saw %v, want a close frame with 1001", err)
		}
	}
	if err := s.publisher().Trigger("orders", "nobody-is-there", nil); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("publishing to a stopped server: %v, want nginx's 502", err)
	}
}
