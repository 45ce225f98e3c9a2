package e2e

import (
	"io"
	"strings"
	"testing"

	"resound/protocol/ws"
)

// squeezing starts a server whose application compresses.
func squeezing(t testing.TB) *server {
	t.Helper()
	return start(t, plan{env: []string{"RESOUND_COMPRESSION=true"}})
}

func TestDeflateInNode(t *testing.T) {
	t.Parallel()
	runNode(t, "deflate.mjs", squeezing(t).nodeEnv())
}

func TestDeflateInChromium(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	runNode(t, "deflate-browser.mjs", squeezing(t).nodeEnv())
}

// TestDeflateThroughNginx: a proxy passes offer, answer and compressed frames on as they are.
func TestDeflateThroughNginx(t *testing.T) {
	t.Parallel()
	s := squeezing(t)
	way := proxied(t, blockOfReverb, s.addr)
	conn, r, header := way.offering(t)
	if got := header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate;") {
		t.Fatalf("the answer is %q", got)
	}
	_, _ = conn.Write(deflate(t, `{"event":"pusher:subscribe","data":{"channel":"orders"}}`))
	data := invoice(10_000)
	decoder := ws.NewClientDecoder()
	decoder.Deflate()
	var buf []byte
	next := func() (text string, size int) {
		for {
			m, n, ok, err := decoder.Next(buf, maxPayload)
			if err != nil {
				t.Fatal(err)
			}
			if text = string(m.Payload); ok {
				buf = buf[n:]
				return text, n
			}
			room := make([]byte, 4096)
			n, err = io.ReadAtLeast(r, room, 1)
			if err != nil {
				t.Fatal(err)
			}
			buf = append(buf, room[:n]...)
		}
	}
	for _, want := range []string{"connection_established", "subscription_succeeded"} {
		if text, _ := next(); !strings.Contains(text, want) {
			t.Fatalf("got %s, want %s", text, want)
		}
	}
	if err := s.publisher().Trigger("orders", "e", data); err != nil {
		t.Fatal(err)
	}
	if text, size := next(); !strings.Contains(text, `SKU-`) || len(text) < len(data) || size > len(data)/3 {
		t.Errorf("%d bytes of text came in %d", len(text), size)
	}
}
