package protocol

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// said is what a test expects of a command: its parts as text.
type said struct {
	verb                       Verb
	channel, auth, channelData string
	id, info                   string
	event, data                string
}

func (c Command) said() said {
	return said{
		c.Verb, string(c.Channel), string(c.Auth), string(c.ChannelData),
		string(c.Member.ID), string(c.Member.Info), string(c.Event), string(c.Data),
	}
}

func subscribe(data string) string { return `{"event":"pusher:subscribe","data":` + data + `}` }

// TestParseCommand goes through reverb-behaviour.md: the case comes first in a name.
func TestParseCommand(t *testing.T) {
	const (
		sub  = `"pusher:subscribe"`
		user = `{"user_id":1,"user_info":{"a":{}}}`
	)
	for _, tc := range []struct {
		name, in string
		want     said
	}{
		{"E37", `{"event":"pusher:ping"}`, said{verb: VerbPing}},
		{"E38 {}", `{"event":"pusher:ping","data":"{}"}`, said{verb: VerbPing}},
		{"E38 object", `{"event":"pusher:ping","data":{}}`, said{verb: VerbPing}},
		{"E38 empty", `{"event":"pusher:ping","data":""}`, said{verb: VerbPing}},
		{"E38 0", `{"event":"pusher:ping","data":0}`, said{verb: VerbPing}},
		{"E38 false", `{"event":"pusher:ping","data":false}`, said{verb: VerbPing}},
		{"E39 deviation", `{"event":"pusher:ping","data":"x"}`, said{verb: VerbPing}},
		{"E40", `{"event":"pusher:pong"}`, said{verb: VerbPong}},
		{"E40 data", `{"event":"pusher:pong","data":{}}`, said{verb: VerbPong}},
		{"E57", subscribe(`{"channel":"test-channel"}`), said{verb: VerbSubscribe, channel: "test-channel"}},
		{"E57 stock", subscribe(`{"auth":"","channel":"test-channel"}`), said{verb: VerbSubscribe, channel: "test-channel"}},
		{"E49", subscribe(`"{\"channel\":\"test-channel\",\"auth\":\"k:s\"}"`), said{verb: VerbSubscribe, channel: "test-channel", auth: "k:s"}},
		{"E56", subscribe(`{"channel":"0"}`), said{verb: VerbSubscribe, channel: "0"}},
		{"E59", subscribe(`{"channel":"private-a","auth":null,"channel_data":null}`), said{verb: VerbSubscribe, channel: "private-a"}},
		{"E62", subscribe(`{"channel":"private-a","auth":"abc"}`), said{verb: VerbSubscribe, channel: "private-a", auth: "abc"}},
		{"E63", subscribe(`{"channel":"private-a","auth":"k:s","channel_data":` + string(quote(user)) + `}`),
			said{verb: VerbSubscribe, channel: "private-a", auth: "k:s", channelData: user, id: "1", info: `{"a":{}}`}},
		{"E67 names are the channels' to judge", subscribe(`{"channel":"a b é"}`), said{verb: VerbSubscribe, channel: "a b é"}},
		{"E68", `{"event":"pusher:unsubscribe","data":{"channel":"a"}}`, said{verb: VerbUnsubscribe, channel: "a"}},
		{"E68 string", `{"event":"pusher:unsubscribe","data":"{\"channel\":\"a\"}"}`, said{verb: VerbUnsubscribe, channel: "a"}},
		{"E77 empty object", subscribe(`{"channel":"presence-a","channel_data":"{}"}`), said{verb: VerbSubscribe, channel: "presence-a", channelData: "{}"}},
		{"PHP's empty object", subscribe(`{"channel":"presence-a","channel_data":"[]"}`), said{verb: VerbSubscribe, channel: "presence-a", channelData: "[]"}},
		{"channel_data empty: signed without it", subscribe(`{"channel":"private-a","channel_data":""}`), said{verb: VerbSubscribe, channel: "private-a"}},
		{"E90", `{"event":"client-start-typing","channel":"test-channel","data":{"id":123,"name":"Joe Dixon"}}`,
			said{verb: VerbClientEvent, channel: "test-channel", event: `"client-start-typing"`, data: `{"id":123,"name":"Joe Dixon"}`}},
		{"E92", `{"event":"client-x","channel":"a"}`, said{verb: VerbClientEvent, channel: "a", event: `"client-x"`}},
		{"E92 null", `{"event":"client-x","channel":"a","data":null}`, said{verb: VerbClientEvent, channel: "a", event: `"client-x"`, data: "null"}},
		{"E93 string", `{"event":"client-x","channel":"a","data":"{\"n\":1}"}`, said{verb: VerbClientEvent, channel: "a", event: `"client-x"`, data: `"{\"n\":1}"`}},
		{"E93 scalar", `{"event":"client-x","channel":"a","data":7}`, said{verb: VerbClientEvent, channel: "a", event: `"client-x"`, data: "7"}},
		{"E96", `{"event":"start-typing","channel":"a","data":{}}`, said{event: `"start-typing"`}},
		{"E96 client", `{"event":"client","channel":"a"}`, said{event: `"client"`}},
		{"E96 internal", `{"event":"pusher_internal:member_added","channel":"a"}`, said{event: `"pusher_internal:member_added"`}},
		{"E98 other members", `{"event":"client-x","channel":"a","channels":["b"],"user_id":9,"data":1}`, said{verb: VerbClientEvent, channel: "a", event: `"client-x"`, data: "1"}},

		{"the last of two", `{"event":"pusher:pong","event":` + sub + `,"data":{"channel":"a"},"data":{"channel":"b","channel":"c","auth":"x","auth":null}}`,
			said{verb: VerbSubscribe, channel: "c"}},
		{"escaped keys", `{"\u0065vent":"pusher:subscr\u0069be","d\u0061ta":{"ch\u0061nnel":"\u0061\/b\ud83d\ude00","\u0061uth":"\""}}`,
			said{verb: VerbSubscribe, channel: "a/b😀", auth: `"`}},
		{"escaped name of a client event", `{"event":"\u0063lient-\"x","channel":"\u0061","data":"\u0061"}`,
			said{verb: VerbClientEvent, channel: "a", event: `"\u0063lient-\"x"`, data: `"\u0061"`}},
		{"white space", " \t\r\n{ \"event\"\n:\t\"client-x\" , \"channel\" : \"a\" , \"data\" : { \"a\" : [ ] } \r\n}\n ",
			said{verb: VerbClientEvent, channel: "a", event: `"client-x"`, data: `{ "a" : [ ] }`}},
		{"longest event name", `{"event":"client-` + strings.Repeat("x", MaxEventName-7) + `","channel":"a"}`,
			said{verb: VerbClientEvent, channel: "a", event: `"client-` + strings.Repeat("x", MaxEventName-7) + `"`}},
	} {
		c, err := ParseCommand([]byte(tc.in))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := c.said()
		if c.Verb != VerbClientEvent && c.Verb != VerbIgnore {
			got.event = "" // only a client event is passed on
		}
		if got != tc.want {
			t.Errorf("%s: %s\ngot  %+v\nwant %+v", tc.name, tc.in, got, tc.want)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	list := []string{
		// E45, E46
		"", " ", "x", "{", "}", "[]", "null", "true", "1", `"pusher:ping"`, `{}`, `[{"event":"pusher:ping"}]`,
		`{"event":null}`, `{"event":1}`, `{"event":true}`, `{"event":[]}`, `{"event":{}}`, `{"event":""}`, `{"Event":"pusher:ping"}`, `{"event ":"pusher:ping"}`,
		`{"event":"pusher:ping","event":5}`, `{"event":"pusher:ping","event":null}`,
		// Around the object
		`{"event":"pusher:ping"}x`, `{"event":"pusher:ping"}{}`, `{"event":"pusher:ping"},`, "{\"event\":\"pusher:ping\"}\x00",
		"\ufeff" + `{"event":"pusher:ping"}`, "\v" + `{"event":"pusher:ping"}`, "\u00a0" + `{"event":"pusher:ping"}`, `{"event":"pusher:ping"`, `{"event":"pusher:ping",}`, `{,"event":"pusher:ping"}`,
		`{"event":"pusher:ping" "data":1}`, `{"event" "pusher:ping"}`, `{event:"pusher:ping"}`, `{'event':'pusher:ping'}`, `{"event":"pusher:ping"//` + "\n}",
		// E47, E48
		`{"event":"pusher:signin","data":{}}`, `{"event":"pusher:x","channel":"a"}`, `{"event":"pusher:"}`, `{"event":"pusher:connection_established"}`, `{"event":"pusher:PING"}`,
		`{"event":"pusher:\u0078","channel":"a"}`,
		// E97
		`{"event":"x"}`, `{"event":"client-x"}`, `{"event":"client-x","channel":null}`, `{"event":"client-x","channel":""}`, `{"event":"client-x","channel":["a"]}`,
		`{"event":"client-x","channel":1}`, `{"event":"x","channel":{}}`, `{"event":"pusher_internal:x"}`,
	}
	for _, verb := range []string{"subscribe", "unsubscribe"} {
		for _, data := range []string{
			`"sfsfsfs"`, `""`, `null`, `1`, `true`, `[]`, `{}`, `"{}"`, `"[]"`, `"null"`, `"\"{}\""`, `"{\"channel\":\"a\"}x"`, // E50
			`{"channel":null}`, `{"channel":[]}`, `{"channel":{}}`, `{"channel":true}`, `{"channel":1}`, `{"channel":""}`, `{"auth":"x"}`, `{"CHANNEL":"a"}`, // E51, E55
			`{"channel":"a","channel":""}`, `{"channel":"a","auth":[]}`, `{"channel":"a","auth":{}}`, `{"channel":"a","auth":1}`, `{"channel":"a","auth":false}`, // E52
			`{"channel":"a","channel_data":[]}`, `{"channel":"a","channel_data":{}}`, `{"channel":"a","channel_data":1}`, `{"channel":"a","channel_data":"x"}`, // E53
			`{"channel":"a","channel_data":"1"}`, `{"channel":"a","channel_data":"\"1\""}`, `{"channel":"a","channel_data":"null"}`, `{"channel":"a","channel_data":"{"}`, // E54
			`{"channel":"a","channel_data":" "}`, `{"channel":"a","channel_data":"[1"}`, `{"channel":"a","channel_data":"\u00a0{}"}`, `{"channel":"a","channel_data":"\u000b[]"}`,
		} {
			list = append(list, `{"event":"pusher:`+verb+`","data":`+data+`}`)
		}
		list = append(list, `{"event":"pusher:`+verb+`"}`, `{"event":"pusher:`+verb+`","channel":"a"}`)
	}
	for _, bad := range badValues {
		list = append(list, `{"event":"client-x","channel":"a","data":`+bad+`}`, `{"event":"client-x","channel":"a","other":[0,`+bad+`]}`, `{"other":{"a":`+bad+`},"event":"pusher:ping"}`)
	}
	for _, in := range list {
		if c, err := ParseCommand([]byte(in)); err != ErrInvalidFormat {
			t.Errorf("%s: %+v, %v", in, c.said(), err)
		}
	}
	_, err := ParseCommand([]byte(`{"event":"client-` + strings.Repeat("x", MaxEventName-6) + `","channel":"a"}`))
	if err == nil || err.Code != ErrInvalidFormat.Code || !strings.Contains(err.Text, "201") || !strings.Contains(err.Text, "200") {
		t.Errorf("an event name that is too long: %v", err)
	}
}

// The whole message nests at most as deep as PHP's json_decode lets it.
func TestParseCommandDepth(t *testing.T) {
	nested := func(outer string, n int) string {
		return strings.Replace(outer, "X", strings.Repeat("[", n)+strings.Repeat("]", n), 1)
	}
	for _, outer := range []string{
		`{"event":"client-x","channel":"a","data":X}`, `{"event":"pusher:ping","x":X}`, `{"x":X,"event":"pusher:pong"}`,
	} {
		if _, err := ParseCommand([]byte(nested(outer, MaxDepth-1))); err != nil {
			t.Errorf("%s: %d deep: %v", outer, MaxDepth, err)
		}
		for _, n := range []int{MaxDepth, MaxDepth + 1, 10_000, 1 << 20} {
			if _, err := ParseCommand([]byte(nested(outer, n))); err != ErrInvalidFormat {
				t.Errorf("%s: %d deep: %v", outer, n+1, err)
			}
		}
	}
	for _, s := range []string{"[", `{"a":`, `[{"a":`} {
		deep := strings.Repeat(s, 1<<20/len(s))
		for _, in := range []string{deep, `{"event":"client-x","channel":"a","data":` + deep, subscribe(string(quote(deep)))} {
			if _, err := ParseCommand([]byte(in)); err != ErrInvalidFormat {
				t.Errorf("1 MiB of %s: %v", s, err)
			}
		}
	}
}

func TestClientEventKeepsBytes(t *testing.T) {
	for _, data := range []string{
		`{}`, `[]`, `{"a":{}}`, `1.0`, `-0`, `1e2`, `1E+2`, `0.10`, `9223372036854775808`, `123456789012345678901234567890.5`, `1e999`,
		`"\u00e9\/\u2028\ud800"`, `"é/"`, `"</script>"`, `{ "a" : 1 ,	"a" : 2 }`, `[ ]`, `null`, `false`, `"{\"n\":1}"`, `""`,
	} {
		for _, name := range []string{`"client-x"`, `"\u0063lient-x"`, `"client-\/\u00e9"`, `"client-é\ud83d\ude00"`} {
			c, err := ParseCommand([]byte(`{"event":` + name + `,"channel":"a","data":` + data + `}`))
			if err != nil || c.Verb != VerbClientEvent {
				t.Fatalf("%s: %v, verb %d", data, err, c.Verb)
			}
			want := `{"event":` + name + `,"channel":"a","data":` + data + `,"user_id":1}`
			f := ClientEvent(c.Event, string(c.Channel), c.Data, Raw("1"))
			if decodeFrame(t, f); string(f.Payload()) != want {
				t.Errorf("got  %s\nwant %s", f.Payload(), want)
			}
		}
	}
}

// The signature is over channel_data as it came. Looking for the user in it may not change it.
func TestChannelDataIsWhatWasSigned(t *testing.T) {
	for _, data := range []string{
		"", `{"user\u005fid":"u\u002d1","\"":1,"user_info":{"\u0061":"\n"}}`, `{"user_id":"u-\u00e9","user_info":{"name":"Zo\u00eb \"Z\" \/slash"}}`, `{"\u0075ser_id":7}`, " {\"user_id\":1}\n",
	} {
		signer := NewSigner("key", "secret")
		auth := signer.Channel(SocketID{1, 1}, []byte("presence-a"), []byte(data))
		object := `{"channel":"presence-a","auth":"` + auth + `","channel_data":` + string(quote(data)) + `}`
		for _, in := range []string{subscribe(object), subscribe(string(quote(object)))} {
			c, err := ParseCommand([]byte(in))
			if err != nil || string(c.ChannelData) != data || c.Member.IsZero() != (data == "") {
				t.Fatalf("%v\ngot  %q\nwant %q", err, c.ChannelData, data)
			}
			if !signer.VerifyChannel(SocketID{1, 1}, c.Channel, c.ChannelData, c.Auth) {
				t.Errorf("%s: the signature does not fit any more", data)
			}
		}
	}
}

// FuzzParseCommand holds the parser against encoding/json.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{
		`{"event":"pusher:ping","data":{}}`, `{"event":"pusher:subscribe","data":{"auth":"k:s","channel":"presence-a","channel_data":"{\"user_id\":1,\"user_info\":{}}"}}`,
		`{"event":"pusher:subscribe","data":"{\"channel\":\"a\"}"}`, `{"event":"pusher:unsubscribe","data":{"channel":"\u0061\ud83d\ude00\ud800"}}`,
		`{"event":"client-x","channel":"a","data":{"b":[1,-0.5e+7,true,null]}}`, `{"event":"client-\u00e9\"","channel":"\/","data":"\ud83d"}`, `{"event":"x","channel":"a"}`, `{"event":"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ParseCommand(bytes.Clone(in))
		if err != nil && (c.Verb == VerbClientEvent || err.Code != 4200 || err.Closes) {
			t.Fatalf("%v of %v", err, c.Verb)
		}
		if err != nil || !utf8.Valid(in) {
			return // broken UTF-8 is stopped before; here it only may not panic
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(in, &object); err != nil {
			t.Fatalf("taken, although %v", err)
		}
		switch c.Verb {
		case VerbClientEvent:
			fuzzClientEvent(t, c, object)
		case VerbSubscribe, VerbUnsubscribe:
			fuzzSubscription(t, c, object["data"])
		}
	})
}

func fuzzClientEvent(t *testing.T, c Command, object map[string]json.RawMessage) {
	if !bytes.Equal(c.Event, object["event"]) || !bytes.Equal(c.Data, object["data"]) || string(c.Channel) != unquote(t, object["channel"]) {
		t.Fatalf("%+v of %s", c.said(), object)
	}
	event := decodeFrame(t, ClientEvent(c.Event, string(c.Channel), c.Data, Raw("1")))
	if event.text(t, "event") != unquote(t, object["event"]) || event.text(t, "channel") != string(c.Channel) || len(event) != 4 {
		t.Fatalf("%s became %s", object, event)
	}
	if !strings.HasPrefix(event.text(t, "event"), "client-") {
		t.Fatalf("%s is relayed", c.Event)
	}
}

func fuzzSubscription(t *testing.T, c Command, data json.RawMessage) {
	if len(data) > 0 && data[0] == '"' {
		data = json.RawMessage(unquote(t, data))
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatalf("taken, although %v", err)
	}
	if string(c.Channel) != unquote(t, object["channel"]) || len(c.Channel) == 0 || string(c.Auth) != unquote(t, object["auth"]) || string(c.ChannelData) != unquote(t, object["channel_data"]) {
		t.Fatalf("%+v of %s", c.said(), object)
	}
	if c.Member.IsZero() {
		return
	}
	var member map[string]json.RawMessage
	if err := json.Unmarshal(c.ChannelData, &member); err != nil || !bytes.Equal(c.Member.ID, member["user_id"]) || !bytes.Equal(c.Member.Info, member["user_info"]) {
		t.Fatalf("%v: %+v of %s", err, c.said(), member)
	}
	decodeFrame(t, presence("a", c.Member))
	decodeFrame(t, MemberAdded("a", c.Member))
}

// unquote returns the text of a string by the library; null and nothing have none.
func unquote(t *testing.T, raw json.RawMessage) (s string) {
	t.Helper()
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
