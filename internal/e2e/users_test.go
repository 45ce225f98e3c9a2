package e2e

import "testing"

func TestUsers(t *testing.T) {
	t.Parallel()
	s, control := restartable(t, plan{})
	runNode(t, "users.mjs", append(s.nodeEnv(), "CONTROL="+control))
}
