package e2e

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// examination is what `resound doctor --json` said.
type examination struct {
	Problems, Warnings int
	Checks             []struct{ Group, Name, Verdict, Text, Do string }

	code int
}

// examine runs the doctor in a Laravel project with these lines in .env.
func examine(t *testing.T, env []string, args ...string) *examination {
	t.Helper()
	return examineIn(t, plan{dir: laravel(t, env...)}, args...)
}

func examineIn(t *testing.T, p plan, args ...string) *examination {
	t.Helper()
	out, complaints, code := run(t, p, append([]string{"doctor", "--json"}, args...)...)
	e := &examination{code: code}
	if err := json.Unmarshal([]byte(out), e); err != nil {
		t.Fatalf("%v: %s%s", err, out, complaints)
	}
	if strings.Contains(out+complaints, appSecret) {
		t.Errorf("the secret is in the report:\n%s%s", out, complaints)
	}
	if bad := e.Problems > 0; bad != (code == 1) {
		t.Errorf("%d problems, and the exit code is %d", e.Problems, code)
	}
	return e
}

// want requires a check of that name and verdict, whose text or advice has the words.
func (e *examination) want(t *testing.T, name, verdict, words string) {
	t.Helper()
	var seen []string
	for _, c := range e.Checks {
		line := fmt.Sprintf("%s: %s: %s -> %s", c.Name, c.Verdict, c.Text, c.Do)
		if seen = append(seen, line); c.Name == name && c.Verdict == verdict && strings.Contains(line, words) {
			return
		}
	}
	t.Errorf("there is no %s: %s with %q in\n%s", name, verdict, words, strings.Join(seen, "\n"))
}

// envOf are the lines of .env for a server at that address.
func envOf(addr string, more ...string) []string {
	_, port, _ := net.SplitHostPort(addr)
	return append([]string{
		"BROADCAST_CONNECTION=reverb", "REVERB_APP_ID=" + appID, "REVERB_APP_KEY=" + appKey, `REVERB_APP_SECRET="` + appSecret + `"`,
		"REVERB_SERVER_HOST=127.0.0.1", "REVERB_SERVER_PORT=" + port, "APP_URL=http://shop.test",
	}, more...)
}

// front is something between a client and the server at the address. change may answer by itself, and says whether it did.
func front(t *testing.T, addr string, change func(w http.ResponseWriter, r *http.Request) bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(forward(addr, change))
	t.Cleanup(s.Close)
	return s
}

func forward(addr string, change func(w http.ResponseWriter, r *http.Request) bool) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !change(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})
}

func pass(http.ResponseWriter, *http.Request) bool { return false }

func TestDoctorIsContent(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{}, {"--path=/ws"}, {"--compression"}, {"--durability=off"}} {
		s := start(t, plan{args: append(flags, appFlags...)})
		args := flags
		if len(flags) > 0 && flags[0] == "--durability=off" {
			args = append(args, "--url=http://"+s.addr)
		}
		e := examine(t, envOf(s.addr), args...)
		e.want(t, "running", "ok", s.addr)
		e.want(t, "who", "ok", fmt.Sprintf("it is Resound (process %d, resound start)", s.cmd.Process.Pid))
		e.want(t, "clock", "ok", "the same as ours")
		e.want(t, "round-trip", "ok", "an event on a public channel came back")
		e.want(t, "round-trip-private", "ok", "an event on a private channel came back")
		e.want(t, "origin", "ok", "http://shop.test")
		e.want(t, "descriptors", "ok", fmt.Sprintf("the server (process %d", s.cmd.Process.Pid))
		if e.Problems > 0 {
			t.Errorf("%v: %+v", flags, e.Checks)
		}
	}
}

// A warning is enough for --strict.
func TestDoctorIsStrict(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	dir := laravel(t, envOf(s.addr)...) // without routes/channels.php
	if out, _, code := run(t, plan{dir: dir}, "doctor"); code != 0 || !strings.Contains(out, "\n0 problems, ") || strings.Contains(out, "\n0 problems, 0 ") {
		t.Errorf("it ends with %d\n%s", code, out)
	}
	if out, _, code := run(t, plan{dir: dir}, "doctor", "--strict"); code != 1 {
		t.Errorf("it ends with %d\n%s", code, out)
	}
}

func TestDoctorFindsOtherCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	for name, tc := range map[string]struct{ line, check, words string }{
		"secret":          {"REVERB_APP_SECRET=another-secret-of-the-shop", "round-trip", "publishing: the answer is 401"},
		"secret, private": {"REVERB_APP_SECRET=another-secret-of-the-shop", "round-trip-private", "compare REVERB_APP_SECRET"},
		"key":             {"REVERB_APP_KEY=another-key", "round-trip", `connecting: refused with 4001`},
		"id":              {"REVERB_APP_ID=7", "round-trip", "compare REVERB_APP_ID"},
	} {
		var env []string
		for _, line := range envOf(s.addr) {
			if n, _, _ := strings.Cut(tc.line, "="); strings.HasPrefix(line, n+"=") {
				line = tc.line
			}
			env = append(env, line)
		}
		t.Run(name, func(t *testing.T) { examine(t, env).want(t, tc.check, "problem", tc.words) })
	}
}

func TestDoctorLooksAtOrigins(t *testing.T) {
	t.Parallel()
	s := start(t, plan{args: append([]string{"--allowed-origins=shop.test"}, appFlags...)})
	same := "RESOUND_ALLOWED_ORIGINS=shop.test"
	e := examine(t, envOf(s.addr, same))
	e.want(t, "origin", "ok", "http://shop.test")
	e.want(t, "origin-other", "ok", "is refused")
	e.want(t, "round-trip", "ok", "")
	if e.Problems > 0 {
		t.Errorf("it has problems: %+v", e.Checks)
	}
	// The server's list is not that of the settings.
	examine(t, envOf(s.addr, "RESOUND_ALLOWED_ORIGINS=other.test")).want(t, "round-trip", "problem", "Origin not allowed")
	e = examine(t, append(envOf(s.addr)[:6], "APP_URL=http://new.test", same))
	e.want(t, "origin", "problem", "add the host of the page to the allowed origins")
	e.want(t, "settings", "warning", "new.test")
	e.want(t, "round-trip", "ok", "")
	open := start(t, plan{})
	e = examine(t, envOf(open.addr, same))
	e.want(t, "origin-other", "problem", "although only shop.test may")
	e = examine(t, envOf(open.addr)[:6])
	e.want(t, "origin", "not checked", "APP_URL")
	e.want(t, "origin-other", "ok", "pages of every other site")
}

func TestDoctorWithoutAServer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mail\r\n")
			_ = c.Close()
		}
	}()
	examine(t, envOf(addr)).want(t, "running", "problem", "does not answer")
	_ = ln.Close()
	e := examine(t, envOf(addr, "REVERB_HOST=127.0.0.1", "REVERB_PORT="+addr[strings.LastIndexByte(addr, ':')+1:], "REVERB_SCHEME=http"))
	e.want(t, "running", "warning", "the port is free")
	e.want(t, "round-trip", "not checked", "there is no server")
	e.want(t, "public-upgrade", "not checked", "the server itself")
	if e.Problems > 0 {
		t.Errorf("it has problems: %+v", e.Checks)
	}
	site := httptest.NewServer(http.NotFoundHandler())
	defer site.Close()
	examine(t, envOf(site.Listener.Addr().String())).want(t, "running", "problem", "something else listens")
	examine(t, envOf(addr), "--host=192.0.2.1").want(t, "running", "problem", "could not listen on 192.0.2.1")
	examine(t, envOf("127.0.0.1:0")).want(t, "running", "not checked", "the port is 0")
}

// Who has no script for pages is not Resound, whatever else it does like Reverb.
func TestDoctorTellsReverb(t *testing.T) {
	t.Parallel()
	reverb := front(t, start(t, plan{}).addr, func(w http.ResponseWriter, r *http.Request) bool {
		hidden := strings.HasSuffix(r.URL.Path, "/replay.js")
		if hidden {
			http.Error(w, "Internal server error.", http.StatusInternalServerError)
		}
		tooMuch := r.ContentLength > 10_000
		if tooMuch {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "Payload too large.", http.StatusRequestEntityTooLarge)
		}
		return hidden || tooMuch
	})
	e := examine(t, envOf(reverb.Listener.Addr().String()), "--url="+reverb.URL)
	e.want(t, "who", "warning", "it is not Resound")
	e.want(t, "round-trip", "ok", "")
	e.want(t, "public-request-size", "not checked", "look again when Resound runs")
}

