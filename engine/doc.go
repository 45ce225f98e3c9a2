// Package engine is the reactor: it owns the sockets, turns bytes into
// commands, and frames into bytes.
//
//   - engine.go: options, what an engine is made of, drain.
//   - serve.go: start and stop of gnet, and its new beginning when it ends by itself.
//   - listen.go, listen_linux.go, listen_bsd.go: listening sockets, which outlive gnet and the process.
//   - drain.go: how all sessions end, slice by slice; sessions that are not read for a while.
//   - reactor.go: the adapter around gnet's loops. Nothing beyond these two knows gnet.
//   - loop.go: what one event loop does in a turn.
//   - mailbox.go: the ordered inbox of a loop.
//   - wheel.go: the timers of a loop.
//   - conn.go: one TCP connection: its state and how it ends.
//   - outbox.go: what a loop has to write, and what a slow connection has not taken.
//   - writable.go, writable_linux.go, writable_bsd.go: writes, and the wait for slow connections.
//   - session.go: what a command does; no I/O, no clock.
//   - rate.go: how many messages a connection may send.
//   - upgrade.go: from a request head to a WebSocket, or to the HTTP server.
//   - deflate.go: whether messages are compressed, and which.
//   - direct.go: publishes that the loop answers itself.
//   - opening.go: what the head of an upgrade says, and what is wrong with it.
//   - room.go: what happens when descriptors run short.
//   - admission.go: what is refused while the server is overloaded, and to addresses that open too many sockets.
//   - admission_address.go: how many sockets each address has opened.
//   - admission_proxies.go: which address that is, behind proxies.
//   - handover.go: connections on their way to the HTTP server, and back.
//   - httpconn.go: one connection of the HTTP server.
//   - tls.go: handshakes, on goroutines of which there are only so many.
//   - tls_conn.go: what a loop does for a connection with TLS.
//   - tls_transport.go: what crypto/tls reads from and writes to, memory on a loop.
//   - tls_http.go: one connection of the HTTP server that has TLS.
//   - unix.go: a socket in the file system.
//   - manual.go: the same loops without a network, for transcripts.
//   - stats.go: what the engine tells of itself.
//   - limits.go: every limit, with its reason.
//
// Threads. A loop's methods, its conns and their sessions are touched by that
// loop's goroutine alone. Only a mailbox, an Engine's methods and the hand-over
// may be used from elsewhere. There is no goroutine per connection.
//
// A turn has two halves. First everything that happened: bytes in, or tasks
// from the mailbox; Send only remembers the shared frame. Then flush: one write
// for each connection that has something to write. A connection is closed in
// flush or between turns, so nothing that closing changes is walked meanwhile.
//
// Writes. The loop writes by itself, with a system call that bypasses Go's
// scheduler, and never through gnet, which would copy what the kernel does not
// take. What it does not take stays a list of shared frames (backlog); the
// loop's writable posts when it takes more. When the list is over the limit it
// is dropped but for a frame that is half out, and 4100 is said.
//
// Bytes. What is read belongs to the loop's buffer and is good until the call
// returns; a session copies what it keeps. Frames that wait are shared and immutable.
//
// Deviations from Reverb, each with its test:
//
//   - a refused connection is closed with the code that was said, by a close
//     frame and never by a bare end of the stream (transcripts refused_*);
//   - who speaks plain HTTP to a port of TLS is told so (TestPlainOnTLSAndTLSOnPlain);
//   - frames that come in one piece with the request head are read (transcript early_frames);
//   - every connection is pinged and pruned, subscribed or not (transcript ping_idle);
//   - who reads slower than is sent is closed with 4100 (transcript slow_consumer);
//   - while the server is overloaded new sockets get HTTP 503 (TestSocketsAreRefused), and one client event a second of
//     each connection is passed on (TestClientEventsAreThinned);
//   - an address may have a limit of sockets, and of new ones a second: beyond it is HTTP 429 (TestSocketsOfAnAddress, TestAddressRate).
package engine
