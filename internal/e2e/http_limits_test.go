package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// maxRequest is the REVERB_MAX_REQUEST_SIZE of these tests.
const maxRequest = 10_000

// largeBodies: the limit is on the body alone, and the answer names it, the size and the setting.
func largeBodies(t *testing.T, s *server, a *audience) {
	pad := func(n int) string { return event("at the limit") + strings.Repeat(" ", n-len(event("at the limit"))) }
	sent := func(b string, headers ...string) string {
		return publishHead(b, append(headers, fmt.Sprintf("Content-Length: %d", len(b)))...) + b
	}
	chunks := func(b string) string {
		return publishHead(b, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(b), b)
	}
	c := s.call(t)
	c.send(sent(pad(maxRequest), "X-Padding: "+strings.Repeat("x", 4000)))
	c.want("POST", 200, "{}")
	c.send(chunks(pad(maxRequest)))
	c.want("POST", 200, "{}")
	a.want(t, "at the limit", "at the limit")

	const text = "Payload too large. The request body has %s, the limit is 10000: raise REVERB_MAX_REQUEST_SIZE."
	huge := strings.Repeat("x", 8<<20) // more than the socket buffers hold
	for _, test := range []struct{ name, request, size string }{
		{"one above it", sent(pad(maxRequest + 1)), "10001 bytes"},
		{"one above it, in a chunk", chunks(pad(maxRequest + 1)), "more than 10000 bytes"},
		{"one above it, in chunks", publishHead("", "Transfer-Encoding: chunked") + strings.Repeat("1\r\nx\r\n", maxRequest+1), "more than 10000 bytes"},
		{"huge", sent(huge), "8388608 bytes"},
		{"huge, in a chunk", chunks(huge), "more than 10000 bytes"},
		{"declared huge", publishHead("", "Content-Length: 999999999999"), "999999999999 bytes"},
		{"a chunk declared huge", publishHead("", "Transfer-Encoding: chunked") + "7fffffff\r\n", "more than 10000 bytes"},
		{"on a path without a body", "GET /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", "10001 bytes"},
	} {
		c := s.call(t)
		go func() { _, _ = io.WriteString(c, test.request) }() // the server may refuse to take all of it
		res, got := c.answer("POST")
		if want := fmt.Sprintf(text, test.size); res.StatusCode != http.StatusRequestEntityTooLarge || got != want || !res.Close {
			t.Errorf("%s: %d %q, want 413 %q", test.name, res.StatusCode, got, want)
		}
		c.wantEnd()
	}
	a.want(t)
}

// largeHeads: 16 KB of head are enough for the cookies of localhost, whatever the request is for.
func largeHeads(t *testing.T, s *server, a *audience) {
	const limit = 16 << 10
	cookie := func(request string, size int) string {
		before, after, _ := strings.Cut(request, "\r\nHost:")
		room := size - len(before) - len("\r\nCookie: \r\nHost:") - (strings.Index(after, "\r\n\r\n") + 4)
		return before + "\r\nCookie: " + strings.Repeat("x", room) + "\r\nHost:" + after
	}
	for _, size := range []int{4 << 10, 8<<10 - 1, 8 << 10, 8<<10 + 1, 12 << 10, limit} {
		c := s.call(t)
		c.send(cookie(up, size))
		c.want("GET", 200, `{"health":"OK"}`)
		c.send(cookie(publish("cookie"), size))
		c.want("POST", 200, "{}")
		a.want(t, "cookie")
		for _, cut := range []int{size, 100, 8 << 10, size - 1} { // whether it comes in one piece or in two
			c := s.call(t)
			upgrade := cookie(head, size)
			cut = min(cut, size)
			c.send(upgrade[:cut])
			c.send(upgrade[cut:])
			if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Errorf("an upgrade with a head of %d bytes, cut at %d: %+v, %v", size, cut, res, err)
			}
			_ = c.Close()
		}
	}
	many := "GET /up HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("a: b\r\n", 10_000) + "\r\n"
	for name, request := range map[string]string{
		"health": cookie(up, limit+1), "publish": cookie(publish("never"), limit+1), "upgrade": cookie(head, limit+1),
		"a large upgrade": cookie(head, 40<<10), "a huge upgrade": cookie(head, 1<<20),
		"many lines": many, "a long path": "GET /" + strings.Repeat("x", limit) + " HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		c := s.call(t)
		go func() { _, _ = io.WriteString(c, request) }()
		res, got := c.answer("GET")
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge || !strings.Contains(got, "16384") || !res.Close {
			t.Errorf("%s: %d %q, want 431", name, res.StatusCode, got)
		}
		c.wantEnd()
	}
	a.want(t)
}
