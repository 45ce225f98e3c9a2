package channels

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

func (s *testSocket) signinMessage(data string) string {
	b, _ := json.Marshal(map[string]any{"event": "pusher:signin", "data": map[string]string{
		"auth": s.n.app.Signer().User(s.id, []byte(data)), "user_data": data,
	}})
	return string(b)
}

func (s *testSocket) signIn(data string) {
	s.n.t.Helper()
	if err := s.say(s.signinMessage(data)); err != nil {
		s.n.t.Fatalf("sign-in: %v", err)
	}
}

func signedFrame(data string) string {
	b, _ := json.Marshal(data)
	return `{"event":"pusher:signin_success","data":{"user_data":` + string(b) + `}}`
}

func watchFrame(events string) string {
	return `{"event":"pusher_internal:watchlist_events","data":"` + inner(`{"events":[`+events+`]}`) + `"}`
}

func TestSignIn(t *testing.T) {
	n := newNode(t, 2)
	a, b := n.socket(0), n.socket(1)
	const data = `{"id":"7","user_info":{"name":"Zoë \"Z\" / x"}}`
	const channel = "#server-to-user-7"
	if err := a.say(a.subscription(channel, "")); err != protocol.ErrUnauthorized && (err == nil || err.Code != 4009) {
		t.Errorf("E66 not signed in: %v", err)
	}
	a.signIn(data)
	a.expect("the answer", signedFrame(data))
	a.say(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `"}}`)
	a.expect("the user's own channel", succeededFrame(channel))
	if err := a.say(`{"event":"pusher:subscribe","data":{"auth":"","channel":"#server-to-user-8"}}`); err == nil || err.Code != 4009 {
		t.Errorf("another user's channel: %v", err)
	}
	if err := b.say(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `"}}`); err == nil || err.Code != 4009 {
		t.Errorf("somebody else: %v", err)
	}
	n.publish(channel, `1`, protocol.SocketID{})
	a.expect("sendToUser", eventFrame(channel, `1`))

	// Who leaves the last channel is still signed in.
	a.unsubscribe(channel)
	a.say(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `"}}`)
	a.expect("the user's own channel again", succeededFrame(channel))

	// Signing in as somebody else leaves the first one's channel.
	a.signIn(`{"id":"8"}`)
	a.got()
	if n.publish(channel, `2`, protocol.SocketID{}) {
		t.Error("a user who has gone is still sent to")
	}
	a.hangUp()
	if n.channels() != 0 || len(n.app.users.byID) != 0 {
		t.Errorf("left: %d channels, users %v", n.channels(), n.app.users.byID)
	}
}

func TestSignInIsVerified(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	good := s.signinMessage(`{"id":"7"}`)
	for what, message := range map[string]string{
		"other data":   strings.Replace(good, `\"7\"`, `\"8\"`, 1),
		"other key":    strings.Replace(good, `"key:`, `"kex:`, 1),
		"other socket": n.socket(0).signinMessage(`{"id":"7"}`),
		"no id":        s.signinMessage(`{}`),
		"empty id":     s.signinMessage(`{"id":""}`),
		"no object":    s.signinMessage(`[]`),
		"watchlist":    s.signinMessage(`{"id":"7","watchlist":"x"}`),
		"no data":      `{"event":"pusher:signin"}`,
		"no user_data": `{"event":"pusher:signin","data":{"auth":"x"}}`,
	} {
		if err := s.say(message); err == nil {
			t.Errorf("%s: signed in", what)
		}
	}
	s.expect("refused")
	if len(n.app.users.byID) != 0 {
		t.Error("a refused sign-in left a user")
	}
	s.signIn(`{"id":"7"}`)
}

