package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	soakTime = flag.Duration("soak", 20*time.Second, "how long TestSoak lasts, without its begin and end")
	soakSeed = flag.Uint64("soak-seed", 0, "what TestSoak does, as an earlier run has printed it; 0 chooses one")
)

const (
	soakChannels = 3
	soakPages    = 12
	soakMembers  = 10
	soakSlow     = 6  // readers that do not read, at a time
	soakCrowd    = 60 // sockets that come and go at once
	soakRound    = 4 * time.Second
)

// soak is a server under everything that happens to one, for as long as one likes: pages that come and go, presence members, whispers,
// slow readers, reloads, kills and restarts, and publishing all along. All that it does comes from one seed.
//
// It is cut into rounds. At the end of each nothing happens for a moment, and then every page has all that was acknowledged, once
// and in order, and all members have the same list.
type soak struct {
	t      testing.TB
	plan   plan
	rand   *rand.Rand
	config string
	server *server
	admin  string
	first  cost  // of the first process, before anybody came
	levels []int // bytes of heap, without the newest events, at the end of each round of the last process

	publisher soakPublisher
	pages     []*replayPage
	members   []*member
	slow      []*socket
	crowd     sync.WaitGroup
	people    sync.WaitGroup // pages and members

	counts struct{ kills, stops, reloads, events, cuts, slow, floods, whispers, rounds int }
	came   atomic.Int64 // of the crowd
}

// TestSoak: nothing is lost, doubled or out of order, lists converge, and in the end the server holds what it held at the begin.
// `make soak` runs it for longer.
func TestSoak(t *testing.T) {
	needFiles(t, 2000)
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	s := newSoak(t, seed)
	begun := time.Now()
	for left := *soakTime; left > 0 && !t.Failed(); left = *soakTime - time.Since(begun) {
		// The last third is one process, so that what leaks has time to show.
		s.round(min(left, soakRound), left > *soakTime/3)
		if left <= *soakTime/3 {
			s.levels = append(s.levels, s.cost().heap-int(readMetrics(t, s.admin)["resound_replay_memory_bytes"]))
		}
		s.progress(time.Since(begun))
	}
	s.end()
	c := s.counts
	t.Logf("seed %d, %v: %d events acknowledged on each of %d channels, %d kills, %d stops, %d reloads, %d connections cut, %d that came and went, %d slow readers, %d whispers, %d rounds, %d gaps",
		seed, time.Since(begun).Round(time.Second), c.events, soakChannels, c.kills, c.stops, c.reloads, c.cuts, s.came.Load(), c.slow, c.whispers, c.rounds, s.gaps())
	if t.Failed() {
		t.Logf("go on with: make soak DURATION=%v SEED=%d; what broke stands above, the log of the server below, and its data in %s",
			*soakTime, seed, s.keepData())
		t.Logf("%s", lastLines(s.server.log.String(), 40))
	}
}

func newSoak(t *testing.T, seed uint64) *soak {
	dir := t.TempDir()
	s := &soak{t: t, rand: rand.New(rand.NewPCG(seed, 3)), config: filepath.Join(dir, "resound.yaml")}
	t.Logf("seed %d", seed)
	s.plan = plan{args: []string{"--config", s.config, "--data-dir", filepath.Join(dir, "data"), "--admin-address=127.0.0.1:0", "--backlog=262144"}}
	s.configure()
	s.server = launch(t, s.plan)
	s.plan.port = s.server.port
	s.admin = s.server.adminURL(t)
	s.first = s.cost()
	for i := range soakPages {
		p := newReplayPage(t, s.server, "soak-"+strconv.Itoa(i%soakChannels))
		s.pages = append(s.pages, p)
		s.people.Go(p.run)
	}
	for i := range soakMembers {
		m := &member{t: t, server: s.server, name: "u" + strconv.Itoa(i), heard: map[string]int{}}
		s.members = append(s.members, m)
		s.people.Go(m.run)
	}
	for _, p := range s.pages {
		select {
		case <-p.joined:
		case <-time.After(patience):
			t.Fatal("a page could not subscribe")
		}
	}
	return s
}

// configure writes the configuration anew: one application that stays, some that change.
func (s *soak) configure() {
	var b strings.Builder
	fmt.Fprintf(&b, "apps:\n  - {id: %q, key: %s, secret: %s, max_presence_members: %d}\n", appID, appKey, appSecret, 1000+s.counts.reloads)
	for i := range 3 {
		fmt.Fprintf(&b, "  - {id: other-%d, key: other-key-%d, secret: x}\n", s.counts.reloads+i, s.counts.reloads+i)
	}
	if err := os.WriteFile(s.config+".next", []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.config+".next", s.config); err != nil {
		s.t.Fatal(err)
	}
}

// round does things for a time, and then looks whether all is as it has to be.
func (s *soak) round(length time.Duration, restarts bool) {
	s.publisher.start(s)
	for end := time.Now().Add(length); time.Now().Before(end) && !s.t.Failed(); {
		s.act(restarts)
		time.Sleep(time.Duration(s.rand.IntN(60)) * time.Millisecond)
	}
	s.publisher.finish(s)
	s.counts.rounds++
	for i, p := range s.pages {
		last := s.publisher.last
		eventually(s.t, fmt.Sprintf("event %d on %s", last, p.channel), func() bool { return p.newest() >= last || p.stop.Load() })
		if err := p.check(s.publisher.acked); err != nil {
			s.t.Errorf("round %d, page %d on %s: %v", s.counts.rounds, i, p.channel, err)
		}
		p.forget()
	}
	s.converge()
	s.publisher.acked = nil
}

