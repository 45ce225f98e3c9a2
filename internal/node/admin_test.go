package node

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

const asked = "a token for tests"

// ask asks the admin port of a node.
func ask(t *testing.T, n *Node, method, path, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.AdminAddr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// Every metric that there is, is told, has what happened, and nothing that must not be seen.
func TestMetrics(t *testing.T) {
	n := started(t, "--app-id=one", "--app-key=k-secret-key", "--app-secret=very-secret", "--admin-address=127.0.0.1:0", "--admin-token="+asked)
	if status, text := ask(t, n, "GET", "/metrics", "", ""); status != http.StatusUnauthorized || !strings.Contains(text, "RESOUND_ADMIN_TOKEN") {
		t.Errorf("without a token: %d %s", status, text)
	}
	if status, _ := ask(t, n, "GET", "/debug/pprof/", asked+"x", ""); status != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", status)
	}
	app := n.engine.Hub().App(n.Apps()[0])
	for range 3 {
		if err := app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`"text that nobody may see"`), protocol.SocketID{}).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := http.Get(n.BaseURL() + "/apps/one/channels"); err != nil || res.Body.Close() != nil || res.StatusCode != 401 {
		t.Fatal("an unsigned question is answered", err)
	}
	status, text := ask(t, n, "GET", "/metrics", asked, "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	for _, line := range []string{
		`resound_app_published_total{app="one"} 3`, `resound_app_published_bytes_total{app="one"} 78`, `resound_log_appends_total 3`,
		`resound_http_requests_total{kind="channels",status="401"} 1`, `resound_draining 0`, `resound_loop_lag_seconds_bucket{le="+Inf"} `,
		`resound_publication_written_seconds_count `, `go_goroutines `, `process_resident_memory_bytes `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("there is no %q", line)
		}
	}
	rare := regexp.MustCompile(`resound_(refused_total|closed_total|cluster_\w+)$`) // have no value before the first, or without others
	for _, d := range described {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]
		if !strings.Contains(text, "# TYPE "+name+" ") && !rare.MatchString(name) {
			t.Errorf("%s is described and not told", name)
		}
	}
	for _, secret := range []string{"very-secret", "k-secret-key", "nobody may see", "news", asked} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics have %q", secret)
		}
	}
	if status, text := ask(t, n, "GET", "/ready", asked, ""); status != http.StatusOK || text != "ready\n" {
		t.Errorf("ready: %d %s", status, text)
	}
	if status, text := ask(t, n, "GET", "/debug/pprof/goroutine?debug=1", asked, ""); status != http.StatusOK || !strings.Contains(text, "goroutine profile") {
		t.Errorf("profile: %d", status)
	}
}

func TestLogLevelIsChanged(t *testing.T) {
	n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--admin-address=127.0.0.1:0")
	for _, step := range []struct {
		method, body, says string
		status             int
		level              slog.Level
	}{
		{"GET", "", "info", 200, slog.LevelInfo}, {"PUT", "debug\n", "debug", 200, slog.LevelDebug}, {"PUT", "loud", "one of debug", 400, slog.LevelDebug},
		{"PUT", strings.Repeat("x", 1000), "one of debug", 400, slog.LevelDebug}, {"PUT", "error+1000", "one of debug", 400, slog.LevelDebug}, {"PUT", "ERROR", "error", 200, slog.LevelError}, {"GET", "", "error", 200, slog.LevelError},
	} {
		status, text := ask(t, n, step.method, "/log-level", "", step.body)
		if status != step.status || !strings.Contains(text, step.says) || n.level.Level() != step.level {
			t.Errorf("%s %q: %d %s, the level is %v", step.method, step.body, status, text, n.level.Level())
		}
	}
}

// A page in a browser of this machine can have a name that leads here.
func TestAdminWithoutATokenIsForThisMachine(t *testing.T) {
	n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--admin-address=127.0.0.1:0")
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9600": 200, "localhost": 200, "localhost:9600": 200, "[::1]": 200, "[::1]:9600": 200,
		"page.example": 403, "page.example:9600": 403, "127.0.0.1.page.example": 403, "192.0.2.1:9600": 403,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+n.AdminAddr().String()+"/ready", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.Body.Close() != nil || res.StatusCode != want {
			t.Errorf("%s: %v %v, want %d", host, res, err, want)
		}
	}
}

// Strangers may not use up the descriptors that the server needs to accept anybody.
func TestAdminHasFewConnections(t *testing.T) {
	n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--admin-address=127.0.0.1:0", "--admin-token="+asked)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", n.AdminAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	var silent []net.Conn
	for range maxAdmin {
		silent = append(silent, dial())
	}
	late := dial()
	if _, err := io.WriteString(late, "GET /ready HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+asked+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 200 OK"))
	_ = late.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if k, err := late.Read(line); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one too many is answered %q, %v", line[:k], err)
	}
	silent[0].Close()
	_ = late.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(late, line); err != nil || string(line) != "HTTP/1.1 200 OK" {
		t.Errorf("when another has gone it gets %q, %v", line, err)
	}
}

// Applications beyond maxApps are one.
func TestMetricsOfManyApps(t *testing.T) {
	n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--admin-address=127.0.0.1:0")
	for i := range 150 {
		app := *n.Apps()[0]
		app.ID = "app-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		n.engine.Hub().App(&app).Publish([]byte("c"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
	}
	_, text := ask(t, n, "GET", "/metrics", "", "")
	if got := strings.Count(text, "\nresound_app_published_total{"); got != maxApps || !strings.Contains(text, `resound_app_published_total{app="(others)"} 51`) {
		t.Errorf("%d applications: %s", got, regexp.MustCompile(`resound_app_published_total.*others.*`).FindString(text))
	}
}

var update = flag.Bool("update", false, "write the page anew")

// The page names every metric as the program has it. `go test ./internal/node -run TestMetricsPage -update` writes it anew.
func TestMetricsPage(t *testing.T) {
	const page = "../../docs/OPERATIONS.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-run TestMetricsPage -update -->\n", "<!-- metrics: end -->"
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatal("the page has no place for the metrics")
	}
	want := "| metric | labels | |\n|---|---|---|\n"
	parts := regexp.MustCompile(`fqName: "(\w+)", help: "(.*?)", .*variableLabels: \{(.*?)\}`)
	for _, d := range described {
		p := parts.FindStringSubmatch(d.String())
		want += "| `" + p[1] + "` | " + p[3] + " | " + p[2] + " |\n"
	}
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the metrics of the page are stale (go test -update writes them)\nhas\n%s\nwant\n%s", have, want)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
