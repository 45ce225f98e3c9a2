package redisbroker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
	"resound/persist"
	"resound/protocol"
)

// TestCutAnswers: connections break all the time, and everything is in the log once, in the order of the calls.
func TestCutAnswers(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a := join(t, proxy.Addr(), func(o *Options) { o.Grace = patience })
	s := a.load("x")
	stop := make(chan struct{})
	var trouble, wg sync.WaitGroup
	trouble.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				proxy.Heal()
				return
			case <-time.After(150 * time.Millisecond):
			}
			switch i % 3 {
			case 0:
				proxy.Heal()
				proxy.Cut()
			case 1:
				proxy.Truncate(int64(1 + 7*i%200))
			default:
				proxy.Heal()
			}
		}
	})
	const writers, each = 4, 150
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				payload := fmt.Sprintf("%d %d", w, i)
				if err := a.Publish(outgoing("x", payload, uint64(w)<<32|uint64(i+1))).Wait(); err != nil {
					t.Errorf("%s: %v", payload, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	close(stop)
	trouble.Wait()
	list, _ := a.fetch("x", s.Log, s.Serial)
	next := make([]int, writers)
	for i, e := range list {
		var w, n int
		if _, err := fmt.Sscan(string(e.Payload), &w, &n); err != nil || e.Serial != s.Serial+uint64(i)+1 {
			t.Fatalf("event %d: %+v, %v", i, e, err)
		}
		if n != next[w] {
			t.Fatalf("writer %d: %d comes where %d should", w, n, next[w])
		}
		next[w]++
	}
	if len(list) != writers*each {
		t.Errorf("%d events, want %d", len(list), writers*each)
	}
	if st := a.Stats(); st.Retries == 0 || st.Joins != 1 || st.Connections < 2 {
		t.Errorf("%+v", st)
	}
}

// TestLostAnswer: the event was written and the answer was not heard. It is not written again, however much came behind it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a, b := join(t, proxy.Addr(), func(o *Options) { o.Grace = patience }), join(t, r.Addr())
	b.subscribe("x")
	s := b.load("x")
	proxy.Blackhole(redistest.ToClient)
	o := outgoing("x", "once", 77)
	o.Keep = persist.Retention{}
	w := a.Publish(o)
	b.until("the event", func() bool { return len(b.events) == 1 })
	b.fill("x", persist.Retention{}, 500, 1)
	proxy.Cut()
	proxy.Heal()
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	list, _ := b.fetch("x", s.Log, s.Serial)
	n := 0
	for _, e := range list {
		if e.ID == 77 {
			n++
		}
	}
	if n != 1 || len(list) != 501 {
		t.Errorf("it is there %d times, among %d", n, len(list))
	}
}

// TestHole: what a node did not hear while its connection was away is in the log, and it is told to look.
func TestHole(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a, b := join(t, r.Addr()), join(t, proxy.Addr(), func(o *Options) { o.Grace = patience })
	b.subscribe("x", "y")
	s := b.load("x")
	a.publish("x", "1")
	b.until("the first", func() bool { return len(b.events) == 1 })
	before := b.rejoins()
	proxy.Refuse()
	proxy.Cut()
	a.publish("x", "2")
	a.publish("x", "3")
	proxy.Heal()
	b.until("told to look", func() bool { return len(b.states) > before })
	a.publish("x", "4")
	b.until("the fourth", func() bool { return len(b.events) == 2 })
	if d := b.events[1]; d.at.Serial != s.Serial+4 || d.at.Log != s.Log {
		t.Errorf("%+v", d.at)
	}
	list, first, err := b.Fetch(b.ctx(), "app1", "x", s.Log, s.Serial+1, s.Serial+3)
	if err != nil || first != s.Serial+1 || len(list) != 2 || string(list[0].Payload) != "2" || string(list[1].Payload) != "3" {
		t.Errorf("%+v, from %d, %v", list, first, err)
	}
	if slices.Contains(b.states, "parted") {
		t.Errorf("%q", b.states)
	}
}

