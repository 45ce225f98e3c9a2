package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

// bare returns an engine that is not started.
func bare(t *testing.T, o Options) *Engine {
	t.Helper()
	registry, err := apps.NewRegistry(apps.New("1", "key", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	o.Registry, o.Log = registry, slog.New(slog.DiscardHandler)
	return New(o)
}

func stopped(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopWhateverHappenedBefore(t *testing.T) {
	never := bare(t, Options{Host: "127.0.0.1"})
	stopped(t, never)
	if err := never.Start(); err == nil {
		t.Error("an engine starts after it was stopped")
	}
	stopped(t, never)

	e := start(t, 2)
	taken := bare(t, Options{Host: "127.0.0.1", Port: e.Addr().(*net.TCPAddr).Port})
	if err := taken.Start(); err == nil {
		t.Error("two engines listen on one port")
	}
	stopped(t, taken)
	dial(t, e).upgrade() // the first of two engines in a process is not touched
	stopped(t, e)
	stopped(t, e)
}

// Whichever comes first, a start and a stop at once leave nothing that runs.
func TestStopDuringStart(t *testing.T) {
	for i := range 50 {
		e := bare(t, Options{Host: "127.0.0.1", Loops: 2})
		var group sync.WaitGroup
		group.Go(func() { _ = e.Start() })
		time.Sleep(time.Duration(i) * 20 * time.Microsecond) // from before gnet listens to after it
		stopped(t, e)
		group.Wait()
		if addr := e.Addr(); addr != nil {
			if c, err := net.Dial("tcp", addr.String()); err == nil {
				c.Close()
				t.Fatalf("round %d: somebody listens after the stop", i)
			}
		}
	}
}

// gnet ends by itself when an accept fails. Then every connection is lost, but nothing else: not
// the port, not the clock, not the way to the HTTP server and back.
func TestTheReactorBeginsAnew(t *testing.T) {
	e := start(t, 2)
	address := e.Addr().String()
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	ending := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() { // posts to loops while they end and begin
		for {
			select {
			case <-ending:
				return
			default:
				app.Publish([]byte("noise"), protocol.Raw(`"e"`), protocol.Raw(`1`), protocol.SocketID{})
			}
		}
	})
	defer publisher.Wait()
	defer close(ending)
	for round := range 4 {
		var clients []*client
		for range 6 {
			c := patient(t, address)
			c.upgrade()
			c.say(`{"event":"pusher:subscribe","data":{"channel":"noise"}}`)
			clients = append(clients, c)
		}
		adopted := patient(t, address)
		io.WriteString(adopted, "GET /up HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		skipAnswer(t, adopted)
		adopted.upgrade()

		endReactor(t, e)
		for _, c := range append(clients, adopted) {
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Logf("round %d: %v", round, err) // a reset is an end, too
			}
		}
		if n := e.sockets.Load(); n != 0 {
			t.Fatalf("round %d: %d sockets are left", round, n)
		}
		if n := app.Connections(); n != 0 {
			t.Fatalf("round %d: %d sessions are left", round, n)
		}
	}
	c := patient(t, address)
	c.upgrade()
	c.say(`{"event":"pusher:ping"}`)
	if got := c.next(); got != `{"event":"pusher:pong"}` {
		t.Error(got)
	}
}

// patient dials until somebody listens; the test's own timeout bounds it.
func patient(t *testing.T, address string) *client {
	t.Helper()
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		t.Cleanup(func() { c.Close() })
		return newClient(t, c)
	}
}

func TestEveryAddressIsBothFamilies(t *testing.T) {
	probe, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	probe.Close()
	e := bare(t, Options{Host: "::"})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	defer stopped(t, e)
	for _, host := range []string{"127.0.0.1", "::1"} {
		c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(e.Addr().(*net.TCPAddr).Port)))
		if err != nil {
			t.Error(err)
			continue
		}
		newClient(t, c).upgrade()
		c.Close()
	}
}
