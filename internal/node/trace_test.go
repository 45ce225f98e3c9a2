package node

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"resound/protocol"
)

func TestTraceLooksLikeReverbs(t *testing.T) {
	var out bytes.Buffer
	trace := NewTrace(&out)
	id := protocol.SocketID{A: 12, B: 345}
	trace.Opened(id)
	trace.Received(id, []byte(`{"event":"pusher:ping"}`))
	trace.Sent(id, protocol.PongFrame)
	trace.Closed(id)
	lines := strings.Split(out.String(), "\n")
	want := []string{
		"  Connection Established " + strings.Repeat(".", 44) + " 12.345",
		"  Message Received " + strings.Repeat(".", 50) + " 12.345",
		"",
		"  {",
		`      "event": "pusher:ping"`,
		"  }",
		"",
		"  Message Sent " + strings.Repeat(".", 54) + " 12.345",
	}
	for i, line := range want {
		if lines[i] != line {
			t.Errorf("line %d is %q, want %q", i+1, lines[i], line)
		}
	}
	if !strings.Contains(out.String(), "  Connection Closed "+strings.Repeat(".", 49)+" 12.345\n") {
		t.Errorf("no end in %q", out.String())
	}
}

// What a stranger sends must neither command the terminal of whoever debugs nor look like a line of ours.
func TestTraceIsSafeToLookAt(t *testing.T) {
	for _, payload := range []string{
		"{\"event\":\"\x1b[2J\x1b]0;owned\a\"}",
		"{\"event\":\"\u009b2J\u0085\u202eback\u2028\u200b\x7f\"}",
		"{\"event\":\"a\n  Connection Closed .... 1.2\r\n\"}",
		"\x1b[31mno JSON\n  Connection Closed .... 1.2",
		"{\"event\":\"\xff\xfe\"}",
		"{\"event\":\"\U000e0001\"}",
		"", "{", "null",
	} {
		var out bytes.Buffer
		NewTrace(&out).Received(protocol.SocketID{A: 1, B: 2}, []byte(payload))
		for i, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q: %U at %d of %q", payload, r, i, out.String())
			}
		}
		if strings.Contains(out.String(), "\n  Connection Closed") {
			t.Errorf("%q: a line is forged: %q", payload, out.String())
		}
	}
}
