package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"resound/protocol"
)

// socket is a plain client on a real connection, for one goroutine.
type socket struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	id   string
	rest bool // nobody waits for what comes next
}

// message is one event as a client gets it. Data is the text of a string, or JSON of another kind.
type message struct {
	Event, Channel, Data string
}

func (m *message) UnmarshalJSON(text []byte) error {
	var raw struct {
		Event   string
		Channel string
		Data    json.RawMessage
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	m.Event, m.Channel, m.Data = raw.Event, raw.Channel, string(raw.Data)
	if len(raw.Data) > 0 && raw.Data[0] == '"' {
		return json.Unmarshal(raw.Data, &m.Data)
	}
	return nil
}

// maxPayload is more than any test publishes.
const maxPayload = 1 << 20

// closedError is a close frame of the server.
type closedError struct {
	code   ws.StatusCode
	reason string
}

func (e closedError) Error() string { return fmt.Sprintf("closed with %d %q", e.code, e.reason) }

// connect opens a socket and reads connection_established.
func (s *server) connect(t testing.TB) *socket {
	t.Helper()
	c, err := s.tryConnect(t)
	if err != nil {
		t.Fatalf("connecting: %v\n%s", err, s.log.String())
	}
	return c
}

func (s *server) tryConnect(t testing.TB) (*socket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := ws.Dialer{ReadBufferSize: 1024, WriteBufferSize: 512}
	conn, r, _, err := dialer.Dial(ctx, "ws://"+s.addr+"/app/"+appKey+"?protocol=7&client=go&version=1&flash=false")
	if err != nil {
		return nil, err
	}
	if r == nil { // nothing came behind the 101 yet
		r = bufio.NewReaderSize(conn, 4096)
	}
	c := &socket{t: t, conn: conn, r: r}
	t.Cleanup(func() { _ = conn.Close() })
	m, err := c.read()
	if err == nil && m.Event != "pusher:connection_established" {
		err = fmt.Errorf("the first event is %+v", m)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	var hello struct {
		SocketID string `json:"socket_id"`
	}
	if err := json.Unmarshal([]byte(m.Data), &hello); err != nil {
		return nil, err
	}
	c.id = hello.SocketID
	return c, nil
}

// read returns the next event; closedError once the server has closed. It answers pings.
func (c *socket) read() (message, error) {
	for {
		var m message
		payload, err := c.readText()
		if err != nil {
			return m, err
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			return m, fmt.Errorf("%q: %w", payload, err)
		}
		if m.Event != "pusher:ping" {
			return m, nil
		}
		if err := c.write(`{"event":"pusher:pong"}`); err != nil {
			return m, err
		}
	}
}

func (c *socket) readText() ([]byte, error) {
	var end time.Time
	if !c.rest {
		end = time.Now().Add(patience)
	}
	if err := c.conn.SetReadDeadline(end); err != nil {
		return nil, err
	}
	for {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return nil, err
		}
		if h.Masked || h.Rsv != 0 || !h.Fin || h.Length > maxPayload {
			return nil, fmt.Errorf("a frame with header %+v", h)
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, payload); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpText:
			return payload, nil
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, closedError{code, reason}
		case ws.OpPing:
			if err := wsutil.WriteClientMessage(c.conn, ws.OpPong, payload); err != nil {
				return nil, err
			}
		}
	}
}

func (c *socket) write(text string) error {
	return wsutil.WriteClientMessage(c.conn, ws.OpText, []byte(text))
}

// next is read for a test that goes on only when it works.
func (c *socket) next() message {
	c.t.Helper()
	m, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// expect reads one event and compares its name, channel and data.
func (c *socket) expect(event, channel, data string) message {
	c.t.Helper()
	m := c.next()
	if m.Event != event || m.Channel != channel || m.Data != data {
		c.t.Fatalf("got %+v, want %s on %s with %s", m, event, channel, data)
	}
	return m
}

func (c *socket) send(event string, fields map[string]any) {
	c.t.Helper()
	fields["event"] = event
	text, err := json.Marshal(fields)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.write(string(text)); err != nil {
		c.t.Fatal(err)
	}
}

// subscribe joins a channel with what an authorizer has answered, or nil.
func (c *socket) subscribe(channel string, auth []byte) message {
	c.t.Helper()
	data := map[string]any{}
	if auth != nil {
		if err := json.Unmarshal(auth, &data); err != nil {
			c.t.Fatal(err)
		}
	}
	data["channel"] = channel
	c.send("pusher:subscribe", map[string]any{"data": data})
	m := c.next()
	if m.Event != "pusher_internal:subscription_succeeded" || m.Channel != channel {
		c.t.Fatalf("subscribing to %s: %+v", channel, m)
	}
	return m
}

// ended reads on until the connection is over and returns how: a closedError or the reader's error.
func (c *socket) ended() error {
	for {
		if _, err := c.read(); err != nil {
			return err
		}
	}
}

// form is what pusher-js posts to /broadcasting/auth.
func (c *socket) form(channel string) []byte {
	return []byte("socket_id=" + c.id + "&channel_name=" + channel)
}

// leave says goodbye and waits for the answer.
func (c *socket) leave() error {
	if err := wsutil.WriteClientMessage(c.conn, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")); err != nil {
		return err
	}
	err := c.ended()
	var closed closedError
	if !errors.As(err, &closed) || closed.code != ws.StatusNormalClosure {
		return fmt.Errorf("saying goodbye: %w", err)
	}
	if _, err := c.r.ReadByte(); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		return err
	}
	return c.conn.Close()
}

func TestSocketIDs(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	seen := map[string]bool{}
	for range 50 {
		c := s.connect(t)
		if _, ok := protocol.ParseSocketID([]byte(c.id)); !ok || seen[c.id] {
			t.Fatalf("socket id %q is malformed or not new", c.id)
		}
		seen[c.id] = true
		if err := c.leave(); err != nil {
			t.Fatal(err)
		}
	}
}
