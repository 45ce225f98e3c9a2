package node

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/goccy/go-json"

	"resound/protocol"
)

// Trace prints every message, in the words of reverb:start --debug. The loops wait for it. Of
// signatures it prints the first digits only, enough to compare them: what a terminal shows ends up in
// tickets, and one is good for as long as its socket is open. No secret ever passes here.
type Trace struct {
	mu sync.Mutex // guards w and b, so that the loops' lines do not mix
	w  io.Writer
	b  bytes.Buffer
}

// NewTrace returns a trace that prints to w.
func NewTrace(w io.Writer) *Trace { return &Trace{w: w} }

// lineWidth is how wide the dots between label and socket id make a line, in columns.
const lineWidth = 76

func (t *Trace) print(label string, id protocol.SocketID, payload []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Reset()
	name := id.String()
	dots := max(lineWidth-len(label)-len(name)-4, 2)
	fmt.Fprintf(&t.b, "  %s %s %s\n", label, bytes.Repeat([]byte{'.'}, dots), name)
	if payload != nil {
		t.b.WriteString("\n  ")
		t.payload(payload)
		t.b.WriteString("\n\n")
	}
	_, _ = t.w.Write(t.b.Bytes())
}

// payload prints what anybody may have sent, so that it can't play tricks on the terminal. What is
// no JSON is quoted.
func (t *Trace) payload(b []byte) {
	at := t.b.Len()
	b = signature.ReplaceAll(b, []byte("$1…"))
	if json.Indent(&t.b, []byte(strings.Map(noBreaks, string(b))), "  ", "    ") != nil {
		t.b.Truncate(at)
		fmt.Fprintf(&t.b, "%q", b)
		return
	}
	text := t.b.String()[at:]
	t.b.Truncate(at)
	for _, r := range text { // bytes that are no UTF-8 become U+FFFD
		if r == '\n' || unicode.IsPrint(r) {
			t.b.WriteRune(r)
		} else {
			// Terminals obey more control characters than JSON forbids, and some turn the line round.
			t.b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
}

// signature finds those of subscriptions and sign-ins, wherever they stand.
var signature = regexp.MustCompile(`\b([0-9a-f]{8})[0-9a-f]{56}\b`)

// noBreaks makes spaces of white space, so that the only line breaks are those of the indentation.
func noBreaks(r rune) rune {
	if r == '\n' || r == '\r' || r == '\t' {
		return ' '
	}
	return r
}

// Opened tells of a new session.
func (t *Trace) Opened(id protocol.SocketID) { t.print("Connection Established", id, nil) }

// Received tells of a message from a client.
func (t *Trace) Received(id protocol.SocketID, payload []byte) {
	t.print("Message Received", id, payload)
}

// Sent tells of a message to a client.
func (t *Trace) Sent(id protocol.SocketID, f *protocol.Frame) {
	t.print("Message Sent", id, f.Payload())
}

// Closed tells of the end of a session.
func (t *Trace) Closed(id protocol.SocketID) { t.print("Connection Closed", id, nil) }
