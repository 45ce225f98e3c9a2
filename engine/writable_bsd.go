//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package engine

import "golang.org/x/sys/unix"

type event = unix.Kevent_t

func newPoller() (fd int, err error) {
	fd, err = unix.Kqueue()
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.SetNonblock(fd, true) // so that os.NewFile gives it to Go's poller
	}
	return fd, err
}

// watch makes ready return the descriptor once.
func (w *writable) watch(fd int, _ bool) error { return w.change(fd, unix.EV_ADD|unix.EV_ONESHOT) }

func (w *writable) unwatch(fd int) { _ = w.change(fd, unix.EV_DELETE) }

func (w *writable) change(fd, flags int) error {
	var e unix.Kevent_t
	unix.SetKevent(&e, fd, unix.EVFILT_WRITE, flags)
	_, err := unix.Kevent(w.poller, []unix.Kevent_t{e}, nil, nil)
	return err
}

// ready returns the descriptors that take more, or have failed. It does not wait.
func (w *writable) ready(events []event) (fds []int32) {
	n, _ := unix.Kevent(w.poller, nil, events, &unix.Timespec{}) // interrupted is none
	for _, e := range events[:max(n, 0)] {
		fds = append(fds, int32(e.Ident))
	}
	return fds
}

// write gives the kernel as much of b as it takes now.
func write(fd int, b []byte) (int, error) { return taken(unix.Write(fd, b)) }

// writev is write for several slices.
func writev(fd int, slices [][]byte) (n int, err error) {
	for _, s := range slices {
		done, err := write(fd, s)
		if n += done; err != nil || done < len(s) {
			return n, err
		}
	}
	return n, nil
}

func taken(n int, err error) (int, error) {
	switch err {
	case nil:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil // EINTR: the poller says at once that it takes more
	default:
		return 0, err
	}
}
