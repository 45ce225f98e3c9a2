package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/protocol"
)

// teller answers every request with how many bytes it had, and says goodbye to those with a body of x.
type teller struct{ calls []string }

func (t *teller) Takes(target []byte) bool { return string(target) != "/other" }

func (t *teller) Answer(dst, requests []byte) (answers []byte, keep bool) {
	t.calls = append(t.calls, string(requests))
	return fmt.Appendf(dst, "[%d]", len(requests)), !bytes.HasSuffix(requests, []byte("x"))
}

const whole = "POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

// told returns an engine whose loop answers with a teller.
func told(t *testing.T) (*Manual, *teller) {
	m, answerer := manual(t, Options{Loops: 1}), new(teller)
	m.AnswerWith(func() Answerer { return answerer })
	return m, answerer
}

// Only what is whole and leaves no doubt where it ends is answered on the loop. The HTTP server gets every byte of all else.
func TestWhatIsAnsweredOnTheLoop(t *testing.T) {
	with := func(line string) string { return strings.Replace(whole, "Host: x", line, 1) }
	m, _ := told(t)
	for name, requests := range map[string]string{
		"one": whole, "two": whole + whole, "no body": "POST /events HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"odd case": strings.Replace(whole, "Content-Length: 2", "cONTENT-lENGTH:\t2 ", 1),
	} {
		w := m.Open(0)
		w.Feed([]byte(requests))
		if got, want := string(w.Take()), fmt.Sprintf("[%d]", len(requests)); got != want || w.HandedOver != nil || w.Closed {
			t.Errorf("%s: got %q, want %q; handed over %q", name, got, want, w.HandedOver)
		}
	}
	for name, request := range map[string]string{
		"half a head":       whole[:30],
		"half a body":       whole[:len(whole)-1],
		"another target":    strings.Replace(whole, "/events", "/other", 1),
		"another method":    strings.Replace(whole, "POST", "PUT", 1),
		"another version":   strings.Replace(whole, "HTTP/1.1", "HTTP/1.0", 1),
		"no target":         strings.Replace(whole, "/events ", "", 1),
		"no length":         strings.Replace(whole, "Content-Length: 2", "X: y", 1),
		"two lengths":       with("Content-Length: 2"),
		"a negative length": strings.Replace(whole, ": 2", ": -2", 1),
		"a signed length":   strings.Replace(whole, ": 2", ": +2", 1),
		"a long length":     strings.Replace(whole, ": 2", ": 0000000002", 1),
		"an empty length":   strings.Replace(whole, ": 2", ":", 1),
		"chunks":            with("Transfer-Encoding: chunked"),
		"a question":        with("Expect: 100-continue"),
		"an upgrade":        with("Upgrade: h2c"),
		"a folded line":     with("X: y\r\n Content-Length: 5"),
		"a bare line feed":  with("X: y\nContent-Length: 5"),
		"a broken line":     strings.Replace(whole, "/events ", "/events? HTTP/1.1\nX: ", 1),
		"a space in a name": strings.Replace(whole, "Length:", "Length :", 1),
		"a long head":       with("X: " + strings.Repeat("y", maxHead)),
	} {
		m, answerer := told(t)
		w := m.Open(0)
		w.Feed([]byte(request))
		if got := w.Take(); string(w.HandedOver) != request || len(got) > 0 || len(answerer.calls) > 0 {
			t.Errorf("%s: answered %q, handed over %q", name, got, w.HandedOver)
		}
		later := m.Open(0)
		later.Feed([]byte(whole + request))
		if got := later.Take(); string(later.HandedOver) != request || string(got) != fmt.Sprintf("[%d]", len(whole)) {
			t.Errorf("%s behind another request: answered %q, handed over %q", name, got, later.HandedOver)
		}
	}
}

