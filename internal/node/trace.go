package node

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/goccy/go-json"

	"resound/protocol"
)

// Trace prints every message, in the words of reverb:start --debug. The loops wait for it.
type Trace struct {
	mu sync.Mutex // guards w and buf, so that the loops' lines do not mix
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
		t.b.WriteByte('\n')
		at := t.b.Len()
		if json.Indent(&t.b, payload, "  ", "    ") != nil {
			t.b.Truncate(at)
			fmt.Fprintf(&t.b, "%q", payload) // no JSON: quoted, so that it cannot play tricks on the terminal
		}
		t.b.WriteString("\n\n")
	}
	_, _ = t.w.Write(t.b.Bytes())
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
