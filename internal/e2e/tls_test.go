package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"resound/internal/certtest"
)

// secureServer starts a server with a certificate for this machine, and returns the file of who signed it.
func secureServer(t *testing.T, ca *certtest.Authority) (s *server, authority string, flags []string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := ca.Pair("localhost", "127.0.0.1")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	authority = filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(authority, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	flags = []string{"--tls-cert", certFile, "--tls-key", keyFile}
	return start(t, plan{args: append(flags, appFlags...)}), authority, flags
}

func TestClientsOverTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	s, authority, flags := secureServer(t, ca)
	if !strings.HasPrefix(s.first, "Starting secure server on ") {
		t.Error(s.first)
	}
	runNode(t, "tls.mjs", append(s.nodeEnv(), "NODE_EXTRA_CA_CERTS="+authority))

	p := s.publisher()
	p.Secure, p.HTTPClient = true, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
	for range 3 {
		if err := p.Trigger("orders", "e", strings.Repeat("x", 9000)); err != nil {
			t.Error(err)
		}
	}
	res, err := p.HTTPClient.Get("https://" + s.addr + "/replay.js") // what pages with the replay line load
	if err != nil {
		t.Fatal(err)
	}
	script, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Content-Type"), "javascript") || !strings.Contains(string(script), "pusher:subscribe") {
		t.Errorf("/replay.js: %s, %v, %d bytes, %v", res.Status, res.Header, len(script), err)
	}
	// Who asks from this machine need not know who signed the certificate.
	args := append([]string{"health", "--host", "127.0.0.1", "--port", strconv.Itoa(s.port)}, flags...)
	if out, err := command(t, plan{}, args...).CombinedOutput(); err != nil {
		t.Errorf("resound health: %v\n%s", err, out)
	}
}

// TestHandshakesAreCounted: the metrics say how handshakes end.
func TestHandshakesAreCounted(t *testing.T) {
	t.Parallel()
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Pair("127.0.0.1")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	s := start(t, plan{args: append([]string{"--tls-cert", certFile, "--tls-key", keyFile, "--admin-address=127.0.0.1:0"}, appFlags...)})
	up := func(c *tls.Config) error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: patience}
		res, err := client.Get("https://" + s.addr + "/up")
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	known := &tls.Config{RootCAs: ca.Pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for range 2 {
		if err := up(known); err != nil {
			t.Fatal(err)
		}
	}
	if err := up(&tls.Config{}); err == nil {
		t.Error("a stranger's certificate was fine")
	}
	eventually(t, "one handshake of each kind", func() bool {
		m := readMetrics(t, s.adminURL(t))
		of := func(result string) float64 { return m[`resound_tls_handshakes_total{result="`+result+`"}`] }
		return of("full") == 1 && of("resumed") == 1 && of("failed") == 1 && m["resound_tls_handshakes_running"] == 0
	})
}

// A certificate of Valet in the home directory is enough, as with Reverb.
func TestValetsCertificateIsFound(t *testing.T) {
	t.Parallel()
	ca, home := certtest.New(t), t.TempDir()
	cert, key := ca.PairRSA("shop.test")
	ca.Write(filepath.Join(home, ".config/valet/Certificates"), "shop.test", cert, key)
	s := start(t, plan{args: append([]string{"--hostname", "shop.test"}, appFlags...), env: []string{"HOME=" + home}})
	if !strings.HasPrefix(s.first, "Starting secure server on ") || !strings.HasSuffix(s.first, " (shop.test)") {
		t.Error(s.first)
	}
	c, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: "shop.test", RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// A pair that does not fit is no start, and the error names both files.
func TestAWrongPairIsNoStart(t *testing.T) {
	t.Parallel()
	ca, dir := certtest.New(t), t.TempDir()
	cert, _ := ca.Pair("a.test")
	_, key := ca.Pair("b.test")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	out, err := command(t, plan{}, append([]string{"start", "--port", "0", "--tls-cert", certFile, "--tls-key", keyFile}, appFlags...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), certFile) || !strings.Contains(string(out), keyFile) || !strings.Contains(string(out), "the key is another certificate's") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nginx reaches the server by a socket in the file system.
func TestProxyOverAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resound.sock")
	start(t, plan{args: append([]string{"--unix-socket", path, "--unix-socket-mode", "0666"}, appFlags...)})
	for name, site := range map[string]string{"deploy": deployed(t, "nginx.conf")} {
		t.Run(name, func(t *testing.T) { crosses(t, proxied(t, site, "unix:"+path)) })
	}
}
