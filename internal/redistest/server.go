package redistest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

// Options are how a Server differs from one that keeps everything in memory, without a bound and a password.
type Options struct {
	MaxMemory  string   // as in redis.conf, such as "8mb"; what does not fit is refused
	AppendOnly bool     // so that a restart, and a kill, keeps the data
	Password   string   // "" is none
	Lines      []string // more lines of redis.conf

	sentinel bool
}

// Server is a redis-server. Its methods belong to the test's goroutine, except for Try.
type Server struct {
	tb       testing.TB
	options  Options
	port     int
	dir      string
	cmd      *exec.Cmd     // nil while it is stopped
	gone     chan struct{} // closed when that process has ended
	guardian *os.Process
	leash    *os.File // closed with this process, however it ends

	mu       sync.Mutex
	wire     *wire  // guarded by mu: nil before the first command
	password string // guarded by mu
}

// Start starts one until the end of the test.
func Start(tb testing.TB, options Options) *Server {
	tb.Helper()
	// A port above would be one that the system gives to whoever dials, so that it may be taken when the server comes back,
	// and that a client who dials it while nobody listens may be given itself: then it is connected to itself.
	const lowest, highest = 20_000, 32_000
	for {
		s := &Server{tb: tb, options: options, password: options.Password, dir: tb.TempDir(), port: lowest + rand.IntN(highest-lowest)}
		if !free(s.port) {
			continue
		}
		err := s.launch()
		if errors.Is(err, errPort) {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(s.end)
		return s
	}
}

// free reports whether nobody listens on a port.
func free(port int) bool {
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		_ = ln.Close()
	}
	return err == nil
}

// FreePort is one for another purpose than Start's, such as TLS.
func FreePort() string {
	for {
		if port := 10_000 + rand.IntN(10_000); free(port) {
			return strconv.Itoa(port)
		}
	}
}

// Addr is its host and port, which stay.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// Host and Port are its address in two.
func (s *Server) Host() string { return "127.0.0.1" }

// Port is the other half of the address.
func (s *Server) Port() string { return strconv.Itoa(s.port) }

// errPort says that somebody else was faster.
var errPort = errors.New("the port is taken")

// conf writes redis.conf, once: Redis itself may write to it too.
func (s *Server) conf() (string, error) {
	path := filepath.Join(s.dir, "redis.conf")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	lines := []string{"bind 127.0.0.1", "port " + s.Port(), "dir " + s.dir, "logfile redis.log", "daemonize no"}
	if !s.options.sentinel {
		lines = append(lines, `save ""`, "appendfsync everysec", "maxmemory-policy noeviction")
	}
	if s.options.AppendOnly {
		lines = append(lines, "appendonly yes")
	}
	if s.options.MaxMemory != "" {
		lines = append(lines, "maxmemory "+s.options.MaxMemory)
	}
	if s.options.Password != "" {
		lines = append(lines, "requirepass "+strconv.Quote(s.options.Password))
	}
	return path, os.WriteFile(path, []byte(strings.Join(append(lines, s.options.Lines...), "\n")+"\n"), 0o600)
}

// launch starts the process, and returns when it answers.
func (s *Server) launch() error {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("redis-server is missing: run `make deps`, or apt-get install redis-server")
	}
	conf, err := s.conf()
	if err != nil {
		return err
	}
	args := []string{conf}
	if s.options.sentinel {
		args = append(args, "--sentinel")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
	if err := s.guard(); err != nil {
		s.Kill()
		return err
	}
	for end := time.Now().Add(patience); ; {
		_, err := s.Try("PING")
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			s.Kill()
			if log := s.log(); strings.Contains(log, "Address already in use") {
				return errPort
			} else {
				return fmt.Errorf("redis-server ended:\n%s", log)
			}
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			s.Kill()
			return fmt.Errorf("redis-server does not answer: %w\n%s", err, s.log())
		}
	}
}

