package channels

import (
	"fmt"
	"testing"

	"resound/internal/apps"
	"resound/protocol"
)

var nobody protocol.SocketID

func TestSubscribeAnswers(t *testing.T) {
	n := newNode(t, 2)
	for _, channel := range []string{"orders", "private-orders", "0", "privateer", "private-encrypted-x"} {
		s := n.socket(1)
		s.subscribe(channel)
		s.expect("the first time", succeededFrame(channel))
		s.subscribe(channel)
		s.expect("again", succeededFrame(channel))
		n.publish(channel, `"x"`, nobody)
		s.expect("after that", eventFrame(channel, `"x"`))
		if c := n.app.Channel([]byte(channel)).Subscriptions; c != 1 || s.subs.Len() != 1 {
			t.Errorf("%s: subscribed twice, %d subscriptions in the channel, %d in the list", channel, c, s.subs.Len())
		}
	}
}

// A private channel with channel_data is signed over both, and the data has to be the very one.
func TestSubscribeChecksTheSignature(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe("private-x", `{"user_id":1}`)
	s.expect("signed with data", succeededFrame("private-x"))

	sub := func(channel, auth, data string) string {
		return fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":%q,"auth":%q,"channel_data":%q}}`, channel, auth, data)
	}
	auth := func(s *testSocket, channel, data string) string {
		return n.app.Signer().Channel(s.id, []byte(channel), []byte(data))
	}
	for what, message := range map[string]string{
		"no signature":            `{"event":"pusher:subscribe","data":{"channel":"private-y"}}`,
		"another socket's":        other.subscription("private-y", ""),
		"another channel's":       sub("private-y", auth(s, "private-z", "{}"), "{}"),
		"of other data":           sub("presence-y", auth(s, "presence-y", `{"user_id":1}`), `{"user_id":2}`),
		"of another secret":       sub("private-y", protocol.NewSigner("key", "other").Channel(s.id, []byte("private-y"), []byte("{}")), "{}"),
		"on its own channel":      sub("private-x", "key:00", `{"user_id":1}`),
		"no member on a presence": `{"event":"pusher:subscribe","data":{"channel":"presence-y","auth":"key:00"}}`,
	} {
		err := s.say(message)
		if err == nil || err.Code != 4009 || err.Closes || err.Text != "Connection is unauthorized" {
			t.Errorf("%s: %v, want 4009 on an open connection", what, err)
		}
		s.expect(what)
	}
	if s.subs.Len() != 1 || n.app.Channel([]byte("private-x")).Subscriptions != 1 {
		t.Error("a refused second subscription ended the first")
	}
}

func TestRefusedSubscriptionLeavesNothing(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	for _, message := range []string{
		`{"event":"pusher:subscribe","data":{"channel":"private-x","auth":"key:00"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"presence-x"}}`,
		s.subscription("presence-x", `{"user_info":{}}`),
		`{"event":"pusher:subscribe","data":{"channel":"#server-to-user-5"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a b"}}`,
	} {
		if s.say(message) == nil {
			t.Errorf("%s was accepted", message)
		}
	}
	if n.channels() != 0 || s.subs.Len() != 0 || len(n.app.Channels("")) != 0 {
		t.Errorf("%d channels, %d subscriptions are left", n.channels(), s.subs.Len())
	}
	for i := range n.app.table {
		if n.app.table[i].channels != nil {
			t.Fatalf("shard %d was made", i)
		}
	}
}

func TestUnsubscribeIsSilent(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe("a")
	other.subscribe("b")
	s.got()
	other.got()
	s.unsubscribe("nowhere")
	s.unsubscribe("b") // where another is
	s.unsubscribe("a")
	s.unsubscribe("a")
	s.expect("unsubscribe")
	n.publish("b", `1`, nobody)
	other.expect("the other stays", eventFrame("b", `1`))
	if n.publish("a", `1`, nobody) {
		t.Error("a channel that everybody left still takes events")
	}
}

// What is on its way when a client unsubscribes does not reach it, even if it comes back at once.
func TestUnsubscribeEndsDeliveryAtOnce(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe("a")
	other.subscribe("a")
	n.publish("a", `1`, nobody) // in the mailbox
	n.loops[0].turn(all, 0)
	n.publish("a", `2`, nobody) // 1 is queued in the channel now
	s.unsubscribe("a")
	s.subscribe("a")
	n.publish("a", `3`, nobody)
	s.expect("left and came back", succeededFrame("a"), succeededFrame("a"), eventFrame("a", `3`))
	other.expect("stayed", succeededFrame("a"), eventFrame("a", `1`), eventFrame("a", `2`), eventFrame("a", `3`))
}

