package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseReplay(t *testing.T) {
	id, _ := ParseSocketID([]byte("1.2"))
	other, _ := ParseSocketID([]byte("3.4"))
	many := strings.TrimSuffix(strings.Repeat(`"1.2",`, MaxExcept+3), ",")
	for _, tc := range []struct {
		in     string
		opted  bool
		epoch  string
		serial uint64
		except []SocketID
	}{
		{`null`, false, "", 0, nil},
		{`{}`, true, "", 0, nil},
		{`{"epoch":"K2y_6","serial":5}`, true, "K2y_6", 5, nil},
		{`{"epoch":"K2y_6","serial":5,"except":["1.2","3.4"]}`, true, "K2y_6", 5, []SocketID{id, other}},
		{`{"epoch":"K2y_6","serial":5,"except":["1.2",7,"nobody",null,"3.4"]}`, true, "K2y_6", 5, []SocketID{id, other}},
		{`{"epoch":"e","serial":9007199254740991,"except":{}}`, true, "e", MaxSerial, nil},
		// Whatever is wrong counts as {}.
		{`true`, true, "", 0, nil},
		{`[]`, true, "", 0, nil},
		{`"x"`, true, "", 0, nil},
		{`{"epoch":"K2y_6"}`, true, "", 0, nil},
		{`{"serial":5}`, true, "", 0, nil},
		{`{"epoch":"","serial":5}`, true, "", 0, nil},
		{`{"epoch":7,"serial":5}`, true, "", 0, nil},
		{`{"epoch":"e","serial":-1}`, true, "", 0, nil},
		{`{"epoch":"e","serial":1.5}`, true, "", 0, nil},
		{`{"epoch":"e","serial":1e3}`, true, "", 0, nil},
		{`{"epoch":"e","serial":"5"}`, true, "", 0, nil},
		{`{"epoch":"e","serial":9007199254740992}`, true, "", 0, nil},
		{`{"epoch":"e","serial":99999999999999999999}`, true, "", 0, nil},
	} {
		c, err := ParseCommand([]byte(`{"event":"pusher:subscribe","data":{"channel":"a","replay":` + tc.in + `}}`))
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		r := c.Replay
		if r.Opted != tc.opted || string(r.Epoch) != tc.epoch || r.Serial != tc.serial || len(r.Except) != len(tc.except) {
			t.Errorf("%s is read as %+v", tc.in, r)
			continue
		}
		for i := range tc.except {
			if r.Except[i] != tc.except[i] {
				t.Errorf("%s is read as %+v", tc.in, r)
			}
		}
	}
	c, _ := ParseCommand([]byte(`{"event":"pusher:subscribe","data":{"channel":"a","replay":{"epoch":"e","serial":1,"except":[` + many + `]}}}`))
	if len(c.Replay.Except) != MaxExcept {
		t.Errorf("%d ids count, at most %d should", len(c.Replay.Except), MaxExcept)
	}
	if c, _ = ParseCommand([]byte(`{"event":"pusher:subscribe","data":{"channel":"a"}}`)); c.Replay.Opted {
		t.Error("who says nothing has opted in")
	}
}

func TestCloneAliasesNothing(t *testing.T) {
	message := []byte(`{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"k:s","channel_data":"{\"user_id\":1}","replay":{"epoch":"e","serial":1}}}`)
	c, err := ParseCommand(message)
	if err != nil {
		t.Fatal(err)
	}
	c = c.Clone()
	for i := range message {
		message[i] = 0xFF
	}
	if got := string(c.Channel) + string(c.Auth) + string(c.ChannelData) + string(c.Member.ID) + string(c.Replay.Epoch); got != `presence-ak:s{"user_id":1}1e` {
		t.Errorf("got %q", got)
	}
}

func TestGrants(t *testing.T) {
	s := NewSigner("key", "secret")
	g := Grant{Log: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Epoch: 3, First: 1<<53 - 1, Issued: 1_700_000_000}
	token := s.GrantToken("orders", g)
	if got, ok := s.ParseGrant("orders", []byte(token)); !ok || got != g {
		t.Errorf("%s is read as %+v", token, got)
	}
	if len(token) > 44 {
		t.Errorf("a token has %d bytes", len(token))
	}
	refused := func(what string, s *Signer, channel, token string) {
		if _, ok := s.ParseGrant(channel, []byte(token)); ok {
			t.Errorf("%s is accepted", what)
		}
	}
	refused("another channel", s, "others", token)
	refused("another secret", NewSigner("key", "other"), "orders", token)
	refused("another application", NewSigner("other", "secret"), "orders", token)
	for i := range token {
		forged := []byte(token)
		forged[i] ^= 1
		if last := i == len(token)-1; !last { // the last character has bits that mean nothing
			refused("a forged token", s, "orders", string(forged))
		}
		refused("half a token", s, "orders", token[:i])
	}
	refused("no base64", s, "orders", "!!!!")
	if a, b := s.GrantToken("orders", g), s.GrantToken("orders", Grant{Log: g.Log, Epoch: 3}); a == b {
		t.Error("two grants have one token")
	}
}

