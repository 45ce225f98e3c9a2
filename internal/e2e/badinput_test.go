package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// head is an upgrade as browsers send it.
const head = "GET /app/" + appKey + "?protocol=7&client=js&version=8.6.0&flash=false HTTP/1.1\r\n" +
	"Host: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// seed makes random input the same in every run; a failure prints it.
const seed = 20261

// TestBadInput: whatever comes, others on the same server get what is theirs, and the process lives.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *server)
	}{
		{"random bytes", randomBytes},
		{"random bytes behind an upgrade", randomFrames},
		{"heads cut at every byte", cutHeads},
		{"heads in two pieces", splitHeads},
		{"heads that never were", strangeHeads},
		{"TLS on the plain port", plainTLS},
		{"frames", badFrames},
		{"commands", badCommands},
		{"bodies cut at every byte", cutBodies},
		{"bodies that do not come", missingBodies},
		{"a reader that stops", stalledReader},
		{"killed clients", killedClients},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, plan{})
			finish := s.watch(t)
			defer finish()
			test.run(t, s)
		})
	}
}

// dial opens a TCP connection that gives up by itself.
func (s *server) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatalf("dialling: %v\n%s", err, s.log.String())
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// shove writes what the server may refuse to take, says that nothing follows, and returns all that
// comes back. It fails when the server neither answers nor hangs up.
func shove(t testing.TB, c *net.TCPConn, b []byte) []byte {
	t.Helper()
	_, _ = c.Write(b) // the server may have closed already
	_ = c.CloseWrite()
	return drainConn(t, c)
}

func drainConn(t testing.TB, c net.Conn) []byte {
	t.Helper()
	answer, err := io.ReadAll(c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("no end of the connection, after %q", answer)
	}
	return answer
}

func randomBytes(t *testing.T, s *server) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range 300 {
		b := randomised(r, 1+r.IntN(4096))
		answer := shove(t, s.dial(t), b)
		if bytes.HasPrefix(answer, []byte("HTTP/1.1 2")) || bytes.HasPrefix(answer, []byte("HTTP/1.1 101")) {
			t.Errorf("seed %d, connection %d: noise was answered with %q", seed, i, answer)
		}
	}
}

func randomised(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomFrames(t *testing.T, s *server) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range 300 {
		b := append([]byte(head), randomised(r, 1+r.IntN(2048))...)
		if i%2 == 0 { // noise inside of frames that are right
			b = append([]byte(head), masked(ws.OpText, randomised(r, 1+r.IntN(100)))...)
		}
		if answer := shove(t, s.dial(t), b); !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")) {
			t.Errorf("seed %d, connection %d: the upgrade was answered with %q", seed, i, answer)
		}
	}
}

// masked is one frame as a client sends it.
func masked(op ws.OpCode, payload []byte) []byte {
	var b bytes.Buffer
	f := ws.MaskFrame(ws.NewFrame(op, true, payload))
	if err := ws.WriteFrame(&b, f); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

func cutHeads(t *testing.T, s *server) {
	for i := range len(head) {
		c := s.dial(t)
		if _, err := io.WriteString(c, head[:i]); err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0: // says that nothing follows
			if answer := shove(t, c, nil); bytes.Contains(answer, []byte(" 101 ")) {
				t.Fatalf("%d bytes of a head were an upgrade: %q", i, answer)
			}
		case 1: // hangs up
			_ = c.Close()
		case 2: // resets
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

func splitHeads(t *testing.T, s *server) {
	for i := 1; i < len(head); i++ {
		c := s.dial(t)
		for _, part := range []string{head[:i], head[i:]} {
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
		}
		status := make([]byte, len("HTTP/1.1 101 "))
		if _, err := io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 101 " {
			t.Fatalf("a head cut after %d bytes was answered with %q, %v", i, status, err)
		}
		_ = c.Close()
	}
}

func strangeHeads(t *testing.T, s *server) {
	long := strings.Repeat("x", 100_000)
	for _, test := range []struct{ name, head, status string }{
		{"a line that does not end", long, ""},
		{"a header that does not end", "GET / HTTP/1.1\r\nX: " + long, "431"},
		{"headers without end", "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 20_000), "431"},
		{"no key", strings.Replace(head, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), "400"},
		{"another version", strings.Replace(head, "Version: 13", "Version: 8", 1), "426"},
		{"not HTTP at all", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", ""},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""},
		{"a null in the path", "GET /app/\x00 HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"a body longer than the limit", "POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "413"},
		{"a length that is none", "POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"},
		{"chunks that are none", "POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
	} {
		answer := shove(t, s.dial(t), []byte(test.head))
		line, _, _ := bytes.Cut(answer, []byte("\r\n"))
		if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+test.status)) && (test.status != "" || len(line) > 0) {
			t.Errorf("%s: %q, want %s", test.name, line, test.status)
		}
	}
}

// plainTLS: a browser with forceTLS off dials wss:// beside ws:// after two seconds.
func plainTLS(t *testing.T, s *server) {
	for range 20 {
		c := s.dial(t)
		err := tls.Client(c, &tls.Config{ServerName: "localhost"}).Handshake()
		var timeout net.Error
		if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("a TLS handshake on the plain port ended with %v", err)
		}
	}
	if text := s.log.String(); strings.Contains(text, "WARN") || strings.Contains(text, "ERROR") {
		t.Errorf("an ordinary thing was logged:\n%s", text)
	}
}
