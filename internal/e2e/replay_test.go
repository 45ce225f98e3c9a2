package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

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

// histories are the rules of the server that the scenarios play on; they choose by the channel's name.
const histories = `
history:
  - channels: "*nothing*"
    messages: 0
  - channels: "torture*"
    messages: 1000000
    bytes: 1073741824
    replay_messages: 1000000
    replay_bytes: 1073741824
  - channels: "short*"
    messages: 10
  - channels: "limited*"
    replay_messages: 10
  - channels: "rewound*"
    rewind: 5
  - channels: "conflated*"
    conflate: /id
`

// replaying starts a server with those rules, which scripts may stop, kill and start.
func replaying(t *testing.T) (env []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "resound.yaml"), []byte(histories), 0o600); err != nil {
		t.Fatal(err)
	}
	s, control := restartable(t, plan{dir: dir})
	return append(s.nodeEnv(), "CONTROL="+control)
}

// TestReplay: what pages miss and get, with the real clients in Node.
func TestReplay(t *testing.T) {
	t.Parallel()
	runNode(t, "replay.mjs", replaying(t))
}

// TestReplayInChromium: the same as browsers see it, with every way to add the package.
func TestReplayInChromium(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	runNode(t, "replay-browser.mjs", replaying(t))
}
