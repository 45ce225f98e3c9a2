package protocol

import (
	"strings"
	"testing"
)

// The messages that a server sees most.
var (
	pingMessage   = []byte(`{"event":"pusher:ping","data":{}}`)
	publicMessage = []byte(`{"event":"pusher:subscribe","data":{"auth":"","channel":"orders.1"}}`)
	secretMessage = []byte(`{"event":"pusher:subscribe","data":{"auth":"278d425bdf160c739803:4c6d8fc42a207ba96a0779844171b0bb819d96ffceef9609f5cce596ab17a800",` +
		`"channel_data":"{ \"user_id\" : \"10\" }","channel":"presence-foobar"}}`)
	clientMessage = []byte(`{"event":"client-typing","channel":"private-chat.7","data":{"id":123,"name":"Joe Dixon","at":[1.5,true,null]}}`)

	eventList = []byte(`["a","b"]`)
	eventName = Raw(`"App\\Events\\OrderShipped"`)
	eventData = Raw(`"{\"order\":{\"id\":1,\"note\":\"` + strings.Repeat("x", 150) + `\"}}"`)
)

// parse parses a copy in buf, as a loop parses its read buffer.
func parse(buf, message []byte) *Error {
	_, err := ParseCommand(buf[:copy(buf, message)])
	return err
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	s, all := readVectors(t)
	v, r := all["auth_presence"], all["http_post_events_laravel"]
	channel, data, auth := []byte(v.Channel), v.data(), []byte(v.Auth)
	method, path, body, given := []byte(r.Method), []byte(r.Path), r.body(), []byte(r.AuthSignature)
	query, params := r.params(t), make([]Param, 0, 8)
	buf := make([]byte, 1024)
	for _, tc := range []struct {
		name   string
		budget float64
		run    func()
	}{
		{"ParseCommand ping", 0, func() { _ = parse(buf, pingMessage) }},
		{"ParseCommand subscribe", 0, func() { _ = parse(buf, publicMessage) }},
		{"ParseCommand subscribe presence", 0, func() { _ = parse(buf, secretMessage) }},
		{"ParseCommand client event", 0, func() { _ = parse(buf, clientMessage) }},
		{"ParseCommand refused", 0, func() { _ = parse(buf, clientMessage[1:]) }},
		{"ScanObject", 0, func() { ScanObject(clientMessage, func([]byte, Raw) bool { return true }) }},
		{"ScanArray", 0, func() { ScanArray(eventList, func(Raw) bool { return true }) }},
		{"ValidJSON", 0, func() { ValidJSON(clientMessage) }},
		{"SocketID.Append", 0, func() { SocketID{1, 2}.Append(buf[:0]) }},
		{"ParseSocketID", 0, func() { ParseSocketID("363651697.279198991") }},
		{"VerifyChannel", 0, func() { s.VerifyChannel(SocketID{1234, 1234}, channel, data, auth) }},
		{"VerifyChannel refused", 0, func() { s.VerifyChannel(SocketID{1, 1}, channel, data, auth) }},
		{"VerifyRequest", 0, func() { s.VerifyRequest(method, path, append(params, query...), body, given) }},
		{"Event", 2, func() { Event(eventName, "private-orders.1", eventData) }},
		{"Event with escapes", 2, func() { Event(quote5, "private-orders.1", eventData) }},
		{"ClientEvent", 2, func() { ClientEvent(Raw(`"client-x"`), "presence-a", eventData, Raw("1")) }},
		{"Succeeded", 2, func() { Succeeded("private-orders.1") }},
		{"Established", 2, func() { Established(SocketID{1_000_000_000, 1_000_000_000}, 1<<40) }},
		{"MemberAdded", 2, func() { MemberAdded("presence-a", Member{Raw(`"u-1"`), Raw(`{"name":"x"}`)}) }},
		{"MemberRemoved", 2, func() { MemberRemoved("presence-a", Member{ID: Raw(`"u-1"`)}) }},
		{"Error.Frame", 0, func() { ErrInvalidFormat.Frame() }},
		{"Member.Clone", 1, func() { Member{Raw("1"), Raw("{}")}.Clone() }},
	} {
		if n := testing.AllocsPerRun(200, tc.run); n > tc.budget {
			t.Errorf("%s: %v allocations, the budget is %v", tc.name, n, tc.budget)
		}
	}
}

var quote5 = Raw(`"\u00e9\"\\"`)

func BenchmarkParseCommand(b *testing.B) {
	for _, bc := range []struct {
		name    string
		message []byte
	}{{"ping", pingMessage}, {"subscribe", publicMessage}, {"presence", secretMessage}, {"client", clientMessage}} {
		b.Run(bc.name, func(b *testing.B) {
			buf := make([]byte, 1024)
			b.SetBytes(int64(len(bc.message)))
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(buf, bc.message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEvent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if f := Event(eventName, "private-orders.1", eventData); f.Len() < 200 {
			b.Fatal(f.Len())
		}
	}
}

func BenchmarkVerifyChannel(b *testing.B) {
	s, all := readVectors(b)
	v := all["auth_presence"]
	channel, data, auth := []byte(v.Channel), v.data(), []byte(v.Auth)
	b.ReportAllocs()
	for b.Loop() {
		if !s.VerifyChannel(SocketID{1234, 1234}, channel, data, auth) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkVerifyRequest(b *testing.B) {
	s, all := readVectors(b)
	v := all["http_post_events_laravel"]
	method, path, body, given := []byte(v.Method), []byte(v.Path), v.body(), []byte(v.AuthSignature)
	query, params := v.params(b), make([]Param, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		if !s.VerifyRequest(method, path, append(params, query...), body, given) {
			b.Fatal("refused")
		}
	}
}
