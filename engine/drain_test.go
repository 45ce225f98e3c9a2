package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/protocol"
)

// Everybody is told, whatever the slices; who comes later on a connection of the HTTP server's, too.
func TestDrainInSlices(t *testing.T) {
	for _, f := range []Farewell{
		{Why: ErrStopping}, {Why: ErrMoved, Pace: 1000, Over: time.Minute}, {Why: ErrMoved, Pace: 100_000, Over: time.Minute},
		{Why: ErrStopping, Pace: 1, Over: 100 * time.Millisecond},
	} {
		e := start(t, 2)
		var clients []*client
		for range 60 {
			c := dial(t, e)
			c.upgrade()
			clients = append(clients, c)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		done := make(chan error, 1)
		go func() { done <- e.Drain(ctx, f) }()
		for _, c := range clients {
			if got := c.next(); !strings.HasPrefix(got, "close ") || !strings.HasSuffix(got, f.Why.Text) {
				t.Errorf("%+v: %s", f, got)
			}
			c.Close()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := e.Stats().Closed[f.Why.Code]; n != 60 {
			t.Errorf("%d were closed with %d", n, f.Why.Code)
		}
		cancel()
	}
}

// A drain that nobody waits for any more tells the others at once.
func TestDrainInAHurry(t *testing.T) {
	e := start(t, 1)
	var clients []*client
	for range 30 {
		c := dial(t, e)
		c.upgrade()
		clients = append(clients, c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { e.Dismiss(ctx, Farewell{Why: ErrMoved, Pace: 1, Over: 10 * time.Hour}); close(done) }()
	clients[0].Close()
	cancel()
	<-done
	for _, c := range clients[1:] {
		if got := c.next(); got != "close 4200 "+ErrMoved.Text {
			t.Error(got)
		}
	}
}

// What sessions say while they are not read is done afterwards, in its order; what is sent to them goes out meanwhile.
func TestFreeze(t *testing.T) {
	e := start(t, 2)
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	c := dial(t, e)
	c.upgrade()
	c.say(`{"event":"pusher:subscribe","data":{"channel":"c"}}`)
	c.next()
	e.Freeze()
	for range 3 {
		c.say(`{"event":"pusher:ping"}`)
	}
	c.say(`{"event":"pusher:subscribe","data":{"channel":"d"}}`)
	app.Publish([]byte("c"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
	if got := c.next(); !strings.Contains(got, `"event":"e"`) {
		t.Errorf("the first thing that it hears is %s", got)
	}
	large := dial(t, e)
	large.upgrade() // new connections are served
	large.say(strings.Repeat("x", 9000))
	for range maxFrozen / 9000 {
		large.say(strings.Repeat("x", 9000))
	}
	if got := large.next(); got != "close 4200 "+ErrMoved.Text {
		t.Error(got)
	}
	e.Thaw()
	for range 3 {
		if got := c.next(); got != `{"event":"pusher:pong"}` {
			t.Error(got)
		}
	}
	if got := c.next(); !strings.Contains(got, `"channel":"d"`) {
		t.Error(got)
	}
}

// hesitant is a connection that writes the second time when it may.
type hesitant struct {
	net.Conn
	writes int
	may    chan struct{}
}

func (h *hesitant) Write(p []byte) (int, error) {
	if h.writes++; h.writes > 1 {
		<-h.may
	}
	return h.Conn.Write(p)
}

// Who has dialled just before a hand-over, and is in the middle of whatever comes first, is told to come to the other
// process. A stop waits for nobody.
func TestDrainWithConnectionsThatHaveNotSpoken(t *testing.T) {
	for _, f := range []Farewell{{Why: ErrMoved, Grace: 30 * time.Second}, {Why: ErrStopping}} {
		plain, secured := start(t, 1), secure(t, 1)
		may := make(chan struct{})
		slow := &hesitant{Conn: beneath(dial(t, secured).Conn), may: may}
		shaking, shaken := newClient(t, tls.Client(slow, &tls.Config{InsecureSkipVerify: true})), dial(t, secured)
		go shaking.Conn.(*tls.Conn).Handshake() //nolint:errcheck // the upgrade says it
		if err := shaken.Conn.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
		half := dial(t, plain)
		io.WriteString(half, handshake[:40])
		all := map[*Engine]map[string]*client{
			plain:   {"half a head": half, "silent": dial(t, plain)},
			secured: {"a handshake under way": shaking, "a handshake": shaken, "silent over TLS": dial(t, secured)},
		}
		for secured.handshakes.open.Load() != 1 || secured.Stats().TLS.Handshakes != 1 || secured.Sockets() != 2 || plain.Sockets() != 2 {
			time.Sleep(time.Millisecond)
		}
		for e := range all {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = e.Drain(ended, f) // it has begun then
			done := make(chan struct{})
			e.loops[0].mailbox.Post(channels.Call(func() { close(done) }))
			<-done
		}
		close(may)
		for e, list := range all {
			for name, c := range list {
				if f.Grace == 0 {
					_, err := io.WriteString(c, handshake)
					if err == nil {
						_, err = http.ReadResponse(c.r, nil)
					}
					if err == nil {
						t.Errorf("%s: a server that stops has answered", name)
					}
					continue
				}
				rest := handshake
				if c == half {
					rest = handshake[40:]
				}
				io.WriteString(c, rest)
				if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != 101 {
					t.Errorf("%s: %v, %v", name, res, err)
				} else if got := c.next(); got != "close 4200 "+ErrMoved.Text {
					t.Errorf("%s: %s", name, got)
				}
				c.Close()
			}
			<-e.drained
		}
	}
}

// A kept connection is not closed while its next request may be on the way to it: that is answered, and says that it is the last.
func TestDrainWithKeptConnections(t *testing.T) {
	m, _ := told(t)
	busy, idle := m.Open(0), m.Open(0)
	for _, w := range []*Wire{busy, idle} {
		w.Feed([]byte(whole))
	}
	m.Freeze() // as a hand-over does
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.Drain(ended, Farewell{Why: ErrMoved, Grace: 2 * time.Second})
	m.Turn()
	if busy.Closed || idle.Closed {
		t.Error("kept connections were closed at once")
	}
	busy.Feed([]byte(whole))
	if string(busy.HandedOver) != whole {
		t.Errorf("the HTTP server has %q", busy.HandedOver)
	}
	m.Advance(3 * time.Second)
	if !idle.Closed {
		t.Error("a connection without a request stays")
	}
}

// The last request on the loops is the HTTP server's before a drain is over, so that the end of that one does not throw it away.
func TestDrainLeavesNoRequestBehind(t *testing.T) {
	e := bare(t, Options{Host: "127.0.0.1", Loops: 1})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	defer stopped(t, e)
	io.WriteString(dialed(t, e), "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
	for len(e.handover.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	done := make(chan error, 1)
	go func() {
		err := e.Drain(context.Background(), Farewell{Why: ErrStopping})
		done <- errors.Join(err, e.handover.Close())
	}()
	time.Sleep(20 * time.Millisecond) // only so that the fault would show
	c, err := e.Listener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
