package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/pusher/pusher-http-go/v5"
)

// The cases of the Autobahn test suite that apply to a server without extensions, under its numbers.
// That suite wants every message back; a Pusher server relays client events instead, so what a case
// says on the channel "echo" is looked for at another socket.

// The first byte of a frame: final or not, the reserved bits, the opcode.
const (
	fin      = 0x80
	opMore   = 0x0
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// conformCase is what one client sends, and what comes of it.
type conformCase struct {
	name   string
	stream [][]byte // what is sent, as it is to be written
	get    []string // what the client gets: the names of events, and "pong …" for control frames
	echo   []string // the data that others get
	code   uint16   // of the close that answers; 0 when the connection goes on
	fin    bool     // says behind the stream that nothing follows; then nothing but the end has to come
}

// TestConformance: each case on a connection of its own, all on one server.
func TestConformance(t *testing.T) {
	t.Parallel()
	e := newEcho(t, "1048576")
	for _, group := range [][]conformCase{
		framing(), pingsAndPongs(), reservedBits(), opcodes(), fragmentation(), orphans(),
		validUTF8(), invalidUTF8(), utf8InPieces(), closing(), closeCodes(), largeMessages(), manyMessages(),
		limits(1 << 20),
	} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { e.play(t, c) })
		}
	}
}

// TestConformanceAtAnotherLimit: the setting is what counts.
func TestConformanceAtAnotherLimit(t *testing.T) {
	t.Parallel()
	e := newEcho(t, "65536")
	for _, c := range limits(64 << 10) {
		t.Run(c.name, func(t *testing.T) { e.play(t, c) })
	}
}

// frame is one masked frame of a client, with the mask that hides least.
func frame(first byte, payload string) []byte {
	h := ws.Header{Fin: first&fin != 0, Rsv: first >> 4 & 7, OpCode: ws.OpCode(first & 0xf), Masked: true,
		Mask: [4]byte{0x37, 0xfa, 0x21, 0x3d}, Length: int64(len(payload))}
	var b bytes.Buffer
	if err := ws.WriteHeader(&b, h); err != nil {
		panic(err) // a buffer takes everything
	}
	body := []byte(payload)
	ws.Cipher(body, h.Mask, 0)
	return append(b.Bytes(), body...)
}

// say is a client event whose data others get.
func say(data string) string { return `{"event":"client-echo","channel":"echo","data":"` + data + `"}` }

// sized is a client event of n bytes altogether, and its data.
func sized(n int) (event, data string) {
	data = strings.Repeat("*", n-len(say("")))
	return say(data), data
}

// once is frames that are written together, framewise is one write for each, and chop is n bytes a write.
func once(frames ...[]byte) [][]byte      { return [][]byte{slices.Concat(frames...)} }
func framewise(frames ...[]byte) [][]byte { return frames }
func chop(n int, frames ...[]byte) [][]byte {
	return slices.Collect(slices.Chunk(slices.Concat(frames...), n))
}

// split is a message in fragments of n bytes.
func split(op byte, message string, n int) (frames [][]byte) {
	for len(message) > n {
		frames = append(frames, frame(op, message[:n]))
		op, message = opMore, message[n:]
	}
	return append(frames, frame(fin|op, message))
}

// echo is a server with somebody who listens.
type echo struct {
	s         *server
	publisher *pusher.Client
	heard     chan []string // all that was heard until a fence
}

func newEcho(t *testing.T, limit string) *echo {
	t.Helper()
	s := start(t, plan{args: append([]string{"--max-message-size", limit, "--accept-client-events-from", "all"}, appFlags...)})
	e := &echo{s: s, publisher: s.publisher(), heard: make(chan []string)}
	listener := s.connect(t)
	listener.subscribe("echo", nil)
	go func() {
		defer close(e.heard)
		var batch []string
		for {
			m, err := listener.read()
			if err != nil {
				return // the test is over, or finds out
			}
			if m.Event == "fence" {
				e.heard <- batch
				batch = nil
			} else {
				batch = append(batch, m.Data)
			}
		}
	}()
	return e
}

// play runs a case and compares everything that came of it.
func (e *echo) play(t *testing.T, c conformCase) {
	t.Helper()
	conn := e.s.connect(t)
	defer conn.conn.Close() //nolint:errcheck // nothing is left to be said
	for _, b := range c.stream {
		if _, err := conn.conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	got, code, err := conn.outcome(c)
	if err != nil {
		t.Fatalf("after %.200q: %v\n%s", got, err, e.s.log.String())
	}
	if code != c.code || !slices.Equal(got, c.get) {
		t.Errorf("got %.200q and code %d, want %.200q and code %d", got, code, c.get, c.code)
	}
	if err := e.publisher.Trigger("echo", "fence", fence); err != nil {
		t.Fatal(err)
	}
	heard, ok := <-e.heard
	if !ok {
		t.Fatalf("who listens was disconnected\n%s", e.s.log.String())
	}
	if !slices.Equal(heard, c.echo) {
		t.Errorf("others heard %d messages %.200q, want %d, %.200q", len(heard), heard, len(c.echo), c.echo)
	}
}

// fence is a ping behind a case: its pong says that all before it was seen to.
const fence = "and that is all"

// outcome reads what comes of a case, to the end of the connection.
func (c *socket) outcome(k conformCase) (got []string, code uint16, err error) {
	if k.fin {
		err = c.conn.(interface{ CloseWrite() error }).CloseWrite()
	} else {
		_, err = c.conn.Write(frame(fin|opPing, fence)) // also where a close is due, so that a missing one shows
	}
	if err != nil {
		return nil, 0, err
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	for {
		h, payload, err := c.readFrame()
		switch {
		case k.fin && errors.Is(err, io.EOF):
			return got, 0, nil
		case err != nil:
			return got, 0, err
		case h.OpCode == ws.OpClose:
			code, _ := ws.ParseCloseFrameData(payload)
			return got, uint16(code), c.over()
		case h.OpCode == ws.OpPong && string(payload) == fence:
			return got, 0, c.leave()
		case h.OpCode == ws.OpPong:
			got = append(got, "pong "+string(payload))
		default:
			var m message
			if err := json.Unmarshal(payload, &m); err != nil {
				return got, 0, err
			}
			got = append(got, m.Event)
		}
	}
}

// readFrame reads one frame, which has to be as a server without extensions sends it.
func (c *socket) readFrame() (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return h, nil, err
	}
	if h.Masked || h.Rsv != 0 || !h.Fin || h.Length > maxPayload {
		return h, nil, fmt.Errorf("a frame with header %+v", h)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.r, payload)
	return h, payload, err
}

// over: behind a close frame the server is the one to hang up, and says nothing more.
func (c *socket) over() error {
	rest, err := io.ReadAll(c.r)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("behind the close came %q, %w", rest, err)
	}
	return nil
}
