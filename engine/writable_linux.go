package engine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

type event = unix.EpollEvent

func newPoller() (fd int, err error) {
	fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that os.NewFile gives it to Go's poller
	}
	return fd, err
}

// watch makes ready return the descriptor once. again is whether it has been watched since unwatch.
func (w *writable) watch(fd int, again bool) error {
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	return unix.EpollCtl(w.poller, op, fd, &unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(fd)})
}

func (w *writable) unwatch(fd int) { _ = unix.EpollCtl(w.poller, unix.EPOLL_CTL_DEL, fd, nil) }

// ready returns the descriptors that take more, or have failed. It does not wait.
func (w *writable) ready(events []event) (fds []int32) {
	n, _ := unix.EpollWait(w.poller, events, 0) // interrupted is none
	for _, e := range events[:max(n, 0)] {
		fds = append(fds, e.Fd)
	}
	return fds
}

// write gives the kernel as much of b as it takes now. The socket never blocks, so Go's scheduler need
// not know of the call. It is sendto because that goes to the socket by a shorter way than write, through
// which every file goes.
func write(fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.EINTR {
			return taken(n, errno)
		}
	}
}

// writev is write for several slices, at most maxSlices, none of them empty.
func writev(fd int, slices [][]byte) (int, error) {
	var room [64]syscall.Iovec // more are rare, and to clear room for maxSlices would cost more than most calls
	iov := room[:]
	if len(slices) > len(room) {
		iov = make([]syscall.Iovec, len(slices))
	}
	iov = iov[:len(slices)]
	for i, s := range slices {
		iov[i].Base = unsafe.SliceData(s)
		iov[i].SetLen(len(s))
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		if errno != syscall.EINTR {
			return taken(n, errno)
		}
	}
}

func taken(n uintptr, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EAGAIN:
		return 0, nil
	default:
		return 0, errno
	}
}
