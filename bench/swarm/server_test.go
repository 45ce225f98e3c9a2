package swarm

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	json "github.com/goccy/go-json"

	"resound/bench/sys"
	"resound/protocol/ws"
)

// pusherServer is a server of one channel that can be told to do wrong.
type pusherServer struct {
	*httptest.Server
	deliver func(conns []net.Conn, frame []byte, number int) // how an event goes out
	hangsUp bool                                             // after each answer

	mu     sync.Mutex // held while an event goes out
	conns  []net.Conn
	number int // of the next event
}

// begin makes the server deliver like that from now on, and count from 0.
func (s *pusherServer) begin(deliver func([]net.Conn, []byte, int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliver, s.number = deliver, 0
}

func newServer(t *testing.T, deliver func([]net.Conn, []byte, int)) *pusherServer {
	s := &pusherServer{deliver: deliver}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.conns {
			_ = c.Close()
		}
	})
	return s
}

func (s *pusherServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		s.publish(w, r)
		return
	}
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	write(conn, `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\"}"}`)
	readFrame(rw.Reader)
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	write(conn, `{"event":"pusher_internal:subscription_succeeded","channel":"fan","data":"{}"}`)
}

func (s *pusherServer) publish(w http.ResponseWriter, r *http.Request) {
	var body struct{ Name, Data, Channel string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	text := fmt.Appendf(nil, `{"event":%q,"data":%q,"channel":%q}`, body.Name, body.Data, body.Channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliver(s.conns, ws.AppendFrame(nil, ws.OpText, text), s.number)
	s.number++
	if s.hangsUp {
		w.Header().Set("Connection", "close")
	}
	_, _ = io.WriteString(w, "{}")
}

func write(c net.Conn, text string) { _, _ = c.Write(ws.AppendFrame(nil, ws.OpText, []byte(text))) }

// readFrame reads a client's frame of up to 125 bytes.
func readFrame(r *bufio.Reader) {
	head := make([]byte, 2)
	_, _ = io.ReadFull(r, head)
	_, _ = r.Discard(int(head[1]&0x7f) + 4)
}

func all(conns []net.Conn, frame []byte, _ int) {
	for _, c := range conns {
		_, _ = c.Write(frame)
	}
}

func (s *pusherServer) options(t *testing.T) Options {
	addr, err := sys.ParseAddr(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return Options{Server: addr, ID: "1", Key: "k", Secret: "s", Payload: 64}
}
