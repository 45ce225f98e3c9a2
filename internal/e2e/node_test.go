package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	runNode(t, "echo.mjs", s.nodeEnv())
}

func TestNodePublisher(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, flags []string) {
		runNode(t, "publisher.mjs", start(t, plan{args: flags}).nodeEnv())
	})
}

func TestEchoAndRestarts(t *testing.T) {
	t.Parallel()
	s, control := restartable(t, plan{})
	runNode(t, "restart.mjs", append(s.nodeEnv(), "CONTROL="+control))
}

// restartable starts a server, and a way for scripts to stop, kill and start it on the same port, with
// the data that it has left behind, or without.
func restartable(t *testing.T, p plan) (first *server, control string) {
	t.Helper()
	if p.dir == "" {
		p.dir = t.TempDir()
	}
	s := launch(t, p)
	first = s
	var mu sync.Mutex
	mux := http.NewServeMux()
	handle := func(pattern string, do func() error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if err := do(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	handle("POST /stop", func() error { s.stop(syscall.SIGTERM); return nil })
	handle("POST /kill", func() error { s.kill(); return nil })
	handle("POST /start", func() error {
		p.port = first.port
		next, err := tryLaunch(t, p)
		if err == nil {
			s = next
		}
		return err
	})
	handle("POST /wipe", func() error { return os.RemoveAll(filepath.Join(p.dir, "resound-data")) })
	h := httptest.NewServer(mux)
	t.Cleanup(func() {
		h.Close() // waits for a request under way
		s.stop(syscall.SIGTERM)
	})
	return first, h.URL
}

// kill ends the server as a crash would.
func (s *server) kill() {
	s.once.Do(func() {
		_ = s.cmd.Process.Kill()
		<-s.gone
	})
}

// nodeEnv tells a script where the server is.
func (s *server) nodeEnv() []string {
	host, port, _ := net.SplitHostPort(s.addr)
	return []string{"SERVER_HOST=" + host, "SERVER_PORT=" + port, "APP_ID=" + appID, "APP_KEY=" + appKey, "APP_SECRET=" + appSecret}
}

// outcome is one line of clients/report.mjs.
type outcome struct {
	Name    string
	Nesting int
	Passed  bool
	Skipped bool
	Error   string
}

// runNode runs a script of clients and makes each of its scenarios a subtest.
func runNode(t *testing.T, script string, env []string) {
	t.Helper()
	if _, err := os.Stat("clients/node_modules/.package-lock.json"); err != nil {
		t.Fatalf("the clients are not installed, run `make deps`: %v", err)
	}
	node := exec.Command("node", "--test-reporter=./report.mjs", "--test-reporter-destination=stdout", script)
	node.Dir = "clients"
	node.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	var stderr bytes.Buffer
	node.Stderr = &stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("node, run `make deps`: %v", err)
	}
	// A script that hangs is ended before the whole test run is.
	guard := time.AfterFunc(4*time.Minute, func() { _ = node.Process.Kill() })
	defer guard.Stop()
	ran := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil || o.Name == "" {
			t.Logf("%s: %s", script, lines.Text())
			continue
		}
		ran++
		t.Run(strings.ReplaceAll(o.Name, "/", "|"), func(t *testing.T) {
			if !o.Passed || o.Skipped {
				t.Errorf("passed %s, skipped %s\n%s", strconv.FormatBool(o.Passed), strconv.FormatBool(o.Skipped), o.Error)
			}
		})
	}
	if err := node.Wait(); err != nil {
		t.Errorf("%s: %v", script, err)
	}
	if ran == 0 {
		t.Errorf("%s ran no scenario", script)
	}
	if t.Failed() {
		t.Logf("%s said:\n%s", script, stderr.String())
	}
}
