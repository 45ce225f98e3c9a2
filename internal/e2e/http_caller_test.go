package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// caller is one connection that speaks HTTP by hand.
type caller struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func (s *server) call(t testing.TB) *caller {
	t.Helper()
	c := s.dial(t)
	return &caller{t, c, bufio.NewReader(c)}
}

func (c *caller) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer to a request of that method.
func (c *caller) answer(method string) (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, string(text)
}

// want reads one answer and compares its status and text.
func (c *caller) want(method string, status int, text string) *http.Response {
	c.t.Helper()
	res, got := c.answer(method)
	if res.StatusCode != status || got != text {
		c.t.Fatalf("got %d %q, want %d %q", res.StatusCode, got, status, text)
	}
	return res
}

// wantEnd reads to the end, where nothing more may come.
func (c *caller) wantEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Fatalf("there is more: %q, %v", rest, err)
	}
}

// event is the body of a publish to the audience.
func event(data string) string { return `{"name":"e","channel":"audience","data":"` + data + `"}` }

// publish is a signed publish as it goes over the wire, with more header lines.
func publish(data string, headers ...string) string {
	b := event(data)
	return publishHead(b, append(headers, "Content-Length: "+strconv.Itoa(len(b)))...) + b
}

// publishHead is the head of a publish that is signed for that body.
func publishHead(body string, headers ...string) string {
	lines := append([]string{"POST " + signed("POST", "/apps/"+appID+"/events", body) + " HTTP/1.1", "Host: a"}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

const up = "GET /up HTTP/1.1\r\nHost: a\r\n\r\n"

// audience is a subscriber that says what was published.
type audience struct {
	s *server
	c *socket
}

func (s *server) audience(t testing.TB) *audience {
	t.Helper()
	c := s.connect(t)
	c.subscribe("audience", nil)
	return &audience{s, c}
}

// heard returns the data of what was published so far, in order.
func (a *audience) heard(t testing.TB) (all []string) {
	t.Helper()
	if status, text := a.s.request(t, "POST", "/events", `{"name":"fence","channel":"audience","data":"."}`); status != http.StatusOK {
		t.Fatalf("publishing the fence: %d %s", status, text)
	}
	for {
		m := a.c.next()
		if m.Event == "fence" {
			return all
		}
		all = append(all, m.Data)
	}
}

// want fails unless exactly that was published.
func (a *audience) want(t testing.TB, data ...string) {
	t.Helper()
	if got := a.heard(t); !slices.Equal(got, data) {
		t.Errorf("published was %.300q, want %.300q", got, data)
	}
}
