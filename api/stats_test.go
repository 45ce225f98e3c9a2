package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
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
