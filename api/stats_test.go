package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"resound/internal/overload"
)

func TestStatsCountRequests(t *testing.T) {
	n := newNode(t)
	for range 3 {
		n.call("POST", testEvents, "", testEvent).want(t, 200, `{}`)
	}
	n.call("POST", testEvents, "", `{"name":"e"}`)
	n.do("GET", "/apps/1001/channels", "")
	n.call("GET", "/apps/1001/channels", "", "")
	n.do("GET", "/up", "")
	n.do("GET", "/nothing", "")
	c := dial(t, n.serve(t))
	c.send("no request\r\n\r\n")
	if a := c.answer("GET"); a.status != 400 {
		t.Errorf("no request is answered %d", a.status)
	}
	c.wantClosed()
	s := n.server.Stats()
	var got []string
	for _, r := range s.Requests {
		got = append(got, fmt.Sprint(r.Kind, " ", r.Status, " ", r.Count))
	}
	want := []string{"other 400 1", "other 404 1", "up 200 1", "events 200 3", "events 422 1", "channels 200 1", "channels 401 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if took := s.Took["events"]; took.Count != 4 || took.Sum <= 0 {
		t.Errorf("publishes took %+v", took)
	}
	for k, name := range kindNames {
		if name == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

// What the pages beside the API are answered with is no fault of the server.
func TestStatsCountPages(t *testing.T) {
	n := newNode(t, func(o *Options) {
		o.Fallback = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, _ := strconv.Atoi(r.URL.RawQuery)
			w.WriteHeader(status)
		})
	})
	var want []Requests
	for _, status := range []int{200, 308, 400, 403, 404, 405, 413, 415, 429, 502, 503} {
		n.do("GET", "/page?"+strconv.Itoa(status), "")
		want = append(want, Requests{"other", status, 1})
	}
	if got := n.server.Stats().Requests; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each loop that answers itself counts in memory of its own, and the sum is told.
func TestStatsOfLoops(t *testing.T) {
	n := newNode(t)
	first, second := n.server.Direct(), n.server.Direct()
	for i, d := range []*Direct{first, second, second} {
		answers, _ := d.Answer(nil, []byte("POST "+testEvents+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"))
		if !strings.HasPrefix(string(answers), "HTTP/1.1 401") {
			t.Fatalf("answer %d: %q", i, answers)
		}
	}
	n.do("GET", "/up", "")
	if got, want := n.server.Stats().Requests, []Requests{{"up", 200, 1}, {"events", 401, 3}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(n.server.all) != 3 {
		t.Errorf("%d count", len(n.server.all))
	}
}

// One publish in some has its stages timed.
func TestStages(t *testing.T) {
	n := newNode(t)
	const publishes = 2000
	for range publishes {
		n.call("POST", testEvents, "", testEvent).want(t, 200, `{}`)
	}
	s := n.server.Stats()
	if s.Parsed.Count == 0 || s.Parsed.Count >= publishes/2 || s.Published.Count != s.Parsed.Count || s.Parsed.Sum <= 0 || s.Published.Sum <= 0 {
		t.Errorf("parsed %+v, published %+v", s.Parsed, s.Published)
	}
	if s.Parsed.Sum+s.Published.Sum > s.Took["events"].Sum {
		t.Error("the parts are more than the whole")
	}
	if sample(8) != 8 || sample(9) != 0 {
		t.Error("it is not one in eight that is sampled")
	}
}

// While memory is at risk events are refused before anything of them is looked at, and questions are answered.
func TestPublishIsRefusedWhileMemoryIsAtRisk(t *testing.T) {
	g := overload.New(nil)
	n := newNode(t, func(o *Options) { o.Governor = g })
	g.Step(overload.Reading{Memory: overload.Usage{Share: 0.88}})
	n.call("POST", testEvents, "", testEvent).want(t, 200, `{}`)
	g.Step(overload.Reading{Memory: overload.Usage{Share: 0.93}})
	for _, path := range []string{testEvents, "/apps/1001/batch_events"} {
		n.call("POST", path, "", testEvent).want(t, 503, errGuarded.Text)
	}
	answers, keep := n.server.Direct().Answer(nil, []byte("POST "+testEvents+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"))
	if !strings.HasPrefix(string(answers), "HTTP/1.1 503") || !strings.Contains(string(answers), "\r\nRetry-After: 5\r\n") || !keep {
		t.Errorf("on a loop: %q, kept %v", answers, keep)
	}
	if a := n.call("GET", "/apps/1001/channels", "", ""); a.status != 200 {
		t.Errorf("a question: %d", a.status)
	}
	if c := g.Stats().Shed[overload.Publish][overload.Memory]; c != 3 {
		t.Errorf("%d were counted", c)
	}
}
