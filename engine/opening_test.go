package engine

import (
	"bytes"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"

	"resound/internal/invariants"
)

// with is the handshake with more header lines.
func with(lines ...string) string {
	return strings.TrimSuffix(handshake, "\r\n") + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func TestHeadsThatMayBeReadDifferently(t *testing.T) {
	for name, head := range map[string]string{
		"null":            with("X: a\x00b"),
		"bare CR":         with("X: a\rb"),
		"bare LF":         with("X: a\nY: b"),
		"an end in LF":    with("X: a\n\nGET /up HTTP/1.1"),
		"no name":         with(": x"),
		"space in a name": with("X : y"),
		"folded":          with("X: a", " Upgrade: b"),
		"two hosts":       with("Host: a", "host: b"),
		"two keys":        with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: BBBBBBBBBBBBBBBBBBBBBQ=="),
		"two versions":    with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"),
		"a body":          with("Content-Length: 5"),
		"chunks":          with("Transfer-Encoding: chunked"),
		"two paths":       strings.Replace(handshake, " HTTP/1.1", " x HTTP/1.1", 1),
		"no protocol":     strings.Replace(handshake, " HTTP/1.1", "", 1),
	} {
		m := manual(t, Options{Loops: 1})
		w := m.Open(0)
		w.Feed([]byte(head))
		if got := string(w.Take()); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%s: answered with %q", name, got)
		}
		w.HangUp()
	}
	for name, head := range map[string]string{
		"as it is": handshake, "no body": with("Content-Length: 0"), "tab": with("X:\ta\tb"), "Latin": with("X: \xe9"), "empty": with("X:"),
	} {
		var o opening
		if o.read([]byte(head)); o.fault != nil || !o.websocket {
			t.Errorf("%s: %v, an upgrade: %v", name, o.fault, o.websocket)
		}
	}
}

func TestSeveralConnectionHeaders(t *testing.T) {
	for _, head := range []string{with("Connection: keep-alive"), strings.Replace(handshake, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade", 1)} {
		m := manual(t, Options{Loops: 1})
		w := m.Open(0)
		w.Feed([]byte(head))
		if got := string(w.Take()); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
			t.Errorf("answered with %q", got)
		}
		w.HangUp()
	}
}

// A head that is too long for the loop goes to the HTTP server, also when all of it came at once.
func TestLongHeadsTakeOneWay(t *testing.T) {
	long := with("Cookie: " + strings.Repeat("x", maxHead))
	for _, at := range []int{0, 100, maxHead, maxHead + 1, len(long) - 1} {
		m := manual(t, Options{Loops: 1})
		w := m.Open(0)
		w.Feed([]byte(long[:at]))
		w.Feed([]byte(long[at:]))
		if w.HandedOver == nil {
			t.Errorf("cut at %d, it was not handed over", at)
		}
		w.HangUp()
	}
}

func TestOpening(t *testing.T) {
	var o opening
	o.read([]byte(with("ORIGIN: http://first.test", "Sec-WebSocket-Extensions: a; b", "X: y", "Origin:\thttp://shop.test ", "sec-websocket-extensions:c", "Sec-WebSocket-Protocol: x")))
	if o.fault != nil || !o.websocket {
		t.Fatalf("%v, an upgrade: %v", o.fault, o.websocket)
	}
	for what, is := range map[string][2]string{
		"target":     {string(o.target), "/app/key?protocol=7"},
		"key":        {string(o.key), "dGhlIHNhbXBsZSBub25jZQ=="},
		"origin":     {string(o.origin), "http://shop.test"},
		"extensions": {string(o.extensions), "a; b, c"},
	} {
		if is[0] != is[1] {
			t.Errorf("the %s is %q, not %q", what, is[0], is[1])
		}
	}
	if got := string(appendAnswer(nil, o.key, "")); got != "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Powered-By: Laravel Reverb\r\n\r\n" {
		t.Errorf("answered with %q", got)
	}
}

// peer is what gobwas reads a request head from and writes the answer to.
type peer struct {
	*bytes.Reader
	bytes.Buffer
}

func (p *peer) Read(b []byte) (int, error)  { return p.Reader.Read(b) }
func (p *peer) Write(b []byte) (int, error) { return p.Buffer.Write(b) }

