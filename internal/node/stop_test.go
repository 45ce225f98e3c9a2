package node

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"resound/internal/config"
)

// settings are those of a server on a free port in an empty directory: demo mode.
func settings(t *testing.T, args ...string) *config.Config {
	t.Helper()
	call, err := config.Parse(append([]string{"start", "--host", "127.0.0.1", "--port", "0"}, args...), config.Options{
		Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return call.Config
}

func newNode(t *testing.T, c *config.Config) *Node {
	t.Helper()
	n, err := New(c, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func stop(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopWithoutStart(t *testing.T) {
	n := newNode(t, settings(t))
	stop(t, n)
	stop(t, n)
}

func TestThePortIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := settings(t)
	c.Port = ln.Addr().(*net.TCPAddr).Port
	n := newNode(t, c)
	err = n.Start()
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), strconv.Itoa(c.Port)) {
		t.Errorf("the error is %v", err)
	}
	if n.Port() != 0 || n.BaseURL() != "" {
		t.Errorf("it claims to be at %q", n.BaseURL())
	}
	stop(t, n)
}

// A node reaches itself at BaseURL, whatever it listens on.
func TestBaseURLOfEveryHost(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost", "::", "::1"} {
		if strings.Contains(host, ":") {
			if ln, err := net.Listen("tcp", "[::1]:0"); err == nil {
				ln.Close()
			} else {
				t.Logf("%s: this machine has no IPv6", host)
				continue
			}
		}
		c := settings(t)
		c.Host = host
		n := newNode(t, c)
		if err := n.Start(); err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if res, err := http.Get(n.BaseURL() + "/up"); err != nil || res.StatusCode != 200 {
			t.Errorf("%s: %s: %v", host, n.BaseURL(), err)
		}
		stop(t, n)
	}
}

// Kept-alive connections, the demo's own among them, neither hold up a stop nor survive it, and a
// context that has ended is not an error of the loops.
func TestStopWithConnectionsOpen(t *testing.T) {
	n := newNode(t, settings(t))
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(n.BaseURL(), "http://")
	var open []net.Conn
	for _, said := range []string{"", "GET /u", "POST /apps/1/ev", "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, said)
		open = append(open, c)
	}
	buf := make([]byte, 4096)
	if k, err := open[3].Read(buf); err != nil || !strings.HasPrefix(string(buf[:k]), "HTTP/1.1 200") {
		t.Fatal(err)
	}
	stop(t, n)
	for i, c := range open {
		if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
			t.Errorf("connection %d is open after the stop", i)
		}
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("somebody listens after the stop")
	}
}
