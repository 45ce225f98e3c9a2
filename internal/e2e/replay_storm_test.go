package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	stormSize     = 10_000
	stormChannels = 3
	stormMissed   = 50
)

// TestStorm: 10,000 pages that come back at the same instant, each with three channels and 50 missed events, get all of
// them, in order; a channel beside them goes on meanwhile, and the server needs no more memory than before.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20,000 descriptors and a minute under the race detector")
	}
	needFiles(t, stormSize+500)
	s := start(t, plan{args: append([]string{"--ping-interval", "3600", "--data-dir", t.TempDir()}, appFlags...)})
	st := newStorm(t, s)
	idle := s.usage(t)
	begin := time.Now()
	lag := st.witness(t, s, func() { st.breakLoose() })
	t.Logf("%d pages got %d events in %v, server CPU %v", stormSize, stormSize*stormChannels*stormMissed, time.Since(begin), s.usage(t).cpu-idle.cpu)
	slices.Sort(lag)
	t.Logf("%d events beside it, from publish to arrival: median %v, 99%% %v, worst %v",
		len(lag), lag[len(lag)/2], lag[len(lag)*99/100], lag[len(lag)-1])
	peak := s.peak(t)
	t.Logf("%d MB resident before, at most %d MB since", idle.resident>>20, peak>>20)
	if bound := idle.resident + stormSize*16<<10; peak > bound {
		t.Errorf("the storm made the server use %d bytes, at most %d should", peak, bound)
	}
}

// storm is the pages, connected and not yet subscribed.
type storm struct {
	t     *testing.T
	loose chan struct{} // closed when all come back
	done  sync.WaitGroup
}

func newStorm(t *testing.T, s *server) *storm {
	st := &storm{t: t, loose: make(chan struct{})}
	epochs := make([]string, stormChannels)
	publisher := s.publisher()
	for c := range epochs {
		epochs[c] = s.connect(t).optIn("storm-"+strconv.Itoa(c), positioned{}).Epoch
		for n := range stormMissed {
			if err := publisher.Trigger("storm-"+strconv.Itoa(c), "tick", strconv.Itoa(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tickets := make(chan struct{}, dialers)
	var ready sync.WaitGroup
	for range stormSize {
		tickets <- struct{}{}
		ready.Add(1)
		st.done.Go(func() {
			c, err := s.tryConnect(t)
			<-tickets
			ready.Done()
			<-st.loose
			if err == nil {
				err = c.comeBack(epochs)
			}
			if err == nil {
				err = c.conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	return st
}

// breakLoose lets all pages come back, and returns when they have everything.
func (st *storm) breakLoose() {
	close(st.loose)
	st.done.Wait()
}

// comeBack subscribes to the channels of the storm as a page that has seen nothing yet, and reads what it has missed.
func (c *socket) comeBack(epochs []string) error {
	var next [stormChannels]int
	for i, epoch := range epochs {
		if err := c.write(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":"storm-%d","replay":{"epoch":%q,"serial":0}}}`, i, epoch)); err != nil {
			return err
		}
	}
	for range stormChannels * (stormMissed + 2) { // with the answer and the notice of each
		text, err := c.readText()
		if err != nil {
			return fmt.Errorf("after %v events: %w", next, err)
		}
		if !bytes.Contains(text, []byte(`"tick"`)) {
			continue
		}
		at := bytes.Index(text, []byte(`"channel":"storm-`))
		if at < 0 {
			return fmt.Errorf("got %s", text)
		}
		i := int(text[at+len(`"channel":"storm-`)] - '0')
		if want := fmt.Appendf(nil, `"data":"%d"`, next[i]); !bytes.Contains(text, want) {
			return fmt.Errorf("got %s as event %d", text, next[i])
		}
		next[i]++
	}
	return nil
}

// witness publishes to a channel of its own until body has ended, and returns how long each event took to arrive.
func (st *storm) witness(t *testing.T, s *server, body func()) (lag []time.Duration) {
	c := s.connect(t)
	if err := c.trySubscribe("beside"); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); body() }()
	p := s.publisher()
	for n := 0; ; n++ {
		select {
		case <-over:
			if n >= 10 {
				return lag
			}
		default:
		}
		begin := time.Now()
		if err := p.Trigger("beside", "tick", strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
		if m := c.next(); m.Event != "tick" || m.Data != strconv.Itoa(n) {
			t.Fatalf("instead of event %d the witness got %+v", n, m)
		}
		lag = append(lag, time.Since(begin))
		time.Sleep(10 * time.Millisecond)
	}
}

// peak returns the most memory that the server was ever resident in, in bytes.
func (s *server) peak(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
