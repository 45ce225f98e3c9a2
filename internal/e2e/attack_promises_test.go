package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestAttackPromises: a head that promises a large body gets room for it only when it is signed, digest of the body included.
func TestAttackPromises(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	a := v.audience(t)
	v.before = v.cost(t)
	n := fewer(500)
	x := strings.Repeat("x", 900_000)
	large := event(x)
	good := publishHead(large, fmt.Sprintf("Content-Length: %d", len(large)))
	promise := func(head string) string {
		return strings.Replace(head, "Content-Length: 2", "Content-Length: 1000000", 1)
	}
	for _, test := range []struct {
		name, head string
		status     int
		says       string
	}{
		{"nothing is signed", "POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 401, "body_md5"},
		{"no digest", promise(publishHead("", "Content-Length: 2")), 401, "body_md5"},
		{"a signature of another body", promise(strings.Replace(publishHead("{}", "Content-Length: 2"), "body_md5=9", "body_md5=8", 1)), 401, "invalid"},
		{"another application", strings.Replace(good, "/apps/1001/", "/apps/1002/", 1), 404, ""},
		{"no route", strings.Replace(good, "/events", "/nothing", 1), 404, ""},
		{"a route without a body", strings.Replace(good, "/events", "/channels", 1), 404, ""},
		{"chunks", publishHead("", "Transfer-Encoding: chunked") + "f4240\r\n", 413, "body_md5"},
	} {
		conns := make([]*caller, n)
		for i := range conns {
			conns[i] = v.call(t)
			conns[i].send(test.head)
		}
		for _, c := range conns {
			if res, text := c.answer("POST"); res.StatusCode != test.status || !strings.Contains(text, test.says) || !res.Close {
				t.Fatalf("%s: %d %s", test.name, res.StatusCode, text)
			}
		}
		hangUp(conns)
	}
	if peak := v.peak(t) - v.before.peak; peak > n*(64<<10) && !raced {
		t.Errorf("%d promises of a megabyte took %d bytes", n, peak)
	}
	v.recovers(t, fmt.Sprintf("%d promises of a megabyte, seven times", n))

	// What is signed is taken, in one piece and in chunks, also when it asks first.
	c := v.call(t)
	for _, request := range []string{
		good + large,
		publishHead(large, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large),
	} {
		c.send(request)
		c.want("POST", 200, "{}")
		a.want(t, x)
	}
	c.send(publishHead(large, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(large))))
	c.want("POST", http.StatusContinue, "")
	c.send(large)
	c.want("POST", 200, "{}")
	a.want(t, x)
	// And the signature of a promise is that of its body.
	c.send(good + strings.ReplaceAll(large, "x", "y"))
	if res, text := c.answer("POST"); res.StatusCode != 401 {
		t.Errorf("another body than was signed: %d %s", res.StatusCode, text)
	}
	a.want(t)
}
