package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveOn serves on a port of its own until the end of the test.
func serveOn(t *testing.T, s *Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// ask sends a request on a connection and returns the answer with its body.
func ask(t *testing.T, c net.Conn, r *bufio.Reader, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// A request that comes while the gate is held waits, and is then answered here or by who has taken over.
func TestGate(t *testing.T) {
	for name, over := range map[string]bool{"goes on": false, "taken over": true} {
		t.Run(name, func(t *testing.T) {
			old, next := newNode(t), newNode(t)
			address, other := serveOn(t, old.server), serveOn(t, next.server)
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			const up = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
			if res, body := ask(t, c, r, up); res.StatusCode != 200 || res.Close || body != `{"health":"OK"}` {
				t.Fatalf("%v %q", res, body)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := old.server.Hold(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, up); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if b, err := r.ReadByte(); err == nil {
				t.Fatalf("it was answered while requests are held: %q", b)
			}
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if over {
				old.server.Release(func() (net.Conn, error) { return net.Dial("tcp", other) })
			} else {
				old.server.Release(nil)
			}
			if res, body := ask(t, c, r, ""); res.StatusCode != 200 || res.Close != over || body != `{"health":"OK"}` {
				t.Errorf("%v %q", res, body)
			}
		})
	}
}

// A server that has left its place to another one is vacated by the last answer on each connection.
func TestVacated(t *testing.T) {
	old, next := newNode(t), newNode(t)
	address, other := serveOn(t, old.server), serveOn(t, next.server)
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	const up = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
	ask(t, c, r, up)
	old.server.Release(func() (net.Conn, error) { return net.Dial("tcp", other) })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	old.server.Vacated(ended) // for who waits for nobody
	vacated := make(chan struct{})
	go func() { old.server.Vacated(context.Background()); close(vacated) }()
	if res, body := ask(t, c, r, up); res.StatusCode != 200 || !res.Close || body != `{"health":"OK"}` {
		t.Errorf("%v %q", res, body)
	}
	<-vacated
}

// A publish that is passed on is the same publish, signature and all.
func TestPassedOnAsItCame(t *testing.T) {
	old, next := newNode(t), newNode(t)
	address, other := serveOn(t, old.server), serveOn(t, next.server)
	old.server.Release(func() (net.Conn, error) { return net.Dial("tcp", other) })
	body := `{"name":"e","channel":"c","data":"{}"}`
	for _, chunked := range []bool{false, true} {
		request, err := http.NewRequest("POST", "http://"+address+next.signed("POST", "/apps/"+testID+"/events", "/apps/"+testID+"/events", "", body), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if chunked {
			request.ContentLength = -1
		}
		res, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || string(text) != "{}" {
			t.Errorf("%s %q", res.Status, text)
		}
	}
	old.server.Release(func() (net.Conn, error) { return nil, errors.New("nobody is there") })
	res, err := http.Get("http://" + address + "/up")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 503 {
		t.Errorf("without anybody to answer: %s", res.Status)
	}
}

// Who is being answered is waited for, but not for ever.
func TestHoldWaits(t *testing.T) {
	s := newNode(t).server
	s.gate.enter()
	over, end := context.WithCancel(context.Background())
	end()
	if err := s.Hold(over); err == nil {
		t.Error("a request under way was not waited for")
	}
	held := make(chan error)
	go func() { held <- s.Hold(context.Background()) }()
	s.gate.leave()
	if err := <-held; err != nil {
		t.Error(err)
	}
	if s.Direct().Takes([]byte("/apps/1001/events")) {
		t.Error("a loop would answer while requests are held")
	}
	s.Release(nil)
}

func TestHealthWhileDraining(t *testing.T) {
	f := newNode(t)
	f.server.o.Draining = func() bool { return true }
	res, err := http.Get("http://" + serveOn(t, f.server) + "/up")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 503 || string(body) != `{"health":"DRAINING"}` {
		t.Errorf("%s %q", res.Status, body)
	}
}
