package engine

import (
	"bytes"
	"testing"
)

// FuzzHead feeds a connection arbitrary bytes, cut anywhere. Whatever comes,
// the engine answers, hands over, waits or closes, and a witness on the same loop is served.
func FuzzHead(f *testing.F) {
	for _, s := range []string{
		handshake, handshake[:60], "POST /apps/1/events HTTP/1.1\r\n\r\n", "G", "GET", "GET ", "\x16\x03\x01", "\r\n\r\n", "",
		"GET / HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "GET /app/key\r\nUpgrade: websocket\r\n\r\n",
		"GET /app/key HTTP/1.1\r\nUpgrade:websocket\r\n\r\n", "GET /app/key HTTP/9.9\r\nUpgrade: websocket\r\nHost:\r\n\r\n",
		handshake + "\x81\x97\x00\x00\x00\x00{\"event\":\"pusher:ping\"}", handshake + "\x88\x80\x00\x00\x00\x00" + handshake,
		handshake + "\x01\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00", "GET /app/key HTTP/1.1\r\nUpgrade : websocket\r\n\r\n",
		"GET /app/key HTTP/1.1\r\n Upgrade: websocket\r\n\r\n", "GET /app/key HTTP/1.1\nUpgrade: websocket\n\n",
	} {
		f.Add([]byte(s), uint(len(s)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		m := manual(t, Options{Loops: 1})
		witness := m.Open(0)
		witness.Feed([]byte(handshake))
		witness.Take()

		w := m.Open(0)
		at := int(cut % uint(len(b)+1))
		w.Feed(bytes.Clone(b[:at]))
		w.Feed(bytes.Clone(b[at:]))
		m.Turn()
		if w.HandedOver != nil && (!w.Closed || len(w.Take()) > 0) {
			t.Error("a connection was handed over and kept or written to")
		}
		if w.HalfClosed && w.conn.state != stateClosing {
			t.Errorf("half closed in state %d", w.conn.state)
		}
		if w.conn.state == stateHead && len(w.inbox) > maxHead {
			t.Errorf("%d bytes of head are kept", len(w.inbox))
		}
		witness.Feed(text(`{"event":"pusher:ping"}`))
		if got := string(witness.Take()); got != "\x81\x17"+`{"event":"pusher:pong"}` {
			t.Errorf("the witness got %q", got)
		}
		w.HangUp()
		witness.HangUp()
		if n := m.sockets.Load(); n != 0 {
			t.Errorf("%d sockets are left", n)
		}
	})
}
