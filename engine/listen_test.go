package engine

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// endReactor makes gnet end as an accept that fails does.
func endReactor(t *testing.T, e *Engine) {
	t.Helper()
	e.reactor.mu.Lock()
	eng := e.reactor.gnet
	e.reactor.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := eng.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// ponged requires that a connection is served, from its upgrade on.
func ponged(t *testing.T, conn net.Conn) {
	t.Helper()
	c := newClient(t, conn)
	c.upgrade()
	c.say(`{"event":"pusher:ping"}`)
	if got := c.next(); got != `{"event":"pusher:pong"}` {
		t.Error(got)
	}
}

func dialed(t *testing.T, e *Engine) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Nobody is refused while gnet begins anew: the queue is the engine's.
func TestDialsWaitForTheReactor(t *testing.T) {
	e := start(t, 2)
	for range 3 {
		endReactor(t, e)
		var waiting []net.Conn
		for range 20 {
			waiting = append(waiting, dialed(t, e))
		}
		for _, c := range waiting {
			ponged(t, c)
		}
	}
}

// Who is connected goes on during a pause, and who dials waits for its end.
func TestPauseAndResume(t *testing.T) {
	e := start(t, 2)
	before := dial(t, e)
	before.upgrade()
	for round := range 3 {
		if err := e.Pause(); err != nil {
			t.Fatal(err)
		}
		upgraded := e.Stats().Accepted
		var waiting []net.Conn
		for range 50 {
			waiting = append(waiting, dialed(t, e))
		}
		before.say(`{"event":"pusher:ping"}`)
		if got := before.next(); got != `{"event":"pusher:pong"}` {
			t.Error(got)
		}
		if n := e.Stats().Accepted; n != upgraded {
			t.Errorf("round %d: %d were accepted during the pause", round, n-upgraded)
		}
		if !CanResume {
			return
		}
		if err := e.Resume(); err != nil {
			t.Fatal(err)
		}
		for _, c := range waiting {
			ponged(t, c)
		}
	}
}

// A queue that is full during the pause is no reason to stay there.
func TestResumeWithAFullQueue(t *testing.T) {
	if !CanResume {
		t.Skip("the poller of this system forgets the socket")
	}
	e := start(t, 2)
	dial(t, e).upgrade()
	if err := e.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := e.listeners[0].wait(4); err != nil {
		t.Fatal(err)
	}
	var waiting []net.Conn
	for range 12 {
		c, err := net.DialTimeout("tcp", e.Addr().String(), 200*time.Millisecond)
		if err != nil {
			break // it is full
		}
		defer c.Close()
		waiting = append(waiting, c)
	}
	if len(waiting) == 12 {
		t.Fatal("the queue does not get full")
	}
	if err := e.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, c := range waiting[:4] { // the kernel may have dropped the last ones' handshake
		ponged(t, c)
	}
}

// gnet may end during a pause, and begins anew behind it.
func TestTheReactorEndsDuringAPause(t *testing.T) {
	e := start(t, 2)
	if err := e.Pause(); err != nil {
		t.Fatal(err)
	}
	endReactor(t, e)
	c := dialed(t, e)
	if err := e.Resume(); err != nil {
		t.Fatal(err)
	}
	ponged(t, c)
}

func TestInheritedSocket(t *testing.T) {
	given, err := Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", given.Addr().String()) // while nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := given.File()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Inherit(f)
	if err != nil {
		t.Fatal(err)
	}
	e := bare(t, Options{Listeners: []*Listener{l}})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if e.Addr().String() != given.Addr().String() {
		t.Errorf("it listens on %s and not on %s", e.Addr(), given.Addr())
	}
	ponged(t, c)
	stopped(t, e)
	later, err := net.Dial("tcp", given.Addr().String())
	if err != nil {
		t.Fatalf("the socket did not outlive the engine: %v", err)
	}
	later.Close()
	given.Close()
	if _, err := net.Dial("tcp", given.Addr().String()); err == nil {
		t.Error("somebody still has the socket")
	}
}

func TestWhatCannotBeInherited(t *testing.T) {
	dir := t.TempDir()
	plain, err := os.Create(dir + "/file")
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	named, err := net.Listen("unix", dir+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	connected, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	file := func(c any) *os.File {
		f, err := c.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	closed := file(ln)
	closed.Close()
	for name, test := range map[string]struct {
		f    *os.File
		want string
	}{
		"file": {plain, "no socket"}, "pipe": {reader, "no socket"}, "udp": {file(udp), "no stream socket"},
		"unix": {file(named), "no TCP socket"}, "connected": {file(connected), "does not listen"}, "closed": {closed, "closed"},
	} {
		l, err := Inherit(test.f)
		if err == nil {
			l.Close()
			t.Errorf("%s: it was taken", name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l, err := Inherit(file(ln))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// 0.0.0.0 is every address of IPv4, and none of IPv6.
func TestEveryAddressOfIPv4(t *testing.T) {
	l, err := Listen("0.0.0.0", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().IP.To4() == nil {
		t.Errorf("it is %s", l.Addr())
	}
}
