package engine

import (
	"runtime"
	"strings"
	"testing"

	"resound/channels"
	"resound/protocol"
	"resound/protocol/ws"
)

// A slow reader may go over its limit, take all of it, and be sent something else, in one turn.
func TestASlowReaderCatchesUpWithinATurn(t *testing.T) {
	m := manual(t, Options{Loops: 1, Backlog: 2000})
	w := opened(m, 1)[0]
	for _, channel := range []string{"a", "b"} {
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"` + channel + `"}}`))
	}
	w.Take()
	app := m.hub.App(m.registry.ByID([]byte("1")))
	publish := func(channel string) {
		app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw(`"`+strings.Repeat("x", 1500)+`"`), protocol.SocketID{})
	}
	w.Stall(true)
	publish("a")
	m.Turn() // it is slow, and watched
	publish("a")
	publish("b")
	publish("a") // brings what waits for a, so that the order is kept: it is over the limit
	m.loops[0].mailbox.Post(channels.Call(func() { w.Stall(false) }))
	m.Turn() // b is for a connection that is slow no more
	out, d := w.Take(), ws.NewClientDecoder()
	var got strings.Builder
	for len(out) > 0 {
		msg, n, ok, err := d.Next(out, 1<<20)
		if err != nil || !ok {
			t.Fatalf("the stream is cut: %v, %d bytes left", err, len(out))
		}
		_, channel, _ := strings.Cut(string(msg.Payload), `"channel":"`)
		got.WriteString(channel[:1])
		out = out[n:]
	}
	if w.conn.state != stateOpen || got.String() != "aaba" {
		t.Errorf("state %d, events of %q", w.conn.state, got.String())
	}
}

// The limit on what a reader leaves is one on memory too: small frames of its own are not shared with anybody.
func TestTheBacklogBoundsMemory(t *testing.T) {
	const backlog = 1 << 20
	m := manual(t, Options{Loops: 1, Backlog: backlog})
	w := opened(m, 1)[0]
	w.Stall(true)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ping := masked(ws.OpPing, "")
	peak := uint64(0)
	for i := 1; w.conn.state == stateOpen; i++ {
		w.Feed(ping)
		if i%(1<<17) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if peak > 4*backlog {
		t.Errorf("a connection that leaves %d KB unread takes %d KB", backlog>>10, peak>>10)
	}
}

// What a client offers cannot make the loop compare each of its parameters with all others.
func TestAnOfferIsReadOnce(t *testing.T) {
	s := scanner{"permessage-deflate" + strings.Repeat(";x", maxHead/2)}
	if o, ok := s.offer(); !ok || o.answer() != "" || len(o.seen) > 8 {
		t.Errorf("%d parameters are kept, and each was compared with those before", len(o.seen))
	}
}
