package e2e

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// run ends by itself; it returns both outputs and the exit code.
func run(t *testing.T, p plan, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := command(t, p, args...)
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), c.ProcessState.ExitCode()
}

// laravel makes what the server needs to see of a Laravel project.
func laravel(t *testing.T, env ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"artisan":       "#!/usr/bin/env php\n<?php\n",
		"composer.json": `{"name":"laravel/laravel","require":{"laravel/framework":"^12.0","laravel/reverb":"^1.0"}}`,
		".env":          strings.Join(env, "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "storage", "app"), 0o700); err != nil {
		t.Fatal(err)
	}
	return root
}

// credentials are those of all tests, as Laravel's .env has them.
var credentials = []string{
	"REVERB_APP_ID=" + appID, "REVERB_APP_KEY=" + appKey, `REVERB_APP_SECRET="` + appSecret + `"`,
	"REVERB_SERVER_HOST=127.0.0.1", "REVERB_SERVER_PORT=0",
}

func TestStartInALaravelProject(t *testing.T) {
	t.Parallel()
	root := laravel(t, credentials...)
	s := start(t, plan{dir: filepath.Join(root, "storage"), bare: true, args: []string{}})
	c := s.connect(t)
	c.subscribe("orders", nil)
	if err := s.publisher().Trigger("orders", "paid", "1"); err != nil {
		t.Fatal(err)
	}
	c.expect("paid", "orders", "1")
}

func TestSettingsHaveTheirOrder(t *testing.T) {
	t.Parallel()
	root := laravel(t, append(credentials, "REVERB_SERVER_PATH=/from-file", "REVERB_APP_MAX_CONNECTIONS=1")...)
	// The environment is above the file, and flags are above both.
	p := plan{dir: root, bare: true, args: []string{"--path", "/ws"}, env: []string{"REVERB_SERVER_PATH=/from-environment", "REVERB_APP_MAX_CONNECTIONS=2"}}
	s := start(t, p)
	if !strings.Contains(s.first, s.addr+"/ws") {
		t.Errorf("the first line is %q", s.first)
	}
	s.connect(t)
	s.connect(t)
	var closed closedError
	if _, err := s.tryConnect(t); err == nil || errors.As(err, &closed) && closed.code != 4004 {
		t.Errorf("the third of two sockets: %v", err)
	}
}

// TestDemoKeepsItsCredentials: what somebody has pasted into an .env goes on working.
func TestDemoKeepsItsCredentials(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	read := func() string {
		t.Helper()
		s := start(t, plan{args: []string{"--data-dir", data}})
		_, answer, _ := strings.Cut(string(shove(t, s.dial(t), []byte("GET /demo/config HTTP/1.0\r\nHost: a\r\n\r\n"))), "\r\n\r\n")
		s.stop(syscall.SIGTERM)
		if !strings.Contains(answer, `"key":"`) {
			t.Fatalf("the demo's settings are %q", answer)
		}
		return answer
	}
	if first, second := read(), read(); first != second {
		t.Errorf("the demo had %s, and has %s after a restart", first, second)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	stdout, stderr, code := run(t, plan{}, append([]string{"start", "--host", "127.0.0.1", "--port", port}, appFlags...)...)
	if code != 1 || strings.Contains(stdout, "Starting") {
		t.Errorf("exit code %d, and it said %q", code, stdout)
	}
	last := lastLine(stderr)
	if !strings.HasPrefix(last, "resound: ") || !strings.Contains(last, port) || !strings.Contains(last, "in use") {
		t.Errorf("the error is %q", stderr)
	}
	if n := strings.Count(stderr, "\n"); n != 1 {
		t.Errorf("the error has %d lines:\n%s", n, stderr)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestTwoServersOnOnePort: the second one says so, and the first one goes on.
func TestTwoServersOnOnePort(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	finish := s.watch(t)
	_, stderr, code := run(t, plan{}, append([]string{"start", "--host", "127.0.0.1", "--port", strconv.Itoa(s.port)}, appFlags...)...)
	if code != 1 || !strings.Contains(stderr, "in use") {
		t.Errorf("the second server ended with %d and %q", code, stderr)
	}
	finish()
}

func TestSignalsStopIt(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		s := start(t, plan{})
		c := s.connect(t)
		ended := make(chan error, 1)
		go func() {
			ended <- c.ended()
			_ = c.conn.Close() // the server waits a while for that
		}()
		s.stop(signal) // requires exit code 0
		var closed closedError
		if err := <-ended; !errors.As(err, &closed) || closed.code != 1001 {
			t.Errorf("%v: the socket ended with %v, want a close with 1001", signal, err)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"start", "--prot", "1"}, "--port"},
		{[]string{"start", "--port", "70000"}, "65535"},
		{[]string{"start", "--app-id", "1"}, "REVERB_APP_KEY"},
		{[]string{"start", "--env-file", "not-there"}, "not-there"},
		{[]string{"begin"}, "begin"},
	} {
		stdout, stderr, code := run(t, plan{}, test.args...)
		if code != 1 || !strings.HasPrefix(stderr, "resound: ") || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%q ends with %d, %q and %q, want something of %q", test.args, code, stdout, stderr, test.want)
		}
	}
}

func TestVersionAndConfig(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := run(t, plan{}, "version")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "resound") {
		t.Errorf("version: %d, %q, %q", code, stdout, stderr)
	}
	const secret = "n0b0dy-may-see"
	root := laravel(t, "REVERB_APP_ID=7", "REVERB_APP_KEY="+appKey, "REVERB_APP_SECRET="+secret, "REVERB_APP_MAX_MESSAGE_SIZE=5000")
	stdout, stderr, code = run(t, plan{dir: root}, "config")
	if code != 0 || stderr != "" {
		t.Fatalf("config: %d, %q", code, stderr)
	}
	for _, want := range []string{"max-message-size", "5000", ".env:", appKey} {
		if !strings.Contains(stdout, want) {
			t.Errorf("config lacks %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, secret) {
		t.Errorf("config shows the secret:\n%s", stdout)
	}
}