func TestWatchlist(t *testing.T) {
	n := newNode(t, 2)
	watcher, ann, tab := n.socket(0), n.socket(1), n.socket(0)
	ann.signIn(`{"id":"ann"}`)
	ann.got()
	const data = `{"id":"w","watchlist":["ann","bob","ann","w"]}`
	watcher.signIn(data)
	watcher.expect("who is here", signedFrame(data),
		watchFrame(`{"name":"online","user_ids":["ann","w"]},{"name":"offline","user_ids":["bob"]}`))
	tab.signIn(`{"id":"ann"}`)
	ann.hangUp()
	watcher.expect("ann has another socket")
	tab.hangUp()
	bob := n.socket(1)
	bob.signIn(`{"id":"bob"}`)
	watcher.expect("comings and goings",
		watchFrame(`{"name":"offline","user_ids":["ann"]}`), watchFrame(`{"name":"online","user_ids":["bob"]}`))
	bob.signIn(`{"id":"bob","user_info":{}}`)
	watcher.expect("bob signs in again and was never away")
	watcher.signIn(`{"id":"w"}`) // without a list it watches nobody
	watcher.got()
	bob.hangUp()
	watcher.expect("watches nobody")
	watcher.hangUp()
	if len(n.app.users.byID) != 0 {
		t.Errorf("%d users are left", len(n.app.users.byID))
	}
}

func TestWatchlistLimit(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	ids := make([]string, protocol.MaxWatchlist+1)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"%d"`, i)
	}
	if err := s.say(s.signinMessage(`{"id":"w","watchlist":[` + strings.Join(ids, ",") + `]}`)); err != protocol.ErrWatchlist {
		t.Errorf("101 users: %v", err)
	}
	if got := s.got(); len(got) != 1 || !strings.Contains(got[0], "signin_success") {
		t.Errorf("signed in, but watching nobody: %q", got)
	}
	s.signIn(`{"id":"w","watchlist":[` + strings.Join(ids[1:], ",") + `]}`)
}

func TestTerminateReachesWhoHasSignedIn(t *testing.T) {
	n := newNode(t, 2)
	signed, member, both, other := n.socket(0), n.socket(1), n.socket(1), n.socket(0)
	signed.signIn(`{"id":"7"}`)
	member.subscribe(room, `{"user_id":7}`)
	both.signIn(`{"id":"7"}`)
	both.subscribe(room, `{"user_id":"7"}`)
	other.signIn(`{"id":"77"}`)
	if k := n.app.Terminate("7"); k != 3 {
		t.Errorf("%d connections were asked to close, want 3", k)
	}
	n.settle()
	if signed.closed != protocol.ErrTerminated || member.closed == nil || both.closed == nil || other.closed != nil {
		t.Error("not the right ones were closed")
	}
}

func TestSubscriptionCount(t *testing.T) {
	n := newNode(t, 2)
	settings := apps.New("1", "key", "secret")
	settings.SubscriptionCount = true
	n.hub.Update([]*apps.App{settings})
	count := func(k int) string {
		return fmt.Sprintf(`{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":%d}","channel":"a"}`, k)
	}
	a, b := n.socket(0), n.socket(1)
	a.subscribe("a")
	a.expect("the first", succeededFrame("a"), count(1))
	b.subscribe("a")
	b.expect("the second", succeededFrame("a"), count(2))
	a.expect("one more", count(2))
	b.hangUp()
	a.expect("one less", count(1))

	crowd := make([]*testSocket, 150)
	for i := range crowd {
		crowd[i] = n.socket(i % 2)
		crowd[i].subscribe("a")
	}
	if got := a.got(); len(got) != countAtOnce-1 || got[len(got)-1] != count(countAtOnce) {
		t.Errorf("up to %d at once: %d frames", countAtOnce, len(got))
	}
	at := n.hub.now.Load()
	n.hub.Tick(time.Unix(at-at%countInterval+countInterval, 0))
	a.expect("the rest together", count(151))
	n.hub.Tick(time.Unix(at-at%countInterval+2*countInterval, 0))
	a.expect("nothing has changed")

	member := n.socket(0)
	member.subscribe(room, `{"user_id":1}`)
	member.expect("presence channels have members", rollFrame(room, `{"count":1,"ids":[1],"hash":{"1":null}}`))
}