// TestParted: Redis is away for longer than the grace. What waits fails then, what comes fails at once, and it heals.
func TestParted(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a, b := join(t, proxy.Addr(), func(o *Options) { o.Grace = 300 * time.Millisecond }), join(t, r.Addr())
	a.subscribe("x")
	name := a.Node()
	for _, how := range []func(){func() { proxy.Refuse(); proxy.Cut() }, func() { proxy.Blackhole(redistest.Both) }, func() { proxy.Blackhole(redistest.ToClient) }} {
		before := a.rejoins()
		how()
		w := a.Publish(outgoing("x", "waits", a.newID()))
		if err := w.Wait(); !errors.Is(err, channels.ErrParted) {
			t.Errorf("%v", err)
		}
		a.until("parted", func() bool {
			return a.states[len(a.states)-1] == "parted" || strings.HasPrefix(a.states[len(a.states)-1], "gone")
		})
		if err := a.Publish(outgoing("x", "fails", 1)).Wait(); !errors.Is(err, channels.ErrParted) {
			t.Errorf("%v", err)
		}
		if err := a.Break("app1", "x").Wait(); !errors.Is(err, channels.ErrParted) {
			t.Errorf("%v", err)
		}
		if err := a.Subscribe(a.ctx(), "app1", "y"); !errors.Is(err, channels.ErrParted) {
			t.Errorf("%v", err)
		}
		if _, err := a.Load(a.ctx(), "app1", "y"); !errors.Is(err, channels.ErrParted) {
			t.Errorf("%v", err)
		}
		a.Put("app1", "x", "k", []byte("v"))
		a.Say("app1", "x", protocol.SocketID{}, []byte("v"))
		if answers, _ := a.Survey(a.ctx(), "app1", []byte("?")); answers != nil {
			t.Errorf("%q", answers)
		}
		proxy.Cut()
		proxy.Heal()
		a.until("joined again", func() bool { return a.Joined() && a.states[len(a.states)-1] == "rejoined" })
		if a.rejoins() != before+1 {
			t.Errorf("%q", a.states)
		}
		if a.Node() == name || !a.Mine(name) || !a.Mine(a.Node()) || a.Mine(b.Node()) {
			t.Errorf("it was %x and is %x", uint64(name), uint64(a.Node()))
		}
		name = a.Node()
	}
	a.mu.Lock()
	had := len(a.events)
	a.mu.Unlock()
	b.publish("x", "hello")
	a.until("what it has heard before", func() bool { return len(a.events) > had })
	if n := a.logs.count("goes on alone"); n != 3 || a.logs.count("joined") != 4 || a.logs.count("cannot be reached") > 3 {
		t.Errorf("logs:\n%s", a.logs)
	}
}

// TestAlone: whoever is alone for longer than a lease takes the others for gone.
func TestAlone(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a, b := join(t, proxy.Addr(), func(o *Options) { o.Grace = 100 * time.Millisecond }), join(t, r.Addr())
	eventually(t, "they know each other", func() bool { return a.Others() == 1 && b.Others() == 1 })
	old := a.Node()
	proxy.Refuse()
	proxy.Cut()
	a.until("alone", func() bool { return slices.Contains(a.states, "gone 0") })
	if a.Others() != 0 {
		t.Errorf("%d others", a.Others())
	}
	b.until("gone", func() bool { return slices.Contains(b.states, fmt.Sprintf("gone %x", uint64(old))) })
	proxy.Heal()
	a.until("joined again", func() bool { return a.states[len(a.states)-1] == "rejoined" })
	eventually(t, "they know each other again", func() bool { return a.Others() == 1 && b.Others() == 1 })
}

// TestRestarts: what Redis may have forgotten is another log, with larger serials, and all nodes look anew.
func TestRestarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		appendOnly bool
		trouble    func(r *redistest.Server)
		joins      uint64
	}{
		{"empty", false, (*redistest.Server).RestartEmpty, 1},
		{"with its data", true, (*redistest.Server).Restart, 1},
		{"flushed", false, func(r *redistest.Server) { r.Do("FLUSHALL") }, 1},
		{"only the log", false, func(r *redistest.Server) { r.Do("DEL", "test:{0}:log") }, 1},
		{"another's", false, func(r *redistest.Server) { r.Do("SET", "test:{0}:log", "garbage") }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := redistest.Start(t, redistest.Options{AppendOnly: c.appendOnly})
			wide := func(o *Options) { o.Grace = patience }
			a, b := join(t, r.Addr(), wide), join(t, r.Addr(), wide)
			a.subscribe("x")
			b.subscribe("x")
			a.publish("x", "1")
			s := a.load("x")
			before, beforeB := a.rejoins(), b.rejoins()
			c.trouble(r)
			a.publish("x", "2")
			b.publish("x", "3")
			a.until("told to look", func() bool { return a.Log("app1", "x") != s.Log && len(a.states) > before })
			b.until("told to look", func() bool { return b.Log("app1", "x") == a.Log("app1", "x") && len(b.states) > beforeB })
			l := a.load("x")
			if l.Log == s.Log || l.Serial <= s.Serial || l.Serial <= channels.SerialBase(l.Log) || channels.SerialBase(l.Log) <= s.Serial {
				t.Errorf("%+v, then %+v", s, l)
			}
			if _, _, err := b.Fetch(b.ctx(), "app1", "x", s.Log, s.Serial, 1<<52); !errors.Is(err, channels.ErrOtherLog) {
				t.Errorf("the old log: %v", err)
			}
			if st := a.Stats(); st.Joins != c.joins {
				t.Errorf("%+v", st)
			}
			b.publish("x", "4")
			b.until("it", func() bool { return string(b.events[len(b.events)-1].e.Payload) == "4" })
		})
	}
}

