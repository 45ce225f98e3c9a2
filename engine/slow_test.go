package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"resound/protocol"
	"resound/protocol/ws"
)

// brake is a socket whose kernel takes so many bytes and no more.
type brake struct {
	sink
	room    int
	refused int
	most    int // that one call refused
}

func (b *brake) Writev(s [][]byte) (n int, err error) {
	n, err = b.sink.Writev(s)
	take := min(n, b.room)
	b.room -= take
	b.refused += n - take
	b.most = max(b.most, n-take)
	return n, err
}
func (b *brake) Write(p []byte) (int, error) { return b.Writev([][]byte{p}) }
func (b *brake) OutboundBuffered() int       { return b.refused }

// However much one turn has for a connection that takes nothing, no more of it is copied than the
// backlog and one write.
func TestOneTurnCannotExceedTheBacklog(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	b := &brake{room: 1 << 20}
	c := m.loops[0].opened(b)
	m.loops[0].traffic(c, []byte(handshake))
	b.room = 0
	frame := protocol.Event(protocol.Raw(`"e"`), "news", protocol.Raw(`"`+strings.Repeat("x", 10_000)+`"`))
	for range 5000 { // 50 MB
		c.Send(frame)
	}
	m.loops[0].flush()
	if c.state != stateClosing {
		t.Errorf("state %d", c.state)
	}
	if limit := DefaultBacklog + maxWrite; b.refused > limit || b.most > maxWrite {
		t.Errorf("%d bytes were copied, %d of them at once", b.refused, b.most)
	}
}

// A client that keeps up gets whatever a turn has for it.
func TestOneTurnMayExceedTheBacklog(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	b := &brake{room: 1 << 40}
	c := m.loops[0].opened(b)
	m.loops[0].traffic(c, []byte(handshake))
	b.bytes = 0
	frame := protocol.Event(protocol.Raw(`"e"`), "news", protocol.Raw(`"`+strings.Repeat("x", 10_000)+`"`))
	huge := protocol.Event(protocol.Raw(`"e"`), "news", protocol.Raw(`"`+strings.Repeat("x", 3*maxWrite)+`"`))
	for range 500 {
		c.Send(frame)
	}
	c.Send(huge)
	c.Send(frame)
	m.loops[0].flush()
	if want := 501*frame.Len() + huge.Len(); c.state != stateOpen || b.bytes != want {
		t.Errorf("state %d, %d bytes were written of %d", c.state, b.bytes, want)
	}
}

// What is dropped for a slow reader is always whole frames: behind what it had taken come the
// error and the close frame.
func TestTheGoodbyeOfASlowReaderIsWhole(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	w := opened(m, 1)[0]
	w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
	w.Take()
	app := m.hub.App(m.registry.ByID([]byte("1")))
	w.Stall(true)
	data := strings.Repeat("x", 9000)
	for i := 0; app.Connections() > 0; i++ {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %s"`, i, data)), protocol.SocketID{})
		if i%3 == 0 {
			m.Turn()
		}
	}
	out, d := w.Take(), ws.NewClientDecoder()
	var last [2]string
	for len(out) > 0 {
		msg, n, ok, err := d.Next(out, 1<<20)
		if err != nil || !ok {
			t.Fatalf("the stream is cut: %v, %d bytes left", err, len(out))
		}
		last[0], last[1] = last[1], string(msg.Payload)
		out = out[n:]
	}
	if !strings.Contains(last[0], `4100`) || !strings.HasPrefix(last[1], "\x10\x04") { // 4100 as a close code
		t.Errorf("the last two are %.80q and %.80q", last[0], last[1])
	}
}

// A thousand stalled readers may cost their backlogs and no more.
func TestAThousandStalledReaders(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a gigabyte")
	}
	const readers, backlog = 1000, 64 << 10
	e := startWith(t, Options{Loops: 2, Backlog: backlog})
	for range readers {
		c := dial(t, e)
		c.upgrade()
		c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
		c.next()
	}
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	witness := dial(t, e)
	witness.upgrade()
	witness.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	witness.next()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	data := strings.Repeat("x", 100_000)
	for i := 0; app.Connections() > 1; i++ {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %s"`, i, data)), protocol.SocketID{})
		if got := witness.next(); !strings.HasPrefix(got, fmt.Sprintf(`{"event":"e","data":"%d `, i)) {
			t.Fatalf("event %d: the witness got %.60s", i, got)
		}
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
	}
	// A frame that did not fit any more is copied as a whole, pools round up, and the collector lags.
	if limit := uint64(readers * (backlog + 200_000) * 3); peak > limit {
		t.Errorf("%d MB for %d stalled readers", peak>>20, readers)
	}
	t.Logf("at most %d MB", peak>>20)
}
