package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestHTTP: one port for sockets and HTTP is as good a server of HTTP as any.
func TestHTTP(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, flags []string) {
		s := start(t, plan{args: append([]string{"--max-request-size", strconv.Itoa(maxRequest)}, flags...)})
		talkHTTP(t, s, s.audience(t))
	})
}

func talkHTTP(t *testing.T, s *server, a *audience) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *server, *audience)
	}{
		{"a connection is kept", keptAlive},
		{"pipelined requests", pipelined},
		{"chunked bodies", chunked},
		{"100-continue", expectContinue},
		{"routes and methods", routesAndMethods},
		{"bodies that are too large", largeBodies},
		{"heads that are too large", largeHeads},
		{"a body in two pieces", splitBody},
		{"an upgrade behind requests", upgradeBehindRequests},
		{"forwarded addresses", forwarded},
		{"smuggled requests", smuggled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s, a) })
	}
}

func keptAlive(t *testing.T, s *server, a *audience) {
	c := s.call(t)
	var want []string
	for i := range 100 {
		c.send(publish(strconv.Itoa(i)))
		if res := c.want("POST", 200, "{}"); res.Close || res.Proto != "HTTP/1.1" {
			t.Fatalf("answer %d is %+v", i, res)
		}
		want = append(want, strconv.Itoa(i))
	}
	a.want(t, want...)
	c.send(publish("last", "Connection: close"))
	c.want("POST", 200, "{}")
	c.wantEnd()
	c = s.call(t)
	c.send(strings.Replace(publish("1.0"), "HTTP/1.1", "HTTP/1.0", 1))
	c.want("POST", 200, "{}")
	c.wantEnd()
	a.want(t, "last", "1.0")
}

// pipelined: ten requests in one segment are answered in their order, refusals among them.
func pipelined(t *testing.T, s *server, a *audience) {
	c := s.call(t)
	var all strings.Builder
	var want []string
	for i := range 10 {
		switch i % 3 {
		case 0:
			all.WriteString(publish(strconv.Itoa(i)))
			want = append(want, strconv.Itoa(i))
		case 1:
			all.WriteString(up)
		case 2:
			all.WriteString("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
		}
	}
	c.send(all.String())
	for i := range 10 {
		switch i % 3 {
		case 0:
			c.want("POST", 200, "{}")
		case 1:
			c.want("GET", 200, `{"health":"OK"}`)
		case 2:
			c.want("GET", 404, "Not found.")
		}
	}
	a.want(t, want...)
}

func chunked(t *testing.T, s *server, a *audience) {
	c := s.call(t)
	for i, test := range []struct {
		name   string
		chunks func(b string) string
	}{
		{"one chunk", func(b string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(b), b) }},
		{"upper case and zeros", func(b string) string { return fmt.Sprintf("00%X\r\n%s\r\n000\r\n\r\n", len(b), b) }},
		{"chunks of one byte", func(b string) string {
			var all strings.Builder
			for i := range len(b) {
				all.WriteString("1\r\n" + b[i:i+1] + "\r\n")
			}
			return all.String() + "0\r\n\r\n"
		}},
		{"extensions", func(b string) string {
			return fmt.Sprintf("%x;name=value;other=\"quoted; text\"\r\n%s\r\n0;last\r\n\r\n", len(b), b)
		}},
		{"trailers", func(b string) string {
			return fmt.Sprintf("%x\r\n%s\r\n0\r\nX-Checksum: 1\r\nX-Other: 2\r\n\r\n", len(b), b)
		}},
	} {
		data := strconv.Itoa(i)
		request := publishHead(event(data), "Transfer-Encoding: chunked") + test.chunks(event(data))
		c.send(request + up) // what is behind it shows that its end was found
		if res, text := c.answer("POST"); res.StatusCode != 200 || text != "{}" {
			t.Fatalf("%s: %d %s", test.name, res.StatusCode, text)
		}
		c.want("GET", 200, `{"health":"OK"}`)
		a.want(t, data)
	}
}

// expectContinue: a publisher that waits to be asked for the body is asked; one whose body would be
// too large is told so before it has sent any of it.
func expectContinue(t *testing.T, s *server, a *audience) {
	c := s.call(t)
	for i := range 3 {
		b := event(strconv.Itoa(i))
		c.send(publishHead(b, "Expect: 100-continue", "Content-Length: "+strconv.Itoa(len(b))))
		c.want("POST", http.StatusContinue, "")
		a.want(t)
		c.send(b)
		c.want("POST", 200, "{}")
		a.want(t, strconv.Itoa(i))
	}
	c.send(publishHead("", "Expect: 100-continue", "Content-Length: 99999999"))
	c.want("POST", http.StatusContinue, "") // fasthttp looks at the length afterwards
	if res, text := c.answer("POST"); res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "REVERB_MAX_REQUEST_SIZE") {
		t.Errorf("a body that is too large to be asked for: %d %s", res.StatusCode, text)
	}
	c.wantEnd()
}

