// Package redistest runs Redis for tests: the real one, and what comes between it and who uses it.
//
//   - server.go: one redis-server of Debian's, which is stopped, killed, paused and started again at the same address.
//   - sentinel.go, cluster.go: several of them.
//   - listen.go: what is published there.
//   - resp.go: RESP as far as tests need it, so that they share no code with the client that they test.
//   - proxy.go, pipe.go: a TCP proxy that cuts, delays, truncates and holds back.
//
// All of it listens on 127.0.0.1, keeps its data in a directory of the test's, and ends with the test; only processes that
// were started here are ended, by their id. No code outside of tests imports it.
package redistest
