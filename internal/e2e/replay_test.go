package e2e

import "testing"

// TestReplayScript: the browser package beside pusher-js of several versions, against a server that
// says what each scenario tells it to, so that it also meets what this server never says.
func TestReplayScript(t *testing.T) {
	t.Parallel()
	runNode(t, "shim.mjs", nil)
}

// TestReplayPackage: what npm would publish is built from its source, small, and typed.
func TestReplayPackage(t *testing.T) {
	t.Parallel()
	runNode(t, "package.mjs", nil)
}
