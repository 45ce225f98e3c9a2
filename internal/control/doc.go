// Package control is how commands on the same machine reach a running server: an HTTP endpoint
// on the loopback interface, for those who can read the server's data directory.
//
//   - file.go: control.json, which says where the endpoint is and holds its token.
//   - server.go: Server, the endpoint: its life, its token, GET /hello and GET /stats.
//   - answer.go: values, lists and errors on their way to the client, and back.
//   - client.go: Client, the other side.
//   - log.go: Log, what can be done with a log of events; a log that this process has open.
//   - log_server.go, log_client.go: the same over the endpoint.
//   - top.go: what a server did over a short time.
//   - cluster.go: how it goes with other servers.
//   - restart.go: another process takes over.
//   - open.go: Open, which finds out whether a server runs.
//
// The endpoint is general: whatever a running server can be asked by those who run it gets a route with
// Server.Handle, and counters get a name in GET /stats with Server.Count.
//
// Invariants. The file is written whole, with mode 0600, and names a port of 127.0.0.1 that the
// system chose; without its token nothing is answered but 401 (TestTokenIsAskedFor). It is removed at a stop, unless
// another server has written its own since. After a kill it stays; that nobody answers there, or somebody else
// does, is noticed by Dial (TestStaleFile), and Open then takes the files of the log, whose lock says
// for certain whether a server has them (TestOpenWithoutServer).
//
// A log through a server and the same log in this process answer alike (TestRemoteIsLikeLocal). No
// request holds the log while its client is slow: records are read in chunks, and copied, before any is written.
package control
