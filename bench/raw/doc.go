// Package raw is the baseline: the leanest server that writes one prepared
// frame to each of N sockets. It is what any server pays to the kernel for the
// same deliveries, so a figure of a server means something as its ratio to the
// baseline in the same run, and little by itself.
//
//   - server.go: the server: epoll, one thread, no goroutine but the caller's.
//   - order.go: what it is told to do, over a control connection.
//
// The server parses nothing, and sends back what a socket says. A socket that
// does not take a whole write ends the server with an error: a baseline that
// leaves deliveries out would flatter itself.
package raw
