package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
	"resound/protocol/ws"
)

// start runs an engine on a free port of the loopback, with an HTTP server behind it.
func start(t testing.TB, loops int) *Engine { return startWith(t, Options{Loops: loops}) }

// startWith may have loops that answer requests.
func startWith(t testing.TB, o Options, answerer ...func() Answerer) *Engine {
	t.Helper()
	registry, err := apps.NewRegistry(apps.New("1", "key", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Registry, o.Log = "127.0.0.1", registry, slog.New(slog.DiscardHandler)
	e := New(o)
	for _, a := range answerer {
		e.AnswerWith(a)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if upgrade := r.Header.Get("Upgrade"); strings.Contains(upgrade, "websocket") {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			behind, _ := rw.Reader.Peek(rw.Reader.Buffered())
			head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: %s\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
				r.RequestURI, upgrade, r.Header.Get("Sec-WebSocket-Key"))
			e.Adopt(c, append([]byte(head), behind...))
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
	})}
	go server.Serve(e.Listener()) //nolint:errcheck // ends with the engine
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Close()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return e
}

// client is a WebSocket client that reads messages.
type client struct {
	t testing.TB
	net.Conn
	r       *bufio.Reader
	decoder ws.Decoder
	buf     []byte
}

const handshake = "GET /app/key?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func dial(t testing.TB, e *Engine) *client {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newClient(t, overTLS(e, c))
}

func newClient(t testing.TB, c net.Conn) *client {
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	return &client{t: t, Conn: c, r: bufio.NewReader(c), decoder: ws.NewClientDecoder()}
}

// skipAnswer reads an HTTP answer.
func skipAnswer(t testing.TB, c *client) {
	t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
}

// upgrade sends the handshake and reads the answer.
func (c *client) upgrade() {
	c.t.Helper()
	if _, err := io.WriteString(c, handshake); err != nil {
		c.t.Fatal(err)
	}
	c.accepted()
}

func (c *client) accepted() {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != 101 {
		c.t.Fatalf("upgrade: %v %v", res, err)
	}
	if got := c.next(); !strings.Contains(got, protocol.EventEstablished) {
		c.t.Fatalf("the first frame is %s", got)
	}
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := c.Write(ws.AppendMasked(nil, ws.OpText, []byte(text), [4]byte{1, 2, 3, 4})); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next message, or "close N reason".
func (c *client) next() string {
	c.t.Helper()
	for {
		m, n, ok, err := c.decoder.Next(c.buf, 1<<24)
		if err != nil {
			c.t.Fatal(err)
		}
		payload := string(m.Payload)
		c.buf = c.buf[n:]
		if ok && m.Op == ws.OpClose {
			code, reason, _ := ws.ParseClose([]byte(payload))
			return fmt.Sprintf("close %d %s", code, reason)
		}
		if ok {
			return payload
		}
		chunk := make([]byte, 4096)
		k, err := c.r.Read(chunk)
		if err != nil && k == 0 { // TLS may say both
			c.t.Fatal(err)
		}
		c.buf = append(c.buf, chunk[:k]...)
	}
}

func TestEventsArriveInOrder(t *testing.T) {
	for _, loops := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			e := start(t, loops)
			var clients []*client
			for range 3 * loops {
				c := dial(t, e)
				c.upgrade()
				c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
				if got := c.next(); !strings.Contains(got, "subscription_succeeded") {
					t.Fatal(got)
				}
				clients = append(clients, c)
			}
			app := e.Hub().App(e.registry.ByID([]byte("1")))
			for i := range 1000 {
				app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprint(i)), protocol.SocketID{})
			}
			for n, c := range clients {
				for i := range 1000 {
					want := fmt.Sprintf(`{"event":"e","data":%d,"channel":"news"}`, i)
					if got := c.next(); got != want {
						t.Fatalf("client %d: got %s, want %s", n, got, want)
					}
				}
			}
		})
	}
}

