package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// freeAddress is one that nobody listens on just now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// metric asks an admin port for one value; name has its labels.
func metric(t testing.TB, admin, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s", name)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMemoryRunsShort: readers that take nothing fill a small bound. Publishing is refused before it is gone, new sockets
// too, those that are in are served, the readers that hold the memory are let go, and then everything is taken again.
func TestMemoryRunsShort(t *testing.T) {
	t.Parallel()
	admin := freeAddress(t)
	s := start(t, plan{args: append([]string{
		"--memory-limit", "64MiB", "--backlog", "33554432", "--durability", "off", "--admin-address", admin, "--log-format", "text",
	}, appFlags...)})
	witness := s.connect(t)
	witness.subscribe("news", nil)
	const readers = 8
	for i := range readers {
		s.connect(t).subscribe("slow-"+strconv.Itoa(i), nil)
	}
	data := strings.Repeat("x", 500_000)
	refused := false
	for i := 0; i < 1000 && !refused; i++ {
		status, text := s.request(t, "POST", "/events", `{"name":"e","channel":"slow-`+strconv.Itoa(i%readers)+`","data":"`+data+`"}`)
		switch {
		case status == http.StatusServiceUnavailable && strings.Contains(text, "short of memory"):
			refused = true
		case status != http.StatusOK:
			t.Fatalf("publish %d: %d %s", i, status, text)
		}
	}
	if !refused {
		t.Fatal("no publish was refused")
	}
	res, err := http.Get("http://" + s.addr + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	why, _ := io.ReadAll(res.Body)
	if res.Body.Close(); res.StatusCode != 503 || !strings.Contains(string(why), "memory runs short") {
		t.Errorf("ready: %d %s", res.StatusCode, why)
	}
	if _, err := s.tryConnect(t); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a new socket: %v", err)
	}
	if err := witness.write(`{"event":"pusher:ping"}`); err != nil {
		t.Fatal(err)
	}
	witness.expect("pusher:pong", "", "")
	eventually(t, "memory to come back", func() bool { return metric(t, admin, "resound_overload_level") == 0 })
	if status, text := s.request(t, "POST", "/events", `{"name":"e","channel":"news","data":"after"}`); status != http.StatusOK {
		t.Errorf("a publish afterwards: %d %s", status, text)
	}
	witness.expect("e", "news", "after")
	s.connect(t).subscribe("news", nil)
	for name, least := range map[string]float64{
		`resound_overload_entered_total{level="guarded",reason="memory"}`: 1, `resound_shed_total{reason="memory",what="publish"}`: 1,
		`resound_shed_total{reason="memory",what="socket"}`: 1, `resound_shed_total{reason="memory",what="slow_reader"}`: 1, `resound_closed_total{code="4100"}`: 1,
	} {
		if got := metric(t, admin, name); got < least {
			t.Errorf("%s is %v", name, got)
		}
	}
	if bound := metric(t, admin, "resound_memory_bound_bytes"); bound != 64<<20 {
		t.Errorf("the bound is %v", bound)
	}
	log := s.log.String()
	for _, want := range []string{`memory is bounded" bytes=67108864`, "overload: new sockets and publishes are refused", "overload eases: everything is taken again"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if n := strings.Count(log, "overload"); n > 20 {
		t.Errorf("the log says it %d times", n)
	}
	s.alive()
}

// openFrom sends an upgrade from an address of this machine, where kept on a connection that had another request before, and returns the status of the answer and its Retry-After.
func openFrom(t testing.TB, s *server, from string, kept bool, headers ...string) (status int, retry string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Skipf("there is no %s here: %v", from, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	head := "GET /app/" + appKey + "?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if kept {
		head = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n" + head
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	if kept {
		if up, err := http.ReadResponse(r, &http.Request{Method: "GET"}); err != nil || up.StatusCode != http.StatusOK {
			t.Fatal("the first request: ", err)
		} else if _, err := io.Copy(io.Discard, up.Body); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(r, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Retry-After")
}

// TestAddressesHaveARate: an address opens its ten seconds' worth of sockets and no more. What it says of where it comes
// from counts only from a proxy that is trusted.
func TestAddressesHaveARate(t *testing.T) {
	t.Parallel()
	const rate, burst = 1, 10
	s := start(t, plan{args: append([]string{"--connection-rate", strconv.Itoa(rate), "--trusted-proxies", "127.0.0.9, unix"}, appFlags...)})
	// many opens twice as many as may be, and returns how many got in. A slow machine lets one in more for each second.
	many := func(from string, kept bool, headers ...string) (in int) {
		for i := range 2 * burst {
			var h []string
			for _, header := range headers {
				h = append(h, strings.ReplaceAll(header, "N", strconv.Itoa(i)))
			}
			status, retry := openFrom(t, s, from, kept, h...)
			switch {
			case status == http.StatusSwitchingProtocols:
				in++
			case status != http.StatusTooManyRequests || retry == "":
				t.Errorf("socket %d from %s: %d, Retry-After %q", i, from, status, retry)
			}
		}
		return in
	}
	for name, test := range map[string]struct {
		from    string
		kept    bool // connections, as nginx does
		headers []string
		limited bool
	}{
		"a client": {"127.0.0.2", false, nil, true}, "another": {"127.0.0.3", false, nil, true},
		"one that makes up addresses":                {"127.0.0.4", false, []string{"X-Forwarded-For: 10.0.0.N", "X-Real-IP: 10.0.0.N", "Forwarded: for=10.0.0.N"}, true},
		"many behind a proxy":                        {"127.0.0.9", false, []string{"X-Forwarded-For: 10.1.0.N"}, false},
		"one behind it":                              {"127.0.0.9", false, []string{"X-Forwarded-For: 10.2.0.1"}, true},
		"one behind it that makes them up":           {"127.0.0.9", false, []string{"X-Forwarded-For: 10.3.0.N, 10.4.0.1"}, true},
		"many behind a proxy that keeps connections": {"127.0.0.9", true, []string{"X-Forwarded-For: 10.5.0.N"}, false},
		"one behind it that has many":                {"127.0.0.9", true, []string{"X-Forwarded-For: 10.6.0.1"}, true},
		"a client that keeps connections":            {"127.0.0.5", true, []string{"X-Forwarded-For: 10.7.0.N"}, true},
	} {
		in := many(test.from, test.kept, test.headers...)
		if test.limited && (in < burst || in == 2*burst) || !test.limited && in != 2*burst {
			t.Errorf("%s: %d of %d got in", name, in, 2*burst)
		}
	}
	if status, _ := s.request(t, "GET", "/channels", ""); status != http.StatusOK {
		t.Errorf("publishers have no such limit: %d", status)
	}
	eventually(t, "the log to say so", func() bool { return strings.Contains(s.log.String(), "because of their addresses") })
	if n := strings.Count(s.log.String(), "because of their addresses"); n > 2 {
		t.Errorf("the log says it %d times", n)
	}
	s.alive()
}

// TestALogThatNobodyReads: the server's log goes into a pipe that nobody reads, and everybody is served all the same.
func TestALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	admin := freeAddress(t)
	pipe := filepath.Join(dir, "err")
	s := start(t, plan{
		sh:   "mkfifo " + pipe + "; exec 3<>" + pipe + "; exec 2>" + pipe, // open for reading as well: nobody is waited for
		args: append([]string{"--log-level", "debug", "--durability", "off", "--admin-address", admin}, appFlags...),
	})
	if _, err := os.Stat(pipe); err != nil {
		t.Fatal(err)
	}
	witness := s.connect(t)
	witness.subscribe("news", nil)
	const batch = 200
	wrong := strings.Repeat("POST /apps/"+appID+"/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", batch)
	c := s.call(t)
	for i := 0; metric(t, admin, "resound_output_lines_dropped_total") == 0; i++ {
		if i > 500 {
			t.Fatal("no line was dropped")
		}
		c.send(wrong)
		for range batch {
			if res, _ := c.answer("POST"); res.StatusCode != http.StatusUnauthorized {
				t.Fatal(res.Status)
			}
		}
	}
	if status, text := s.request(t, "POST", "/events", `{"name":"e","channel":"news","data":"still here"}`); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	witness.expect("e", "news", "still here")
}

// TestALogWhoseReaderIsGone: who read the server's log has ended, as tee(1) may or a collector of logs, and nobody else notices.
func TestALogWhoseReaderIsGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, plan{sh: "exec 2>&3 3>&-", files: []*os.File{w}, args: append([]string{"--log-level", "debug"}, appFlags...)})
	for _, end := range []*os.File{w, r} {
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
	}
	witness := s.connect(t)
	witness.subscribe("news", nil)
	for i := range 10 {
		if status, _ := s.request(t, "POST", "/none", ""); status != http.StatusNotFound { // that is a line
			t.Fatal(status)
		}
		if status, text := s.request(t, "POST", "/events", `{"name":"e","channel":"news","data":"`+strconv.Itoa(i)+`"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		witness.expect("e", "news", strconv.Itoa(i))
	}
}

// TestAddressesBehindNginx: with the site of deploy/ each client of nginx has its own limit, whatever it writes itself.
func TestAddressesBehindNginx(t *testing.T) {
	t.Parallel()
	const most = 3
	s := start(t, plan{args: append([]string{"--connections-per-address", "3", "--trusted-proxies", "127.0.0.1"}, appFlags...)})
	front := proxied(t, deployed(t, "nginx.conf"), s.addr)
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		for i := range 2 * most {
			want := http.StatusSwitchingProtocols
			if i >= most {
				want = http.StatusTooManyRequests
			}
			if status, _ := openFrom(t, front, from, false, "X-Forwarded-For: 10.0.0."+strconv.Itoa(i)); status != want {
				t.Errorf("socket %d of %s: %d, want %d", i, from, status, want)
			}
		}
	}
	s.alive()
}
