package bench

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"resound/bench/sys"
)

// Target is a server to measure: one that is started, one that runs already, or a command of this program.
type Target struct {
	Name string `json:"name"`
	// Program is started with Args, and with Env (KEY=VALUE) beside our own environment. In both,
	// {port} stands for a port that is free, {dir} for a directory that is removed afterwards,
	// and {id}, {key} and {secret} for the application's credentials.
	Program string   `json:"program,omitempty"`
	Args    []string `json:"args,omitempty"`
	Env     []string `json:"env,omitempty"`
	// Address is one that runs already; API is where it takes publishes, if that is not there as well.
	// PID is its process on this machine; 0 if that is not known: then its CPU and its memory are not either.
	Address string `json:"address,omitempty"`
	API     string `json:"api,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Self    string `json:"self,omitempty"` // the command of this program that is the server

	ID     string `json:"id,omitempty"`
	Key    string `json:"key,omitempty"`
	Secret string `json:"-"`
	Path   string `json:"path,omitempty"` // prefix of the server's paths
}

// The baselines.
var (
	// Baseline does nothing but write: see package raw.
	Baseline = Target{Name: "raw", Self: "raw"}
	// BareHTTP is fasthttp with a handler that answers {}.
	BareHTTP = Target{Name: "fasthttp", Self: "bare"}
)

func (t Target) raw() bool { return t.Self == Baseline.Self }

// measurable says whether the process is on this machine, and known.
func (t Target) measurable() bool { return t.Address == "" || t.PID != 0 }

// ofProcess is what was read of the process: f, or NaN, which a table shows as a dash.
func (t Target) ofProcess(f float64) float64 {
	if !t.measurable() {
		return math.NaN()
	}
	return f
}

// needProcesses is the error of a scenario that is about nothing but the process, if that of a target is not known.
func needProcesses(what string, targets []Target) error {
	for _, t := range targets {
		if !t.measurable() {
			return fmt.Errorf("%s: its %s cannot be read without its process: give its --pid (pid: in a peers file); a server on another machine cannot be measured for this", t.Name, what)
		}
	}
	return nil
}

// SetAddress sets where the server takes sockets, and publishes if that is elsewhere: HOST:PORT,
// also behind ws:// or http://. There is no TLS.
func (t *Target) SetAddress(address, api string) (err error) {
	if t.Address, err = hostPort(address); err == nil && api != "" {
		t.API, err = hostPort(api)
	}
	if err != nil {
		return fmt.Errorf("the address of %s: %w", t.Name, err)
	}
	return nil
}

func hostPort(text string) (string, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok:
		rest = text
	case scheme == "wss" || scheme == "https":
		return "", fmt.Errorf("%s: the load speaks no TLS: measure the port behind it, or ws:// if the server has that", text)
	case scheme != "ws" && scheme != "http":
		return "", fmt.Errorf("%s: %s:// is not known, ws:// is", text, scheme)
	case !strings.Contains(rest, ":"):
		rest += ":80"
	}
	host, port, err := net.SplitHostPort(rest)
	if n, failed := strconv.ParseUint(port, 10, 16); err != nil || failed != nil || host == "" || n == 0 {
		return "", fmt.Errorf("%q is not HOST:PORT", text)
	}
	return rest, nil
}

// server is a target that runs.
type server struct {
	Target
	child   *child // nil if it is not ours
	addr    sys.Addr
	api     sys.Addr // the zero value if it is addr
	control sys.Addr
	dir     string
}

// startTimeout is how long a server may take until it listens.
var startTimeout = 30 * time.Second

// startServer starts a target and waits until it listens.
func startServer(t Target, at place) (*server, error) {
	s := &server{Target: t}
	switch {
	case t.Self != "":
		return s, s.startSelf(at, t.Self)
	case t.Program == "":
		return s, s.find()
	}
	var err error
	if s.addr, err = freePort(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "resound-bench-"); err != nil {
		return nil, err
	}
	if err = s.launch(at); err != nil {
		return nil, err
	}
	return s, nil
}

// launch starts the process, and waits until it listens. One that does not is ended, once.
func (s *server) launch(at place) (err error) {
	if s.child, err = startChild(at, s.fill(s.Env), s.Program, s.fill(s.Args)...); err != nil {
		s.stop()
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	if err = s.await(); err != nil {
		s.child = nil
	}
	return err
}

// crash ends the process as if it were never told, and waits until it is gone. What it had on the disk stays for launch.
func (s *server) crash() {
	s.child.kill()
	s.child = nil
}

// find looks up the addresses of one that runs already.
func (s *server) find() (err error) {
	if s.addr, err = sys.ParseAddr(s.Address); err == nil && s.API != "" {
		s.api, err = sys.ParseAddr(s.API)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	if s.PID != 0 {
		if _, err := cpuUsage(s.PID); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// startSelf starts a server that this program is itself, under a command that
// prints the port it listens on, and that for orders or 0.
func (s *server) startSelf(at place, command string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.child, err = startChild(at, nil, self, command); err != nil {
		return err
	}
	local := [4]byte{127, 0, 0, 1}
	s.addr.IP, s.control.IP = local, local
	if _, err = fmt.Fscanln(s.child.out, &s.addr.Port, &s.control.Port); err != nil {
		return fmt.Errorf("%s printed no ports: %w: %s", command, err, s.stop())
	}
	return nil
}

// await waits until the server takes a connection. One that does not is ended.
func (s *server) await() error {
	out := s.child.out // the child may be another one by the time that anybody looks
	go func() { _, _ = io.Copy(io.Discard, out) }()
	for end := time.Now().Add(startTimeout); ; {
		conn, err := net.DialTimeout("tcp", s.addr.String(), time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.child.ended:
			return fmt.Errorf("%s ended before it listened on %s, with %s%s", s.Name, s.addr, s.child.cmd.ProcessState, said(s.stop()))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not listen on %s after %v%s", s.Name, s.addr, startTimeout, said(s.stop()))
		}
	}
}

// said is the end of an error: what a process wrote to its standard error.
func said(text string) string {
	if text == "" {
		return "; it wrote nothing to its standard error"
	}
	return "; the end of its standard error:\n" + text
}

// pid is the server's process, or 0 if it is not known.
func (s *server) pid() int {
	if s.child != nil {
		return s.child.pid()
	}
	return s.PID
}

// stop ends it and returns what it wrote to its standard error.
func (s *server) stop() (said string) {
	if s.child != nil {
		said = s.child.stop()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	return said
}

// freePort finds a port that nobody listens on, of those that systems do not give to whoever dials, and never the same twice: of two
// servers that start at the same time one would be taken for the other.
func freePort() (sys.Addr, error) {
	const lowest, count = 10_000, 10_000
	for range count {
		port := lowest + rand.IntN(count)
		if _, given := portsGiven.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return sys.Addr{IP: [4]byte{127, 0, 0, 1}, Port: port}, l.Close()
		}
	}
	return sys.Addr{}, fmt.Errorf("no port from %d to %d is free", lowest, lowest+count-1)
}

var portsGiven sync.Map // by port
