package e2e

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
)

const (
	fewFiles  = 256
	crowdSize = 400
	atOnce    = 40
)

// TestDescriptorsRunOut: more sockets come than the server may open. It turns away the rest, with a
// close or with 4100, goes on serving who is there and who publishes, and takes new sockets once
// others have left.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	s := start(t, plan{sh: "ulimit -n " + strconv.Itoa(fewFiles)})
	witness := s.connect(t)
	witness.subscribe("news", nil)

	in, refused := crowd(t, s)
	t.Logf("%d sockets are in, %d were refused", len(in), refused)
	if refused == 0 || len(in) > fewFiles || len(in) < fewFiles/2 {
		t.Errorf("with %d descriptors, %d sockets are in and %d were refused", fewFiles, len(in), refused)
	}
	// Each publish comes on a connection of its own.
	for i := range 20 {
		body := `{"name":"e","channel":"news","data":"` + strconv.Itoa(i) + `"}`
		if status, text := s.request(t, "POST", "/events", body); status != http.StatusOK {
			t.Fatalf("publishing while descriptors are short: %d %s", status, text)
		}
		witness.expect("e", "news", strconv.Itoa(i))
	}
	if n := s.connections(t); n != len(in)+1 {
		t.Errorf("the server counts %d connections, there are %d", n, len(in)+1)
	}

	for _, c := range in {
		if err := c.leave(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "all but one to be gone", func() bool { return s.connections(t) == 1 })
	for range fewFiles / 4 {
		if err := s.connect(t).trySubscribe("news"); err != nil {
			t.Fatal(err)
		}
	}
	s.alive()
}

// crowd connects more sockets than fit, some at a time, and returns those that are in.
func crowd(t *testing.T, s *server) (in []*socket, refused int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	tickets := make(chan struct{}, atOnce)
	for range crowdSize {
		tickets <- struct{}{}
		wg.Go(func() {
			defer func() { <-tickets }()
			c, err := s.tryConnect(t)
			mu.Lock()
			defer mu.Unlock()
			var timeout net.Error
			var closed closedError
			switch {
			case err == nil:
				in = append(in, c)
			case errors.As(err, &timeout) && timeout.Timeout():
				t.Errorf("a socket was neither taken nor refused: %v", err)
			case errors.As(err, &closed) && closed.code != 4100:
				t.Errorf("a socket was refused with %v", err)
			default:
				refused++
			}
		})
	}
	wg.Wait()
	return in, refused
}