// TestStartsFirst: a server that starts before Redis joins when that is there, and says so once.
func TestStartsFirst(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	r.Stop()
	a := start(t, r.Addr())
	time.Sleep(time.Second)
	if a.Joined() || a.Log("app1", "x") != (persist.LogID{}) || a.logs.count("cannot be reached") != 1 || a.Stats().Cause == "" {
		t.Errorf("%v, logs:\n%s", a.Joined(), a.logs)
	}
	r.Start()
	a.joined()
	a.publish("x", "1")
	if a.logs.count("level=ERROR") != 1 || a.Stats().Cause != "" {
		t.Errorf("logs:\n%s", a.logs)
	}
}

// TestWrongPassword: it stays alone and joins with the right one.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{Password: "right"})
	a := start(t, r.Addr(), func(o *Options) { o.Password = "wrong" })
	eventually(t, "the reason", func() bool { return strings.Contains(a.Stats().Cause, "WRONGPASS") })
	if a.logs.count("WRONGPASS") != 1 || strings.Contains(a.logs.String(), "wrong\"") {
		t.Errorf("logs:\n%s", a.logs)
	}
	r.SetPassword("wrong")
	a.joined()
	b := join(t, r.Addr(), func(o *Options) { o.Password = "wrong"; o.Username = "default" })
	b.subscribe("x")
	a.publish("x", "1")
	b.until("it", func() bool { return len(b.events) == 1 })
}

// TestFull: Redis takes no more. Everybody hears the event, and nobody has it kept; leases go on, and records come later.
func TestFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		fill, free [][]string
	}{
		{"memory", [][]string{{"CONFIG", "SET", "maxmemory", "1"}}, [][]string{{"CONFIG", "SET", "maxmemory", "0"}}},
		{"replicas", [][]string{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, [][]string{{"CONFIG", "SET", "min-replicas-to-write", "0"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := redistest.Start(t, redistest.Options{})
			a, b := join(t, r.Addr()), join(t, r.Addr())
			full(t, a, b, func() {
				for _, cmd := range c.fill {
					r.Do(cmd...)
				}
			}, func() {
				for _, cmd := range c.free {
					r.Do(cmd...)
				}
			})
		})
	}
}

// TestDiskFull: Redis cannot write its disk and refuses writes, and even PING.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{Lines: []string{"save 3600 1"}})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	full(t, a, b, func() {
		breakSaving(t, r)
		eventually(t, "writes are refused", func() bool {
			_, err := r.Try("PING")
			return err != nil && strings.HasPrefix(err.Error(), "MISCONF")
		})
		// Unsubscribing is what rueidis sends a PING for.
		a.subscribe("z")
		a.Unsubscribe("app1", "z")
		eventually(t, "unsubscribed", func() bool { return a.Stats().Topics == b.Stats().Topics })
	}, func() { mendSaving(t, r) })
}

// full has a and b publish while Redis takes no writes, and when it does again.
func full(t *testing.T, a, b *node, fill, free func()) {
	t.Helper()
	a.subscribe("x")
	b.subscribe("x")
	a.Put("app1", "x", "old", []byte("1"))
	b.until("the record", func() bool { return len(b.noted) == 1 })
	s := a.load("x")
	eventually(t, "they know each other", func() bool { return a.Others() == 1 && b.Others() == 1 })
	fill()
	o := outgoing("x", "loose", 5)
	o.Except = protocol.SocketID{A: 3, B: 4}
	first, second := a.Publish(o), a.Publish(outgoing("x", "two", 6))
	for _, w := range []channels.Ticket{first, second} {
		if err := w.Wait(); !errors.Is(err, channels.ErrNotKept) {
			t.Errorf("%v", err)
		}
	}
	if err := a.Break("app1", "x").Wait(); !errors.Is(err, channels.ErrNotKept) {
		t.Errorf("a break: %v", err)
	}
	a.Put("app1", "x", "new", []byte("2"))
	for _, n := range []*node{a, b} {
		n.until("both", func() bool { return len(n.heard) == 2 })
		if n.heard[0] != "app1 x 3.4 loose true" || n.heard[1] != "app1 x 0.0 two true" {
			t.Errorf("%q", n.heard)
		}
	}
	if l := a.load("x"); l.Place != s.Place || len(l.Records) != 1 {
		t.Errorf("%+v, then %+v", s, l)
	}
	time.Sleep(2 * lease) // no assertion hangs on it: leases would be over
	if a.Others() != 1 || b.Others() != 1 || !a.Joined() {
		t.Errorf("%d and %d others", a.Others(), b.Others())
	}
	before := a.rejoins()
	free()
	a.until("told to note anew", func() bool { return len(a.states) > before })
	a.publish("x", "kept")
	for _, n := range []*node{a, b} {
		n.until("it", func() bool { return len(n.events) == 1 })
		if slices.ContainsFunc(n.states, func(s string) bool { return s != "rejoined" }) {
			t.Errorf("%q", n.states)
		}
	}
	if st := a.Stats(); st.Loose != 2 || st.Published != 1 {
		t.Errorf("%+v", st)
	}
}
