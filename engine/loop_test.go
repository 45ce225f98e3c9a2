package engine

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"resound/channels"
	"resound/internal/apps"
	"resound/protocol"
	"resound/protocol/ws"
)

func manual(t testing.TB, o Options) *Manual {
	t.Helper()
	registry, err := apps.NewRegistry(apps.New("1", "key", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	o.Registry, o.Log = registry, slog.New(slog.DiscardHandler)
	return NewManual(o)
}

func text(s string) []byte { return ws.AppendMasked(nil, ws.OpText, []byte(s), [4]byte{9, 8, 7, 6}) }

// sink is a socket that takes everything and counts.
type sink struct {
	writes, slices, bytes int
	taken                 func() // called at each write, if not nil
}

func (s *sink) take(b [][]byte) (n int) {
	s.writes++
	s.slices += len(b)
	for _, x := range b {
		n += len(x)
	}
	s.bytes += n
	if s.taken != nil {
		s.taken()
	}
	return n
}

// subscribed opens n connections of one loop on a channel.
func subscribed(t testing.TB, m *Manual, n int, channel string) (sinks []*sink, conns []*conn) {
	t.Helper()
	l := m.loops[0]
	for range n {
		s := new(sink)
		c := l.opened(s)
		l.traffic(c, []byte(handshake))
		l.traffic(c, text(`{"event":"pusher:subscribe","data":{"channel":"`+channel+`"}}`))
		if c.state != stateOpen || c.subs.Len() != 1 {
			t.Fatal("a connection was refused")
		}
		*s = sink{}
		sinks, conns = append(sinks, s), append(conns, c)
	}
	return sinks, conns
}

func TestDeliveryAllocatesNothing(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	sinks, _ := subscribed(t, m, 1000, "news")
	app := m.hub.App(m.registry.ByID([]byte("1")))
	name, data, channel := protocol.Raw(`"e"`), protocol.Raw(`"data"`), []byte("news")
	publish := func() {
		app.Publish(channel, name, data, protocol.SocketID{})
		m.Turn()
	}
	publish()
	// Three for the publication, whatever the number of subscribers.
	if n := testing.AllocsPerRun(50, publish); n > 3 {
		t.Errorf("a publication to 1,000 subscribers allocates %v times", n)
	}
	if s := sinks[0]; s.writes != 52 || s.slices != 52 {
		t.Errorf("52 publications in a row went out in %d writes of %d frames", s.writes, s.slices)
	}
}

func TestATurnWritesEachConnectionOnce(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	sinks, _ := subscribed(t, m, 10, "news")
	app := m.hub.App(m.registry.ByID([]byte("1")))
	for range 16 {
		app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
	}
	m.loops[0].run()
	for _, s := range sinks {
		if s.writes != 1 || s.slices != 1 || s.bytes != 16*len(`xx{"event":"e","data":1,"channel":"news"}`) {
			t.Fatalf("16 publications went out in %d writes of %d slices, %d bytes", s.writes, s.slices, s.bytes)
		}
	}
}

func TestABroadcastYieldsToTheSockets(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	sinks, _ := subscribed(t, m, 3*turnBudget, "news")
	app := m.hub.App(m.registry.ByID([]byte("1")))
	app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
	written := func() (n int) {
		for _, s := range sinks {
			n += s.writes
		}
		return n
	}
	for turn := 1; turn <= 3; turn++ {
		if again := m.loops[0].run(); again != (turn < 3) {
			t.Errorf("turn %d: more to do is %v", turn, again)
		}
		if written() != turn*turnBudget {
			t.Errorf("turn %d: %d connections were written to", turn, written())
		}
	}
}

func TestAWritevHasAtMost1024Slices(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	sinks, conns := subscribed(t, m, 1, "news")
	for range 2500 {
		conns[0].Send(protocol.PongFrame)
	}
	m.loops[0].flush()
	if s := sinks[0]; s.writes != 3 || s.slices != 2500 {
		t.Errorf("2,500 frames went out in %d writes of %d slices", s.writes, s.slices)
	}
}

// The loop keeps no frame that was written, nor much room for the next: neither does a connection.
func TestAnIdleLoopKeepsNoFrames(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	_, conns := subscribed(t, m, 2, "news")
	box := &m.loops[0].outbox
	for _, n := range []int{1, 100, 10 * maxPooled} {
		for range n {
			conns[0].Send(protocol.PongFrame)
			conns[1].Send(protocol.PongFrame)
		}
		m.loops[0].flush()
		for _, e := range box.entries[:cap(box.entries)] {
			if e.frame != nil {
				t.Fatalf("after %d: a frame that was written is kept", n)
			}
		}
		for _, f := range box.room.frames[:cap(box.room.frames)] {
			if f != nil {
				t.Fatalf("after %d: a frame that was written in company is kept", n)
			}
		}
		if cap(box.entries) > maxPooled || cap(box.room.frames) > maxPooled || conns[0].slow != nil {
			t.Errorf("after %d: room for %d and %d is kept, slow: %v", n, cap(box.entries), cap(box.room.frames), conns[0].slow != nil)
		}
	}
}

// A trickled frame is looked at when it is whole, not for each byte.
func TestAFrameThatTricklesIn(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	w := m.Open(0)
	w.Feed([]byte(handshake))
	w.Take()
	frame := text(`{"event":"pusher:ping","data":"` + strings.Repeat("x", 5000) + `"}`)
	looked := 0
	for i, b := range frame {
		w.inbox = append(w.inbox, b)
		if w.conn.arrived(len(w.inbox)) {
			looked++
			w.inbox = w.inbox[w.conn.loop.traffic(w.conn, w.inbox):]
		}
		if got := w.Take(); (len(got) > 0) != (i == len(frame)-1) {
			t.Fatalf("after byte %d of %d: %q", i+1, len(frame), got)
		}
	}
	if looked > 6 {
		t.Errorf("%d bytes were looked at %d times", len(frame), looked)
	}
}

func TestMailboxKeepsTheOrder(t *testing.T) {
	const posters, each = 8, 2000
	var m mailbox
	woken := make(chan bool, posters*each)
	m.bind(func() { woken <- true })
	last := make([]int, posters)
	seen := 0
	var group sync.WaitGroup
	for p := range posters {
		group.Go(func() {
			for i := range each {
				m.Post(channels.Call(func() {
					if last[p] != i {
						t.Errorf("poster %d: task %d came when %d was due", p, i, last[p])
					}
					last[p]++
					seen++
				}))
			}
		})
	}
	d := channels.NewHub([]channels.Mailbox{&m}).Dispatcher(0)
	wakes := 0
	for seen < posters*each {
		<-woken
		wakes++
		for again := true; again; {
			tasks := m.take()
			for _, task := range tasks {
				d.Do(task)
			}
			again = m.done(tasks, false)
		}
	}
	group.Wait()
	select {
	case <-woken:
		t.Error("the loop is woken though nothing waits")
	default:
	}
	t.Logf("%d tasks, %d wake-ups", seen, wakes)
}

func TestMailboxWakesAnUnboundLoopWhenItComes(t *testing.T) {
	var m mailbox
	m.Post(channels.Call(func() {}))
	wakes := 0
	m.bind(func() { wakes++ })
	m.Post(channels.Call(func() {}))
	if wakes != 1 {
		t.Errorf("%d wake-ups for two tasks", wakes)
	}
}

// The wheel against a plain list of what is due when.
func TestWheel(t *testing.T) {
	var w wheel
	conns := make([]*conn, 300)
	due := make(map[*conn]uint32)
	seed := uint32(time.Now().UnixNano())
	t.Log("seed", seed)
	random := func(n uint32) uint32 {
		seed = seed*1664525 + 1013904223
		return (seed >> 8) % n
	}
	for i := range conns {
		conns[i] = new(conn)
	}
	for range 3000 {
		for range 5 {
			c := conns[random(uint32(len(conns)))]
			if random(4) == 0 {
				w.disarm(c)
				delete(due, c)
			} else {
				wait := random(400)
				w.arm(c, wait)
				due[c] = w.now + max(wait, 1)
			}
		}
		w.advance(func(c *conn) {
			if due[c] != w.now {
				t.Fatalf("at %d one goes off that is due at %d", w.now, due[c])
			}
			delete(due, c)
			if random(2) == 0 { // a timer may be set again while others go off
				w.arm(c, 1+random(300))
				due[c] = c.timer.due
			}
		})
		for _, at := range due {
			if at <= w.now {
				t.Fatalf("at %d one that was due at %d has not gone off", w.now, at)
			}
		}
	}
	n := 0
	w.each(func(*conn) { n++ })
	if n != len(due) {
		t.Errorf("%d timers are set, %d were expected", n, len(due))
	}
}

func TestEverythingIsForgotten(t *testing.T) {
	m := manual(t, Options{Loops: 2})
	var wires []*Wire
	for i := range 100 {
		w := m.Open(i % 2)
		w.Feed([]byte(handshake))
		w.Feed(text(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":"c%d"}}`, i%7)))
		wires = append(wires, w)
	}
	app := m.hub.App(m.registry.ByID([]byte("1")))
	if n := app.Connections(); n != 100 || len(app.Channels("")) != 7 {
		t.Fatalf("%d connections, %d channels", n, len(app.Channels("")))
	}
	for _, w := range wires {
		w.HangUp()
		w.HangUp()
	}
	m.Turn()
	timers := 0
	for _, l := range m.loops {
		l.wheel.each(func(*conn) { timers++ })
	}
	if app.Connections() != 0 || len(app.Channels("")) != 0 || m.sockets.Load() != 0 || timers != 0 {
		t.Errorf("left: %d connections, %d channels, %d sockets, %d timers",
			app.Connections(), len(app.Channels("")), m.sockets.Load(), timers)
	}
}

// What an idle connection costs is a promise: docs/ARCHITECTURE.md says where each byte goes. A field
// more than this puts it into the allocator's next size class.
func TestAConnectionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(conn{}); n > 160 {
		t.Errorf("a connection takes %d bytes", n)
	}
	if n := unsafe.Sizeof(channels.Subscription{}); n > 64 {
		t.Errorf("a subscription takes %d bytes", n)
	}
}

// A storm of events on other sockets does not hold up a broadcast, nor a long broadcast them.
func TestABroadcastGoesBetweenEvents(t *testing.T) {
	m := manual(t, Options{Loops: 1})
	sinks, _ := subscribed(t, m, 2*turnBudget, "news")
	l := m.loops[0]
	for range 10 * eventShare {
		l.between()
	}
	m.hub.App(m.registry.ByID([]byte("1"))).Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
	written := func() (n int) {
		for _, s := range sinks {
			n += s.writes
		}
		return n
	}
	for i, want := range []int{1, 2, 2} {
		for range eventShare {
			l.between()
		}
		if got := written(); got != want*turnBudget {
			t.Errorf("after %d events %d connections were written to", (i+1)*eventShare, got)
		}
	}
	if m.Turn(); written() != 2*turnBudget {
		t.Error("the wake-up brings it twice")
	}
}
