package protocol

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"resound/protocol/ws"
)

// hostile is text that a careless encoder breaks on.
var hostile = []string{
	`a"b\c`, `\`, `"`, `\"`, `\\"`, `\u0041`, "</script><script>alert(1)</script>", "'; --", "<!--", "&amp;",
	"\x00\x01\x1f\x7f", "a\nb\r\tc\b\f", "Zoë 日本語 😀", "\u2028\u2029\ufeff\ufffd", "{}", "null", `{"event":"x"}`, "__proto__",
}

// decoded is an event as a client has it before it looks at the values.
type decoded map[string]json.RawMessage

// decodeFrame checks that f is one whole text message of RFC 6455 around one JSON object in UTF-8
// with a string "event", and returns the members.
func decodeFrame(t *testing.T, f *Frame) decoded {
	t.Helper()
	b := f.Bytes()
	payload := unframe(t, b)
	if !bytes.Equal(payload, f.Payload()) || f.Len() != len(b) {
		t.Fatalf("Payload has %d bytes and Len is %d; the frame holds %d in %d", len(f.Payload()), f.Len(), len(payload), len(b))
	}
	if !utf8.Valid(payload) {
		t.Fatalf("no UTF-8: %q", payload)
	}
	var event decoded
	if err := json.Unmarshal(payload, &event); err != nil || event == nil {
		t.Fatalf("%v: %s", err, payload)
	}
	event.text(t, "event")
	return event
}

// unframe reads the header of a server's frame by the RFC and not by package ws.
func unframe(t *testing.T, b []byte) []byte {
	t.Helper()
	if len(b) < 2 || b[0] != 0x81 || b[1]&0x80 != 0 {
		t.Fatalf("no whole, unmasked text message: % x", b[:min(len(b), 10)])
	}
	from, n := 2, uint64(b[1])
	switch n {
	case 126:
		if from, n = 4, uint64(binary.BigEndian.Uint16(b[2:])); n < 126 {
			t.Fatalf("%d bytes fit into a header of 2", n)
		}
	case 127:
		if from, n = 10, binary.BigEndian.Uint64(b[2:]); n <= 0xffff {
			t.Fatalf("%d bytes fit into a header of 4", n)
		}
	}
	if uint64(len(b)-from) != n {
		t.Fatalf("the header says %d bytes, %d follow", n, len(b)-from)
	}
	return b[from:]
}

// text returns a member that has to be a string.
func (d decoded) text(t *testing.T, name string) (s string) {
	t.Helper()
	if len(d[name]) == 0 || d[name][0] != '"' {
		t.Fatalf("%s is no string: %s", name, d[name])
	}
	if err := json.Unmarshal(d[name], &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// sameJSON checks that the frame means what want means; the text inside a string has to be the same.
func sameJSON(t *testing.T, f *Frame, want string) {
	t.Helper()
	decodeFrame(t, f)
	if !equalJSON(t, f.Payload(), []byte(want)) {
		t.Errorf("got  %s\nwant %s", f.Payload(), want)
	}
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(parseJSON(t, a), parseJSON(t, b))
}

// parseJSON keeps numbers as they are written.
func parseJSON(t *testing.T, b []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return v
}

// quote makes a JSON string of s by the library.
func quote(s string) Raw {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestFrameHeaderFitsThePayload(t *testing.T) {
	empty := len(Event(Raw(`"e"`), "c", Raw(`""`)).Payload())
	for _, n := range []int{empty, 64, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537, 1 << 20} {
		f := Event(Raw(`"e"`), "c", Raw(`"`+strings.Repeat("x", n-empty)+`"`))
		if decodeFrame(t, f); len(f.Payload()) != n {
			t.Errorf("%d bytes of payload, want %d", len(f.Payload()), n)
		}
	}
}

// A guess that is too small costs a copy and must not cost bytes.
func TestFrameGrows(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		text := `{"event":"` + strings.Repeat("x", n) + `"}`
		f := newFrame(0, func(dst []byte) []byte { return append(dst, text...) })
		if decodeFrame(t, f); string(f.Payload()) != text {
			t.Errorf("%d bytes became %d", len(text), len(f.Payload()))
		}
	}
}

func TestControlAndCloseFrames(t *testing.T) {
	for _, op := range []ws.Opcode{ws.OpPing, ws.OpPong} {
		for _, n := range []int{0, 1, 125} {
			payload := bytes.Repeat([]byte{'x'}, n)
			want := append([]byte{0x80 | byte(op), byte(n)}, payload...)
			if got := NewControlFrame(op, payload).Bytes(); !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
		}
	}
	for reason, want := range map[string]string{"": "", "gone": "gone", strings.Repeat("x", 200): strings.Repeat("x", 123), strings.Repeat("é", 62): strings.Repeat("é", 61)} {
		b := NewCloseFrame(4100, reason).Bytes()
		if len(b) != 4+len(want) || b[0] != 0x88 || int(b[1]) != 2+len(want) || binary.BigEndian.Uint16(b[2:]) != 4100 || string(b[4:]) != want {
			t.Errorf("%q: % x", reason, b)
		}
	}
	if raw := NewRawFrame([]byte("HTTP/1.1 101")); string(raw.Bytes()) != "HTTP/1.1 101" || raw.Len() != 12 {
		t.Errorf("%q", raw.Bytes())
	}
}
