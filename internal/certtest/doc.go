// Package certtest makes certificates for tests.
//
//   - certtest.go: an authority, and what it signs.
//
// An Authority signs them, and a client that trusts it trusts them. Everything is new in each run and good for an hour.
// No code outside of tests imports it.
package certtest
