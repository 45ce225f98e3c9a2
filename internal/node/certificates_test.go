package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/internal/certtest"
	"resound/internal/config"
)

// served returns the names of the certificate that a client which asks for host gets.
func served(t *testing.T, n *Node, ca *certtest.Authority, host string) string {
	t.Helper()
	c, err := tls.Dial("tcp", n.engine.TLSAddr().String(), &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	return strings.Join(c.ConnectionState().PeerCertificates[0].DNSNames, " ")
}

func TestTheNameChoosesTheCertificate(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	args := []string{"--app-id=1", "--app-key=k", "--app-secret=s"}
	for i, names := range [][]string{{"first.test"}, {"*.shop.test", "shop.test"}, {"ws.shop.test"}} {
		cert, key := ca.Pair(names...)
		certFile, keyFile := ca.Write(dir, string(rune('a'+i)), cert, key)
		args = append(args, "--tls-cert="+certFile, "--tls-key="+keyFile)
	}
	n := started(t, args...)
	for host, want := range map[string]string{
		"first.test": "first.test", "shop.test": "*.shop.test shop.test", "www.shop.test": "*.shop.test shop.test", "WS.shop.test": "ws.shop.test",
		"a.b.shop.test": "first.test", "none.test": "first.test", "": "first.test",
	} {
		if got := served(t, n, ca, host); got != want {
			t.Errorf("%q gets %s", host, got)
		}
	}
	if !strings.HasPrefix(n.BaseURL(), "https://") {
		t.Error(n.BaseURL())
	}
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Files that change are served at once, faults are said and change nothing, and connections live on.
func TestCertificatesAreReloaded(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Pair("one.test")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	call, err := config.Parse([]string{"start", "--host=127.0.0.1", "--port=0", "--app-id=1", "--app-key=k", "--app-secret=s", "--tls-cert=" + certFile, "--tls-key=" + keyFile},
		config.Options{Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	logged := new(buffer)
	log := slog.New(slog.NewTextHandler(logged, nil))
	n, err := New(call.Config, Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer n.Stop(context.Background()) //nolint:errcheck // nothing is open
	w := call.Config.NewWatcher(func([]*apps.App) {}, log)
	w.OnCertificates(n.ReloadCertificates)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { w.Run(ctx) })
	defer group.Wait()
	defer cancel()

	live, err := tls.Dial("tcp", n.engine.TLSAddr().String(), &tls.Config{ServerName: "one.test", RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // the test is over
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s\n%s", what, logged)
			}
		}
	}
	cert, key = ca.Pair("two.test")
	ca.Write(dir, "pair", cert, key)
	until("the new one is not served", func() bool { return served(t, n, ca, "") == "two.test" })
	_, other := ca.Pair("two.test")
	ca.Write(dir, "pair", cert, other)
	until("the fault is not said", func() bool { return strings.Contains(logged.String(), "those before are served") })
	if got := served(t, n, ca, ""); got != "two.test" {
		t.Error(got)
	}
	cert, key = ca.Pair("three.test")
	ca.Write(dir, "pair", cert, key)
	until("the one after a fault is not served", func() bool { return served(t, n, ca, "") == "three.test" })
	if _, err := io.WriteString(live, "GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(live); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("%s %v", answer, err)
	}
	if strings.Contains(logged.String(), "needs a restart") || strings.Contains(logged.String(), "PRIVATE") {
		t.Error(logged)
	}
}

func TestPlainTLSAndUnixTogether(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Pair("one.test")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	path := filepath.Join(dir, "resound.sock")
	args := []string{"--app-id=1", "--app-key=k", "--app-secret=s", "--unix-socket=" + path, "--unix-socket-mode=0600",
		"--tls-cert=" + certFile, "--tls-key=" + keyFile}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	t.Run("run", func(t *testing.T) {
		n := started(t, append(args, "--tls-port="+port)...)
		clients := map[string]*http.Client{
			n.BaseURL(): http.DefaultClient,
			"https://one.test": {Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", n.engine.TLSAddr().String())
			}}},
			"http://unix": {Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			}}},
		}
		for url, client := range clients {
			for range 3 {
				res, err := client.Get(url + "/up")
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 {
					t.Errorf("%s: %d %s", url, res.StatusCode, body)
				}
				_ = res.Body.Close()
			}
			client.CloseIdleConnections()
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
	})
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}