// Behind a proxy with TLS and HTTP/2, whose certificate this machine trusts.
func TestDoctorGoesThroughTLS(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	f := httptest.NewUnstartedServer(forward(s.addr, pass))
	f.EnableHTTP2 = true
	f.StartTLS()
	defer f.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p := plan{dir: laravel(t, envOf(s.addr)...), env: []string{"SSL_CERT_FILE=" + roots}}
	e := examineIn(t, p, "--url="+strings.Replace(f.URL, "https:", "wss:", 1))
	e.want(t, "public-upgrade", "ok", f.URL+" takes the upgrade")
	e.want(t, "public-round-trip", "ok", "came back")
	e.want(t, "public-request-size", "ok", "comes through")
}

// The server may speak TLS itself, with a certificate for its public name.
func TestDoctorOfAServerWithTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(forward(start(t, plan{}).addr, pass))
	defer s.Close()
	e := examine(t, envOf(s.Listener.Addr().String()))
	e.want(t, "running", "ok", "https://127.0.0.1")
	if _, complaints, code := run(t, plan{}, "health", "--port", s.URL[strings.LastIndexByte(s.URL, ':')+1:]); code != 0 {
		t.Errorf("resound health: %d %s", code, complaints)
	}
	e.want(t, "round-trip", "ok", "")
}

func TestDoctorGoesThroughProxies(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	env := envOf(s.addr, "VITE_REVERB_SCHEME=http")
	nginx := deployed(t, "nginx.conf")
	without := func(line string) string {
		if !strings.Contains(nginx, line) {
			t.Fatalf("nginx.conf has no %q", line)
		}
		return strings.Replace(nginx, line, "", 1)
	}
	through := func(t *testing.T, site string, args ...string) *examination {
		return examine(t, env, append(args, "--url=http://"+proxied(t, site, s.addr).addr)...)
	}
	t.Run("deploy", func(t *testing.T) {
		t.Parallel()
		e := through(t, nginx)
		e.want(t, "public-upgrade", "ok", "between is Server: nginx")
		e.want(t, "public-round-trip", "ok", "came back")
		e.want(t, "public-clock", "ok", "")
		e.want(t, "public-idle", "not checked", "--idle=35")
	})
	t.Run("the size that nginx has by default", func(t *testing.T) {
		t.Parallel()
		through(t, nginx).want(t, "public-request-size", "ok", "1048576 bytes")
		through(t, nginx, "--max-request-size=2000000").want(t, "public-request-size", "warning", "client_max_body_size")
		through(t, nginx, "--max-request-size=20000000").want(t, "public-request-size", "not checked", "too much")
	})
	t.Run("no Upgrade", func(t *testing.T) {
		t.Parallel()
		through(t, without("        proxy_set_header Upgrade $http_upgrade;\n")).want(t, "public-upgrade", "problem", "leaves out the Upgrade header")
	})
	t.Run("no /app/", func(t *testing.T) {
		t.Parallel()
		through(t, strings.Replace(nginx, "location /app/", "location /other/", 1)).want(t, "public-upgrade", "problem", "let the proxy pass /app/")
	})
	t.Run("no /apps/", func(t *testing.T) {
		t.Parallel()
		e := through(t, strings.Replace(nginx, "location /apps/", "location /other/", 1))
		e.want(t, "public-round-trip", "problem", "let the proxy pass /apps/")
		e.want(t, "public-delivery", "ok", "came out of")
	})
	t.Run("nobody behind", func(t *testing.T) {
		t.Parallel()
		e := examine(t, env, "--url=http://"+proxied(t, nginx, "127.0.0.1:1").addr)
		e.want(t, "public-upgrade", "problem", "the proxy does not reach the server")
		e.want(t, "public-round-trip", "not checked", "no socket connects")
	})
	t.Run("gives up on silence", func(t *testing.T) {
		t.Parallel()
		hasty := strings.Replace(nginx, "proxy_read_timeout 120s", "proxy_read_timeout 1s", 1)
		through(t, hasty, "--idle=4").want(t, "public-idle", "warning", "a silent socket was closed after")
		through(t, nginx, "--idle=2").want(t, "public-idle", "ok", "still open after 2s")
	})
}