func TestOtherRequestsGoToTheHTTPServer(t *testing.T) {
	e := start(t, 2)
	url := "http://" + e.Addr().String()
	for i := range 3 { // on one kept-alive connection
		res, err := http.Post(url+"/apps/1/events", "text/plain", strings.NewReader(strings.Repeat("x", i*40_000)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if want := fmt.Sprintf("POST /apps/1/events %d", i*40_000); string(body) != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
	c := dial(t, e)
	fmt.Fprintf(c, "GET /up HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("y", 2*maxHead))
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("a long head: %v %v", res, err)
	}
}

func TestUpgradeOnAKeptAliveConnection(t *testing.T) {
	e := start(t, 2)
	c := dial(t, e)
	io.WriteString(c, "GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
	skipAnswer(t, c)
	c.upgrade()
	c.say(`{"event":"pusher:ping"}`)
	if got := c.next(); got != `{"event":"pusher:pong"}` {
		t.Error(got)
	}
	for e.handover.active.Load() != 0 { // the HTTP server lets go of it on a goroutine of its own
		time.Sleep(time.Millisecond)
	}
}

func TestDrainSaysGoodbye(t *testing.T) {
	e := start(t, 2)
	idle, c := dial(t, e), dial(t, e)
	c.upgrade()
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		done <- e.Drain(ctx, Farewell{Why: ErrStopping})
	}()
	if got := c.next(); got != "close 1001 The server is stopping" {
		t.Error(got)
	}
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("after the close frame: %v", err)
	}
	c.Close()
	if _, err := idle.r.ReadByte(); err != io.EOF {
		t.Errorf("a connection without a word: %v", err)
	}
	idle.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNoGoroutinePerConnection(t *testing.T) {
	e := start(t, 2)
	dial(t, e).upgrade()
	before := runtime.NumGoroutine()
	for range 300 {
		dial(t, e).upgrade()
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("%d goroutines with one connection, %d with 301", before, after)
	}
}

func TestASlowReaderIsClosedAndNobodyElse(t *testing.T) { aSlowReader(t, start(t, 1)) }

func TestASlowReaderOverTLS(t *testing.T) { aSlowReader(t, secure(t, 1)) }

func aSlowReader(t *testing.T, e *Engine) {
	slow, other := dial(t, e), dial(t, e)
	for _, c := range []*client{slow, other} {
		c.upgrade()
		c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
		c.next()
	}
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	data := strings.Repeat("x", 9000)
	const events = 2000 // 18 MB: more than the kernel and the backlog hold
	for i := range events {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %s"`, i, data)), protocol.SocketID{})
		if got := other.next(); !strings.HasPrefix(got, fmt.Sprintf(`{"event":"e","data":"%d `, i)) {
			t.Fatalf("event %d: the other got %.60s", i, got)
		}
		if app.Connections() == 1 {
			break
		}
	}
	if n := app.Connections(); n != 1 {
		t.Fatalf("%d connections are left", n)
	}
	for i := 0; ; i++ {
		got := slow.next()
		if strings.HasPrefix(got, `{"event":"e","data":"`) {
			continue
		}
		if !strings.Contains(got, `4100`) {
			t.Errorf("after %d events the slow one got %.100s", i, got)
		}
		break
	}
	if got := slow.next(); !strings.HasPrefix(got, "close 4100") {
		t.Error(got)
	}
}

// When descriptors run out the engine must refuse, not end.
func TestDescriptorsRunOut(t *testing.T) {
	e := startWith(t, Options{Loops: 2, Files: 100}) // 68 are for sockets, 16 more for requests
	refused, closed := 0, 0
	var clients []*client
	for range 120 {
		c := dial(t, e)
		clients = append(clients, c)
		io.WriteString(c, handshake)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			closed++
			continue
		}
		if res.StatusCode != 101 {
			t.Fatal(res.Status)
		}
		if got := c.next(); strings.Contains(got, `\"code\":4100`) { // a socket id may have 4100 in it
			refused++
			if got := c.next(); !strings.HasPrefix(got, "close 4100") {
				t.Error(got)
			}
		}
	}
	if refused == 0 || closed == 0 {
		t.Errorf("%d were refused, %d closed", refused, closed)
	}
	for _, c := range clients {
		c.Close()
	}
	for e.sockets.Load() > 0 { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	dial(t, e).upgrade()
}
