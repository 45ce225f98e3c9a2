package e2e

import "testing"

func TestChannelKinds(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	runNode(t, "kinds.mjs", s.nodeEnv())
}

func TestEncryptedInChromium(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	s := start(t, plan{})
	runNode(t, "kinds-browser.mjs", s.nodeEnv())
}

func TestOriginsInChromium(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	s := start(t, plan{env: []string{"RESOUND_ALLOWED_ORIGINS=shop.localhost,*.shop.localhost"}})
	runNode(t, "origins-browser.mjs", s.nodeEnv())
}

// TestLimitsOfAnApplication: limits.mjs counts on these limits.
func TestLimitsOfAnApplication(t *testing.T) {
	t.Parallel()
	s := start(t, plan{env: []string{
		"REVERB_APP_RATE_LIMITING_ENABLED=true", "REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS=10",
		// So long that nothing comes back while the test runs.
		"REVERB_APP_RATE_LIMIT_DECAY_SECONDS=86400",
		"RESOUND_MAX_PRESENCE_MEMBERS=3", "RESOUND_SUBSCRIPTION_COUNT=true",
	}})
	runNode(t, "limits.mjs", s.nodeEnv())
}