func TestDoctorFindsWhatIsBetween(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	env := envOf(s.addr)
	t.Run("redirect", func(t *testing.T) {
		t.Parallel()
		f := front(t, s.addr, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://"+r.Host+r.URL.String(), http.StatusMovedPermanently)
			return true
		})
		examine(t, env, "--url="+f.URL).want(t, "public-upgrade", "problem", "a browser follows no redirect")
	})
	t.Run("certificate", func(t *testing.T) {
		t.Parallel()
		f := httptest.NewTLSServer(forward(s.addr, pass))
		defer f.Close()
		examine(t, env, "--url="+f.URL).want(t, "public-upgrade", "problem", "browsers refuse this certificate")
		e := examine(t, append(env[:len(env)-1:len(env)-1], "APP_URL=https://shop.test"), "--url="+strings.Replace(f.URL, "https:", "http:", 1))
		e.want(t, "public-upgrade", "problem", "that port speaks TLS")
		e.want(t, "public-scheme", "problem", "browsers forbid them ws://")
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		f := front(t, s.addr, pass)
		examine(t, env, "--url="+strings.Replace(f.URL, "http:", "https:", 1)).want(t, "public-upgrade", "problem", "does not speak TLS")
		examine(t, env, "--url="+strings.Replace(f.URL, "http:", "ws:", 1)).want(t, "public-round-trip", "ok", "")
	})
	t.Run("clock", func(t *testing.T) {
		t.Parallel()
		for off, want := range map[time.Duration]string{-time.Hour: "problem", time.Minute: "warning", 0: "ok"} {
			f := front(t, s.addr, func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
				if r.Header.Get("Upgrade") != "" {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, "{}")
				return true
			})
			e := examine(t, env, "--url="+f.URL)
			e.want(t, "public-clock", want, "the public address's clock")
			e.want(t, "public-round-trip", "problem", "receiving: nothing came")
		}
	})
	t.Run("buffering", func(t *testing.T) {
		t.Parallel()
		f := front(t, s.addr, holdBack)
		examine(t, env, "--url="+f.URL).want(t, "public-upgrade", "problem", "is held back")
	})
	t.Run("no WebSocket", func(t *testing.T) {
		t.Parallel()
		f := front(t, s.addr, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			return true
		})
		examine(t, env, "--url="+f.URL).want(t, "public-upgrade", "problem", "does not speak WebSocket")
	})
	t.Run("another address than the page's", func(t *testing.T) {
		t.Parallel()
		e := examine(t, append(env, "VITE_REVERB_HOST=old.test"), "--url=http://"+s.addr)
		e.want(t, "public-url", "problem", "so pages do not connect to http://"+s.addr)
		examine(t, append(env, "VITE_REVERB_HOST=127.0.0.1"), "--url=http://"+s.addr).want(t, "public-url", "ok", "pages are sent to")
	})
	t.Run("no address", func(t *testing.T) {
		t.Parallel()
		examine(t, env).want(t, "public-url", "not checked", "--url")
		for _, bad := range []string{"ftp://x", "ws.example.com", "https://", "http://a b"} {
			examine(t, env, "--url="+bad).want(t, "public-url", "problem", "https://ws.example.com")
		}
	})
}

// holdBack takes the upgrade, and passes nothing of what the server says on.
func holdBack(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Upgrade") == "" {
		return false
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])}}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return true
	}
	out := bufio.NewWriter(conn)
	_, _ = out.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(out)
	_, _ = out.WriteString("\r\n")
	_ = out.Flush()
	go func() {
		_, _ = io.Copy(io.Discard, conn) // until the other hangs up
		_ = conn.Close()
	}()
	return true
}
