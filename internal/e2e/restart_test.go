package e2e

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resound/internal/certtest"
)

// chain is a server whose processes follow each other on one port.
type chain struct {
	*server
	dir     string // of its data
	program string // may be replaced
}

// startChain starts the first one.
func startChain(t *testing.T, p plan) *chain {
	t.Helper()
	dir := t.TempDir()
	c := &chain{dir: filepath.Join(dir, "data"), program: filepath.Join(dir, "resound")}
	c.install(t, built(t))
	p.program = c.program
	p.args = append(append([]string{"--data-dir", c.dir, "--log-level", "warn"}, appFlags...), p.args...)
	c.server = launch(t, p)
	t.Cleanup(func() { c.end(t) })
	return c
}

// install replaces the program on the disk, as a deployment does.
func (c *chain) install(t *testing.T, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(c.program+".new", text, 0o755)
	}
	if err == nil {
		err = os.Rename(c.program+".new", c.program)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// script replaces the program by lines of shell. 4 is where it is given orders, 5 where it answers.
func (c *chain) script(t *testing.T, lines string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.install(t, path)
}

// pid is the process that serves.
func (c *chain) pid(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "control.json"))
	var at struct{ PID int }
	if err == nil {
		err = json.Unmarshal(text, &at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at.PID
}

// restart runs `resound restart`, and returns what it says.
func (c *chain) restart(t testing.TB) (string, error) {
	t.Helper()
	out, err := command(t, plan{}, "restart", "--data-dir", c.dir).CombinedOutput()
	return string(out), err
}

// end stops the process that serves, and waits until all of them are gone.
func (c *chain) end(t testing.TB) {
	select {
	case <-c.gone:
		return
	default:
	}
	_ = syscall.Kill(c.pid(t), syscall.SIGTERM)
	select {
	case <-c.gone:
	case <-time.After(patience):
		t.Errorf("a process does not end\n%s", c.log.String())
		_ = syscall.Kill(c.pid(t), syscall.SIGKILL)
		_ = c.cmd.Process.Kill()
	}
	if t.Failed() {
		t.Logf("the output of all processes:\n%s", c.log.String())
	}
}

// watchingCrowd is pages with the replay line and a publisher that never pauses.
type watchingCrowd struct {
	t      *testing.T
	pages  []*replayPage
	done   atomic.Bool
	sent   atomic.Int64
	failed atomic.Int64
	acked  []int // the publisher's until finish
	group  sync.WaitGroup
	pub    sync.WaitGroup
}

// watchers opens pages on a channel, and begins to publish to it when all are there.
func watchers(t *testing.T, s *server, pages int) *watchingCrowd {
	t.Helper()
	a := &watchingCrowd{t: t}
	for range pages {
		p := newReplayPage(t, s, "restarts")
		a.pages = append(a.pages, p)
		a.group.Go(p.run)
	}
	for _, p := range a.pages {
		select {
		case <-p.joined:
		case <-time.After(patience):
			t.Fatal("a page could not subscribe")
		}
	}
	client := s.publisher()
	a.pub.Go(func() {
		for n := 1; !a.done.Load(); n++ {
			if err := client.Trigger("restarts", "tick", strconv.Itoa(n)); err != nil {
				a.failed.Add(1)
				time.Sleep(5 * time.Millisecond)
				continue
			}
			a.acked = append(a.acked, n)
			a.sent.Add(1)
		}
	})
	return a
}

// more waits for so many more acknowledged events.
func (a *watchingCrowd) more(n int64) {
	a.t.Helper()
	target := a.sent.Load() + n
	eventually(a.t, "events to be acknowledged", func() bool { return a.sent.Load() >= target })
}

// drops is how often the pages lost their connection.
func (a *watchingCrowd) drops() (n int) {
	for _, p := range a.pages {
		n += int(p.drops.Load())
	}
	return n
}

// finish requires that every page has everything exactly once, in order, without a gap.
func (a *watchingCrowd) finish() {
	a.t.Helper()
	a.more(3)
	a.done.Store(true)
	a.pub.Wait()
	last := a.acked[len(a.acked)-1]
	for i, p := range a.pages {
		eventually(a.t, fmt.Sprintf("event %d to reach page %d", last, i), func() bool { return p.newest() >= last || p.stop.Load() })
		p.leave()
	}
	a.group.Wait()
	for i, p := range a.pages {
		if err := p.check(a.acked); err != nil {
			a.t.Errorf("page %d: %v", i, err)
		}
		if n := p.gaps(); n > 0 {
			a.t.Errorf("page %d was told of %d gaps", i, n)
		}
	}
	a.t.Logf("%d events acknowledged, %d publishes failed, %d drops of %d pages", len(a.acked), a.failed.Load(), a.drops(), len(a.pages))
}

// TestHandOver: six processes follow each other under publishing. No publish fails, no dial is refused, nothing is lost, nothing
// comes twice, and no descriptor stays behind.
func TestHandOver(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"process", "off"} {
		t.Run(durability, func(t *testing.T) {
			c := startChain(t, plan{args: []string{"--durability", durability, "--admin-address", "127.0.0.1:0"}})
			var a *watchingCrowd
			if durability != "off" {
				a = watchers(t, c.server, 40)
			}
			var files []int
			for range 6 {
				before := c.pid(t)
				if a != nil {
					a.more(20)
				}
				out, err := c.restart(t)
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if now := c.pid(t); now == before || !strings.Contains(out, fmt.Sprintf("process %d has taken over from process %d", now, before)) {
					t.Errorf("%d after %d: %s", now, before, out)
				}
				eventually(t, "the old process to end", func() bool { return syscall.Kill(before, 0) != nil || zombie(before) })
				if a != nil {
					a.more(5)
				}
				files = append(files, descriptors(t, c.pid(t)))
			}
			if a != nil {
				a.finish()
				if n := a.failed.Load(); n > 0 {
					t.Errorf("%d publishes failed", n)
				}
				if a.drops() != 6*len(a.pages) {
					t.Errorf("%d drops, over 6 hand-overs of %d pages", a.drops(), len(a.pages))
				}
			}
			t.Logf("descriptors after each: %v", files)
			if len(files) == 6 && files[5] > files[0]+3 { // connections of the publisher come and go
				t.Errorf("descriptors stay behind: %v", files)
			}
		})
	}
}

