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
	"strconv"
	"strings"
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
	s := start(t, plan{})
	runNode(t, "publisher.mjs", s.nodeEnv())
}

// TestEchoAndRestarts lets the scenarios stop, kill and start the server, always on the same port.
func TestEchoAndRestarts(t *testing.T) {
	t.Parallel()
	s := launch(t, plan{})
	port := s.port
	up := true
	t.Cleanup(func() {
		if up {
			s.stop(syscall.SIGTERM)
		}
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) {
		s.stop(syscall.SIGTERM)
		up = false
	})
	mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) {
		s.kill()
		up = false
	})
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, _ *http.Request) {
		next, err := tryLaunch(t, plan{port: port})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		s, up = next, true
	})
	control := httptest.NewServer(mux)
	t.Cleanup(control.Close)
	runNode(t, "restart.mjs", append(s.nodeEnv(), "CONTROL="+control.URL))
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
