package api

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

// patience ends a test that hangs; nothing is measured with it.
const patience = 30 * time.Second

// serve runs the server on a loopback port and returns its address.
func (n *node) serve(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// client is one connection of a publisher.
type client struct {
	*testing.T
	*net.TCPConn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.Helper()
	if _, err := io.WriteString(c.TCPConn, s); err != nil {
		c.Fatal(err)
	}
}

// want reads one answer to a request of that method.
func (c *client) want(method string, status int, body string) *http.Response {
	c.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.Fatal(err)
	}
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || string(got) != body {
		c.Fatalf("got  %d %q %v\nwant %d %q", res.StatusCode, got, err, status, body)
	}
	return res
}

// answer reads one answer to a request of that method, whatever it is.
func (c *client) answer(method string) answer {
	c.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	return answer{status: res.StatusCode, body: string(body)}
}

// wantClosed reads to the end, where nothing more may come.
func (c *client) wantClosed() {
	c.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.Fatalf("there is more: %q, %v", rest, err)
	}
}

const testEvent = `{"name":"e","data":"\u00e9","channel":"c"}`

// post returns a signed publish as it goes over the wire.
func (n *node) post(body string, headers ...string) string {
	return "POST " + n.signed("POST", testEvents, testEvents, "", body) + " HTTP/1.1\r\nHost: x\r\n" +
		strings.Join(append(headers, "Content-Length: "+strconv.Itoa(len(body))), "\r\n") + "\r\n\r\n" + body
}

func TestSocket(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	addr := n.serve(t)
	publish := n.post(testEvent)
	head, body, _ := strings.Cut(publish, "\r\n\r\n")
	published := func(row string, want int) {
		t.Helper()
		if got := n.posted(); got != want {
			t.Errorf("%s: %d events went out, want %d", row, got, want)
		}
	}

	t.Run("E103 a connection is kept", func(t *testing.T) {
		c := dial(t, addr)
		for range 3 {
			c.send(publish)
			res := c.want("POST", 200, `{}`)
			if res.Header.Get("Content-Type") != "application/json" || res.Proto != "HTTP/1.1" || res.Close || res.Header.Get("Server") != "" {
				t.Errorf("the answer is %+v", res)
			}
		}
		published("E103", 3)
	})
	t.Run("E104 after a refusal too", func(t *testing.T) {
		c := dial(t, addr)
		c.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
		if res := c.want("GET", 404, "Not found."); res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("the answer is %+v", res)
		}
		c.send(publish)
		c.want("POST", 200, `{}`)
		published("E104", 1)
	})
	t.Run("E145 HEAD has no body", func(t *testing.T) {
		c := dial(t, addr)
		c.send("HEAD /up HTTP/1.1\r\nHost: x\r\n\r\n")
		if res := c.want("HEAD", 200, ""); res.ContentLength != int64(len(`{"health":"OK"}`)) {
			t.Errorf("the length is %d", res.ContentLength)
		}
		c.send(publish)
		c.want("POST", 200, `{}`)
		published("E145", 1)
	})
	t.Run("E146 chunked", func(t *testing.T) {
		c := dial(t, addr)
		at := strings.LastIndex(head, "Content-Length")
		c.send(head[:at] + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + body[:7] + "\r\n" + strconv.FormatInt(int64(len(body)-7), 16) + "\r\n" + body[7:] + "\r\n0\r\n\r\n")
		c.want("POST", 200, `{}`)
		published("E146", 1)
	})
	t.Run("E148 pipelined", func(t *testing.T) {
		c := dial(t, addr)
		c.send(publish + "GET /up HTTP/1.1\r\nHost: x\r\n\r\n" + publish)
		c.want("POST", 200, `{}`)
		c.want("GET", 200, `{"health":"OK"}`)
		c.want("POST", 200, `{}`)
		published("E148", 2)
	})
	t.Run("E149 100-continue", func(t *testing.T) {
		c := dial(t, addr)
		c.send(head + "\r\nExpect: 100-continue\r\n\r\n")
		c.want("POST", 100, "")
		published("E149", 0)
		c.send(body)
		c.want("POST", 200, `{}`)
		published("E149", 1)
	})
	t.Run("HTTP/1.0 is closed", func(t *testing.T) {
		c := dial(t, addr)
		c.send(strings.Replace(publish, "HTTP/1.1", "HTTP/1.0", 1))
		c.want("POST", 200, `{}`)
		c.wantClosed()
		published("HTTP/1.0", 1)
	})
	t.Run("a form is no form", func(t *testing.T) {
		c := dial(t, addr)
		c.send(n.post(testEvent, "Content-Type: multipart/form-data; boundary=x"))
		c.want("POST", 200, `{}`)
		published("a form", 1)
	})
}