// A connection on which requests were answered is kept as long as the HTTP server keeps its own, and may become a WebSocket.
func TestAKeptConnectionOfTheLoop(t *testing.T) {
	m, _ := told(t)
	w, silent := m.Open(0), m.Open(0)
	for range 5 {
		w.Feed([]byte(whole))
		silent.Feed([]byte(whole))
		silent.Take()
		if got, want := string(w.Take()), fmt.Sprintf("[%d]", len(whole)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		m.Advance(keepAlive - 2*time.Second)
	}
	w.Feed([]byte(whole))
	w.Take()
	m.Advance(2 * time.Second)
	if w.Closed || !silent.Closed {
		t.Errorf("closed: the one that asked %v, the silent one %v", w.Closed, silent.Closed)
	}
	w.Feed([]byte(whole + handshake))
	if got := string(w.Take()); !strings.HasPrefix(got, fmt.Sprintf("[%d]HTTP/1.1 101 ", len(whole))) {
		t.Errorf("the upgrade got %q", got)
	}

	half := m.Open(0)
	half.Feed([]byte(whole + handshake[:20]))
	if string(half.HandedOver) != handshake[:20] {
		t.Errorf("half a later head waits on the loop; handed over %q", half.HandedOver)
	}
}

// Who asks for the end gets the answer first, and who does not read answers gets no more of them.
func TestAConnectionOfTheLoopEnds(t *testing.T) {
	m, answerer := told(t)
	last := strings.Replace(whole, "{}", "xx", 1)
	w := m.Open(0)
	w.Feed([]byte(last))
	if got := string(w.Take()); got != fmt.Sprintf("[%d]", len(last)) || !w.HalfClosed || w.Closed {
		t.Errorf("got %q, half closed %v, closed %v", got, w.HalfClosed, w.Closed)
	}
	w.Feed([]byte(whole))
	if len(answerer.calls) != 1 {
		t.Errorf("a request behind the last one was answered")
	}
	m.Advance(lingerTimeout + time.Second)
	if !w.Closed {
		t.Error("it is open still")
	}

	deaf := m.Open(0)
	deaf.Stall(true)
	deaf.room = 1
	deaf.Feed([]byte(whole))
	if deaf.HalfClosed || deaf.Closed {
		t.Error("a connection that does not read ends before it has its answer")
	}
	deaf.Stall(false)
	if got := string(deaf.Take()); got != fmt.Sprintf("[%d]", len(whole)) || !deaf.HalfClosed {
		t.Errorf("got %q, half closed %v", got, deaf.HalfClosed)
	}

	idle, drained := m.Open(0), m.Open(0)
	drained.Feed([]byte(whole))
	m.BeginDrain()
	m.Turn()
	if !idle.Closed || !drained.Closed {
		t.Error("a stop waits for connections that have no request under way")
	}
}

// The same over a network, with requests of each kind on one connection.
func TestRequestsOfBothKindsOnOneConnection(t *testing.T) {
	e := startWith(t, Options{Loops: 2}, func() Answerer { return new(plainTeller) })
	c := dial(t, e)
	io.WriteString(c, whole+whole+"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\ny"+whole)
	for i, want := range []string{"loop 2", "POST /other 1", "POST /events 2"} { // what was handed over stays there
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != want {
			t.Errorf("answer %d is %q, want %q", i, body, want)
		}
	}
}

// A broadcast does not wait longer where each event of a socket has many requests in it.
func TestManyRequestsAreManyEvents(t *testing.T) {
	m, _ := told(t)
	l, told := m.loops[0], false
	l.mailbox.Post(channels.Call(func() { told = true }))
	w := m.Open(0)
	w.Feed([]byte(strings.Repeat(whole, eventShare)))
	l.between()
	if !told {
		t.Errorf("a task waits behind %d requests", eventShare)
	}
}

// A stop lets a request that is on its way to a kept connection have its answer.
func TestAStopAnswersOnKeptConnections(t *testing.T) {
	e := startWith(t, Options{Loops: 2}, func() Answerer { return new(plainTeller) })
	var kept []*client
	for range 4 {
		c := dial(t, e)
		io.WriteString(c, whole)
		skipAnswer(t, c)
		kept = append(kept, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := e.Drain(ctx, Farewell{Why: ErrStopping}); err != nil {
		t.Error(err)
	}
	for _, c := range kept {
		io.WriteString(c, whole)
		skipAnswer(t, c)
	}
}

// plainTeller answers with how many requests there were.
type plainTeller struct{ teller }

func (t *plainTeller) Answer(dst, requests []byte) (answers []byte, keep bool) {
	body := fmt.Sprintf("loop %d", bytes.Count(requests, []byte("POST")))
	return fmt.Appendf(dst, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body), true
}

// announcer publishes for each request.
type announcer struct{ publish func() }

func (announcer) Takes([]byte) bool { return true }

func (a announcer) Answer(dst, requests []byte) (answers []byte, keep bool) {
	for range bytes.Count(requests, []byte("POST")) {
		a.publish()
	}
	return append(dst, "ok"...), true
}

// announcing returns an engine whose loop publishes on "news" for each request.
func announcing(t *testing.T) *Manual {
	m := manual(t, Options{Loops: 1})
	app := m.hub.App(m.registry.ByID([]byte("1")))
	m.AnswerWith(func() Answerer {
		return announcer{func() { app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{}) }}
	})
	return m
}

// One publish on a channel with few subscribers needs no wake-up. All others wait for what the other sockets have, so that it goes
// out in the same writes; and so does one where the loop has been woken.
func TestAPublishOnAQuietChannelIsDeliveredAtOnce(t *testing.T) {
	for _, c := range []struct {
		name               string
		sockets, requests  int
		posted             bool
		writes, late, wake int
	}{
		{"one", 3, 1, false, 1, 1, 0},
		{"two requests", 3, 2, false, 0, 1, 1},
		{"many subscribers", 100, 1, false, 0, 1, 1},
		{"nobody", 0, 1, false, 0, 0, 0},
		{"a loop that was woken", 3, 1, true, 0, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := announcing(t)
			sinks, _ := subscribed(t, m, c.sockets, "news")
			l, wakes := m.loops[0], 0
			l.mailbox.bind(func() { wakes++ })
			if c.posted {
				l.mailbox.Post(channels.Call(func() {}))
			}
			l.traffic(l.opened(new(sink)), []byte(strings.Repeat(whole, c.requests)))
			l.between()
			look := func(when string, want int) {
				for _, s := range sinks {
					if s.writes != want {
						t.Fatalf("%s: a socket was written to %d times, want %d", when, s.writes, want)
					}
				}
			}
			look("at once", c.writes)
			if m.Turn(); wakes != c.wake {
				t.Errorf("%d wake-ups, want %d", wakes, c.wake)
			}
			look("in the end", c.late)

			wakes = 0 // it is not muted any more
			if l.mailbox.Post(channels.Call(func() {})); wakes != 1 {
				t.Errorf("%d wake-ups for a task of somebody else", wakes)
			}
		})
	}
}

// What is posted while an event is delivered at once wakes the loop.
func TestWhatIsPostedDuringADeliveryAtOnce(t *testing.T) {
	m := announcing(t)
	sinks, _ := subscribed(t, m, 1, "news")
	l, wakes, told := m.loops[0], 0, false
	l.mailbox.bind(func() { wakes++ })
	sinks[0].taken = func() { l.mailbox.Post(channels.Call(func() { told = true })) }
	l.traffic(l.opened(new(sink)), []byte(whole))
	l.between()
	if sinks[0].writes != 1 || wakes != 1 || told {
		t.Errorf("%d writes, %d wake-ups, told %v", sinks[0].writes, wakes, told)
	}
	if m.Turn(); !told {
		t.Error("it is lost")
	}
}
