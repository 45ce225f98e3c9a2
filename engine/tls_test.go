package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/certtest"
	"resound/protocol"
	"resound/protocol/ws"
)

// serverTLS is a configuration with a certificate for x.
func serverTLS(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certtest.New(t).Certificate("x")}}
}

// overTLS speaks TLS to an engine that does, without a look at its certificate.
func overTLS(e *Engine, c net.Conn) net.Conn {
	if e.handshakes.config == nil {
		return c
	}
	return tls.Client(c, &tls.Config{InsecureSkipVerify: true})
}

// beneath is the TCP connection under a client's.
func beneath(c net.Conn) *net.TCPConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*net.TCPConn)
}

// secure runs an engine with TLS.
func secure(t testing.TB, loops int) *Engine {
	return startWith(t, Options{Loops: loops, TLS: serverTLS(t)})
}

// dialTLS connects as a client of that configuration.
func dialTLS(t testing.TB, e *Engine, c *tls.Config) *client {
	t.Helper()
	c = c.Clone()
	c.InsecureSkipVerify = true
	tcp, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	return newClient(t, tls.Client(tcp, c))
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func TestSocketsAndRequestsOverTLS(t *testing.T) {
	e := secure(t, 2)
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config := &tls.Config{MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}}
			c := dialTLS(t, e, config)
			c.upgrade()
			state := c.Conn.(*tls.Conn).ConnectionState()
			if state.Version != version || state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("%s, %q", tls.VersionName(state.Version), state.NegotiatedProtocol)
			}
			c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
			c.next()
			for i := range 3 {
				data := fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 1+i*20_000))
				e.Hub().App(e.registry.ByID([]byte("1"))).Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(data), protocol.SocketID{})
				if got := c.next(); !strings.Contains(got, data) {
					t.Errorf("event %d is %.80s", i, got)
				}
			}
			c.Write(ws.AppendMasked(nil, ws.OpClose, []byte("\x03\xe8bye"), [4]byte{1, 2, 3, 4}))
			if got := c.next(); got != "close 1000 bye" {
				t.Error(got)
			}
			if _, err := c.r.ReadByte(); err != io.EOF { // close_notify; without it crypto/tls says unexpected EOF
				t.Errorf("behind the close frame: %v", err)
			}

			c = dialTLS(t, e, config)
			for i := range 3 {
				fmt.Fprintf(c, "POST /x%d HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n%s", i, strings.Repeat("x", 20_000))
				res, err := http.ReadResponse(c.r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := io.ReadAll(res.Body); string(body) != fmt.Sprintf("POST /x%d 20000", i) {
					t.Errorf("%s", body)
				}
			}
			c.upgrade() // it comes back from the HTTP server
			c.say(`{"event":"pusher:ping"}`)
			if got := c.next(); !strings.Contains(got, "pong") {
				t.Error(got)
			}
		})
	}
	if n := e.Stats().TLS; n.Handshakes != 4 || n.Failed+n.Refused+n.Plain != 0 {
		t.Errorf("%+v", n)
	}
}

// What is a record to one side and what is a read to the other have nothing to do with each other.
func TestTLSSplitAnywhere(t *testing.T) {
	e := secure(t, 1)
	for _, version := range tlsVersions {
		for _, piece := range []int{1, 2, 3, 7, 100, 1000} {
			through := chopped(t, e.Addr().String(), piece)
			tcp, err := net.Dial("tcp", through)
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			c := newClient(t, tls.Client(tcp, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}))
			skipped := "GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
			if piece%2 == 0 { // and on the way over the HTTP server
				io.WriteString(c, skipped)
				skipAnswer(t, c)
			}
			io.WriteString(c, handshake+string(ws.AppendMasked(nil, ws.OpText, []byte(`{"event":"pusher:ping"}`), [4]byte{1, 2, 3, 4})))
			c.accepted()
			if got := c.next(); !strings.Contains(got, "pong") {
				t.Error(got)
			}
			long := fmt.Sprintf(`{"event":"client-e","channel":"no","data":"%s"}`, strings.Repeat("x", 9000))
			c.say(long)
			c.say(`{"event":"pusher:ping"}`)
			for got := c.next(); !strings.Contains(got, "pong"); got = c.next() {
				if !strings.Contains(got, "pusher:error") {
					t.Errorf("pieces of %d: %s", piece, got)
				}
			}
		}
	}
}

// chopped returns the address of a proxy that passes on so many bytes at a time, each when the one before has been read.
func chopped(t *testing.T, to string, piece int) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		s, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer s.Close()
		go io.Copy(c, s) //nolint:errcheck // ends with the test
		for {
			buf := make([]byte, piece)
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			s.Write(buf[:n])
			runtime.Gosched()
		}
	}()
	return ln.Addr().String()
}

func TestTLSResumes(t *testing.T) {
	e := secure(t, 1)
	for _, version := range tlsVersions {
		config := &tls.Config{ServerName: "x", MinVersion: version, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for i := range 3 {
			c := dialTLS(t, e, config)
			c.upgrade()
			if resumed := c.Conn.(*tls.Conn).ConnectionState().DidResume; resumed != (i > 0) {
				t.Errorf("%s, connection %d: %v", tls.VersionName(version), i, resumed)
			}
		}
	}
	if n := e.Stats().TLS; n.Handshakes != 6 || n.Resumed != 4 {
		t.Errorf("%+v", n)
	}
}

// Both ways of plain and TLS to the other's port end at once: with an answer, and quietly.
func TestPlainOnTLSAndTLSOnPlain(t *testing.T) {
	e := secure(t, 1)
	for _, say := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", handshake, "P", "\x00"} {
		c, err := net.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, say)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 400 || !strings.Contains(string(body), "https") || !res.Close {
			t.Errorf("%q: %v %s %v", say, res, body, err)
		}
	}
	if n := e.Stats().TLS; n.Plain != 4 || n.Handshakes+n.Failed != 0 {
		t.Errorf("%+v", n)
	}
	plain := start(t, 1)
	c, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("a plain port speaks TLS")
	}
}

