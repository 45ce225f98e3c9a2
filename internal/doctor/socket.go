package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"resound/protocol"
	"resound/protocol/ws"
)

// socket is one WebSocket connection. A goroutine reads it until it ends.
type socket struct {
	stream io.ReadWriteCloser
	id     protocol.SocketID
	events chan event // closed at the end, when failed says why
	failed error

	mu sync.Mutex // of what is written
}

// event is a message of the server.
type event struct {
	Event   string
	Channel string
	Data    json.RawMessage
	at      time.Time
}

// text is the data, without the quotes of a JSON string.
func (e *event) text() string {
	var s string
	if json.Unmarshal(e.Data, &s) == nil {
		return s
	}
	return string(e.Data)
}

// refused is an error event of the server.
type refused struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e refused) Error() string { return fmt.Sprintf("refused with %d %q", e.Code, e.Message) }

// closed is a close frame of the server.
type closed struct {
	code   uint16
	reason string
}

func (e closed) Error() string { return fmt.Sprintf("closed with %d %q", e.code, e.reason) }

// errSilent says that nothing came.
var errSilent = errors.New("nothing came")

func newSocket(stream io.ReadWriteCloser) *socket {
	s := &socket{stream: stream, events: make(chan event, 64)}
	go s.read()
	return s
}

// close says goodbye and gives the connection up.
func (s *socket) close() {
	_ = s.write(ws.OpClose, ws.AppendClose(nil, 1000, ""))
	_ = s.stream.Close()
	for range s.events { // the reader may be waiting to hand one on
	}
}

func (s *socket) write(op ws.Opcode, payload []byte) error {
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.stream.Write(ws.AppendMasked(nil, op, payload, mask))
	return err
}

// send writes a command.
func (s *socket) send(name string, data any) error {
	text, err := json.Marshal(map[string]any{"event": name, "data": data})
	if err != nil {
		return err
	}
	return s.write(ws.OpText, text)
}

func (s *socket) read() {
	defer close(s.events)
	decoder, buf, chunk := ws.NewClientDecoder(), []byte(nil), make([]byte, 16<<10)
	for {
		n, err := s.stream.Read(chunk)
		buf = append(buf, chunk[:n]...)
		for {
			m, used, ok, err := decoder.Next(buf, maxAnswer)
			buf = buf[used:]
			if err != nil {
				s.failed = err
				return
			}
			if !ok {
				break
			}
			if s.failed = s.take(m); s.failed != nil {
				return
			}
		}
		if err != nil {
			s.failed = err
			return
		}
	}
}

// take answers pings and passes events on.
func (s *socket) take(m ws.Message) error {
	switch m.Op {
	case ws.OpPing:
		return s.write(ws.OpPong, m.Payload)
	case ws.OpClose:
		code, reason, err := ws.ParseClose(m.Payload)
		if err != nil {
			return err
		}
		return closed{code, string(reason)}
	case ws.OpText, ws.OpBinary:
		e := event{at: time.Now()}
		if err := json.Unmarshal(m.Payload, &e); err != nil {
			return fmt.Errorf("a message that is no event: %w", err)
		}
		if e.Event == "pusher:ping" {
			return s.write(ws.OpText, []byte(`{"event":"pusher:pong","data":{}}`))
		}
		s.events <- event{e.Event, e.Channel, append(json.RawMessage(nil), e.Data...), e.at}
	}
	return nil
}

// next is the next event, within limit. It returns errSilent when there is none, and else why there will be none.
func (s *socket) next(ctx context.Context, limit time.Duration) (event, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case e, ok := <-s.events:
		if !ok {
			return e, s.failed
		}
		if e.Event == "pusher:error" {
			var why refused
			if err := json.Unmarshal([]byte(e.text()), &why); err != nil {
				why.Message = e.text()
			}
			return e, why
		}
		return e, nil
	case <-timer.C:
		return event{}, errSilent
	case <-ctx.Done():
		return event{}, ctx.Err()
	}
}

// await skips to the event of that name on that channel.
func (s *socket) await(ctx context.Context, name, channel string) (event, error) {
	for {
		e, err := s.next(ctx, patience)
		if err != nil || e.Event == name && e.Channel == channel {
			return e, err
		}
		if e.Event == "pusher:subscription_error" && e.Channel == channel {
			return e, refused{4009, "subscription_error: " + brief(e.text())}
		}
	}
}

// greet reads what has to be the first event.
func (s *socket) greet(ctx context.Context) error {
	e, err := s.next(ctx, patience)
	if err != nil {
		return err
	}
	if e.Event != "pusher:connection_established" {
		return fmt.Errorf("the first event is %q", e.Event)
	}
	var hello struct {
		SocketID string `json:"socket_id"`
	}
	err = json.Unmarshal([]byte(e.text()), &hello)
	id, ok := protocol.ParseSocketID(hello.SocketID)
	if s.id = id; err != nil || !ok {
		return fmt.Errorf("connection_established has no socket_id: %s", brief(e.text()))
	}
	return nil
}
