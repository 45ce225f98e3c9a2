// Package sys is the system calls of the harness: sockets and epoll without
// the net package, so that neither the baseline nor the load pays for a
// scheduler. Calls that do not block go to the kernel without a word to Go's
// scheduler; Poller.Wait alone tells it, when it may sleep. All of it is for
// one goroutine, which its owner locks to a thread.
//
//   - sys.go: what is the same everywhere.
//   - sys_linux.go: Poller, and reading and writing of sockets.
//   - sock_linux.go: how sockets come to be; pinning of threads.
//   - sys_other.go: on other systems each call fails with ErrUnsupported.
package sys
