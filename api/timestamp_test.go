package api

import (
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resound/internal/apps"
)

// clock is a time that a test moves.
type clock struct{ seconds atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(c.seconds.Load(), 0) }

// newClockNode returns a node of an application with that policy, whose clock
// and log are in the test's hands.
func newClockNode(t *testing.T, policy apps.TimestampPolicy) (*node, *clock, *strings.Builder) {
	app := apps.New(testID, testKey, testSecret)
	app.Timestamps = policy
	c, log := new(clock), new(strings.Builder)
	c.seconds.Store(testTime)
	return newNodeOf(t, app, func(o *Options) {
		o.Now, o.Log = c.Now, slog.New(slog.NewTextHandler(log, nil))
	}), c, log
}

// stamped sends a signed request whose query has that auth_timestamp, or whatever stands there instead.
func (n *node) stamped(stamp string) answer {
	const path = "/apps/1001/channels"
	var params []string
	for _, p := range []string{"auth_key=" + testKey, stamp} {
		if p != "" {
			params = append(params, p)
		}
	}
	return n.do("GET", signedQuery(n.app.Signer(), "GET", path, path, strings.Join(params, "&"), ""), "")
}

func TestTimestampsAreEnforced(t *testing.T) {
	const (
		expired = "Timestamp expired: Given timestamp (%) not within 600s of server time (2026-11-22T19:08:32Z). The publisher's clock is "
		other   = " the server's: one of the two has to be set."
		invalid = `Timestamp invalid: auth_timestamp has to be there once, in seconds since 1970, and is "`
	)
	at := func(offset int64) string { return "auth_timestamp=" + strconv.FormatInt(testTime+offset, 10) }
	n, _, log := newClockNode(t, apps.TimestampEnforce)
	for _, tc := range []struct{ stamp, refused string }{
		{at(0), ""},
		{at(600), ""},
		{at(-600), ""},
		{at(-601), strings.Replace(expired, "%", "2026-11-22T18:58:31Z", 1) + "601 s behind" + other},
		{at(601), strings.Replace(expired, "%", "2026-11-22T19:18:33Z", 1) + "601 s ahead of" + other},
		{"auth_timestamp=0", strings.Replace(expired, "%", "1970-01-01T00:00:00Z", 1) + "1795374512 s behind" + other},
		{"auth_timestamp=-5", strings.Replace(expired, "%", "1969-12-31T23:59:55Z", 1) + "1795374517 s behind" + other},
		{at(0) + "000", strings.Replace(expired, "%", "58863-02-25T14:13:20Z", 1) + "1793579137488 s ahead of" + other}, // milliseconds
		{"", invalid + `".`},
		{"auth_timestamp=", invalid + `".`},
		{at(0) + ".5", invalid + strconv.Itoa(testTime) + `.5".`},
		{"auth_timestamp=now%0A", invalid + `now\n".`},
		{"auth_timestamp=9223372036854775807", invalid + `9223372036854775807".`},
		{"auth_timestamp[]=" + strconv.Itoa(testTime), invalid + `".`},
	} {
		a := n.stamped(tc.stamp)
		if tc.refused == "" {
			a.want(t, 200, `{"channels":{}}`)
			continue
		}
		a.want(t, 401, tc.refused)
		if strings.ContainsAny(a.body, "\r\n") {
			t.Errorf("%q is more than one line", a.body)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log)
	}
}

// Who cannot sign is told nothing of the clock, and leaves no trace in the log.
func TestTimestampsOfStrangers(t *testing.T) {
	for _, policy := range []apps.TimestampPolicy{apps.TimestampWarn, apps.TimestampEnforce} {
		n, _, log := newClockNode(t, policy)
		stranger := newNodeOf(t, apps.New(testID, testKey, "another-secret"))
		const path = "/apps/1001/channels"
		uri := signedQuery(stranger.app.Signer(), "GET", path, path, "auth_key="+testKey+"&auth_timestamp=7", "")
		if a := n.do("GET", uri, ""); a.status != 401 || !strings.HasPrefix(a.body, "Authentication signature invalid.") {
			t.Errorf("%v: answered %d %s", policy, a.status, a.body)
		}
		if log.Len() > 0 {
			t.Errorf("%v: logged:\n%s", policy, log)
		}
	}
}

func TestTimestampsAreWarnedOf(t *testing.T) {
	n, clock, log := newClockNode(t, apps.TimestampWarn)
	lines := func() int { return strings.Count(log.String(), "level=WARN") }
	send := func(what, stamp string, want int) {
		t.Helper()
		n.stamped(stamp).want(t, 200, `{"channels":{}}`)
		if got := lines(); got != want {
			t.Fatalf("%s: %d warnings so far, want %d:\n%s", what, got, want, log)
		}
	}
	good, bad := "auth_timestamp="+strconv.Itoa(testTime), "auth_timestamp="+strconv.Itoa(testTime-3600)
	send("the same time", good, 0)
	send("an hour behind", bad, 1)
	for _, part := range []string{"app=1001", "3600 s behind", "2026-11-22T19:08:32Z", "RESOUND_AUTH_TIMESTAMP"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the warning does not say %s: %s", part, log)
		}
	}
	if strings.Contains(log.String(), testSecret) || strings.Contains(log.String(), "auth_signature") {
		t.Errorf("the warning gives something away: %s", log)
	}
	send("once more", bad, 1)
	send("without one", "", 1)
	clock.seconds.Add(59)
	send("59 seconds later", bad, 1)
	clock.seconds.Add(1)
	send("a minute later", "", 2)
	clock.seconds.Add(-1000)
	send("after the server's clock was set back", bad, 3)
}

func TestTimestampsWarnForEachApp(t *testing.T) {
	n, _, log := newClockNode(t, apps.TimestampWarn)
	second := apps.New("1002", "key-2", "secret-2")
	n.replace(n.app.Settings(), second)
	app := n.app
	for range 2 {
		for _, other := range []*apps.App{app.Settings(), second} {
			n.app = n.server.o.Hub.App(other)
			path := "/apps/" + other.ID + "/channels"
			uri := signedQuery(n.app.Signer(), "GET", path, path, "auth_key="+other.Key+"&auth_timestamp=7", "")
			n.do("GET", uri, "").want(t, 200, `{"channels":{}}`)
		}
	}
	for _, id := range []string{"app=1001", "app=1002"} {
		if got := strings.Count(log.String(), id); got != 1 {
			t.Errorf("%d warnings of %s, want 1:\n%s", got, id, log)
		}
	}
}

func TestTimestampsAreIgnored(t *testing.T) {
	n, _, log := newClockNode(t, apps.TimestampIgnore)
	for _, stamp := range []string{"", "auth_timestamp=7", "auth_timestamp=x"} {
		n.stamped(stamp).want(t, 200, `{"channels":{}}`)
	}
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log)
	}
}
