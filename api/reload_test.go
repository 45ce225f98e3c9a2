package api

import (
	"strings"
	"testing"

	"resound/internal/apps"
	"resound/protocol"
)

// A reload is effective for the next request, on connections that were there before too.
func TestReload(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	c := dial(t, n.serve(t))
	before := n.post(testEvent)
	c.send(before)
	c.want("POST", 200, `{}`)

	changed := *n.app.Settings()
	changed.Secret = "changed-secret"
	other := apps.New("1002", "other-key", "other-secret")
	n.replace(other, &changed)
	c.send(before)
	if res := c.answer("POST"); res.status != 401 || !strings.HasPrefix(res.body, "Authentication signature invalid.") {
		t.Errorf("with the old secret: %d %s", res.status, res.body)
	}
	if n.server.o.Hub.App(&changed) != n.app {
		t.Fatal("the application is another one, without its channels")
	}
	after := n.post(testEvent)
	c.send(after)
	c.want("POST", 200, `{}`)
	if got := n.posted(); got != 2 {
		t.Errorf("%d events went out, want 2", got)
	}

	// The key: the old one is refused though the secret fits.
	renamed := changed
	renamed.Key = "renamed-key"
	n.replace(other, &renamed)
	c.send(after)
	if res := c.answer("POST"); res.status != 401 || !strings.Contains(res.body, "auth_key is not the key") {
		t.Errorf("with the old key: %d %s", res.status, res.body)
	}

	n.replace(other)
	gone := n.post(testEvent)
	c.send(gone)
	c.want("POST", 404, "No matching application for ID [1001].")
	if got := n.posted(); got != 0 {
		t.Errorf("%d events went out to an application that is gone", got)
	}
	const path = "/apps/1002/channels"
	uri := signedBy(protocol.NewSigner(other.Key, other.Secret), other.Key, "GET", path, path, "", "")
	c.send("GET " + uri + " HTTP/1.1\r\nHost: x\r\n\r\n")
	c.want("GET", 200, `{"channels":{}}`)

	// It comes back as a new one: nobody is on its channels.
	n.replace(other, &renamed)
	c.send(gone)
	c.want("POST", 200, `{}`)
	if got := n.posted(); got != 0 {
		t.Errorf("%d events went out, want 0: its connections were closed", got)
	}
}
