package api

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"resound/internal/invariants"
	"resound/persist"
	"resound/protocol"
)

// What a loop answers is what the HTTP server answers, and the connection ends where it does there.
func TestDirectAnswersAsTheServerDoes(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	addr := n.serve(t)
	publish := n.post(testEvent)
	batch := `{"batch":[` + testEvent + `,` + testEvent + `]}`
	for name, tc := range map[string]struct {
		requests string
		events   int // that go out
		keep     bool
	}{
		"a publish":        {publish, 1, true},
		"a batch":          {"POST " + n.signed("POST", "/apps/1001/batch_events", "/apps/1001/batch_events", "", batch) + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(batch)) + "\r\n\r\n" + batch, 2, true},
		"three":            {publish + publish + publish, 3, true},
		"an empty body":    {n.post(""), 0, true},
		"no JSON":          {n.post("{"), 0, true},
		"no channel":       {n.post(`{"name":"e","data":"x"}`), 0, true},
		"a wrong body":     {strings.Replace(publish, `"name":"e"`, `"name":"f"`, 1), 0, true},
		"an unknown app":   {strings.Replace(publish, "/apps/1001/", "/apps/1002/", 1), 0, true},
		"asked to close":   {n.post(testEvent, "Connection: close"), 1, false},
		"a large body":     {n.post(`{"name":"e","data":"` + strings.Repeat("x", 9000) + `","channel":"c"}`), 1, true},
		"too large a body": {n.post(`{"name":"e","data":"` + strings.Repeat("x", n.server.o.MaxBody) + `","channel":"c"}`), 0, false},
		"a bare line feed": {n.post(testEvent, "X: y\nZ: z"), 0, false},
		"a bad header":     {n.post(testEvent, "no header"), 0, false},
	} {
		d := n.server.Direct()
		answers, keep := d.Answer([]byte("before "), []byte(tc.requests))
		got, ok := bytes.CutPrefix(answers, []byte("before "))
		if !ok || keep != tc.keep {
			t.Errorf("%s: keep is %v behind %q", name, keep, answers)
		}
		if events := n.posted(); events != tc.events {
			t.Errorf("%s: %d events went out, want %d", name, events, tc.events)
		}
		c := dial(t, addr)
		c.send(tc.requests)
		if !tc.keep {
			_ = c.CloseWrite()
		}
		want := make([]byte, len(got))
		if _, err := io.ReadFull(c.r, want); err != nil || !bytes.Equal(undated(got), undated(want)) {
			t.Errorf("%s: answered with %q, by the server with %q, %v", name, got, want, err)
		}
		if n.posted() != tc.events {
			t.Errorf("%s: the server lets other events out", name)
		}
	}
}

func undated(answers []byte) []byte { return dates.ReplaceAll(answers, nil) }

var dates = regexp.MustCompile(`Date: [^\r]*\r\n`)

// A disk may be slow, and a loop may not wait for one.
func TestDirectTakesPublishesThatNeedNotWait(t *testing.T) {
	n := newNode(t, prefixed)
	d := n.server.Direct()
	for target, want := range map[string]bool{
		"/apps/1001/events": true, "/apps/1001/batch_events?x=y": true, "/ws/apps/1/events": true, "/apps/%31/events": true,
		"/apps/1001/users/7/terminate_connections": false, "/apps/1001/channels": false, "/up": false, "": false, "*": false, "/apps/1001/events/": false,
		"http://x/apps/1001/events": false,
	} {
		if got := d.Takes([]byte(target)); got != want {
			t.Errorf("%q: %v", target, got)
		}
	}
	n.withLog(t, persist.Process)
	if d.Takes([]byte("/apps/1001/events")) {
		t.Error("it takes an event that goes to the log")
	}
}

func TestDirectAllocates(t *testing.T) {
	if invariants.Enabled {
		t.Skip("test builds allocate for their checks")
	}
	n := newNode(t)
	d, request := n.server.Direct(), []byte(n.post(testEvent))
	var room []byte
	if got := testing.AllocsPerRun(200, func() { room, _ = d.Answer(room[:0], request) }); got > 1 {
		t.Errorf("a publish takes %v allocations", got)
	}
}