// guard starts a process that ends the server when this one is gone without having done so: a test that panics, or runs into its
// time limit, has no cleanup.
func (s *Server) guard() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	sh := exec.Command("sh", "-c", `read x; kill -9 "$0"`, strconv.Itoa(s.cmd.Process.Pid))
	sh.Stdin = r
	if err := sh.Start(); err != nil {
		_ = w.Close()
		return err
	}
	s.guardian, s.leash = sh.Process, w
	return nil
}

// log is what the server has written to its log.
func (s *Server) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "redis.log"))
	return string(text[max(0, len(text)-4000):])
}

// Stop asks it to end, as systemd does. What is only in memory is lost.
func (s *Server) Stop() {
	s.tb.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(patience):
		s.tb.Errorf("redis-server at %s does not stop\n%s", s.Addr(), s.log())
	}
	s.Kill()
}

// Kill ends it as a crash does.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	if s.guardian != nil {
		_ = s.guardian.Kill() // first: the id of the server is good until it has been waited for
		_, _ = s.guardian.Wait()
		_ = s.leash.Close()
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
	s.cmd, s.guardian = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wire != nil {
		s.wire.close()
		s.wire = nil
	}
}

// Start starts it again at the same address, with what it has kept.
func (s *Server) Start() {
	s.tb.Helper()
	if s.cmd != nil {
		return
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := s.launch()
		if err == nil {
			return
		}
		if !errors.Is(err, errPort) || time.Now().After(end) {
			s.tb.Fatalf("redis-server at %s does not come back: %v", s.Addr(), err)
		}
	}
}

// Restart kills it and starts it again. With AppendOnly it has its data, else none.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	s.Start()
}

// RestartEmpty is Restart as on a new disk.
func (s *Server) RestartEmpty() {
	s.tb.Helper()
	s.Kill()
	if err := errors.Join(os.RemoveAll(filepath.Join(s.dir, "appendonlydir")), os.RemoveAll(filepath.Join(s.dir, "dump.rdb"))); err != nil {
		s.tb.Fatal(err)
	}
	s.Start()
}

// Pause makes it hang: it takes connections and bytes, and answers nothing, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if s.cmd == nil {
		s.tb.Fatalf("redis-server at %s does not run", s.Addr())
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// SetPassword changes the password while it runs. Those who are connected stay so.
func (s *Server) SetPassword(password string) {
	s.tb.Helper()
	s.Do("CONFIG", "SET", "requirepass", password)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
}

// end is the end of the test.
func (s *Server) end() {
	s.Kill()
	if s.tb.Failed() {
		s.tb.Logf("the log of redis-server at %s:\n%s", s.Addr(), s.log())
	}
}

// Do sends a command and returns the answer: a string, an int64, nil, or an []any of those.
func (s *Server) Do(args ...string) any {
	s.tb.Helper()
	v, err := s.Try(args...)
	if err != nil {
		s.tb.Fatalf("%.200q: %v", args, err)
	}
	return v
}

// Try is Do for what may fail, and for other goroutines. What Redis refuses is an Error.
func (s *Server) Try(args ...string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.wire != nil
	v, err := s.try(args)
	// A server ends the connections of its clients when it becomes a master or a replica, and by then this one was idle.
	if old && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		v, err = s.try(args)
	}
	return v, err
}

func (s *Server) try(args []string) (any, error) {
	if s.wire == nil {
		w, err := dial(s.Addr(), s.password)
		if err != nil {
			return nil, err
		}
		s.wire = w
	}
	v, err := s.wire.do(args...)
	if _, refused := err.(Error); err != nil && !refused {
		s.wire.close()
		s.wire = nil
	}
	return v, err
}

// Info returns a field of INFO, or of another command that answers in its form; "" when there is none.
func (s *Server) Info(field string, command ...string) string {
	s.tb.Helper()
	if command == nil {
		command = []string{"INFO"}
	}
	text, _ := s.Do(command...).(string)
	return lookup(text, field)
}

// lookup finds "field:value" among lines.
func lookup(text, field string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

// until waits for what, and fails with what it was about.
func until(tb testing.TB, about string, what func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited %v for: %s", patience, about)
		}
	}
}
