package engine

import (
	"strings"
	"testing"
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
		if got := flaw([]byte(head)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSeveralConnectionHeaders(t *testing.T) {
	if got := joinConnection([]byte(handshake)); string(got) != handshake {
		t.Errorf("one header became %q", got)
	}
	const want = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x, Upgrade\r\n\r\n"
	if got := joinConnection([]byte("GET / HTTP/1.1\r\nConnection: keep-alive, x\r\nHost: a\r\nCONNECTION:Upgrade \r\n\r\n")); string(got) != want {
		t.Errorf("two headers became %q", got)
	}
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
