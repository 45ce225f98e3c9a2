package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

// signedBy is the target of a request that is signed by somebody, at a time.
func signedBy(key, secret, method, path, body string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	params := []protocol.Param{{Name: []byte("auth_key"), Value: []byte(key)}, {Name: []byte("auth_timestamp"), Value: []byte(stamp)}}
	return path + "?auth_key=" + key + "&auth_timestamp=" + stamp + "&auth_signature=" +
		protocol.NewSigner(key, secret).Request([]byte(method), []byte(path), params, []byte(body))
}

// status sends one request and returns what it was answered with.
func (s *server) status(t testing.TB, method, target, body string) (int, string) {
	t.Helper()
	c := s.call(t)
	c.send(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body))
	res, text := c.answer(method)
	_ = c.Close()
	return res.StatusCode, text
}

// TestAttackOtherApplications: an application on the same server is another world: its credentials open nothing here, by any route, on
// any socket, and channels and users of the same name are not the same.
func TestAttackOtherApplications(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "resound.yaml")
	const evilID, evilKey, evilSecret = "evil", "evil-key", "evil-secret"
	if err := os.WriteFile(file, []byte("apps:\n  - {id: "+evilID+", key: "+evilKey+", secret: "+evilSecret+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := attacked(t, "--config="+file, "--accept-client-events-from=all")
	victim := v.connect(t)
	victim.subscribe("news", nil)
	id, _ := protocol.ParseSocketID([]byte(victim.id))
	own := protocol.NewSigner(appKey, appSecret)
	user := `{"id":"7"}`
	victim.send("pusher:signin", map[string]any{"data": map[string]any{"auth": own.User(id, []byte(user)), "user_data": user}})
	if m := victim.next(); m.Event != "pusher:signin_success" {
		t.Fatalf("signing in: %+v", m)
	}

	e := `{"name":"e","channel":"news","data":"evil"}`
	tries := 0
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/events", e}, {"POST", "/batch_events", `{"batch":[` + e + `]}`}, {"GET", "/channels", ""}, {"GET", "/channels/news", ""},
		{"GET", "/channels/presence-x/users", ""}, {"GET", "/connections", ""}, {"POST", "/users/7/terminate_connections", ""},
	} {
		path := "/apps/" + appID + r.path
		for name, target := range map[string]string{
			"the other's key and secret":          signedBy(evilKey, evilSecret, r.method, path, r.body, time.Now()),
			"this key and the other's secret":     signedBy(appKey, evilSecret, r.method, path, r.body, time.Now()),
			"the other's key and this secret":     signedBy(evilKey, appSecret, r.method, path, r.body, time.Now()),
			"signed for the other's path":         strings.Replace(signedBy(evilKey, evilSecret, r.method, "/apps/"+evilID+r.path, r.body, time.Now()), "/"+evilID+"/", "/"+appID+"/", 1),
			"signed for another method":           signedBy(appKey, appSecret, "PUT", path, r.body, time.Now()),
			"signed for another body":             signedBy(appKey, appSecret, r.method, path, r.body+" ", time.Now()),
			"two keys":                            signedBy(evilKey, evilSecret, r.method, path, r.body, time.Now()) + "&auth_key=" + appKey,
			"a key as a list":                     strings.Replace(signedBy(appKey, appSecret, r.method, path, r.body, time.Now()), "auth_key=", "auth_key[]=", 1),
			"no signature":                        path + "?auth_key=" + appKey,
			"an empty signature":                  path + "?auth_key=" + appKey + "&auth_signature=",
			"a signature in capitals":             capitals(signedBy(appKey, appSecret, r.method, path, r.body, time.Now())),
			"a signature that is cut":             cutLast(signedBy(appKey, appSecret, r.method, path, r.body, time.Now())),
			"a parameter more than was signed":    signedBy(appKey, appSecret, r.method, path, r.body, time.Now()) + "&info=subscription_count",
			"the id with an escape and the other": strings.Replace(signedBy(evilKey, evilSecret, r.method, path, r.body, time.Now()), "/apps/", "/apps/%65vil/../", 1),
		} {
			tries++
			if status, text := v.status(t, r.method, target, r.body); status != http.StatusUnauthorized && status != http.StatusNotFound {
				t.Errorf("%s %s with %s: %d %s", r.method, r.path, name, status, text)
			}
		}
	}
	// What it may do in its own name does not reach over.
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/events", `{"name":"e","channels":["news","#server-to-user-7"],"data":"evil","socket_id":"` + victim.id + `"}`}, {"POST", "/users/7/terminate_connections", ""},
	} {
		tries++
		if status, text := v.status(t, r.method, signedBy(evilKey, evilSecret, r.method, "/apps/"+evilID+r.path, r.body, time.Now()), r.body); status != 200 {
			t.Errorf("in its own name: %d %s", status, text)
		}
	}
	if status, text := v.status(t, "GET", signedBy(evilKey, evilSecret, "GET", "/apps/"+evilID+"/channels", "", time.Now()), ""); status != 200 || text != `{"channels":{}}` {
		t.Errorf("it sees %d %s", status, text)
	}
	tries += v.forgedSockets(t, evilKey, evilSecret, victim)
	// The victim got nothing of it all, and is still there.
	if err := v.publisher().Trigger("news", "mine", "1"); err != nil {
		t.Fatal(err)
	}
	victim.expect("mine", "news", "1")
	v.report(t, fmt.Sprintf("%d tries with the credentials of another application", tries))
}

