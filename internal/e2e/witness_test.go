package e2e

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

// atLeast is how many events a witness gets, however short the test is.
const atLeast = 20

// watch has a well-behaved socket on the server that gets a numbered event every few milliseconds,
// until the returned function is called. It fails the test unless every event came, in order, and
// the process is still there.
func (s *server) watch(t testing.TB) (finish func()) {
	t.Helper()
	c := s.connect(t)
	c.subscribe("witness", nil)
	stop := make(chan struct{})
	published, received := make(chan int, 1), make(chan error, 1)
	go func() {
		p := s.publisher()
		defer p.HTTPClient.CloseIdleConnections()
		for i := 0; ; i++ {
			enough := stop
			if i < atLeast {
				enough = nil
			}
			select {
			case <-enough:
				published <- i
				if err := p.Trigger("witness", "last", strconv.Itoa(i)); err != nil {
					t.Errorf("the witness's last event: %v", err)
					_ = c.conn.Close() // so that nobody waits for it
				}
				return
			case <-time.After(5 * time.Millisecond): // a pause, so that the load is that of the test
			}
			if err := p.Trigger("witness", "tick", strconv.Itoa(i)); err != nil {
				t.Errorf("the witness's event %d: %v", i, err)
				_ = c.conn.Close()
				published <- i
				return
			}
		}
	}()
	go func() { received <- c.testify() }()
	var once sync.Once
	return func() {
		once.Do(func() {
			t.Helper()
			close(stop)
			n := <-published
			if err := <-received; err != nil {
				t.Errorf("the witness, of %d events: %v\n%s", n, err, s.log.String())
			}
			s.alive()
		})
	}
}

// testify reads events until the last one.
func (c *socket) testify() error {
	for i := 0; ; i++ {
		m, err := c.read()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for event %d: %w", i, err)
		case m.Channel != "witness" || m.Data != strconv.Itoa(i):
			return fmt.Errorf("got %+v as event %d", m, i)
		case m.Event == "last":
			return nil
		}
	}
}

// alive fails the test when the process is gone. One that is about to go gets a moment to do so.
func (s *server) alive() {
	s.t.Helper()
	select {
	case <-s.gone:
		s.t.Fatalf("the server ended: %v\n%s", s.cmd.ProcessState, s.log.String())
	case <-time.After(100 * time.Millisecond):
	}
}
