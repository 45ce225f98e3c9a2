package e2e

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// badFrames: each is answered with the close code of RFC 6455.
func badFrames(t *testing.T, s *server) {
	length := func(n uint64) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, n), 1, 2, 3, 4)
	}
	cut := func(op ws.OpCode, fin bool, text string) []byte {
		b := masked(op, []byte(text))
		if !fin {
			b[0] &^= 0x80
		}
		return b
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, test := range []struct {
		name  string
		bytes []byte
		code  ws.StatusCode
	}{
		{"a length of 100 MB", length(100 << 20), 1009},
		{"a length of 2^62", length(1 << 62), 1009},
		{"a length with its top bit set", length(1 << 63), 1002},
		{"a message over the limit", masked(ws.OpText, []byte(strings.Repeat("x", 10_001))), 1009},
		{"fragments over the limit", join(cut(ws.OpText, false, strings.Repeat("x", 6000)), cut(ws.OpContinuation, true, strings.Repeat("x", 6000))), 1009},
		{"no mask", []byte("\x81\x02hi"), 1002},
		{"a reserved bit", []byte{0xc1, 0x80, 1, 2, 3, 4}, 1002},
		{"a reserved opcode", []byte{0x83, 0x80, 1, 2, 3, 4}, 1002},
		{"a continuation of nothing", cut(ws.OpContinuation, true, "x"), 1002},
		{"a message inside of a message", join(cut(ws.OpText, false, "x"), cut(ws.OpText, true, "x")), 1002},
		{"a ping in fragments", cut(ws.OpPing, false, "x"), 1002},
		{"a ping that is too long", masked(ws.OpPing, make([]byte, 126)), 1002},
		{"text that is not UTF-8", masked(ws.OpText, []byte("{\"event\":\"\xff\"}")), 1007},
		{"half a rune at the end", masked(ws.OpText, []byte("\xe2\x82")), 1007},
		{"a surrogate", masked(ws.OpText, []byte("\xed\xa0\x80")), 1007},
		{"a close code that may not be sent", masked(ws.OpClose, []byte{0x03, 0xed}), 1002},
		{"a close of one byte", masked(ws.OpClose, []byte{3}), 1002},
	} {
		c := s.connect(t)
		if _, err := c.conn.Write(test.bytes); err != nil {
			t.Fatal(err)
		}
		var closed closedError
		if err := c.ended(); !errors.As(err, &closed) || closed.code != test.code {
			t.Errorf("%s: the connection ended with %v, want a close with %d", test.name, err, test.code)
		}
	}
}

// badCommands: JSON of every wrong shape is answered with pusher:error or not at all, and the socket
// is as good as before.
func badCommands(t *testing.T, s *server) {
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 4000)
	for _, text := range []string{
		``, ` `, `{`, `}`, `[]`, `null`, `true`, `1`, `"pusher:ping"`, `{}`, `{"event":}`, `{"event":null}`, `{"event":1}`,
		`{"event":[]}`, `{"event":{}}`, `{"event":"pusher:ping"`, `{"event":"pusher:ping"}{"event":"pusher:ping"}`, `{"event":"pusher:ping",}`,
		`{'event':'pusher:ping'}`, `{"event":"\ud800"}`, `{"event":"\x"}`, "{\"event\":\"a\nb\"}", `{"event":"a","data":` + deep + `}`, deep,
		`{"event":"pusher:subscribe"}`, `{"event":"pusher:subscribe","data":null}`, `{"event":"pusher:subscribe","data":[]}`,
		`{"event":"pusher:subscribe","data":1}`, `{"event":"pusher:subscribe","data":"x"}`, `{"event":"pusher:subscribe","data":{}}`,
		`{"event":"pusher:subscribe","data":{"channel":null}}`, `{"event":"pusher:subscribe","data":{"channel":1}}`,
		`{"event":"pusher:subscribe","data":{"channel":{}}}`, `{"event":"pusher:subscribe","data":{"channel":""}}`,
		`{"event":"pusher:subscribe","data":{"channel":"no spaces"}}`, `{"event":"pusher:subscribe","data":{"channel":"` + strings.Repeat("x", 201) + `"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"private-x"}}`, `{"event":"pusher:subscribe","data":{"channel":"private-x","auth":1}}`,
		`{"event":"pusher:subscribe","data":{"channel":"private-x","auth":"app-key:"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"presence-x","auth":"app-key:00","channel_data":"{}"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"presence-x","auth":"app-key:00","channel_data":{}}}`,
		`{"event":"pusher:unsubscribe"}`, `{"event":"pusher:unsubscribe","data":{"channel":"not-there"}}`, `{"event":"pusher:unsubscribe","data":{"channel":[]}}`,
		`{"event":"client-x"}`, `{"event":"client-x","channel":"not-there","data":{}}`, `{"event":"client-x","channel":1}`, `{"event":"client-x","channel":"witness","data":{}}`,
		`{"event":"pusher:unknown"}`, `{"event":"pusher_internal:member_added","channel":"witness","data":{}}`, `{"event":"tick","channel":"witness","data":"0"}`,
	} {
		c := s.connect(t)
		if err := c.write(text); err != nil {
			t.Fatal(err)
		}
		c.send("pusher:ping", map[string]any{"data": map[string]any{}})
		for m := c.next(); m.Event != "pusher:pong"; m = c.next() {
			if m.Event != "pusher:error" && m.Event != "pusher:subscription_error" {
				t.Errorf("%q was answered with %+v", text, m)
				break
			}
		}
		if err := c.trySubscribe("still-good"); err != nil {
			t.Errorf("after %q: %v", text, err)
		}
		_ = c.conn.Close()
	}
}
