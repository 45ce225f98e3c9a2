package engine

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func dialUnix(t *testing.T, path string) *client {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newClient(t, c)
}

// A unix socket is plain, also beside TLS, and does all that a port does: sockets, requests, and an upgrade behind those.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	e := startWith(t, Options{Loops: 2, UnixSocket: path, UnixMode: 0o660, TLS: serverTLS(t)})
	for range 3 {
		dialUnix(t, path).upgrade()
		c := dialUnix(t, path)
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
		skipAnswer(t, c)
		c.upgrade()
		c.say(`{"event":"pusher:ping"}`)
		if got := c.next(); !strings.Contains(got, "pong") {
			t.Error(got)
		}
	}
	dial(t, e).upgrade()
	if n := e.reactor.known(); n != 2 {
		t.Errorf("%d loops are used", n)
	}
}

func TestUnixSocketsThatAreThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path, 0o600, false); err == nil || !strings.Contains(err.Error(), "another process listens there") || !strings.Contains(err.Error(), path) {
		t.Errorf("one that is listened on: %v", err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	first, err := listenUnix(path, 0o600, false)
	if err != nil {
		t.Fatalf("one that is left over: %v", err)
	}
	second, err := listenUnix(path, 0o600, true)
	if err != nil {
		t.Fatalf("one that is handed over: %v", err)
	}
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the end of the first took the socket of the second: %v", err)
	}
	second.Close()
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%v is left", entries)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path, 0o600, false); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := listenUnix(filepath.Join(dir, "none", "s"), 0o600, false); err == nil || !strings.Contains(err.Error(), "none/s") {
		t.Errorf("no folder: %v", err)
	}
}

// A port that was passed on, by systemd say, is no right to a socket that another server listens on.
func TestAnotherServersUnixSocketIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	startWith(t, Options{Loops: 1, UnixSocket: path, UnixMode: 0o600})
	given, err := Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	e := bare(t, Options{Listeners: []*Listener{given}, UnixSocket: path, UnixMode: 0o600})
	if err := e.Start(); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("it starts: %v", err)
	}
	dialUnix(t, path).upgrade()
}

// A process that was to take over and has died has left its socket in the place of ours.
func TestResumePutsTheUnixSocketBack(t *testing.T) {
	if !CanResume {
		t.Skip("there is no hand-over on this system")
	}
	path := filepath.Join(t.TempDir(), "s")
	e := startWith(t, Options{Loops: 2, UnixSocket: path, UnixMode: 0o640})
	before := dialUnix(t, path)
	before.upgrade()
	for range 3 {
		if err := e.Pause(); err != nil {
			t.Fatal(err)
		}
		younger, err := listenUnix(path, 0o600, true)
		if err != nil {
			t.Fatal(err)
		}
		younger.UnixListener.Close() // as a kill does it
		if err := e.Resume(); err != nil {
			t.Fatal(err)
		}
		dialUnix(t, path).upgrade()
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
	}
	before.say(`{"event":"pusher:ping"}`)
	if got := before.next(); !strings.Contains(got, "pong") {
		t.Error(got)
	}
	stopped(t, e)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// Of two listeners one speaks TLS, and each says so to who comes to the wrong one.
func TestPlainAndTLSTogether(t *testing.T) {
	e := startWith(t, Options{Loops: 2, TLS: serverTLS(t), TLSPort: AnyPort})
	plain, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	newClient(t, plain).upgrade()
	secure, err := net.Dial("tcp", e.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	newClient(t, overTLS(e, secure)).upgrade()
	wrong, err := net.Dial("tcp", e.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	io.WriteString(wrong, handshake)
	if answer, err := io.ReadAll(wrong); err != nil || !strings.Contains(string(answer), "400 Bad Request") {
		t.Errorf("%s %v", answer, err)
	}
}
