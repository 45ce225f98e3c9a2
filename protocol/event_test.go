package protocol

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestConstantFrames(t *testing.T) {
	for f, want := range map[*Frame]string{PingFrame: `{"event":"pusher:ping"}`, PongFrame: `{"event":"pusher:pong"}`} {
		if decodeFrame(t, f); string(f.Payload()) != want {
			t.Errorf("%s, want %s", f.Payload(), want)
		}
	}
}

func TestEstablished(t *testing.T) {
	sameJSON(t, Established(SocketID{123, 456}, 30*time.Second),
		`{"event":"pusher:connection_established","data":"{\"socket_id\":\"123.456\",\"activity_timeout\":30}"}`)
	sameJSON(t, Established(SocketID{1_000_000_000, 1_000_000_000}, 119*time.Second+999*time.Millisecond),
		`{"event":"pusher:connection_established","data":"{\"socket_id\":\"1000000000.1000000000\",\"activity_timeout\":119}"}`)
	decodeFrame(t, Established(SocketID{math.MaxUint32, math.MaxUint32}, math.MaxInt64))
}

func TestSucceeded(t *testing.T) {
	sameJSON(t, Succeeded("test-channel"), `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"test-channel"}`)
	// Reverb leaves the channel "0" out of its answer, and the page then waits for ever.
	sameJSON(t, Succeeded("0"), `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"0"}`)
}

func TestSubscriptionError(t *testing.T) {
	sameJSON(t, SubscriptionError("private-a", "AuthError", "Connection is unauthorized", 401),
		`{"event":"pusher:subscription_error","channel":"private-a","data":{"type":"AuthError","error":"Connection is unauthorized","status":401}}`)
}

func presence(channel string, members ...Member) *Frame {
	size := 0
	for _, m := range members {
		size += len(m.ID) + len(m.Info)
	}
	return SucceededPresence(channel, len(members), size, func(yield func(Member)) {
		for _, m := range members {
			yield(m)
		}
	})
}

func TestPresenceRoster(t *testing.T) {
	for _, tc := range []struct {
		name    string
		members []Member
		data    string
	}{
		{"nobody", nil, `{"presence":{"count":0,"ids":[],"hash":{}}}`},
		{"a number", []Member{{Raw("1"), Raw(`{"name":"Test User"}`)}}, `{"presence":{"count":1,"ids":[1],"hash":{"1":{"name":"Test User"}}}}`},
		{"a string", []Member{{Raw(`"10"`), Raw(`[1.0,{}]`)}}, `{"presence":{"count":1,"ids":["10"],"hash":{"10":[1.0,{}]}}}`},
		// PHP makes a list of the keys 0, 1, 2, in which pusher-js finds nobody after a departure.
		{"0, 1, 2", []Member{{ID: Raw("0")}, {ID: Raw("1")}, {ID: Raw("2")}}, `{"presence":{"count":3,"ids":[0,1,2],"hash":{"0":null,"1":null,"2":null}}}`},
		{"no info among infos", []Member{{ID: Raw(`"a"`)}, {Raw("-2"), Raw("null")}, {Raw("3"), Raw(`""`)}},
			`{"presence":{"count":3,"ids":["a",-2,3],"hash":{"a":null,"-2":null,"3":""}}}`},
	} {
		f := presence("presence-test-channel", tc.members...)
		event := decodeFrame(t, f)
		if got := event.text(t, "data"); got != tc.data {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.data)
		}
		if len(event) != 3 || event.text(t, "event") != EventSucceeded || event.text(t, "channel") != "presence-test-channel" {
			t.Errorf("%s: %s", tc.name, f.Payload())
		}
	}
	sameJSON(t, presence("presence-x", Member{Raw("1"), Raw(`{"name":"Test User"}`)}),
		`{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":{\"count\":1,\"ids\":[1],\"hash\":{\"1\":{\"name\":\"Test User\"}}}}","channel":"presence-x"}`)
}

func TestMemberEvents(t *testing.T) {
	sameJSON(t, MemberAdded("presence-test-channel", Member{Raw("2"), Raw(`{"name":"Test User 2"}`)}),
		`{"event":"pusher_internal:member_added","data":"{\"user_id\":2,\"user_info\":{\"name\":\"Test User 2\"}}","channel":"presence-test-channel"}`)
	sameJSON(t, MemberAdded("presence-a", Member{ID: Raw(`"u"`)}), `{"event":"pusher_internal:member_added","data":"{\"user_id\":\"u\"}","channel":"presence-a"}`)
	sameJSON(t, MemberRemoved("presence-a", Member{Raw("3"), Raw(`{"name":"gone"}`)}),
		`{"event":"pusher_internal:member_removed","data":"{\"user_id\":3}","channel":"presence-a"}`)
}

