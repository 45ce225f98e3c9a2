//go:build race

package e2e

// Under the race detector the server has it too, and checks itself: a race or
// a broken invariant makes it end with an exit code that no test accepts.
const cgo = "CGO_ENABLED=1"

var buildFlags = []string{"-race", "-tags", "invariants"}