// Records that are none, and goodbyes in the middle of everything, end the connection and nothing else.
func TestTLSFaults(t *testing.T) {
	e := secure(t, 1)
	stays := dialTLS(t, e, &tls.Config{})
	stays.upgrade()
	for name, end := range map[string]func(c *client){
		"a bad record": func(c *client) { beneath(c.Conn).Write(append([]byte{0x17, 3, 3, 0, 40}, make([]byte, 40)...)) },
		"no record":    func(c *client) { io.WriteString(beneath(c.Conn), "GET / HTTP/1.1\r\n\r\n") },
		"too long":     func(c *client) { beneath(c.Conn).Write([]byte{0x17, 3, 3, 0xff, 0xff, 0}) },
		"another hello": func(c *client) {
			beneath(c.Conn).Write([]byte{0x16, 3, 3, 0, 4, 1, 0, 0, 0})
		},
		"close_notify": func(c *client) { c.Conn.(*tls.Conn).CloseWrite() },
	} {
		for _, upgraded := range []bool{true, false} {
			c := dialTLS(t, e, &tls.Config{})
			if upgraded {
				c.upgrade()
			} else if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
				t.Fatal(err)
			}
			end(c)
			if _, err := io.Copy(io.Discard, beneath(c.Conn)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	stays.say(`{"event":"pusher:ping"}`)
	if got := stays.next(); !strings.Contains(got, "pong") {
		t.Error(got)
	}
}

// Readers that stop have at most maxSealed bytes for themselves, and what they share.
func TestStalledTLSReadersShareTheirBacklog(t *testing.T) {
	const readers = 100
	e := startWith(t, Options{Loops: 1, Backlog: 4 << 20, TLS: serverTLS(t)})
	for range readers {
		c := dialTLS(t, e, &tls.Config{})
		c.upgrade()
		c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
		c.next()
	}
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	most, slow := 0, 0
	for i := 0; slow < readers; i++ {
		if i == 2000 {
			t.Fatalf("only %d are slow", slow)
		}
		app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`"`+strings.Repeat("x", 100_000)+`"`), protocol.SocketID{})
		done := make(chan struct{})
		e.loops[0].mailbox.Post(channels.Call(func() {
			slow = 0
			e.loops[0].wheel.each(func(c *conn) {
				if c.slow != nil {
					slow++
					most = max(most, len(c.slow.sealed))
				}
			})
			close(done)
		}))
		<-done
	}
	if most == 0 || most > maxSealed+1024 {
		t.Errorf("one has %d encrypted bytes", most)
	}
}

func TestNoGoroutinePerTLSConnection(t *testing.T) {
	e := secure(t, 2)
	var kept []*client
	open := func(n int) int {
		for range n {
			c := dialTLS(t, e, &tls.Config{})
			c.upgrade()
			kept = append(kept, c)
		}
		// gnet enrols with goroutines that live on for a while, so that they count once.
		return runtime.NumGoroutine()
	}
	before := open(10)
	if after := open(1000); after > before+5 {
		t.Errorf("%d goroutines with 10 connections, %d with 1,010", before, after)
	}
	for _, c := range kept {
		c.say(`{"event":"pusher:ping"}`)
		if got := c.next(); !strings.Contains(got, "pong") {
			t.Error(got)
		}
	}
}

// Handshakes that nobody goes on with are bounded, and gone when the engine stops.
func TestHandshakesThatNeverEnd(t *testing.T) {
	before := descriptors(t)
	e := secure(t, 1)
	var hello bytes.Buffer
	_ = tls.Client(&recorder{out: &hello}, &tls.Config{InsecureSkipVerify: true}).Handshake()
	var held []net.Conn
	for range maxHandshakes + 200 {
		c, err := net.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(hello.Bytes())
		held = append(held, c)
	}
	for len(e.handover.queue) > 0 || e.Sockets() > 0 {
		time.Sleep(time.Millisecond)
	}
	e.handshakes.mu.Lock()
	running, waiting := e.handshakes.running, len(e.handshakes.waiting)
	e.handshakes.mu.Unlock()
	if running > maxHandshakes || running+waiting > len(held) {
		t.Errorf("%d run and %d wait", running, waiting)
	}
	c := dialTLS(t, e, &tls.Config{}) // whose turn comes when the first of them have had their time
	c.upgrade()
	for _, c := range held {
		c.Close()
	}
	for e.handover.active.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	if after := descriptors(t); after > before+20 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if n := e.Stats().TLS; int(n.Failed) != len(held) || n.Handshakes != 1 {
		t.Errorf("%+v", n)
	}
}

// recorder is a connection that keeps what is written and has nothing to read.
type recorder struct {
	net.Conn
	out io.Writer
}

func (r *recorder) Write(p []byte) (int, error) { return r.out.Write(p) }
func (r *recorder) Read([]byte) (int, error)    { return 0, io.EOF }