func TestReplayFrames(t *testing.T) {
	event := Event(Raw(`"E"`), "orders", Raw(`"{\"n\":5}"`))
	for _, tc := range []struct {
		frame *Frame
		want  string
	}{
		{event.Positioned(5), `{"event":"E","data":"{\"n\":5}","channel":"orders","serial":5}`},
		{FrameOf(event.Payload()).Positioned(MaxSerial), `{"event":"E","data":"{\"n\":5}","channel":"orders","serial":9007199254740991}`},
		{Succeeded("orders").Granted("K2y_6", 0), `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"orders","epoch":"K2y_6","serial":0}`},
		{ReplayNotice("orders", Notice{Count: 15}), `{"event":"pusher:replay","channel":"orders","data":"{\"status\":\"recovered\",\"count\":15}"}`},
		{ReplayNotice("orders", Notice{Gap: GapExpired, Missed: 39, Count: 10}), `{"event":"pusher:replay","channel":"orders","data":"{\"status\":\"gap\",\"reason\":\"expired\",\"missed\":39,\"count\":10}"}`},
		{ReplayNotice("orders", Notice{Gap: GapEpoch, Count: 1}), `{"event":"pusher:replay","channel":"orders","data":"{\"status\":\"gap\",\"reason\":\"epoch\",\"count\":1}"}`},
		{ReplayMarker("orders", 6), `{"event":"pusher_internal:replay","channel":"orders","serial":6}`},
	} {
		if got := string(tc.frame.Payload()); got != tc.want {
			t.Errorf("got\n%s\nwant\n%s", got, tc.want)
		}
		if !json.Valid(tc.frame.Payload()) {
			t.Errorf("%s is no JSON", tc.frame.Payload())
		}
	}
	if string(FrameOf(event.Payload()).Bytes()) != string(event.Bytes()) {
		t.Error("a stored event is another frame than the live one")
	}
}

func TestConflationKey(t *testing.T) {
	event := func(data string) []byte { return Event(Raw(`"E"`), "c", Raw(data)).Payload() }
	for _, tc := range []struct {
		data, conflate, want string
		ok                   bool
	}{
		{`1`, "event", `"E"`, true},
		{`"{\"row\":{\"id\":7}}"`, "/row/id", `7`, true},
		{`{"row":{"id":"x"}}`, "/row/id", `"x"`, true},
		{`{"rows":[{"id":1},{"id":2}]}`, "/rows/1/id", `2`, true},
		{`{"a/b":{"c~d":1}}`, "/a~1b/c~0d", `1`, true},
		{`{"":1}`, "/", `1`, true},
		{`{"row":{"id":1,"id":2}}`, "/row/id", `2`, true},
		{`{"row":{}}`, "/row/id", ``, false},
		{`{"rows":[]}`, "/rows/0", ``, false},
		{`{"rows":[1]}`, "/rows/x", ``, false},
		{`"no JSON"`, "/row", ``, false},
		{`"\"text\""`, "/row", ``, false},
		{`7`, "/row", ``, false},
	} {
		if key, ok := ConflationKey(event(tc.data), tc.conflate); key != tc.want || ok != tc.ok {
			t.Errorf("%s in %s is %q, %v", tc.conflate, tc.data, key, ok)
		}
	}
}

// No token but one that was made is taken, and nothing that looks like one ends the process.
func FuzzParseGrant(f *testing.F) {
	s := NewSigner("key", "secret")
	f.Add("orders", []byte(s.GrantToken("orders", Grant{Epoch: 1, First: 7})))
	f.Add("orders", []byte("K2y_6"))
	f.Add("", []byte(""))
	f.Fuzz(func(t *testing.T, channel string, token []byte) {
		g, ok := s.ParseGrant(channel, token)
		if ok && g != (Grant{Epoch: 1, First: 7}) {
			t.Errorf("%q is taken for %+v", token, g)
		}
	})
}

// Whatever a stored event and a rule are, the key is a part of the event.
func FuzzConflationKey(f *testing.F) {
	f.Add([]byte(`{"event":"E","data":"{\"row\":{\"id\":7}}"}`), "/row/id")
	f.Add([]byte(`{"event":"E","data":[1,{"a/b":2}]}`), "/1/a~1b")
	f.Add([]byte(`{"event":"E"}`), "event")
	f.Fuzz(func(t *testing.T, payload []byte, conflate string) {
		key, ok := ConflationKey(payload, conflate)
		if ok && len(key) > len(payload) {
			t.Errorf("%q of %q is %q", conflate, payload, key)
		}
	})
}