func descriptors(t testing.TB, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// zombie reports whether a process has ended and is only waited for.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat[strings.LastIndexByte(string(stat), ')'):]), ") Z")
}

// TestHandOverRollsBack: whatever is wrong with the new process, the old one goes on, no socket is lost, and the next
// hand-over works.
func TestHandOverRollsBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ script, want string }{
		"broken configuration": {`echo "wrong the settings are broken" >&5`, "the settings are broken"},
		"no such program":      {"", "no such file"},
		"says nothing":         {"exit 0", "ended before it was checked"},
		"something else":       {"echo hello >&5; exec sleep 100", `is "hello"`},
		"dies after yours":     {"echo checked >&5; read x <&4; exit 1", "ended before it was accepting"},
		"killed after yours":   {"echo checked >&5; read x <&4; kill -9 $$", "ended before it was accepting"},
		"hangs after yours":    {"echo checked >&5; read x <&4; exec sleep 100", "not accepting within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && strings.HasPrefix(name, "hangs") {
				t.Skip("it is waited for 15 s")
			}
			c := startChain(t, plan{})
			a := watchers(t, c.server, 10)
			old := c.pid(t)
			if name == "no such program" {
				if err := os.Remove(c.program); err != nil {
					t.Fatal(err)
				}
			} else {
				c.script(t, test.script)
			}
			a.more(10)
			out, err := c.restart(t)
			if err == nil || !strings.Contains(out, test.want) || !strings.Contains(out, "goes on as it was") {
				t.Errorf("%v: %s", err, out)
			}
			if c.pid(t) != old {
				t.Error("control.json names another process")
			}
			a.more(10)
			if n := a.drops(); n > 0 {
				t.Errorf("%d sockets were lost", n)
			}
			c.install(t, built(t))
			if out, err := c.restart(t); err != nil {
				t.Errorf("the next hand-over: %v: %s", err, out)
			}
			a.finish()
			if n := a.failed.Load(); n > 0 {
				t.Errorf("%d publishes failed", n)
			}
		})
	}
}

// TestHandOverChecksTheSettings: the real program, whose settings have become wrong.
func TestHandOverChecksTheSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "resound.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("drain: 10\n")
	c := startChain(t, plan{args: []string{"--config", file}})
	write("drain: often\n")
	if out, err := c.restart(t); err == nil || !strings.Contains(out, "often") {
		t.Errorf("%v: %s", err, out)
	}
	write("loops: 2\n")
	if out, err := c.restart(t); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestHandOverFailsLate: a process that has accepted connections and then dies may have published what the old
