// Package apps holds the applications that a node serves: who they are, the
// secrets that their signatures are checked with, and the limits and policies
// that Reverb keeps per application.
//
//   - app.go: one application and the defaults of its settings.
//   - history.go: what is kept of a channel's events, and how much of it is replayed.
//   - origin.go: which pages may connect.
//   - registry.go: the set of them, read without a lock.
//
// Invariants: an App is immutable once it is in a Registry, so any goroutine
// may read one without synchronisation. Ids are compared as strings: Reverb's
// loose comparison, in which "0123" finds the application 123, is not copied.
package apps
