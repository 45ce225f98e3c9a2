package e2e

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// halfOpen is how many connections say nothing.
const halfOpen = 200

// TestSlowClients: who says nothing, or one byte now and then, is hung up on after about ten seconds,
// however busy it looks, and nobody else has to wait for that.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, flags []string) { slowClients(t, start(t, plan{args: flags})) })
}

func slowClients(t *testing.T, s *server) {
	a := s.audience(t)
	before := s.connections(t)
	var silent []*net.TCPConn
	for range halfOpen {
		silent = append(silent, s.dial(t))
	}
	slow, _, _ := strings.Cut(publish("never"), "\r\n\r\n")
	cookie := strings.TrimSuffix(head, "\r\n") + "Cookie: " + strings.Repeat("x", 9<<10)
	trickles := []struct{ name, begin, rest string }{ // what is sent at once, and what byte by byte
		{"an upgrade", "", head},
		{"an upgrade with a long head", cookie, strings.Repeat("x", 1000)},
		{"a question", "", up},
		{"a head without end", "", "GET /up HTTP/1.1\r\nX: " + strings.Repeat("x", 1000)},
		{"a publish", "", slow},
		{"the body of a publish", publishHead("", "Content-Length: 2000"), strings.Repeat(" ", 1000)},
		{chunkByChunk, publishHead("", "Transfer-Encoding: chunked"), strings.Repeat("1\r\nx\r\n", 200)},
		{secondRequest, up, slow},
	}
	var wg sync.WaitGroup
	for _, test := range trickles {
		c := s.call(t)
		c.send(test.begin)
		wg.Go(func() { trickle(t, test.name, c, test.rest) })
	}
	for range 50 { // meanwhile everybody else is served, on new connections too
		s.request(t, "POST", "/events", event("meanwhile"))
		if err := s.connect(t).trySubscribe("meanwhile"); err != nil {
			t.Fatal(err)
		}
	}
	a.want(t, slices.Repeat([]string{"meanwhile"}, 50)...)
	for _, c := range silent {
		wg.Go(func() {
			if rest := drainConn(t, c); len(rest) > 0 {
				t.Errorf("who said nothing was told %q", rest)
			}
		})
	}
	wg.Wait()
	a.want(t)
	if n := s.connections(t); n != before+50 {
		t.Errorf("the server counts %d connections, there are %d", n, before+50)
	}
}

// The cases that may end in a way of their own.
const (
	secondRequest = "a second request"
	chunkByChunk  = "chunks"
)

// trickle sends a byte now and then, never all of them, until the server hangs up. The pauses are short,
// so that no limit on silence can be what ends it.
func trickle(t *testing.T, name string, c *caller, rest string) {
	over := make(chan []byte)
	go func() { over <- drainConn(t, c) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	rest = rest[:len(rest)-1] // it never becomes whole
	for {
		select {
		case answer := <-over:
			if want := slowAnswer(name); !slices.Contains(want, statuses(answer)) {
				t.Errorf("%s: %q, want one of %q", name, answer, want)
			}
			return
		case <-tick.C:
			if len(rest) == 0 {
				continue
			}
			_, _ = io.WriteString(c, rest[:1]) // the reader sees how it ended
			rest = rest[1:]
		}
	}
}

// slowAnswer is what a slow client may be told: why it ends, or nothing.
func slowAnswer(name string) []string {
	switch name {
	case secondRequest:
		return []string{"200", "200 408"}
	case chunkByChunk: // fasthttp does not tell a size that stops coming from one that is none
		return []string{"", "400", "408"}
	default:
		return []string{"", "408"}
	}
}

// statuses are those of all answers, in order.
func statuses(answer []byte) string {
	var all []string
	for _, m := range statusLine.FindAllSubmatch(answer, -1) {
		all = append(all, string(m[1]))
	}
	return strings.Join(all, " ")
}
