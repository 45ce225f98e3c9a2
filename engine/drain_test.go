package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

// Everybody is told, whatever the slices; who comes later on a connection of the HTTP server's, too.
func TestDrainInSlices(t *testing.T) {
	for _, f := range []Farewell{
		{ErrStopping, 0, 0}, {ErrMoved, 1000, time.Minute}, {ErrMoved, 100_000, time.Minute}, {ErrStopping, 1, 100 * time.Millisecond},
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
	go func() { e.Dismiss(ctx, Farewell{ErrMoved, 1, 10 * time.Hour}); close(done) }()
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
