package bench

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"resound/bench/sys"
)

// Target is a server to measure.
type Target struct {
	Name string `json:"name"`
	// Program is the server's binary, which is started with Args; {port} in one
	// of them stands for a port that is free, and {dir} for a directory that is
	// removed afterwards. Address is one that runs already. Self is a command of
	// this program, which is the server then.
	Self    string   `json:"self,omitempty"`
	Program string   `json:"program,omitempty"`
	Args    []string `json:"args,omitempty"`
	Address string   `json:"address,omitempty"`
	PID     int      `json:"pid,omitempty"` // of the process at Address

	ID     string `json:"id,omitempty"`
	Key    string `json:"key,omitempty"`
	Secret string `json:"-"`
	Path   string `json:"path,omitempty"`
}

// The baselines.
var (
	// Baseline does nothing but write: see package raw.
	Baseline = Target{Name: "raw", Self: "raw"}
	// BareHTTP is fasthttp with a handler that answers {}.
	BareHTTP = Target{Name: "fasthttp", Self: "bare"}
)

func (t Target) raw() bool { return t.Self == Baseline.Self }

// server is a target that runs.
type server struct {
	Target
	child   *child // nil if it is not ours
	addr    sys.Addr
	control sys.Addr
	dir     string
}

// startTimeout is how long a server may take until it listens.
const startTimeout = 15 * time.Second

// startServer starts a target and waits until it listens.
func startServer(t Target, at place) (*server, error) {
	s := &server{Target: t}
	var err error
	switch {
	case t.Self != "":
		return s, s.startSelf(at, t.Self)
	case t.Program == "":
		s.addr, err = sys.ParseAddr(t.Address)
		return s, err
	}
	if s.addr, err = freePort(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "resound-bench-"); err != nil {
		return nil, err
	}
	replace := strings.NewReplacer("{port}", fmt.Sprint(s.addr.Port), "{dir}", s.dir)
	var args []string
	for _, a := range t.Args {
		args = append(args, replace.Replace(a))
	}
	if s.child, err = startChild(at, t.Program, args...); err != nil {
		s.stop()
		return nil, err
	}
	return s, s.await()
}

// startSelf starts a server that this program is itself, under a command that
// prints the port it listens on, and that for orders or 0.
func (s *server) startSelf(at place, command string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.child, err = startChild(at, self, command); err != nil {
		return err
	}
	local := [4]byte{127, 0, 0, 1}
	s.addr.IP, s.control.IP = local, local
	if _, err = fmt.Fscanln(s.child.out, &s.addr.Port, &s.control.Port); err != nil {
		return fmt.Errorf("%s printed no ports: %w: %s", command, err, s.stop())
	}
	return nil
}

// await waits until the server takes a connection.
func (s *server) await() error {
	go func() { _, _ = io.Copy(io.Discard, s.child.out) }()
	for end := time.Now().Add(startTimeout); ; {
		conn, err := net.DialTimeout("tcp", s.addr.String(), time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.child.ended:
			return fmt.Errorf("%s ended at once: %s", s.Name, s.stop())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not listen on %s after %v: %s", s.Name, s.addr, startTimeout, s.stop())
		}
	}
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

// freePort finds a port that nobody listens on.
func freePort() (sys.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return sys.Addr{}, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return sys.Addr{IP: [4]byte{127, 0, 0, 1}, Port: port}, l.Close()
}