// process's pages have not heard: they come again, and have it.
func TestHandOverFailsLate(t *testing.T) {
	t.Parallel()
	c := startChain(t, plan{})
	a := watchers(t, c.server, 10)
	c.script(t, "echo checked >&5; read x <&4; echo accepting >&5; exit 1")
	a.more(10)
	if out, err := c.restart(t); err == nil || !strings.Contains(out, "ended before it was healthy") {
		t.Errorf("%v: %s", err, out)
	}
	for _, p := range a.pages {
		eventually(t, "the pages to come again", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.ids) > 1 || p.conn == nil })
	}
	a.finish()
	if a.drops() != len(a.pages) {
		t.Errorf("%d drops of %d pages", a.drops(), len(a.pages))
	}
}

// TestTheOldProcessIsKilled: before "yours" the new one ends, behind it it goes on alone.
func TestTheOldProcessIsKilled(t *testing.T) {
	t.Parallel()
	for want, order := range map[string]string{
		"gone\n":  "echo $$ > MARK.at; while [ ! -e MARK.go ]; do sleep 0.05; done; echo checked >&5 2>/dev/null; read x <&4 || echo gone > MARK",
		"yours\n": "echo checked >&5; read x <&4; echo $$ > MARK.at; while [ ! -e MARK.go ]; do sleep 0.05; done; echo $x > MARK",
	} {
		c := startChain(t, plan{})
		mark := filepath.Join(t.TempDir(), "mark")
		c.script(t, "trap '' PIPE; "+strings.ReplaceAll(order, "MARK", mark))
		if err := syscall.Kill(c.pid(t), syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the new process", func() bool { _, err := os.Stat(mark + ".at"); return err == nil })
		_ = c.cmd.Process.Kill()
		if err := os.WriteFile(mark+".go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		<-c.gone
		if b, _ := os.ReadFile(mark); string(b) != want {
			t.Errorf("the new process heard %q, want %q", b, want)
		}
	}
}

// activated is a socket that systemd holds.
func activated(t *testing.T) (*net.TCPListener, plan) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return ln.(*net.TCPListener), plan{
		files: []*os.File{f}, sh: "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=resound",
		args: append([]string{"--data-dir", t.TempDir(), "--log-level", "warn"}, appFlags...),
	}
}

// TestSocketActivation: a server stops and another one starts on the same socket, under publishing. Who dials in between waits.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	ln, p := activated(t)
	early, err := net.Dial("tcp", ln.Addr().String()) // before any server runs
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	s := launch(t, p)
	if s.addr != ln.Addr().String() {
		t.Errorf("it says that it is at %s, and the socket is at %s", s.addr, ln.Addr())
	}
	if _, err := early.Write([]byte("GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := early.Read(answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("who dialled before it started: %q, %v", answer, err)
	}
	a := watchers(t, s, 40)
	for range 4 {
		a.more(20)
		s.stop(syscall.SIGTERM)
		s = launch(t, p)
	}
	defer func() { s.stop(syscall.SIGTERM) }()
	a.finish()
}

func TestWrongActivation(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for sh, want := range map[string]string{
		"export LISTEN_PID=$$ LISTEN_FDS=1":                        `the inherited socket "unknown" (descriptor 3) cannot be listened on: it is no socket`,
		"export LISTEN_PID=$$ LISTEN_FDS=many":                     `LISTEN_FDS="many" is not a number`,
		"export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=resound": `the inherited socket "resound"`,
	} {
		out, err := command(t, plan{sh: sh, files: []*os.File{r}}, append([]string{"start", "--port", "0"}, appFlags...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", sh, err, out)
		}
	}
	// For another process: it listens by itself.
	s := start(t, plan{sh: "export LISTEN_PID=1 LISTEN_FDS=1", files: []*os.File{r}})
	if s.port == 0 {
		t.Error(s.first)
	}
}

// TestDrainCodes: pages are told to come back at once only where the socket lasts.
func TestDrainCodes(t *testing.T) {
	t.Parallel()
	_, p := activated(t)
	for code, p := range map[int]plan{4200: p, 1001: {}} {
		s := launch(t, p)
		c := s.connect(t)
		s.stop(syscall.SIGTERM)
		var closed closedError
		if err := c.ended(); !errors.As(err, &closed) || int(closed.code) != code {
			t.Errorf("closed with %v, want %d", err, code)
		}
	}
}

// TestPagesAcrossRestarts: stock pusher-js, with the package and without it, over hand-overs and over stops and starts on a
// socket that systemd would hold.
func TestPagesAcrossRestarts(t *testing.T) {
	t.Parallel()
	t.Run("hand-over", func(t *testing.T) {
		c := startChain(t, plan{})
		pagesAcross(t, c.server, func() error {
			if out, err := c.restart(t); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	})
	t.Run("socket activation", func(t *testing.T) {
		_, p := activated(t)
		s := launch(t, p)
		defer func() { s.stop(syscall.SIGTERM) }()
		pagesAcross(t, s, func() (err error) {
			s.stop(syscall.SIGTERM)
			s, err = tryLaunch(t, p)
			return err
		})
	})
}

func pagesAcross(t *testing.T, s *server, next func() error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /next", func(w http.ResponseWriter, _ *http.Request) {
		if err := next(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	control := httptest.NewServer(mux)
	defer control.Close()
	runNode(t, "handover.mjs", append(s.nodeEnv(), "CONTROL="+control.URL))
}

// TestStopDuringAHandOver: whoever wants the server to stop does not wait for a new process that hangs.
func TestStopDuringAHandOver(t *testing.T) {
	t.Parallel()
	c := startChain(t, plan{})
	mark := filepath.Join(t.TempDir(), "mark")
	c.script(t, "echo checked >&5; read x <&4; echo > "+mark+"; exec sleep 1000")
	if err := syscall.Kill(c.pid(t), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new process", func() bool { _, err := os.Stat(mark); return err == nil })
	c.stop(syscall.SIGTERM) // and it ends with 0
	if !strings.Contains(c.log.String(), "this server is told to stop") {
		t.Errorf("the hand-over ended otherwise:\n%s", c.log.String())
	}
}

// TestSystemdIsTold: it hears when the server is ready, and which process is the server then.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	ears, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ears.Close()
	hear := func() string {
		t.Helper()
		_ = ears.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 200)
		n, err := ears.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	c := startChain(t, plan{env: []string{"NOTIFY_SOCKET=" + path}})
	if got := hear(); got != "READY=1" {
		t.Error(got)
	}
	if out, err := c.restart(t); err != nil {
		t.Fatal(out)
	}
	heard := []string{hear(), hear()} // one of each process
	if want := fmt.Sprintf("MAINPID=%d\nREADY=1", c.pid(t)); heard[0] != want && heard[1] != want {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// TestHandOverIsRefused where whoever started the server would take it for the end.
func TestHandOverIsRefused(t *testing.T) {
	t.Parallel()
	for sh, want := range map[string]string{
		"export SUPERVISOR_ENABLED=1":                       "supervisorctl restart",
		"export SYSTEMD_EXEC_PID=$$":                        "Type=notify",
		"export SYSTEMD_EXEC_PID=$$ NOTIFY_SOCKET=/nowhere": "",
	} {
		c := startChain(t, plan{sh: sh})
		if out, err := c.restart(t); (err == nil) != (want == "") || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s", sh, err, out)
		}
		if want == "" {
			continue
		}
		told := func() int { return strings.Count(c.log.String(), want) }
		before := told()
		if err := syscall.Kill(c.pid(t), syscall.SIGUSR2); err != nil { // nobody gets an answer, so the log has it
			t.Fatal(err)
		}
		eventually(t, "the log to say why there is no hand-over", func() bool { return told() > before })
	}
	out, err := command(t, plan{}, "restart", "--data-dir", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no server runs on") {
		t.Errorf("without a server: %v: %s", err, out)
	}
}

// TestRequestsWhileDraining: while sockets are closed in slices, connections that are kept are answered, and health says
// what goes on. New ones are refused, and an idle one holds up nothing.
func TestRequestsWhileDraining(t *testing.T) {
	t.Parallel()
	const sockets = 1500
	needFiles(t, 2*sockets)
	eachDoor(t, func(t *testing.T, flags []string) {
		s := launch(t, plan{args: append([]string{"--data-dir", t.TempDir()}, flags...)})
		for range sockets {
			s.connect(t)
		}
		client := http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
		up := func() (string, error) {
			res, err := client.Get("http://" + s.addr + "/up")
			if err != nil {
				return "", err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			return string(b), err
		}
		if _, err := up(); err != nil {
			t.Fatal(err)
		}
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, "health to say that it drains", func() bool {
			body, err := up()
			if err != nil {
				t.Fatal(err)
			}
			return body == `{"health":"DRAINING"}`
		})
		publisher := s.publisher()
		publisher.HTTPClient = &client
		if err := publisher.Trigger("c", "e", "x"); err != nil {
			t.Errorf("a publish on a kept connection: %v", err)
		}
		if c, err := net.Dial("tcp", s.addr); err == nil {
			c.Close()
			t.Error("somebody still accepts")
		}
		<-s.gone
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("it ended with %v\n%s", s.cmd.ProcessState, s.log.String())
		}
	})
}

// TestHandOverOverTLS: the port speaks TLS, and a certificate that has become unreadable is found before anything is given up.
func TestHandOverOverTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	cert, key := ca.Pair("127.0.0.1")
	certFile, keyFile := ca.Write(t.TempDir(), "pair", cert, key)
	c := startChain(t, plan{args: []string{"--tls-cert", certFile, "--tls-key", keyFile, "--unix-socket", filepath.Join(t.TempDir(), "s")}})
	pub := c.publisher() // on connections that it keeps
	pub.Secure, pub.HTTPClient = true, &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
	publish := func() {
		t.Helper()
		if err := pub.Trigger("c", "e", "x"); err != nil {
			t.Error(err)
		}
	}
	publish()
	for range 3 {
		if out, err := c.restart(t); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		publish()
	}
	if err := os.WriteFile(certFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := c.restart(t); err == nil || !strings.Contains(out, certFile) {
		t.Errorf("%v: %s", err, out)
	}
	publish()
}

// TestHandOverOfAllListeners: a port of TLS and a socket of the file system follow beside the main port. A new process that cannot
// have one of them costs nobody a socket, and what it has put in the place of ours is put back.
func TestHandOverOfAllListeners(t *testing.T) {
	t.Parallel()
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Pair("127.0.0.1")
	certFile, keyFile := ca.Write(dir, "pair", cert, key)
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "resound.yaml")
	settings := func(port int, path string) {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, "tls_port: %d\nunix_socket: %s\n", port, path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	settings(port, path)
	c := startChain(t, plan{args: []string{"--config", file, "--tls-cert", certFile, "--tls-key", keyFile}})
	secure, plain := fmt.Sprintf("127.0.0.1:%d", port), c.addr
	ways := map[string]func() (net.Conn, error){
		"plain": func() (net.Conn, error) { return net.Dial("tcp", plain) },
		"TLS":   func() (net.Conn, error) { return tls.Dial("tcp", secure, &tls.Config{RootCAs: ca.Pool()}) },
		"unix":  func() (net.Conn, error) { return net.Dial("unix", path) },
	}
	up := func(when string) {
		t.Helper()
		for name, dial := range ways {
			conn, err := dial()
			if err != nil {
				t.Errorf("%s, %s: %v", when, name, err)
				continue
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, "GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if answer, err := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
				t.Errorf("%s, %s: %q, %v", when, name, answer, err)
			}
			_ = conn.Close()
		}
	}
	up("first")
	for i := range 3 {
		if out, err := c.restart(t); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		up(fmt.Sprintf("hand-over %d", i+1))
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stays := c.connect(t)
	settings(taken.Addr().(*net.TCPAddr).Port, path)
	if out, err := c.restart(t); err == nil || !strings.Contains(out, "address already in use") {
		t.Errorf("%v: %s", err, out)
	}
	settings(port, filepath.Join(dir, "pair.key"))
	if out, err := c.restart(t); err == nil || !strings.Contains(out, "no socket") {
		t.Errorf("%v: %s", err, out)
	}
	up("behind two that failed")
	stays.send("pusher:ping", map[string]any{})
	stays.expect("pusher:pong", "", "")
	settings(port, path)
	c.script(t, "echo checked >&5; read x <&4; rm "+path+"; exit 1") // as a process that was killed with its socket there
	if out, err := c.restart(t); err == nil {
		t.Error(out)
	}
	up("behind one that died")
}
