package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pusher/pusher-http-go/v5"
)

// patience is when a test gives up waiting. It says nothing of how long anything should take.
const patience = 30 * time.Second

// scratch is where the binary is built; TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	if addr := os.Getenv(crowdOf); addr != "" {
		beCrowd(addr)
	}
	if os.Getenv(bareHTTP) != "" {
		beBareHTTP()
	}
	dir, err := os.MkdirTemp("", "resound-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// buildOnce builds the server as it is shipped, or with the race detector when the tests have it.
var buildOnce = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "resound")
	args := append([]string{"build", "-buildvcs=false", "-o", binary}, buildFlags...)
	build := exec.Command("go", append(args, "resound/cmd/resound")...)
	build.Env = append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
})

func built(t testing.TB) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// appFlags are those of a server with the application of all tests.
var appFlags = []string{"--app-id", appID, "--app-key", appKey, "--app-secret", appSecret}

// plan is how a server is to be started.
type plan struct {
	args    []string   // behind "resound start --host 127.0.0.1 --port PORT"; nil is appFlags
	port    int        // 0 lets the system choose
	dir     string     // working directory; "" is an empty one
	env     []string   // on top of PATH and HOME
	sh      string     // shell commands before the server's, such as "ulimit -n 256"
	files   []*os.File // descriptors from 3 on
	program string     // "" is the server as it was built
	bare    bool       // args are all there are, without --host and --port
}

// eachDoor runs a test for both ways of a publish: where events are kept a goroutine answers it, which may wait for
// the disk, and where none are the loop that has read it does.
func eachDoor(t *testing.T, test func(t *testing.T, flags []string)) {
	for name, durability := range map[string]string{"kept": "process", "not kept": "off"} {
		t.Run(name, func(t *testing.T) { test(t, append([]string{"--durability", durability}, appFlags...)) })
	}
}

// server is one running process.
type server struct {
	t     testing.TB
	cmd   *exec.Cmd
	addr  string // host:port as in the first line of the output
	port  int
	first string // first line of the output
	log   lockedBuffer
	gone  chan struct{} // closed once the process has ended
	once  sync.Once
}

// start runs a server until the end of the test, which then requires that it
// stops at SIGTERM with exit code 0 and that it did not end before.
func start(t testing.TB, p plan) *server {
	t.Helper()
	s := launch(t, p)
	t.Cleanup(func() { s.stop(syscall.SIGTERM) })
	return s
}

// command is `resound args...` away from any Laravel project, with a clean environment.
func command(t testing.TB, p plan, args ...string) *exec.Cmd {
	t.Helper()
	if p.program == "" {
		p.program = built(t)
	}
	c := exec.Command(p.program, args...)
	if p.sh != "" {
		c = exec.Command("sh", append([]string{"-c", p.sh + `; exec "$0" "$@"`, p.program}, args...)...)
	}
	c.ExtraFiles = p.files
	home := t.TempDir()
	if c.Dir = p.dir; c.Dir == "" {
		c.Dir = home
	}
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}, p.env...)
	return c
}

func launch(t testing.TB, p plan) *server {
	t.Helper()
	s, err := tryLaunch(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryLaunch(t testing.TB, p plan) (*server, error) {
	t.Helper()
	args := []string{"start"}
	if !p.bare {
		args = append(args, "--host", "127.0.0.1", "--port", strconv.Itoa(p.port))
	}
	if p.args == nil {
		p.args = appFlags
	}
	s := &server{t: t, cmd: command(t, p, append(args, p.args...)...), gone: make(chan struct{})}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		defer close(s.gone)
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		lines <- strings.TrimSuffix(line, "\n")
		_, _ = io.Copy(&s.log, r)
		_ = s.cmd.Wait() // the exit code is in ProcessState
	}()
	select {
	case s.first = <-lines:
	case <-time.After(patience):
	}
	if err := s.locate(); err != nil {
		_ = s.cmd.Process.Kill()
		<-s.gone
		return nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	return s, nil
}

// locate reads the address from "Starting server on 127.0.0.1:8080/prefix (name)".
func (s *server) locate() error {
	rest, ok := strings.CutPrefix(strings.Replace(s.first, "secure ", "", 1), "Starting server on ")
	if !ok {
		return fmt.Errorf("the server's first line is %q", s.first)
	}
	s.addr, _, _ = strings.Cut(rest, " ")
	s.addr, _, _ = strings.Cut(s.addr, "/")
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	s.port, err = strconv.Atoi(port)
	return err
}

// stop ends the server and requires exit code 0. A second call does nothing.
func (s *server) stop(sig os.Signal) {
	s.once.Do(func() {
		s.t.Helper()
		select {
		case <-s.gone:
			s.t.Errorf("the server ended by itself: %v\n%s", s.cmd.ProcessState, s.log.String())
			return
		default:
		}
		if err := s.cmd.Process.Signal(sig); err != nil {
			s.t.Errorf("stopping the server: %v", err)
		}
		select {
		case <-s.gone:
		case <-time.After(patience):
			_ = s.cmd.Process.Kill()
			<-s.gone
			s.t.Errorf("the server did not stop at %v\n%s", sig, s.log.String())
			return
		}
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			s.t.Errorf("the server ended with %v at %v\n%s", s.cmd.ProcessState, sig, s.log.String())
		}
		if s.t.Failed() {
			s.t.Logf("the server's output:\n%s", s.log.String())
		}
	})
}

// publisher is the official one, for the application of all tests.
func (s *server) publisher() *pusher.Client {
	return &pusher.Client{AppID: appID, Key: appKey, Secret: appSecret, Host: s.addr,
		HTTPClient: &http.Client{Timeout: patience, Transport: &http.Transport{}}, OverrideMaxMessagePayloadKB: 200}
}

// lockedBuffer collects what a process writes to both of its outputs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
