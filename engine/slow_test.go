package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"resound/channels"
	"resound/protocol"
	"resound/protocol/ws"
)

// brake is a socket whose kernel takes so many bytes and no more.
type brake struct {
	sink
	room int
}

func (b *brake) take(s [][]byte) int {
	n := min(new(sink).take(s), b.room)
	b.room -= n
	b.bytes += n
	b.writes++
	return n
}

// However much one turn has for a connection that takes nothing, nothing of it is kept.
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
	if c.state != stateClosing || len(c.slow.frames) != 2 || c.slow.size > 200 {
		t.Errorf("state %d, %d frames of %d bytes wait", c.state, len(c.slow.frames), c.slow.size)
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

// What is dropped for a slow reader is always whole frames: behind what it had taken, of which the
// last may be half a frame, come the error and the close frame.
func TestTheGoodbyeOfASlowReaderIsWhole(t *testing.T) {
	for _, room := range []int{0, 1, 9000, 100_000} {
		m := manual(t, Options{Loops: 1})
		w := opened(m, 1)[0]
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
		w.Take()
		app := m.hub.App(m.registry.ByID([]byte("1")))
		w.Stall(true)
		w.room = room
		data := strings.Repeat("x", 9000)
		for i := 0; app.Connections() > 0; i++ {
			app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %s"`, i, data)), protocol.SocketID{})
			if i%3 == 0 {
				m.Turn()
			}
		}
		w.Stall(false)
		out, d := w.Take(), ws.NewClientDecoder()
		var got []string
		for len(out) > 0 {
			msg, n, ok, err := d.Next(out, 1<<20)
			if err != nil || !ok {
				t.Fatalf("the stream is cut: %v, %d bytes left", err, len(out))
			}
			got = append(got, string(msg.Payload))
			out = out[n:]
		}
		events := len(got) - 2
		if begun := (room + 9049) / 9050; events < begun || events > begun+2 { // three are one frame
			t.Fatalf("with room for %d bytes it got %d events and a goodbye", room, events)
		}
		for i, event := range got[:events] {
			if !strings.HasPrefix(event, fmt.Sprintf(`{"event":"e","data":"%d `, i)) {
				t.Errorf("event %d is %.40q", i, event)
			}
		}
		if last := got[events:]; !strings.Contains(last[0], `4100`) || !strings.HasPrefix(last[1], "\x10\x04") { // 4100 as a close code
			t.Errorf("the last two are %.80q and %.80q", last[0], last[1])
		}
		if !w.HalfClosed {
			t.Error("the connection is not shut down behind the close frame")
		}
	}
}

// A thousand stalled readers of a channel cost hardly more than one.
func TestAThousandStalledReaders(t *testing.T) {
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
	// The frames are shared: what waits for one of them waits for all, and the collector lags. Copies would be 64 MB and more.
	if peak > 24<<20 {
		t.Errorf("%d MB for %d stalled readers", peak>>20, readers)
	}
	t.Logf("at most %d MB", peak>>20)
}

// What a reader that stops leaves unread waits in the frames that all share, and not in copies of the kernel's.
func TestTheKernelTakesLittleForASlowReader(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the bound is inherited from the listener on Linux only")
	}
	const events, size = 200, 100_000
	e := startWith(t, Options{Loops: 1, Backlog: 64 << 20})
	c := dial(t, e)
	c.upgrade()
	c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	c.next()
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	data := protocol.Raw(`"` + strings.Repeat("x", size) + `"`)
	for range events {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), data, protocol.SocketID{})
	}
	waits, l := make(chan int), e.loops[0]
	for took, steady := 0, 0; steady < 10; time.Sleep(10 * time.Millisecond) {
		l.mailbox.Post(channels.Call(func() {
			kept := 0
			for _, c := range l.host.(*gnetHost).stalled {
				kept += c.slow.size
			}
			waits <- kept
		}))
		// A frame counts for more than its bytes, which makes what the kernel took look smaller by less than a hundredth.
		now := events*size - <-waits
		if now == took {
			steady++
		} else {
			took, steady = now, 0
		}
		if steady == 10 && (took <= 0 || took > 1<<20) {
			t.Errorf("the kernel took %d bytes", took)
		}
	}
	for range events { // and all of it comes once it is read
		c.next()
	}
}

// Readers that pause, one behind the other, get everything in order when they go on, on the real kernel.
func TestReadersThatPause(t *testing.T) {
	const readers, events = 6, 60
	e := startWith(t, Options{Loops: 2, Backlog: 64 << 20})
	var clients []*client
	for range readers {
		c := dial(t, e)
		c.upgrade()
		c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
		c.next()
		clients = append(clients, c)
	}
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	data := strings.Repeat("x", 200_000) // together more than any kernel buffer
	for round := range 2 {
		for i := range events {
			app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %d %s"`, round, i, data)), protocol.SocketID{})
		}
		for _, c := range clients {
			for i := range events {
				if got := c.next(); !strings.HasPrefix(got, fmt.Sprintf(`{"event":"e","data":"%d %d `, round, i)) {
					t.Fatalf("round %d, event %d: got %.60s", round, i, got)
				}
			}
		}
	}
	idle := make(chan int)
	for _, l := range e.loops {
		l.mailbox.Post(channels.Call(func() { idle <- len(l.host.(*gnetHost).stalled) }))
		if n := <-idle; n != 0 {
			t.Errorf("%d connections are still watched", n)
		}
	}
}

// One that does not read to hear why is reset: the kernel would hold what it has not taken for minutes.
func TestAReaderThatNeverComesBackIsReset(t *testing.T) {
	e := start(t, 1)
	c := dial(t, e)
	c.upgrade()
	c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	c.next()
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	data := protocol.Raw(`"` + strings.Repeat("x", 100_000) + `"`)
	for app.Connections() > 0 {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), data, protocol.SocketID{})
		time.Sleep(time.Millisecond)
	}
	for end := time.Now().Add(20 * time.Second); e.Sockets() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not closed")
		}
	}
	if _, err := io.Copy(io.Discard, c.r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end is %v", err)
	}
}