func routesAndMethods(t *testing.T, s *server, a *audience) {
	c := s.call(t)
	c.send("HEAD /up HTTP/1.1\r\nHost: a\r\n\r\n" + up)
	if res := c.want("HEAD", 200, ""); res.ContentLength != int64(len(`{"health":"OK"}`)) {
		t.Errorf("HEAD /up promises %d bytes", res.ContentLength)
	}
	c.want("GET", 200, `{"health":"OK"}`)
	for path, allow := range map[string]string{
		"/up": "GET, HEAD", "/apps/1001/events": "POST", "/apps/1001/batch_events": "POST", "/apps/1001/channels": "GET, HEAD",
		"/apps/1001/channels/x": "GET, HEAD", "/apps/1001/channels/x/users": "GET, HEAD", "/apps/1001/connections": "GET, HEAD",
		"/apps/1001/users/7/terminate_connections": "POST", "/app/" + appKey: "GET",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if strings.Contains(allow, method) {
				continue
			}
			c.send(method + " " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
			if res := c.want(method, 405, "Method not allowed."); res.Header.Get("Allow") != allow {
				t.Errorf("%s %s allows %q, want %q", method, path, res.Header.Get("Allow"), allow)
			}
		}
	}
	for _, path := range []string{"/", "/nothing", "/apps", "/apps/", "/apps/1001", "/apps/1001/", "/apps/1001/nothing", "/apps//events",
		"/apps/1001/events/", "/apps/1001/channels/", "//up", "/up/", "/UP", "/./up", "/%2e/up", "/app", "/app/", "/app/key/more", "/apps/1001/events/../../../up"} {
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		c.want("GET", 404, "Not found.")
	}
	c.send("GET http://elsewhere/up HTTP/1.1\r\nHost: a\r\n\r\n")
	c.want("GET", 200, `{"health":"OK"}`)
	a.want(t)
}

// splitBody: one connection for each way of cutting a request in two. What ends early is missingBodies'.
func splitBody(t *testing.T, s *server, a *audience) {
	whole := publish("split")
	for at := 1; at < len(whole); at++ {
		c := s.call(t)
		c.send(whole[:at])
		c.send(whole[at:])
		c.want("POST", 200, "{}")
		_ = c.Close()
	}
	a.want(t, slices.Repeat([]string{"split"}, len(whole)-1)...)
}

// upgradeBehindRequests: a proxy that keeps its connections sends an upgrade behind a publish. Frames in
// one segment with the upgrade are the socket's.
func upgradeBehindRequests(t *testing.T, s *server, a *audience) {
	for _, together := range []bool{false, true} {
		c := s.call(t)
		early := string(frame(fin|opText, `{"event":"pusher:ping"}`))
		if together {
			c.send(publish("before") + up + head + early)
		} else {
			for _, part := range []string{publish("before"), up, head, early} {
				c.send(part)
			}
		}
		c.want("POST", 200, "{}")
		c.want("GET", 200, `{"health":"OK"}`)
		res, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("the upgrade was answered with %+v, %v", res, err)
		}
		w := &socket{t: t, conn: c.TCPConn, r: c.r}
		if m := w.next(); m.Event != "pusher:connection_established" {
			t.Fatalf("the first event is %+v", m)
		}
		w.expect("pusher:pong", "", "")
		w.subscribe("other", nil)
		if err := w.leave(); err != nil {
			t.Error(err)
		}
		a.want(t, "before")
	}
}

// forwarded: nobody is told to trust what a proxy says of a client, so it changes no answer and is not repeated.
func forwarded(t *testing.T, s *server, a *audience) {
	const address = "203.0.113.7"
	c := s.call(t)
	lines := []string{"X-Forwarded-For: " + address, "X-Real-IP: " + address, "Forwarded: for=" + address, "X-Forwarded-Host: " + address, "X-Forwarded-Proto: https"}
	c.send(publish("forwarded", lines...))
	c.want("POST", 200, "{}")
	c.send(strings.Replace(publish("never", lines...), "auth_signature=", "auth_signature=0", 1))
	if res, text := c.answer("POST"); res.StatusCode != 401 || strings.Contains(text, address) {
		t.Errorf("a bad signature: %d %s", res.StatusCode, text)
	}
	a.want(t, "forwarded")
	if bytes.Contains([]byte(s.log.String()), []byte(address)) {
		t.Errorf("the log repeats it:\n%s", s.log.String())
	}
}
