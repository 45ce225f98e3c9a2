package takeover

import "testing"

// docker run --init ends the container when the process ends that it has started; a process that has followed it has another parent.
func TestWhoEndsWithTheServer(t *testing.T) {
	for first, want := range map[string]bool{"docker-init": true, "tini": true, "sh": true, "systemd": false, "init": false, "": false} {
		if got := endsWith(1, first); got != want {
			t.Errorf("%q ends with what it started: %v", first, got)
		}
		if endsWith(100, first) {
			t.Errorf("%q ends with what another process started", first)
		}
	}
}
