package api

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resound/protocol"
)

// watched is a connection that tells of every read before it begins.
type watched struct {
	net.Conn
	reads chan<- struct{}
	early *bytes.Reader // what the reactor has read of it already; nil for nothing
}

func (c *watched) Read(p []byte) (int, error) {
	c.reads <- struct{}{}
	if c.early != nil && c.early.Len() > 0 {
		return c.early.Read(p)
	}
	return c.Conn.Read(p)
}

// door is a listener that tells when it is told to close, and does so when the
// test lets it. The connections in late come through it while it closes.
type door struct {
	net.Listener
	reads   chan struct{}
	closing chan struct{}
	close   chan struct{}
	late    chan net.Conn
}

func newDoor(t *testing.T) *door {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &door{ln, make(chan struct{}, 10_000), make(chan struct{}), make(chan struct{}), make(chan net.Conn, 10)}
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		return &watched{Conn: c, reads: d.reads}, nil
	}
	<-d.close
	if c, ok := <-d.late; ok {
		return c, nil
	}
	return nil, err
}

func (d *door) Close() error {
	close(d.closing)
	err := d.Listener.Close()
	<-d.close
	return err
}

func (d *door) addr() string { return d.Listener.Addr().String() }

// behind serves what comes through the door. The function that it returns
// begins the shutdown, and gives a channel for the first error of Shutdown and Serve.
func (n *node) behind(d *door) (shutdown func() <-chan error) {
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(d) }()
	return func() <-chan error {
		stopped := make(chan error, 1)
		go func() {
			err := n.server.Shutdown(context.Background())
			if e := <-served; err == nil {
				err = e
			}
			stopped <- err
		}()
		return stopped
	}
}

func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	return v
}

// slow is a page whose answer takes until the test lets it.
type slow struct {
	entered, leave chan struct{}
	left           atomic.Bool
}

func newSlow() *slow { return &slow{entered: make(chan struct{}), leave: make(chan struct{})} }

func (s *slow) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	close(s.entered)
	<-s.leave
	s.left.Store(true)
	_, _ = io.WriteString(w, "late")
}

// Shutdown itself closes who has no request under way. That is not left to
// fasthttp, which would wait 5 s for the silent ones: it cannot begin while the
// listener is closing.
func TestShutdownClosesWhoHasNoRequest(t *testing.T) {
	page := newSlow()
	n := newNode(t, func(o *Options) { o.Fallback = page })
	d := newDoor(t)
	close(d.late)
	shutdown := n.behind(d)
	var quiet []*client
	for range 50 {
		c := dial(t, d.addr())
		within(t, "a silent connection to be read", d.reads)
		quiet = append(quiet, c)
	}
	for range 50 {
		c := dial(t, d.addr())
		c.send("GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
		c.want("GET", 200, `{"health":"OK"}`)
		quiet = append(quiet, c)
	}
	busy := dial(t, d.addr())
	busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	within(t, "the slow request", page.entered)

	stopped := make(chan error)
	go func() {
		err := <-shutdown()
		if !page.left.Load() {
			t.Error("Shutdown did not wait for the answer under way")
		}
		stopped <- err
	}()
	within(t, "the listener to be closed", d.closing)
	for _, c := range quiet {
		c.wantClosed()
	}
	close(d.close)
	close(page.leave)
	if res := busy.want("GET", 200, "late"); !res.Close {
		t.Error("the answer does not say that the connection closes")
	}
	busy.wantClosed()
	if err := within(t, "Shutdown", (<-chan error)(stopped)); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); n.server.open.len() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are still known", n.server.open.len())
		}
	}
}

func (s *connSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// A request that has begun to arrive is read to its end and answered.
func TestShutdownFinishesRequests(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	d := newDoor(t)
	close(d.late)
	shutdown := n.behind(d)
	publish := n.post(testEvent)
	c := dial(t, d.addr())
	c.send(publish[:20])
	within(t, "the first read", d.reads)
	within(t, "the read for the rest of the head", d.reads)
	stopped := shutdown()
	within(t, "the listener to be closed", d.closing)
	close(d.close)
	c.send(publish[20:])
	if res := c.want("POST", 200, `{}`); !res.Close {
		t.Error("the answer does not say that the connection closes")
	}
	c.wantClosed()
	if err := within(t, "Shutdown", stopped); err != nil {
		t.Error(err)
	}
	if got := n.posted(); got != 1 {
		t.Errorf("%d events went out, want 1", got)
	}
}

// What the reactor hands over in the last moment has been read already, and is answered.
func TestShutdownAnswersWhatWasHandedOver(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	d := newDoor(t)
	shutdown := n.behind(d)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // nothing is lost
	quiet := dial(t, d.addr())
	within(t, "the server to serve", d.reads)
	stopped := shutdown()
	within(t, "the listener to be closed", d.closing)
	close(d.close)
	quiet.wantClosed()
	clients := make([]*client, 2)
	for i, early := range []string{n.post(testEvent), ""} {
		clients[i] = dial(t, other.Addr().String())
		c, err := other.Accept()
		if err != nil {
			t.Fatal(err)
		}
		d.late <- &watched{c, d.reads, bytes.NewReader([]byte(early))}
	}
	close(d.late)
	if res := clients[0].want("POST", 200, `{}`); !res.Close {
		t.Error("the answer does not say that the connection closes")
	}
	clients[0].wantClosed()
	clients[1].wantClosed()
	if err := within(t, "Shutdown", stopped); err != nil {
		t.Error(err)
	}
	if got := n.posted(); got != 1 {
		t.Errorf("%d events went out, want 1", got)
	}
}

// meeting is a connection on which bytes arrive at the same moment as the shutdown.
type meeting struct {
	slowConn
	own    *conn
	closed bool
}

func (m *meeting) Read(p []byte) (int, error) {
	m.own.set.end()
	return m.sent.Read(p)
}

func (m *meeting) Close() error {
	m.closed = true
	return nil
}

func TestShutdownMeetsARequest(t *testing.T) {
	for _, serving := range []bool{false, true} {
		m := &meeting{slowConn: slowConn{sent: strings.NewReader("GET")}}
		m.own = &conn{Conn: m, set: newConnSet(1), serving: serving}
		m.own.set.add(m.own)
		n, err := m.own.Read(make([]byte, 10))
		// Closed, it must not be served: nobody would get the answer, and the publisher would try again.
		if !serving && (n != 0 || err != net.ErrClosed || !m.closed) {
			t.Errorf("an idle connection reads %d, %v, closed: %v", n, err, m.closed)
		}
		if serving && (n != 3 || err != nil || m.closed) {
			t.Errorf("a connection with a request under way reads %d, %v, closed: %v", n, err, m.closed)
		}
	}
}

func TestShutdownGivesUp(t *testing.T) {
	page := newSlow()
	n := newNode(t, func(o *Options) { o.Fallback = page })
	c := dial(t, n.serve(t))
	c.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-page.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.server.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown returned %v", err)
	}
	close(page.leave)
	c.want("GET", 200, "late")
}