// FuzzOpening compares with another reader of such heads: what we take, gobwas takes as well, and gives the same answer. It takes
// more than we do, and not that a Connection header does without the upgrade because another has it.
func FuzzOpening(f *testing.F) {
	for _, line := range []string{
		"X: y", "Host: x", "Upgrade: h2c", "Connection: a, b", "Connection: \"a\"", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x",
		"Content-Length: 0", "Transfer-Encoding: chunked", " folded", "X", ": y", "X : y", "X: \x00", "X: \x80", "X\x80: y", "X: a\r\rb",
		"Origin: http://shop.test", "Sec-WebSocket-Extensions: ;;==", "Sec-WebSocket-Protocol: ((", "X: \n", "\n", "\r",
	} {
		f.Add(with(line))
	}
	for _, first := range []string{"GET  HTTP/1.1", "GET /app/key HTTP/1.0", "GET /app/key HTTP/1.2", "GET /app/key HTTP/2.0", "GET / HTTP/1.1 ", "get / HTTP/1.1", "GET /\x7f HTTP/1.1", ""} {
		f.Add(strings.Replace(handshake, "GET /app/key?protocol=7 HTTP/1.1", first, 1))
	}
	f.Fuzz(func(t *testing.T, head string) {
		end := strings.Index(head, "\r\n\r\n")
		if end < 0 {
			return
		}
		head = head[:end+4]
		var o opening
		o.read([]byte(head))
		if o.fault != nil || strings.Count(strings.ToLower(head), "connection") > 1 {
			return
		}
		if !o.websocket {
			t.Errorf("an upgrade to nothing: %q", head)
		}
		p := &peer{Reader: bytes.NewReader([]byte(head))}
		_, err := gobwas.Upgrader{Header: gobwas.HandshakeHeaderString(poweredBy)}.Upgrade(p)
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		if got := string(appendAnswer(nil, o.key, "")); got != p.Buffer.String() {
			t.Errorf("%q: answered with %q, gobwas with %q", head, got, p.Buffer.String())
		}
	})
}

// Whatever is wrong, the answer is the one that gobwas gives for it.
func TestRefusalsAreThoseOfGobwas(t *testing.T) {
	for name, head := range map[string]string{
		"host":       strings.Replace(handshake, "Host: x\r\n", "", 1),
		"connection": strings.Replace(handshake, "Connection: Upgrade", "Connection: keep-alive", 1),
		"version":    strings.Replace(handshake, "Version: 13", "Version: 8", 1),
		"no version": strings.Replace(handshake, "Sec-WebSocket-Version: 13\r\n", "", 1),
		"key":        strings.Replace(handshake, "dGhl", "", 1),
		"HTTP/1.0":   strings.Replace(handshake, "HTTP/1.1", "HTTP/1.0", 1),
		"upgrade":    with("Upgrade: h2c"),
	} {
		p := &peer{Reader: bytes.NewReader([]byte(head))}
		_, _ = gobwas.Upgrader{Header: gobwas.HandshakeHeaderString(poweredBy)}.Upgrade(p)
		m := manual(t, Options{Loops: 1})
		w := m.Open(0)
		w.Feed([]byte(head))
		if got := string(w.Take()); got != p.Buffer.String() {
			t.Errorf("%s: answered with %q, gobwas with %q", name, got, p.Buffer.String())
		}
		w.HangUp()
	}
}

// The connection itself, its origin, the first event, and the answer with that behind it: bytes and a frame each.
func TestConnectingAllocates(t *testing.T) {
	if invariants.Enabled {
		t.Skip("counts are those of the build that is shipped")
	}
	const budget = 6
	m := manual(t, Options{Loops: 1})
	l := m.loops[0]
	head := []byte(with("Origin: http://shop.test", "Sec-WebSocket-Extensions: permessage-deflate", "User-Agent: "+strings.Repeat("x", 100)))
	w := &Wire{m: m, written: make([]byte, 0, 1<<20)}
	n := testing.AllocsPerRun(1000, func() {
		w.conn, w.written, w.Closed = l.opened(w), w.written[:0], false
		l.traffic(w.conn, head)
		l.closed(w.conn)
	})
	if !bytes.HasPrefix(w.written, []byte("HTTP/1.1 101 ")) {
		t.Errorf("answered with %q", w.written)
	}
	if n > budget {
		t.Errorf("%v allocations, the budget is %d", n, budget)
	}
}
