package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"resound/bench/sys"
)

// Cores is where processes run. A negative core means that the process is not pinned.
type Cores struct {
	Server int `json:"server"`
	Load   int `json:"load"`
}

// DefaultCores gives the server the first core and the load the second, if there are two.
func DefaultCores() Cores {
	cores, err := sys.Affinity()
	if err != nil || len(cores) < 2 {
		return Cores{-1, -1}
	}
	return Cores{cores[0], cores[1]}
}

// child is a process of ours. Who talks to it writes in and reads out.
type child struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *bufio.Reader
	ended  chan struct{}
	errors tail
}

// startChild starts a program on one core, with one thread for its Go code.
func startChild(core int, name string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	c.cmd.Stderr = &c.errors
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	// Ctrl-C on the terminal is for us alone: we end our children.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReaderSize(out, 1<<20)
	c.cmd.Stdin, c.cmd.Stdout = stdin, stdout
	err = onCore(core, c.cmd.Start)
	_, _ = stdin.Close(), stdout.Close()
	if err != nil {
		return nil, fmt.Errorf("%s could not be started: %w", name, err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// onCore calls f on a thread that is pinned, which what f starts inherits.
func onCore(core int, f func() error) error {
	if core < 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := sys.Affinity()
	if err != nil {
		return err
	}
	if err := sys.Pin(core); err != nil {
		return fmt.Errorf("core %d: %w", core, err)
	}
	return errors.Join(f(), sys.Pin(before...))
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process, politely first, and returns what it wrote to its standard error.
func (c *child) stop() string {
	_ = c.in.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	return string(bytes.TrimSpace(c.errors.b))
}

// tail keeps the end of what a process writes to its standard error.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - 4<<10; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(p), nil
}
