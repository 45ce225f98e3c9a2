package takeover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-json"
)

// Program is how this process was started, for the next one.
type Program struct {
	Path string
	Args []string // with the name
	Dir  string

	parent int // who started it; a process that has followed another one has none that waits for it
}

// Self looks how this process was started. It is called before anything changes the working directory, or the file.
func Self() (Program, error) {
	running, err := os.Executable()
	if err != nil {
		return Program{}, err
	}
	// The name that was given may be a link, which leads to another file after a deployment.
	path := running
	if given, err := exec.LookPath(os.Args[0]); err == nil {
		if given, err = filepath.Abs(given); err == nil && same(given, running) {
			path = given
		}
	}
	dir, err := os.Getwd()
	return Program{path, os.Args, dir, os.Getppid()}, err
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	y, failed := os.Stat(b)
	return err == nil && failed == nil && os.SameFile(x, y)
}

// Younger is the process that is to take over.
type Younger struct {
	cmd     *exec.Cmd
	orders  *os.File
	answers *os.File
	words   chan string   // what it says; closed when it can say no more
	gone    chan struct{} // closed when it has ended
}

// Start starts the younger process with these sockets, which stay open here.
func (p Program) Start(sockets []Socket, activated bool, settings Settings) (*Younger, error) {
	ordersOut, ordersIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answersOut, answersIn, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ordersOut.Close(), ordersIn.Close())
	}
	defer ordersOut.Close() //nolint:errcheck // the process has it
	defer answersIn.Close() //nolint:errcheck // the process has it
	what := passed{Activated: activated, Settings: settings}
	cmd := &exec.Cmd{Path: p.Path, Args: p.Args, Dir: p.Dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	for _, s := range sockets {
		what.Names = append(what.Names, s.Name)
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.File)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, ordersOut, answersIn)
	text, err := json.Marshal(what)
	if err == nil {
		cmd.Env = append(os.Environ(), variable+"="+string(text))
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.Path, err), ordersIn.Close(), answersOut.Close())
	}
	y := &Younger{cmd: cmd, orders: ordersIn, answers: answersOut, words: make(chan string, 8), gone: make(chan struct{})}
	go y.listen()
	go func() {
		defer close(y.gone)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	return y, nil
}

// listen reads what the process says until it ends.
func (y *Younger) listen() {
	defer close(y.words)
	r := bufio.NewReaderSize(y.answers, maxWord)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		y.words <- strings.TrimSuffix(line, "\n")
	}
}

// PID is its number.
func (y *Younger) PID() int { return y.cmd.Process.Pid }

// Checked waits until the process has read its configuration.
func (y *Younger) Checked(d time.Duration, stop <-chan struct{}) error {
	return y.await(checked, d, stop)
}

// Yours says that the log and the sockets are its own.
func (y *Younger) Yours() error {
	_, err := io.WriteString(y.orders, yours+"\n")
	return err
}

// Accepting waits until the process is about to accept connections.
func (y *Younger) Accepting(d time.Duration, stop <-chan struct{}) error {
	return y.await(accepting, d, stop)
}

// Healthy waits until the process serves.
func (y *Younger) Healthy(d time.Duration, stop <-chan struct{}) error {
	return y.await(healthy, d, stop)
}

func (y *Younger) await(want string, d time.Duration, stop <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case word, ok := <-y.words:
		if why, is := strings.CutPrefix(word, wrong); is {
			return fmt.Errorf("the new process says: %s", why)
		}
		if !ok {
			return fmt.Errorf("the new process ended before it was %s", want)
		}
		if word != want {
			return fmt.Errorf("the new process is %q and not %s: is it a server of this kind?", word, want)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("the new process was not %s within %v", want, d)
	case <-stop:
		return errors.New("this server is told to stop")
	}
}

// Kill ends the process, and returns when it is gone: nothing that it had is in use any more.
func (y *Younger) Kill() {
	_ = y.cmd.Process.Kill() // it may be gone already
	<-y.gone
	y.Leave()
}

// Leave lets the process go on alone.
func (y *Younger) Leave() { _ = errors.Join(y.orders.Close(), y.answers.Close()) }