// A channel that all have left and a new one of the same name have nothing to do with each other.
func TestChannelStartsAnew(t *testing.T) {
	n := newNode(t, 2)
	s, other := n.socket(0), n.socket(1)
	s.subscribe("a")
	n.publish("a", `1`, nobody)
	s.unsubscribe("a")
	other.subscribe("a")
	s.subscribe("a")
	n.publish("a", `2`, nobody)
	s.expect("came back", succeededFrame("a"), succeededFrame("a"), eventFrame("a", `2`))
	other.expect("is new", succeededFrame("a"), eventFrame("a", `2`))
}

func TestUnsubscribeAll(t *testing.T) {
	n := newNode(t, 2)
	s, other := n.socket(0), n.socket(1)
	for i := range 3 * linearLimit {
		s.subscribe(fmt.Sprint("c", i))
	}
	other.subscribe("c0")
	s.hangUp()
	if s.subs.Len() != 0 || n.channels() != 1 {
		t.Errorf("%d subscriptions, %d channels are left, want 0 and 1", s.subs.Len(), n.channels())
	}
	s.hangUp()
	other.hangUp()
	if n.channels() != 0 {
		t.Errorf("%d channels are left", n.channels())
	}
}

// The list changes its form on the way up; it has to find the same at every length.
func TestSubscriptionsFindsAtEveryLength(t *testing.T) {
	var subs Subscriptions
	const most = 3 * linearLimit
	list := make([]*Subscription, most)
	check := func(from, to int) {
		t.Helper()
		if subs.Len() != to-from {
			t.Fatalf("length %d, want %d", subs.Len(), to-from)
		}
		for i := range most {
			var want *Subscription
			if i >= from && i < to {
				want = list[i]
			}
			if got := subs.find([]byte(fmt.Sprint("c", i))); got != want {
				t.Fatalf("c%d of c%d to c%d: found %v", i, from, to-1, got)
			}
		}
	}
	for i := range most {
		list[i] = &Subscription{channel: &Channel{name: fmt.Sprint("c", i)}}
		subs.add(list[i])
		check(0, i+1)
	}
	name := []byte("c7")
	if a := testing.AllocsPerRun(100, func() { subs.find(name) }); a != 0 {
		t.Errorf("find allocates %v times", a)
	}
	for i := range most {
		subs.remove(list[i])
		check(i+1, most)
	}
	if subs.list != nil || subs.rare != nil {
		t.Error("an empty list keeps room")
	}
}

func TestSettingsChangeAtOnce(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	s.subscribe("private-x")
	old := s.subscription("private-y", "")
	settings := apps.New("1", "key", "new secret")
	old1 := n.app.Settings()
	if gone := n.hub.Update([]*apps.App{settings}); len(gone) != 0 || n.app.Settings() != settings {
		t.Fatalf("%d applications are gone", len(gone))
	}
	// A request that began under the old settings does not bring them back.
	if n.hub.App(old1) != n.app || n.app.Settings() != settings {
		t.Fatal("the application is another one")
	}
	if err := s.say(old); err == nil {
		t.Error("the old secret still signs")
	}
	s.subscribe("private-y")
	if n.app.Channel([]byte("private-x")).Subscriptions != 1 {
		t.Error("a channel was lost")
	}
	second := apps.New("2", "key2", "s")
	n.hub.Update([]*apps.App{settings, second})
	if n.hub.App(second) == n.app {
		t.Error("two applications are one")
	}
	if gone := n.hub.Update(nil); len(gone) != 2 {
		t.Errorf("%d of two applications are gone", len(gone))
	}
}

// Who looked its application up before a reload, and comes to the hub after it, brings nothing back.
func TestWhoComesLateToAReload(t *testing.T) {
	h := NewHub(nil)
	before, after := apps.New("1", "key", "old secret"), apps.New("1", "key", "new secret")
	removed := apps.New("2", "key2", "secret")
	h.Update([]*apps.App{after})
	if h.App(before).Settings() != after {
		t.Error("the old secret is back")
	}
	late := h.App(removed)
	if err := late.Connect(); err != protocol.ErrAppNotFound || late.Connections() != 0 {
		t.Errorf("an application that is gone has a connection: %v", err)
	}
	if gone := h.Update([]*apps.App{after}); len(gone) != 0 {
		t.Error("an application that is gone is back")
	}
	h.Update([]*apps.App{after, removed})
	if err := h.App(removed).Connect(); err != nil {
		t.Errorf("an application that has been added again: %v", err)
	}
	// The other way round: found before the reload, and connected to after it.
	late = h.App(removed)
	h.Update([]*apps.App{after})
	if late.Connect() != protocol.ErrAppNotFound {
		t.Error("an application that is gone has a connection more")
	}
}

func TestApplicationsAreApart(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	s.subscribe("a")
	s.got()
	other := *n
	other.app = n.hub.App(apps.New("2", "key2", "s"))
	if other.publish("a", `1`, nobody) {
		t.Error("another application's channel took the event")
	}
	s.expect("another application's event")
}