// act is one thing that happens to a server.
func (s *soak) act(restarts bool) {
	switch n := s.rand.IntN(100); {
	case n < 25:
		s.pages[s.rand.IntN(len(s.pages))].cut()
		s.counts.cuts++
	case n < 45:
		s.members[s.rand.IntN(len(s.members))].cut()
		s.counts.cuts++
	case n < 75:
		s.members[s.rand.IntN(len(s.members))].whisper()
		s.counts.whispers++
	case n < 85:
		s.visit(s.rand.IntN(soakCrowd))
	case n < 90:
		s.reload()
	case n < 95:
		s.flood()
	case !restarts:
	case n < 98:
		s.restart(true)
	default:
		s.restart(false)
	}
}

// restart ends the server in one way or the other, and starts it on the same port and data.
func (s *soak) restart(kill bool) {
	if kill {
		s.server.kill()
		s.counts.kills++
	} else {
		s.server.stop(syscall.SIGTERM)
		s.counts.stops++
	}
	s.look(s.server.log.String())
	next, err := tryLaunch(s.t, s.plan)
	if err != nil {
		s.t.Fatalf("the server does not start again: %v", err)
	}
	s.server = next
	s.admin = s.server.adminURL(s.t)
	hangUp(s.slow)
	s.slow = nil
}

// look fails when the log of the server has an error.
func (s *soak) look(log string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error") {
			s.t.Errorf("the server logs: %s", line)
		}
	}
}

func (s *soak) reload() {
	s.counts.reloads++
	s.configure()
	if err := s.server.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Errorf("asking for a reload: %v", err)
	}
}

// visit is sockets that come at once, hear something perhaps, and leave, some of them politely.
func (s *soak) visit(n int) {
	server := s.server
	for i := range n {
		polite, channel := s.rand.IntN(2) == 0, fmt.Sprintf("visit-%d", s.rand.IntN(500))
		s.crowd.Go(func() {
			c, err := server.tryConnect(new(testing.B)) // nothing is to be cleaned up behind it
			if err != nil {
				return // the server is away
			}
			s.came.Add(1)
			if c.trySubscribe(channel) == nil && i%5 == 0 {
				_ = c.trySubscribe("soak-0")
			}
			_ = c.part(polite)
		})
	}
}

// flood is large events for readers that do not read; they are closed when they are too far behind.
func (s *soak) flood() {
	for len(s.slow) < soakSlow {
		c, err := s.server.tryConnect(new(testing.B))
		if err == nil {
			err = c.trySubscribe("flood")
		}
		if err != nil {
			return
		}
		s.slow = append(s.slow, c)
		s.counts.slow++
	}
	p := s.server.publisher()
	defer p.HTTPClient.CloseIdleConnections()
	padding := strings.Repeat("x", 64<<10)
	for range 8 {
		_ = p.Trigger("flood", "e", padding) // the server may be away
		s.counts.floods++
	}
	if s.rand.IntN(4) == 0 { // some of them go as they are
		hangUp(s.slow)
		s.slow = nil
	}
}

// progress prints a line to the terminal.
func (s *soak) progress(since time.Duration) {
	m := readMetrics(s.t, s.admin)
	fmt.Fprintf(os.Stderr, "soak: %v of %v, %v left, %d events, %d kills, %d stops, %d reloads, %d gaps, %.0f sockets, %.1f MB of heap, %.0f goroutines\n",
		since.Round(time.Second), *soakTime, max(*soakTime-since, 0).Round(time.Second), s.counts.events, s.counts.kills, s.counts.stops, s.counts.reloads, s.gaps(),
		m["resound_connections"], m["go_memstats_heap_alloc_bytes"]/(1<<20), m["go_goroutines"])
}

func (s *soak) gaps() (n int) {
	for _, p := range s.pages {
		n += p.gapped
	}
	return n
}

// soakPublisher publishes numbered events to all channels.
type soakPublisher struct {
	stop  chan struct{}
	done  chan struct{}
	next  int
	last  int   // number of the newest that was acknowledged
	acked []int // of this round
}

func (p *soakPublisher) start(s *soak) {
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	client := s.server.publisher() // the address stays
	client.HTTPClient = &http.Client{Timeout: patience, Transport: &http.Transport{}}
	names := make([]string, soakChannels)
	for i := range names {
		names[i] = "soak-" + strconv.Itoa(i)
	}
	go func() {
		defer close(p.done)
		defer client.HTTPClient.CloseIdleConnections()
		for stopping := false; ; {
			select {
			case <-p.stop:
				stopping = true
			case <-time.After(3 * time.Millisecond):
			}
			p.next++
			// What fails is not tried again: nobody knows whether it has arrived.
			if client.TriggerMulti(names, "tick", strconv.Itoa(p.next)) != nil {
				continue
			}
			p.last, p.acked = p.next, append(p.acked, p.next)
			if stopping {
				return // with an event behind all those that nobody knows of
			}
		}
	}()
}

func (p *soakPublisher) finish(s *soak) {
	close(p.stop)
	select {
	case <-p.done:
	case <-time.After(patience):
		s.t.Fatal("nothing can be published")
	}
	s.counts.events += len(p.acked)
}