// capitals is a target whose signature is in capital letters, or has at least one changed where it has none.
func capitals(target string) string {
	at := strings.Index(target, "auth_signature=") + len("auth_signature=")
	if up := strings.ToUpper(target[at:]); up != target[at:] {
		return target[:at] + up
	}
	return target + "0"
}

func cutLast(target string) string { return target[:len(target)-1] }

// forgedSockets is what sockets try, with signatures of the other application and with those of other sockets and channels.
func (v *victim) forgedSockets(t *testing.T, evilKey, evilSecret string, victim *socket) (tries int) {
	own, other := protocol.NewSigner(appKey, appSecret), protocol.NewSigner(evilKey, evilSecret)
	c, theirs := v.connect(t), v.connectAs(t, evilKey)
	id, _ := protocol.ParseSocketID([]byte(c.id))
	victimID, _ := protocol.ParseSocketID([]byte(victim.id))
	room, secret := []byte("presence-x"), []byte("private-x")
	member := `{"user_id":"7"}`
	quoted := strconv.Quote(member)
	for name, data := range map[string]string{
		"the other's signature":               `"channel":"private-x","auth":"` + other.Channel(id, secret, nil) + `"`,
		"this key with the other's signature": `"channel":"private-x","auth":"` + appKey + strings.TrimPrefix(other.Channel(id, secret, nil), evilKey) + `"`,
		"the other's key with this signature": `"channel":"private-x","auth":"` + evilKey + strings.TrimPrefix(own.Channel(id, secret, nil), appKey) + `"`,
		"another socket's signature":          `"channel":"private-x","auth":"` + own.Channel(victimID, secret, nil) + `"`,
		"another channel's signature":         `"channel":"private-x","auth":"` + own.Channel(id, []byte("private-y"), nil) + `"`,
		"a member that was not signed":        `"channel":"presence-x","auth":"` + own.Channel(id, room, []byte(`{"user_id":"8"}`)) + `","channel_data":` + quoted,
		"no member, as for a private channel": `"channel":"presence-x","auth":"` + own.Channel(id, room, nil) + `"`,
		"a sign-in's signature":               `"channel":"private-x","auth":"` + own.User(id, []byte(member)) + `","channel_data":` + quoted,
		"data moved into the name":            `"channel":"private-x:y","auth":"` + own.Channel(id, secret, []byte("y")) + `"`,
		"somebody's own channel":              `"channel":"#server-to-user-7"`,
	} {
		tries++
		if err := c.write(`{"event":"pusher:subscribe","data":{` + data + `}}`); err != nil {
			t.Fatal(err)
		}
		if m := c.next(); m.Event != "pusher:error" {
			t.Errorf("%s was answered with %+v", name, m)
		}
		if m := c.next(); m.Event != "pusher:subscription_error" {
			t.Errorf("%s was answered with %+v", name, m)
		}
	}
	user := `{"id":"7"}`
	for _, auth := range []string{other.User(id, []byte(user)), own.User(victimID, []byte(user)), own.Channel(id, []byte("private-x"), []byte(user)), ""} {
		tries++
		c.send("pusher:signin", map[string]any{"data": map[string]any{"auth": auth, "user_data": user}})
		if m := c.next(); m.Event != "pusher:error" {
			t.Errorf("signing in with another's signature was answered with %+v", m)
		}
	}
	// A channel of the same name in the other application, and whispers on it.
	theirs.subscribe("news", nil)
	theirs.send("client-evil", map[string]any{"channel": "news", "data": map[string]any{}})
	theirs.send("pusher:ping", map[string]any{"data": map[string]any{}})
	if m := theirs.next(); m.Event != "pusher:pong" {
		t.Errorf("a whisper was answered with %+v", m)
	}
	return tries + 1
}

// TestAttackOldRequests: a signed request that was kept is worth nothing after ten minutes where the application says so, and the default
// says it in the log once, not for each.
func TestAttackOldRequests(t *testing.T) {
	t.Parallel()
	body := event("again")
	target := func(off time.Duration) string {
		return signedBy(appKey, appSecret, "POST", "/apps/"+appID+"/events", body, time.Now().Add(off))
	}
	v := attacked(t, "--auth-timestamp=enforce")
	a := v.audience(t)
	n := 0
	for off, want := range map[time.Duration]int{
		-10*time.Minute - 5*time.Second: 401, 10*time.Minute + 5*time.Second: 401, -24 * time.Hour: 401, 100 * 365 * 24 * time.Hour: 401,
		-9 * time.Minute: 200, 9 * time.Minute: 200, 0: 200,
	} {
		for range 20 {
			n++
			if status, text := v.status(t, "POST", target(off), body); status != want || want == 401 && !strings.Contains(text, "Timestamp expired") {
				t.Errorf("a request from %v away: %d %s", off, status, text)
			}
		}
	}
	kept := target(0)
	for range 3 { // Pusher's signature has nothing that counts: within the time a copy is as good
		if status, _ := v.status(t, "POST", kept, body); status != 200 {
			t.Errorf("a copy: %d", status)
		}
		if status, _ := v.status(t, "POST", kept, event("other")); status != 401 {
			t.Errorf("a copy with another body: %d", status)
		}
	}
	if got := len(a.heard(t)); got != 63 {
		t.Errorf("%d events were published, want 63", got)
	}
	v.report(t, fmt.Sprintf("%d requests from other times", n))

	lenient := start(t, plan{})
	for range 50 {
		if status, text := lenient.status(t, "POST", target(-time.Hour), body); status != 200 {
			t.Fatalf("a request from another time, by default: %d %s", status, text)
		}
	}
	if lines := lenient.logged("a request from another time"); lines != 1 {
		t.Errorf("%d lines of the log say so, want one", lines)
	}
}
