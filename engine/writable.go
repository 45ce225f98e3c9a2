package engine

import (
	"os"
	"syscall"

	"resound/channels"
)

// writable waits for the slow connections of one loop to take more. gnet watches sockets for that only
// when it has copied what they have not taken, so it has a poller of its own, which is itself waited for by
// Go's: no thread, and nothing to do while nobody is slow.
type writable struct {
	poller int // descriptor
	file   *os.File
	raw    syscall.RawConn
}

func newWritable() (*writable, error) {
	fd, err := newPoller()
	if err != nil {
		return nil, os.NewSyscallError("poller", err)
	}
	w := &writable{poller: fd, file: os.NewFile(uintptr(fd), "writable")}
	if w.raw, err = w.file.SyscallConn(); err != nil {
		_ = w.file.Close()
		return nil, err
	}
	return w, nil
}

// close ends run.
func (w *writable) close() { _ = w.file.Close() }

// run posts the descriptors that take more to the loop, each once for each watch. It ends with close.
func (w *writable) run(l *loop) {
	events := make([]event, 256)
	for {
		var fds []int32
		err := w.raw.Read(func(uintptr) bool {
			fds = w.ready(events)
			return len(fds) > 0
		})
		if err != nil {
			return
		}
		l.mailbox.Post(channels.Call(func() { l.host.(*gnetHost).resume(fds) }))
	}
}