func TestRefusedByTheServer(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	addr := n.serve(t)
	const bareLF = "Bad request. A header line has to end in CR LF."
	const tooLarge = "Payload too large. The request body has %, the limit is 10000: raise REVERB_MAX_REQUEST_SIZE."
	pad := strings.Repeat(" ", maxBody-len(testEvent))
	big := strings.Repeat("x", 4<<20) // more than the socket buffers hold
	for _, tc := range []struct {
		row, request string
		status       int
		body         string
	}{
		{"E108", n.post(testEvent + pad + " "), 413, strings.Replace(tooLarge, "%", "10001 bytes", 1)},
		{"E108", n.post(big), 413, strings.Replace(tooLarge, "%", "4194304 bytes", 1)},
		{"E108", "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n" + big, 413,
			strings.Replace(tooLarge, "%", "more than 10000 bytes", 1)},
		{"E109", "BAD\r\n\r\n", 400, "Bad request."},
		{"E109", "GET /up HTTP/1.1\r\nHost x\r\n\r\n", 400, "Bad request."},
		{"E109", "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "Bad request."},
		{"a head that ends in LF", "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 0\n\n" + n.post(testEvent), 400, bareLF},
		{"an empty line that ends in LF", "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\n" + n.post(testEvent), 400, bareLF},
		{"a line that ends in LF", "GET /up HTTP/1.1\r\nHost: x\nX: y\r\n\r\n" + n.post(testEvent), 400, bareLF},
		{"E109", "GET /up HTTP/1.1\r\nHost: x\r\nCookie: " + big + "\r\n\r\n", 431, "Request header fields too large. The limit is 16384 bytes, cookies included."},
	} {
		c := dial(t, addr)
		c.send(tc.request)
		if res := c.want("POST", tc.status, tc.body); !res.Close || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: the answer is %+v", tc.row, res)
		}
		c.wantClosed()
	}
	c := dial(t, addr)
	c.send(n.post(testEvent+pad) + "GET /up HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("x", 12<<10) + "\r\n\r\n")
	c.want("POST", 200, `{}`) // just not too large
	c.want("GET", 200, `{"health":"OK"}`)
	if got := n.posted(); got != 1 {
		t.Errorf("%d events went out, want 1", got)
	}
}

func TestConnectionsHaveALimit(t *testing.T) {
	n := newNode(t)
	n.server.open.limit = 2
	addr := n.serve(t)
	const up = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
	kept := []*client{dial(t, addr), dial(t, addr)}
	for _, c := range kept {
		c.send(up)
		c.want("GET", 200, `{"health":"OK"}`)
		c.send(up[:10])
	}
	n.eventuallyKept(t, 0)
	for range 3 {
		c := dial(t, addr)
		res := c.want("GET", 503, "Service unavailable. There are 4096 HTTP connections, which is the limit: keep fewer, and use them again.")
		if !res.Close || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("the answer is %+v", res)
		}
		c.wantClosed()
	}
	if got := n.server.Stats().Requests; !slices.Contains(got, Requests{"other", 503, 3}) {
		t.Errorf("who was turned away is not counted: %+v", got)
	}
	kept[0].send(up[10:])
	kept[0].want("GET", 200, `{"health":"OK"}`)
	if err := kept[0].CloseWrite(); err != nil {
		t.Fatal(err)
	}
	kept[0].wantClosed() // the server forgets it first
	kept[0] = dial(t, addr)
	kept[0].send(up[:10])
	for _, c := range kept {
		c.send(up[10:])
		c.want("GET", 200, `{"health":"OK"}`)
	}
}

// eventuallyKept waits until so many connections have had an answer and wait for their next request.
func (n *node) eventuallyKept(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got := 0
		n.server.open.mu.Lock()
		for c := range n.server.open.open {
			if c.kept.Load() && c.waits.Load() {
				got++
			}
		}
		n.server.open.mu.Unlock()
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are kept, want %d", got, want)
		}
	}
}

// Who keeps connections on which nothing happens keeps nobody out: one of them goes for each that comes.
func TestKeptConnectionsMakeRoom(t *testing.T) {
	n := newNode(t)
	const limit = 4
	n.server.open.limit = limit
	addr := n.serve(t)
	const up = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
	for range limit {
		c := dial(t, addr)
		c.send(up)
		c.want("GET", 200, `{"health":"OK"}`)
	}
	n.eventuallyKept(t, limit)
	c := dial(t, addr)
	c.send(up[:10]) // it stays when others come
	n.eventuallyKept(t, limit-1)
	for range 3 * limit {
		other := dial(t, addr)
		other.send(up)
		other.want("GET", 200, `{"health":"OK"}`)
		n.eventuallyKept(t, limit-1)
	}
	c.send(up[10:])
	c.want("GET", 200, `{"health":"OK"}`)
	n.eventuallyKept(t, limit)
}

// A publish that ends early publishes nothing, wherever it ends; one that comes in two pieces is whole.
func TestPublishCutAnywhere(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	addr := n.serve(t)
	publish := n.post(testEvent)
	kept := dial(t, addr)
	for at := range len(publish) {
		c := dial(t, addr)
		c.send(publish[:at])
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c.r)
		if err != nil || at > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") && len(answer) > 0 {
			t.Errorf("cut at %d: %q, %v", at, answer, err)
		}
		if got := n.posted(); got != 0 {
			t.Fatalf("cut at %d: %d events went out", at, got)
		}
		kept.send(publish[:at]) // E147
		kept.send(publish[at:])
		kept.want("POST", 200, `{}`)
		if got := n.posted(); got != 1 {
			t.Fatalf("split at %d: %d events went out", at, got)
		}
	}
}