func TestPublisherEvents(t *testing.T) {
	sameJSON(t, Event(Raw(`"App\\Events\\TestEvent"`), "test-channel", Raw(`"{\"foo\":\"bar\"}"`)),
		`{"event":"App\\Events\\TestEvent","data":"{\"foo\":\"bar\"}","channel":"test-channel"}`)
	sameJSON(t, ClientEvent(Raw(`"client-start-typing"`), "test-channel", Raw(`{"id":123,"name":"Joe Dixon"}`), nil),
		`{"event":"client-start-typing","channel":"test-channel","data":{"id":123,"name":"Joe Dixon"}}`)
	sameJSON(t, ClientEvent(Raw(`"client-x"`), "presence-a", nil, Raw("1")), `{"event":"client-x","channel":"presence-a","data":null,"user_id":1}`)
	sameJSON(t, ClientEvent(Raw(`"client-x"`), "presence-a", Raw(`"s"`), Raw(`"u-1"`)), `{"event":"client-x","channel":"presence-a","data":"s","user_id":"u-1"}`)
}

// Whatever people are called, a frame is one JSON object that says just that.
func TestHostileTextSurvives(t *testing.T) {
	for _, s := range append(hostile, strings.Repeat(`"\`, 500)) {
		info := Raw(`{"name":` + string(quote(s)) + `}`)
		for _, id := range []Raw{quote(s), AppendString(nil, s)} {
			m := Member{id, info}
			checkHostileRoster(t, s, presence(s, m, Member{ID: Raw("7")}))
			checkHostileMember(t, s, MemberAdded(s, m), true)
			checkHostileMember(t, s, MemberRemoved(s, m), false)
			for _, f := range []*Frame{Event(id, s, id), ClientEvent(id, s, id, id)} {
				event := decodeFrame(t, f)
				if event.text(t, "event") != s || event.text(t, "channel") != s || event.text(t, "data") != s {
					t.Errorf("%q: %s", s, f.Payload())
				}
			}
		}
		if event := decodeFrame(t, Succeeded(s)); event.text(t, "channel") != s {
			t.Errorf("%q: %v", s, event)
		}
		var data struct {
			Type, Error string
			Status      int
		}
		event := decodeFrame(t, SubscriptionError(s, s, s, 401))
		if err := json.Unmarshal(event["data"], &data); err != nil || event.text(t, "channel") != s || data.Type != s || data.Error != s || data.Status != 401 {
			t.Errorf("%q: %v, %+v", s, err, data)
		}
	}
}

func checkHostileRoster(t *testing.T, s string, f *Frame) {
	t.Helper()
	var data struct {
		Presence struct {
			Count int
			IDs   []any
			Hash  map[string]struct{ Name string }
		}
	}
	event := decodeFrame(t, f)
	if err := json.Unmarshal([]byte(event.text(t, "data")), &data); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	p := data.Presence
	if event.text(t, "channel") != s || p.Count != 2 || len(p.IDs) != 2 || p.IDs[0] != s || p.IDs[1] != 7.0 || len(p.Hash) != 2 || p.Hash[s].Name != s {
		t.Errorf("%q: %+v", s, data)
	}
}

func checkHostileMember(t *testing.T, s string, f *Frame, info bool) {
	t.Helper()
	var data struct {
		ID   string                 `json:"user_id"`
		Info *struct{ Name string } `json:"user_info"`
	}
	event := decodeFrame(t, f)
	if err := json.Unmarshal([]byte(event.text(t, "data")), &data); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if event.text(t, "channel") != s || data.ID != s || (data.Info != nil) != info || info && data.Info.Name != s {
		t.Errorf("%q: %+v", s, data)
	}
}

func TestEventName(t *testing.T) {
	for _, f := range []*Frame{
		Event(Raw(`"na\"me"`), "c", Raw(`{"event":"x"}`)), ClientEvent(Raw(`"na\"me"`), "c", nil, nil),
	} {
		if got := EventName(f.Payload()); string(got) != `"na\"me"` {
			t.Errorf("%s of %s", got, f.Payload())
		}
	}
	for _, s := range []string{"", `{"event":`, `{"event":1}`, `{"event":"x`} {
		if got := EventName([]byte(s)); got != nil {
			t.Errorf("%s of %s", got, s)
		}
	}
}
