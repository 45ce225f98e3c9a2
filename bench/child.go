package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"resound/bench/sys"
)

// Cores is where processes run. A negative core means that the process is not pinned.
type Cores struct {
	Server int `json:"server"`
	Load   int `json:"load"`
	Nice   int `json:"nice"` // priority of both: below 0 before other processes
}

// DefaultCores gives the server the first core and the load the second, if there are two.
func DefaultCores() Cores {
	cores, err := sys.Affinity()
	if err != nil || len(cores) < 2 {
		return Cores{-1, -1, 0}
	}
	return Cores{cores[0], cores[1], 0}
}

// child is a process of ours. Who talks to it writes in and reads out.
type child struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *bufio.Reader
	ended  chan struct{}
	errors tail
}

// A place is where a process runs, and before whom.
type place struct{ core, nice int }

func (c Cores) server() place { return place{c.Server, c.Nice} }
func (c Cores) load() place   { return place{c.Load, c.Nice} }

// part is the place of one of several loads: each has a core of its own as long as there are any, beside the server's.
func (c Cores) part(number int) place {
	cores, err := sys.Affinity()
	if c.Load < 0 || err != nil {
		return place{c.Load, c.Nice}
	}
	cores = slices.DeleteFunc(cores, func(core int) bool { return core == c.Server })
	if len(cores) == 0 || number == 0 {
		return c.load()
	}
	first := max(slices.Index(cores, c.Load), 0)
	return place{cores[(first+number)%len(cores)], c.Nice}
}

// crowd is the place of a second load, which must not delay what the first one measures.
func (c Cores) crowd() place { return place{c.Load, min(c.Nice+5, 19)} }

// startChild starts a program on one core. What Go makes of that is left to the program.
// env (KEY=VALUE) comes on top of our own environment.
func startChild(at place, env []string, name string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	c.cmd.Stderr, c.cmd.WaitDelay = &c.errors, time.Second // a process that it leaves behind may keep its standard error open
	c.cmd.Env = append(os.Environ(), env...)
	// Ctrl-C on the terminal is for us alone: we end our children. A session is also a group of the scheduler's.
	c.cmd.SysProcAttr = sys.ChildAttr()
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
	err = at.run(c.cmd.Start)
	_, _ = stdin.Close(), stdout.Close()
	if err != nil {
		return nil, fmt.Errorf("%s could not be started: %w", name, err)
	}
	if at.nice != 0 {
		// Where the scheduler groups by session, the priority of a process counts within its session only.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", c.pid()), fmt.Append(nil, at.nice), 0)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// run calls f on a thread that is there, which what f starts inherits.
func (p place) run(f func() error) error {
	if p.core < 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := sys.Affinity()
	if err != nil {
		return err
	}
	if err := sys.Pin(p.core); err != nil {
		return fmt.Errorf("core %d: %w", p.core, err)
	}
	if p.nice != 0 {
		if err := sys.Nice(p.nice); err != nil {
			return errors.Join(fmt.Errorf("priority %d: %w", p.nice, err), sys.Pin(before...))
		}
		defer func() { _ = sys.Nice(0) }()
	}
	return errors.Join(f(), sys.Pin(before...))
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process and those it has started, politely first, and returns what they wrote to
// their standard error.
func (c *child) stop() string {
	_ = c.in.Close()
	_ = syscall.Kill(-c.pid(), syscall.SIGTERM) // the group: its session has no other, unless it made one
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-c.pid(), syscall.SIGKILL)
	<-c.ended
	return string(bytes.TrimSpace(c.errors.b))
}

// kill ends the process and those it has started without a word.
func (c *child) kill() {
	_ = syscall.Kill(-c.pid(), syscall.SIGKILL)
	<-c.ended
	_ = c.in.Close()
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
