//go:build !linux

package engine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// replace makes a descriptor one of the socket of another. What was there is closed in the same moment.
func replace(socket, fd int) error {
	if err := unix.Dup2(socket, fd); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	unix.CloseOnExec(fd)
	return nil
}

// CanResume is whether Pause can be taken back: here the poller has forgotten the socket by then.
const CanResume = false

func (*Listener) resume() error { return errors.ErrUnsupported }

func (*Engine) nudge(*Listener) {}
