package sys

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event is one socket that has something: Fd is the number it was added under.
type Event = unix.EpollEvent

// What a socket is watched for, and what an Event says.
const (
	In     = unix.EPOLLIN
	Out    = unix.EPOLLOUT
	Failed = unix.EPOLLERR | unix.EPOLLHUP
)

// Poller is an epoll instance, level-triggered.
type Poller struct{ fd int }

// NewPoller opens one.
func NewPoller() (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return Poller{fd}, err
}

// Add watches fd; its events carry id.
func (p Poller) Add(fd int, id int32, events uint32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: id})
}

// Change watches fd for something else; 0 pauses it, but for failures.
func (p Poller) Change(fd int, id int32, events uint32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: id})
}

// Wait fills events and returns how many there are. It does not sleep for a
// timeout of 0, in milliseconds, and has no limit with -1.
func (p Poller) Wait(events []Event, timeout int) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if timeout == 0 {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(timeout), 0, 0)
	}
	runtime.KeepAlive(events)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// WaitFor is Wait for a time as long as d, to some 50 µs, where Wait knows milliseconds only. A kernel before 5.11
// cannot, and wakes up to a millisecond late.
func (p Poller) WaitFor(events []Event, d time.Duration) (int, error) {
	if d <= 0 {
		return p.Wait(events, 0)
	}
	limit := unix.NsecToTimespec(int64(d))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	runtime.KeepAlive(events)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS:
		return p.Wait(events, int(d/time.Millisecond)+1)
	}
	return 0, errno
}

// Close ends it. The sockets stay open.
func (p Poller) Close() { _ = unix.Close(p.fd) }

// Read takes what is there. again says that nothing is; n is 0 at the end.
func Read(fd int, b []byte) (n int, again bool, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return result(r, errno)
}

// Write gives the kernel what it takes. again says that it takes nothing now.
func Write(fd int, b []byte) (n int, again bool, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return result(r, errno)
}

// Vector is the same bytes, several times, for one Writev.
type Vector []unix.Iovec

// MaxVector is how many slices one Writev may have.
const MaxVector = 1024

// NewVector returns b times n. b must stay where it is.
func NewVector(b []byte, n int) Vector {
	v := make(Vector, n)
	for i := range v {
		v[i].Base = &b[0]
		v[i].SetLen(len(b))
	}
	return v
}

// Writev is Write of all of v.
func Writev(fd int, v Vector) (n int, again bool, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v[0])), uintptr(len(v)))
	return result(r, errno)
}

func result(r uintptr, errno syscall.Errno) (int, bool, error) {
	switch errno {
	case 0:
		return int(r), false, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, true, nil
	}
	return 0, false, errno
}

// ChildAttr are the attributes of a process in a session of its own, which is told to end when the thread that started it ends,
// however that comes about. Threads of Go end with the process, but those whose goroutine ended locked to them.
func ChildAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
}
