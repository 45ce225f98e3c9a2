// Package node puts the parts of a server together: applications, reactor,
// HTTP API and, while no application is configured, the demo.
//
//   - node.go: what a node is made of, its start and its stop.
//   - takeover.go: sockets that were opened before; another process that takes over.
//   - log.go: the log of events, and what reads it for pages that come back.
//   - cluster.go: other servers, if it is one of several.
//   - rules.go: which channels are kept, and what follows when others are.
//   - control.go: the endpoint for commands on this machine.
//   - admin.go: the port for who runs it.
//   - metrics.go: what it tells Prometheus.
//   - top.go, cpu_unix.go: what it does just now, for resound top.
//   - overload.go: how much the server takes on, four times a second.
//   - certificates.go: those of TLS, which one for whom, and their reload.
//   - reload.go: other applications while it runs, and the demo as long as there are none.
//   - trace.go: the stream of messages that --debug prints, safe to look at.
//
// A node starts in this order: the reactor listens, the HTTP server takes over
// what the reactor hands it, the demo publishes. It stops in the opposite order:
// no more demo, nobody accepted, the log written, close frames to every socket, slice by slice, answers under way finished,
// loops ended, the log closed.
package node
