//go:build !race

package e2e

// The server as it is shipped.
const cgo = "CGO_ENABLED=0"

var buildFlags []string
