package channels

import (
	"testing"

	"resound/internal/apps"
	"resound/protocol"
)

func whisper(channel string) string {
	return `{"event":"client-typing","channel":"` + channel + `","data":{"id":123,"e":{}},"channels":["b"],"extra":1,"user_id":99}`
}

func (n *testNode) accept(from apps.ClientEvents) {
	settings := apps.New("1", "key", "secret")
	settings.ClientEvents = from
	n.hub.Update([]*apps.App{settings})
}

func TestClientEventReachesTheOthers(t *testing.T) {
	n := newNode(t, 2)
	for channel, data := range map[string]string{"a": "", "private-a": "", room: `{"user_id":"é"}`} {
		s, near, far := n.socket(0), n.socket(0), n.socket(1)
		for _, other := range []*testSocket{s, near, far} {
			other.subscribe(channel, data)
		}
		for _, other := range []*testSocket{s, near, far} {
			other.got()
		}
		if err := s.say(whisper(channel)); err != nil {
			t.Fatal(err)
		}
		want := `{"event":"client-typing","channel":"` + channel + `","data":{"id":123,"e":{}}`
		if data != "" {
			want += `,"user_id":"é"`
		}
		near.expect("same loop", want+"}")
		far.expect("another loop", want+"}")
		s.expect("the sender")
	}
}

// The user_id of a client event is one that was signed: on a public channel anybody could claim any.
func TestClientEventUser(t *testing.T) {
	n := newNode(t, 1)
	for _, tc := range []struct{ channel, data, user string }{
		{"private-a", `{"user_id":1}`, `,"user_id":1`},
		{"private-a", `{"user_id":"x"}`, `,"user_id":"x"`}, // subscribes again
		{"private-a", ``, ``},
		{"public", `{"user_id":1}`, ``},
		{room, `{"user_id":7}`, `,"user_id":7`},
	} {
		s, other := n.socket(0), n.socket(0)
		other.subscribe(tc.channel, tc.data)
		s.subscribe(tc.channel, `{"user_id":5}`)
		s.subscribe(tc.channel, tc.data)
		s.got()
		other.got()
		s.say(`{"event":"client-x","channel":"` + tc.channel + `"}`)
		other.expect(tc.channel, `{"event":"client-x","channel":"`+tc.channel+`","data":null`+tc.user+`}`)
		s.hangUp()
		other.hangUp()
	}
}

func TestClientEventKeepsAnyData(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe("a")
	other.subscribe("a")
	other.got()
	for _, data := range []string{`null`, `1.0`, `"{\"a\":1}"`, `{}`, `[]`, `18446744073709551616`, `{"a":"\u00e9\/"}`} {
		s.say(`{"event":"client-x","channel":"a","data":` + data + `}`)
		other.expect(data, `{"event":"client-x","channel":"a","data":`+data+`}`)
	}
}

func TestClientEventPolicies(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	other.subscribe("a")
	s.subscribe("b")
	s.got()
	other.got()

	for _, channel := range []string{"a", "nowhere"} {
		if err := s.say(whisper(channel)); err != protocol.ErrNotMember {
			t.Errorf("not a member of %s: %v", channel, err)
		}
	}
	s.unsubscribe("b")
	if err := s.say(whisper("b")); err != protocol.ErrNotMember {
		t.Errorf("no longer a member: %v", err)
	}
	n.accept(apps.FromNone)
	for _, channel := range []string{"a", "b", "nowhere"} {
		if err := other.say(whisper(channel)); err != protocol.ErrClientEventsOff {
			t.Errorf("client events are off: %v", err)
		}
	}
	// What is not "client-" is ignored, whoever may say what.
	if err := other.say(`{"event":"typing","channel":"a"}`); err != nil {
		t.Errorf("an event that is nothing to us: %v", err)
	}
	if err := other.say(`{"event":"typing"}`); err != protocol.ErrInvalidFormat {
		t.Errorf("an event without a channel: %v", err)
	}
	s.expect("refused")
	other.expect("refused")
	if n.channels() != 1 {
		t.Errorf("%d channels, want 1", n.channels())
	}
}

func TestClientEventFromAll(t *testing.T) {
	n := newNode(t, 2)
	n.accept(apps.FromAll)
	s, a, b := n.socket(0), n.socket(1), n.socket(0)
	a.subscribe("private-a", `{"user_id":1}`)
	b.subscribe("b")
	a.got()
	b.got()
	want := `{"event":"client-typing","channel":"private-a","data":{"id":123,"e":{}}`
	if err := s.say(whisper("private-a")); err != nil {
		t.Fatal(err)
	}
	a.expect("no member says", want+"}")
	b.expect("a channel that is in channels only")
	if err := s.say(whisper("nowhere")); err != nil || n.channels() != 2 {
		t.Errorf("nobody is there: %v, %d channels", err, n.channels())
	}
	s.subscribe("private-a", `{"user_id":2}`)
	s.got()
	s.say(whisper("private-a"))
	a.expect("a member says", want+`,"user_id":2}`)
	s.expect("the sender")
}

// E100: who is a member of a channel is a question of the socket's own application.
func TestClientEventStaysInItsApplication(t *testing.T) {
	n := newNode(t, 1)
	other := *n
	other.app = n.hub.App(apps.New("2", "key2", "secret"))
	s, friend, stranger := n.socket(0), n.socket(0), other.socket(0)
	friend.subscribe("a")
	stranger.subscribe("a")
	friend.got()
	stranger.got()
	stranger.say(`{"event":"client-x","channel":"a"}`) // the application that was used last
	if err := s.say(whisper("a")); err != protocol.ErrNotMember {
		t.Errorf("not a member: %v", err)
	}
	s.subscribe("a")
	s.got()
	if err := s.say(`{"event":"client-y","channel":"a"}`); err != nil {
		t.Errorf("a member: %v", err)
	}
	friend.expect("the same application", `{"event":"client-y","channel":"a","data":null}`)
	stranger.expect("another application")
}
