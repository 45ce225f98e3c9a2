package engine

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"resound/protocol"
	"resound/protocol/ws"
)

// What the engine tells of itself is what has happened to its connections.
func TestStats(t *testing.T) {
	m, _ := told(t)
	first, second := m.Open(0), m.Open(0)
	for _, w := range []*Wire{first, second} {
		w.Feed([]byte(handshake))
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
	}
	before := m.Stats()
	if before.Sockets != 2 || before.Accepted != 2 || before.Upgraded != 2 || before.Messages != 2 || len(before.Loops) != 1 {
		t.Errorf("two subscribed: %+v", before)
	}
	first.conn.app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`"x"`), protocol.SocketID{})
	m.Turn()
	size := protocol.Event(protocol.Raw(`"e"`), "news", protocol.Raw(`"x"`)).Len()
	s := m.Stats()
	if s.Writes-before.Writes != 2 || s.Sent-before.Sent != uint64(2*size) {
		t.Errorf("an event to two: %d writes of %d bytes", s.Writes-before.Writes, s.Sent-before.Sent)
	}
	if l := s.Loops[0]; l.Waited.Count != 1 || l.Written.Count != 1 || l.Written.Sum < l.Waited.Sum || l.Turns.Count == 0 {
		t.Errorf("its stages: %+v", l)
	}
	other := m.Open(0)
	other.Feed([]byte(strings.Replace(handshake, "/app/key", "/app/other", 1)))
	asking := m.Open(0)
	asking.Feed([]byte(whole + whole))
	first.conn.closeWith(1000, "")
	m.Advance(3 * time.Minute) // the other one is pinged, and silent
	s = m.Stats()
	if s.Refused[4001] != 1 || s.Closed[4001] != 0 || s.Closed[1000] != 1 || s.Closed[4201] != 1 || s.Pings != 1 || s.Timeouts != 1 || s.Answered != 2 || s.Sockets != 0 {
		t.Errorf("ends: %+v", s)
	}
	if reasons := m.Unready(); len(reasons) != 0 {
		t.Errorf("not ready: %q", reasons)
	}
	m.BeginDrain()
	if reasons := m.Unready(); !m.Stats().Draining || len(reasons) != 1 || reasons[0] != "the server stops" {
		t.Errorf("draining: %q", reasons)
	}
}

// A loop that comes late to what it is asked says so.
func TestLagIsSeen(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	l, ticks := m.loops[0], 0
	l.mailbox.Post(l.asked(func() { ticks++ }))
	l.stats.asked.Add(-int64(time.Minute)) // as if it had been asked then
	if reasons := m.Unready(); len(reasons) != 1 || !strings.HasPrefix(reasons[0], "loop 0 is 1m0") {
		t.Errorf("a loop that does nothing: %q", reasons)
	}
	const late = 3 * time.Millisecond
	time.Sleep(late)
	m.Turn()
	if s := m.Stats().Loops[0]; ticks != 1 || s.Late < late || s.Lag.Count != 1 || s.Lag.Sum < late {
		t.Errorf("%d ticks, %+v", ticks, s)
	}
}

func TestCodesAreCounted(t *testing.T) {
	var c codes
	for _, code := range []int{1000, 1015, 4000, 4399, 4399, 0, 999, 1016, 3999, 4400, -1} {
		c.add(code)
	}
	got := c.counts()
	if len(got) != 4 || got[1000] != 1 || got[1015] != 1 || got[4000] != 1 || got[4399] != 2 {
		t.Errorf("%v", got)
	}
}

// Bytes that come again with more behind them were read once, and what a loop answers itself is sent too.
func TestBytesAreCountedOnce(t *testing.T) {
	m, _ := told(t)
	w, asking := m.Open(0), m.Open(0)
	hello, command := []byte(handshake), text(`{"event":"pusher:ping"}`)
	for _, part := range [][]byte{hello[:9], hello[9:50], hello[50:], command[:1], command[1:7], command[7:]} {
		w.Feed(part)
	}
	asking.Feed([]byte(whole))
	if got, want := m.Stats().Received, uint64(len(hello)+len(command)+len(whole)); got != want {
		t.Errorf("%d bytes were received, want %d", got, want)
	}
	if got, want := m.Stats().Sent, uint64(len(w.Take())+len(asking.Take())); got != want {
		t.Errorf("%d bytes were sent, want %d", got, want)
	}
}

// Who goes may say any code. That is not the server's doing.
func TestWhatClientsSayIsNoReasonOfTheServer(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	for _, code := range []uint16{1000, 4100, 4201} {
		w := m.Open(0)
		w.Feed([]byte(handshake))
		w.Feed(ws.AppendMasked(nil, ws.OpClose, binary.BigEndian.AppendUint16(nil, code), [4]byte{1, 2, 3, 4}))
		if !w.HalfClosed {
			t.Errorf("%d: the close is not answered", code)
		}
	}
	if closed := m.Stats().Closed; len(closed) != 0 {
		t.Errorf("closed by the server: %v", closed)
	}
}

// When the reactor has begun anew, a loop may get no connection for long, and so does nothing. It is not late.
func TestALoopThatHasEndedIsNotLate(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	r, l := &m.reactor, m.loops[0]
	ticks := 0
	r.hosts = map[gnet.EventLoop]*gnetHost{nil: {engine: m.Engine, loop: l, tick: func() { ticks++ }}}
	l.stats.slow.Store(1)
	l.stats.backlog.Store(1)
	r.OnTick()
	l.stats.asked.Add(-int64(time.Minute)) // as if that had been then
	if len(m.Unready()) != 1 {
		t.Error("a loop that does not come to its tick is ready")
	}
	r.forget()
	if reasons := m.Unready(); len(reasons) != 0 {
		t.Errorf("the next run: %q", reasons)
	}
	m.Turn()
	if s := m.Stats(); ticks != 0 || s.Loops[0].Lag.Count != 0 || s.Loops[0].Late != 0 || s.Slow != 0 || s.Backlog != 0 {
		t.Errorf("%d ticks of the run before, %+v", ticks, s)
	}
}

// Of each loop one connection at a time is timed until it is a WebSocket; who says nothing does not keep others from it.
func TestOpeningsAreTimed(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	silent := m.Open(0)
	w := m.Open(0)
	if w.Feed([]byte(handshake)); m.Stats().Opened.Count != 0 {
		t.Error("two at a time")
	}
	m.loops[0].openings.at -= 2 * openingPatience
	w = m.Open(0)
	if w.Feed([]byte(handshake)); m.Stats().Opened.Count != 1 || m.Stats().Opened.Sum <= 0 {
		t.Errorf("%+v", m.Stats().Opened)
	}
	if m.loops[0].openings.conn != nil {
		t.Error("one that is through is remembered")
	}
	w = m.Open(0)
	w.HangUp()
	silent.HangUp()
	if m.loops[0].openings.conn != nil || m.Stats().Opened.Count != 1 {
		t.Error("one that has gone is remembered, or counts")
	}
}
