package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// unixListener is a socket in the file system, for a proxy on the same machine. Connections are accepted on a goroutine and
// enrolled into a loop.
type unixListener struct {
	*net.UnixListener
	path string
	own  os.FileInfo // of our socket, which may have another's in its place by now
}

// acceptPause is how long accepting waits when the process has no descriptor left.
const acceptPause = 50 * time.Millisecond

// listenUnix makes the socket. One that nobody listens on is left over from a process that was killed, and replaced; with
// takeOver the one of the process that hands over to this one is, too, without a moment in which there is none.
func listenUnix(path string, mode os.FileMode, takeOver bool) (*unixListener, error) {
	if err := vacant(path, takeOver); err != nil {
		return nil, fmt.Errorf("listen on unix://%s: %w", path, err)
	}
	made := path + "." + strconv.Itoa(os.Getpid()) // so that nobody connects before it has its mode
	_ = os.Remove(made)                            // of a process with our id that was killed here
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("listen on unix://%s: %w", path, err)
	}
	ln.SetUnlinkOnClose(false)
	l := &unixListener{UnixListener: ln, path: path}
	if err = os.Chmod(made, mode); err == nil {
		if err = os.Rename(made, path); err == nil {
			l.own, err = os.Lstat(path)
		}
	}
	if err != nil {
		_ = ln.Close()
		_ = os.Remove(made)
		return nil, fmt.Errorf("listen on unix://%s: %w", path, err)
	}
	return l, nil
}

// vacant says why the path is not to be had.
func vacant(path string, takeOver bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errors.New("there is a file that is no socket")
	case takeOver:
		return nil
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	if err == nil {
		_ = c.Close()
	}
	return errors.New("another process listens there")
}

// Close ends accepting, and removes the socket unless another process has put its own there.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.own) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// restore puts the socket back where another process had put its own, and has ended.
func (l *unixListener) restore(e *Engine) (*unixListener, error) {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.own) {
		return l, nil
	}
	again, err := listenUnix(l.path, e.options.UnixMode, false)
	if err != nil {
		return l, err
	}
	_ = l.Close()
	spawn("unix", func() { again.accept(e) })
	return again, nil
}

// accept gives connections to the loops until the listener is closed.
func (l *unixListener) accept(e *Engine) {
	for {
		c, err := l.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			e.log.Debug("a connection could not be accepted", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		e.knock()
		if err := e.enroll(c, &plainArrival); err != nil {
			_ = c.Close()
		}
	}
}

// knock makes all loops known. gnet tells of a loop when it has a connection, and gives those that its listeners
// accept to each in turn, so that nobody but a proxy on the unix socket may ever come would leave most of them idle.
func (e *Engine) knock() {
	r := &e.reactor
	for tries := 0; r.known() < len(e.loops) && tries < 2*len(e.loops); tries++ {
		before := r.known()
		c, err := net.DialTimeout("tcp", e.listeners[0].addr.String(), time.Second)
		if err != nil {
			return
		}
		_ = c.Close()
		for wait := 0; r.known() == before && wait < 100; wait++ {
			time.Sleep(time.Millisecond)
		}
	}
}

// known is how many loops gnet has told of.
func (r *reactor) known() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.hosts)
}
