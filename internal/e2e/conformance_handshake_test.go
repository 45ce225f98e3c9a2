package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// handshakeCase is a request head and what answers it.
type handshakeCase struct {
	name, head string
	status     int
}

// offer is the head of browsers with a line of it put differently, or with nothing in place of it.
func offer(line, instead string) string {
	if !strings.Contains(head, line+"\r\n") {
		panic("the head has no line " + line)
	}
	if instead != "" {
		instead += "\r\n"
	}
	return strings.Replace(head, line+"\r\n", instead, 1)
}

// also is the head of browsers with more lines.
func also(lines ...string) string {
	return strings.TrimSuffix(head, "\r\n") + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// target is the head of browsers with another request line.
func target(from, to string) string { return strings.Replace(head, from, to, 1) }

const (
	hostLine       = "Host: localhost:8080"
	upgradeLine    = "Upgrade: websocket"
	connectionLine = "Connection: Upgrade"
	versionLine    = "Sec-WebSocket-Version: 13"
	keyLine        = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)

// accepted are handshakes of every form that section 4 of the RFC, and RFC 9110 under it, allow.
func accepted() []handshakeCase {
	return []handshakeCase{
		{"as browsers send it", head, 101},
		{"no query", target("?protocol=7&client=js&version=8.6.0&flash=false", ""), 101},
		{"names in other cases", "GET /app/" + appKey + " HTTP/1.1\r\nHOST: a\r\nupgrade: websocket\r\ncONNECTION: Upgrade\r\nsec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 101},
		{"values in other cases", strings.Replace(offer(upgradeLine, "Upgrade: WebSocket"), connectionLine, "Connection: UPGRADE", 1), 101},
		{"no spaces behind the colons", strings.ReplaceAll(head, ": ", ":"), 101},
		{"spaces and tabs around the values", strings.ReplaceAll(strings.ReplaceAll(head, ": ", ": \t "), "\r\nSec", " \t\r\nSec"), 101},
		{"a list of connection options", offer(connectionLine, "Connection: keep-alive, Upgrade"), 101},
		{"a list with empty members", offer(connectionLine, "Connection: ,keep-alive,, upgrade ,"), 101},
		{"two connection headers", offer(connectionLine, "Connection: keep-alive\r\nConnection: Upgrade"), 101},
		{"two connection headers, the other way round", offer(connectionLine, "Connection: Upgrade\r\nConnection: keep-alive"), 101},
		{"an empty host", offer(hostLine, "Host:"), 101},
		{"an absolute target", target("GET /app/", "GET http://localhost:8080/app/"), 101},
		{"an absolute target with another scheme", target("GET /app/", "GET ws://localhost:8080/app/"), 101},
		{"HTTP/1.1 behind an empty line", "\r\n" + head, 101},
		{"a content length of 0", also("Content-Length: 0"), 101},
		{"sub-protocols", also("Sec-WebSocket-Protocol: pusher, soap", "Sec-WebSocket-Protocol: wamp"), 101},
		{"extensions", also("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"), 101},
		{"extensions and sub-protocols that are nonsense", also("Sec-WebSocket-Extensions: ;;==,,\"", "Sec-WebSocket-Protocol: ((,"), 101},
		{"bytes above ASCII in a value", also("X-Name: Gr\xfc\xdfe"), 101},
		{"many headers", also(strings.Split(strings.Repeat("X-Some: thing\n", 200)+"X: y", "\n")...), 101},
		{"cookies of 4 KB", also("Cookie: " + strings.Repeat("x", 4<<10)), 101},
		{"cookies of 7.5 KB", also("Cookie: " + strings.Repeat("x", 7<<10+512)), 101},
		{"cookies of 12 KB", also("Cookie: " + strings.Repeat("x", 12<<10)), 101},
		{"cookies of 15 KB", also("Cookie: " + strings.Repeat("x", 15<<10)), 101},
	}
}

// refused are handshakes that lack something, or that somebody else could read differently.
func refused() []handshakeCase {
	return []handshakeCase{
		{"no host", offer(hostLine, ""), 400},
		{"no upgrade", offer(upgradeLine, ""), 426},
		{"an empty upgrade", offer(upgradeLine, "Upgrade:"), 426},
		{"an upgrade to something else", offer(upgradeLine, "Upgrade: h2c"), 426},
		{"an upgrade to one of two", offer(upgradeLine, "Upgrade: websocket, h2c"), 400},
		{"no connection", offer(connectionLine, ""), 400},
		{"a connection that stays", offer(connectionLine, "Connection: keep-alive"), 400},
		{"a connection that is no upgrade", offer(connectionLine, "Connection: xUpgrade, Upgradex"), 400},
		{"no version", offer(versionLine, ""), 400},
		{"version 8", offer(versionLine, "Sec-WebSocket-Version: 8"), 426},
		{"version 0", offer(versionLine, "Sec-WebSocket-Version: 0"), 426},
		{"version 14", offer(versionLine, "Sec-WebSocket-Version: 14"), 426},
		{"no version, but the header", offer(versionLine, "Sec-WebSocket-Version:"), 426},
		{"two versions in a list", offer(versionLine, "Sec-WebSocket-Version: 13, 8"), 426},
		{"two versions", also("Sec-WebSocket-Version: 8"), 400},
		{"no key", offer(keyLine, ""), 400},
		{"an empty key", offer(keyLine, "Sec-WebSocket-Key:"), 400},
		{"a short key", offer(keyLine, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400},
		{"a long key", offer(keyLine, keyLine+"dGhl"), 400},
		{"two keys", also("Sec-WebSocket-Key: BBBBBBBBBBBBBBBBBBBBBQ=="), 400},
		{"two hosts", also("Host: elsewhere"), 400},
		{"POST", target("GET", "POST"), 405},
		{"PUT", target("GET", "PUT"), 405},
		{"OPTIONS", target("GET", "OPTIONS"), 405},
		{"get", target("GET", "get"), 405},
		{"HTTP/1.0", target("HTTP/1.1", "HTTP/1.0"), 505},
		{"HTTP/2.0", target("HTTP/1.1", "HTTP/2.0"), 505},
		{"no protocol", target(" HTTP/1.1", ""), 400},
		{"two spaces", target("GET ", "GET  "), 400},
		{"a space in the path", target("/app/", "/ap p/"), 400},
		{"a folded header", also("X-Long: one", "  two"), 400},
		{"a folded header with a colon", also("X-Long: one", "\tX: two"), 400},
		{"a folded upgrade", offer(upgradeLine, "Upgrade:\r\n websocket"), 400},
		{"a space before a colon", offer(upgradeLine, "Upgrade : websocket"), 400},
		{"a space before the colon of another", also("X : y"), 400},
		{"a header without a name", also(": x"), 400},
		{"a header without a colon", also("X"), 400},
		{"a null", also("X: a\x00b"), 400},
		{"a bare CR", also("X: a\rb"), 400},
		{"a bare LF", also("X: a\nY: b"), 400},
		{"a body", also("Content-Length: 5"), 400},
		{"chunks", also("Transfer-Encoding: chunked"), 400},
		{"the API", target("/app/"+appKey, "/apps/"+appID+"/events"), 400},
		{"a path that is none", target("/app/", "/nothing/"), 404},
		{"a path with more behind it", target(appKey, appKey+"/more"), 404},
		{"a path with two slashes", target("/app/", "//app/"), 404},
		{"the server as a whole", target("/app/"+appKey, "*"), 404},
		{"a host for a target", target("/app/"+appKey, "localhost:80"), 404},
		{"a head of 20 KB", also("Cookie: " + strings.Repeat("x", 20<<10)), 431},
	}
}

// TestHandshakes: each on a connection of its own, whole and byte by byte.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	for _, c := range append(accepted(), refused()...) {
		t.Run(fmt.Sprint(c.status, " ", c.name), func(t *testing.T) {
			s.shake(t, c, len(c.head))
			if len(c.head) < 4<<10 {
				s.shake(t, c, 1)
			} else {
				s.shake(t, c, 1000)
			}
		})
	}
}

// shake sends a head in pieces and reads what answers it; a socket says goodbye then.
func (s *server) shake(t *testing.T, c handshakeCase, piece int) {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close() //nolint:errcheck // nothing is left to be said
	for _, b := range chop(piece, []byte(c.head)) {
		if _, err := conn.Write(b); err != nil {
			break // the answer was there before the end of the head
		}
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatalf("in pieces of %d: %v", piece, err)
	}
	if res.StatusCode != c.status {
		t.Fatalf("in pieces of %d: %s, want %d", piece, res.Status, c.status)
	}
	h := res.Header
	if h.Get("Sec-WebSocket-Protocol")+h.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("something was selected: %v", h)
	}
	if v := h.Get("Sec-WebSocket-Version"); strings.Contains(c.name, "version") && c.status == http.StatusUpgradeRequired && v != "13" {
		t.Errorf("the version that would do is %q", v)
	}
	if c.status != http.StatusSwitchingProtocols {
		return
	}
	// The sum of the key is that of the example in the RFC.
	if h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
		!strings.EqualFold(h.Get("Upgrade"), "websocket") || !strings.EqualFold(h.Get("Connection"), "upgrade") {
		t.Errorf("the answer is %v", h)
	}
	w := &socket{t: t, conn: conn, r: r}
	if m := w.next(); m.Event != "pusher:connection_established" {
		t.Fatalf("the first event is %+v", m)
	}
	if err := w.leave(); err != nil {
		t.Error(err)
	}
}
