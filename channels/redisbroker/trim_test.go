package redisbroker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
	"resound/persist"
)

// fill publishes n events of one channel, and checks the log behind each some.
func (n *node) fill(channel string, keep persist.Retention, count, size int) {
	n.t.Helper()
	payload := make([]byte, size)
	var list []channels.Ticket
	for i := range count {
		o := outgoing(channel, fmt.Sprintf("%6d", i)+string(payload), n.newID())
		o.Keep = keep
		list = append(list, n.Publish(o))
	}
	for _, w := range list {
		if err := w.Wait(); err != nil {
			n.t.Fatal(err)
		}
	}
}

// kept is how many events the log of a channel has, by Load, by Fetch and by the stream itself.
func (n *node) kept(r *redistest.Server, channel string) (count int) {
	n.t.Helper()
	s := n.load(channel)
	list, first := n.fetch(channel, s.Log, 0)
	length := r.Do("XLEN", n.key("stream", channel)).(int64)
	if first > s.First || int(s.Serial-first)+1 != len(list) || int64(len(list)) != length {
		n.t.Errorf("%s: Load has %d to %d; Fetch %d, from %d on; the stream %d", channel, s.First, s.Serial, len(list), first, length)
	}
	for i, e := range list {
		if e.Serial != first+uint64(i) || e.Corrupt {
			n.t.Fatalf("event %d of %s is %+v", i, channel, e)
		}
	}
	return int(s.Serial-s.First) + 1
}

func TestTrim(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())

	// By count: within an eighth more, and not less. The window has up to 1,024 while they are young.
	a.fill("count", persist.Retention{Messages: 2000}, 6000, 10)
	if n := a.kept(r, "count"); n < 2000 || n > 2000+2000/8+16 {
		t.Errorf("2,000 events are to be kept, %d are", n)
	}
	a.fill("window", persist.Retention{}, 4000, 10)
	if n := a.kept(r, "window"); n < windowEvents || n > windowMost+windowMost/8+16 {
		t.Errorf("%d events are in the transport window", n)
	}
	// By bytes. An envelope has some more than its payload.
	a.fill("bytes", persist.Retention{Messages: 1 << 20, Bytes: 3 << 20}, 2000, 4000)
	if n := a.kept(r, "bytes"); n < 3<<20/4100 || n > 3<<20*9/8/4000+16 {
		t.Errorf("3 MB are to be kept, %d events of 4 KB are", n)
	}
	a.fill("large", persist.Retention{}, 30, 500_000)
	if n := a.kept(r, "large"); n > 4 {
		t.Errorf("%d events of half a megabyte are in the transport window", n)
	}
	a.fill("huge", persist.Retention{Messages: 5, Bytes: 10}, 3, 2<<20)
	if n := a.kept(r, "huge"); n != 1 {
		t.Errorf("%d events are kept, want the newest", n)
	}
	// By age, once the window has no more young ones.
	aged := persist.Retention{Messages: 1 << 20, Age: 2 * time.Second}
	a.fill("age", aged, 500, 10)
	if n := a.kept(r, "age"); n != 500 {
		t.Errorf("%d of 500 events are kept while they are young", n)
	}
	time.Sleep(windowAge + 100*time.Millisecond)
	if s := a.load("age"); s.First != s.Serial+1 {
		t.Errorf("%d events are kept beyond their age", s.Serial+1-s.First)
	}
	a.fill("age", aged, 1, 10)
	if s := a.load("age"); s.First != s.Serial {
		t.Errorf("%d events are kept, want the newest", s.Serial+1-s.First)
	}
	if n := r.Do("XLEN", a.key("stream", "age")).(int64); n != windowEvents {
		t.Errorf("the stream has %d events, want those of the transport window", n)
	}
	list, first := a.fetch("window", a.Log("app1", "window"), 0)
	if uint64(len(list)) == 0 || list[0].Serial != first {
		t.Errorf("%d events from %d on", len(list), first)
	}
}

// TestLeftovers: nothing is in Redis for ever but the log's name.
func TestLeftovers(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	o := outgoing("cache-x", "1", 1)
	o.Cache = time.Hour
	if err := a.Publish(o).Wait(); err != nil {
		t.Fatal(err)
	}
	a.load("y")
	a.fill("short", persist.Retention{}, 1, 1)
	a.fill("aged", persist.Retention{Messages: 1, Age: 48 * time.Hour}, 1, 1)
	a.Put("app1", "z", "k", []byte("v"))
	eventually(t, "the record", func() bool { return len(a.load("z").Records) == 1 })
	for _, key := range r.Do("KEYS", "*").([]any) {
		ttl := r.Do("PTTL", key.(string)).(int64)
		if lasts := key == "test:{0}:log" || key == "test:{0}:nodes"; (ttl < 0) != lasts {
			t.Errorf("%s lasts %d ms", key, ttl)
		}
	}
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-patience {
			t.Errorf("%s lasts %v, want %v", what, got, want)
		}
	}
	ttl := func(key string) time.Duration { return time.Duration(r.Do("PTTL", key).(int64)) * time.Millisecond }
	near("short", ttl(a.key("stream", "short")), windowTTL)
	near("short", expires(r, meta("short")), metaTTL)
	near("y", expires(r, meta("y")), visitTTL)
	near("aged", ttl(a.key("stream", "aged")), 48*time.Hour)
	near("aged", expires(r, meta("aged")), 48*time.Hour)
	near("cache-x", ttl(a.key("stream", "cache-x")), foreverTTL)
	near("records", expires(r, "v:"+nameOf("app1", "z")), recordTTL)
	// A break, which knows nothing of retention, shortens nothing.
	if err := a.Break("app1", "aged").Wait(); err != nil {
		t.Fatal(err)
	}
	near("aged, broken", ttl(a.key("stream", "aged")), 48*time.Hour)
	near("aged, broken", expires(r, meta("aged")), 48*time.Hour)
}

// TestForgotten: what nobody needs any more is forgotten, and what somebody hears is not.
func TestForgotten(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	for i := range 50 {
		a.publish(fmt.Sprint("x", i), "1")
	}
	a.Put("app1", "x0", "k", []byte("v"))
	eventually(t, "the record", func() bool { return len(a.load("x0").Records) == 1 })
	old := string(make([]byte, 60)) + "\x00\x00\x00\x00\x00\x00\x00\x01"
	for i := 10; i < 50; i++ {
		r.Do("HSET", "test:{0}:log", meta(fmt.Sprint("x", i)), old)
	}
	r.Do("HSET", "test:{0}:log", "v:"+nameOf("app1", "gone"), old[52:], meta("heard"), old, "cursor", "0", "swept", "0")
	s := a.part("x").current()
	if err := s.do(scriptTouch.cmd(s.redis.B(), []string{"test:{0}:log"}, millis(metaTTL), nameOf("app1", "heard"), nameOf("app1", "nothing"))).Error(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := s.do(scriptSweep.cmd(s.redis.B(), []string{"test:{0}:log"}, "10", "3600000")).Error(); err != nil {
			t.Fatal(err)
		}
	}
	var left int
	for _, f := range r.Do("HKEYS", "test:{0}:log").([]any) {
		if strings.HasPrefix(f.(string), "m:") || strings.HasPrefix(f.(string), "v:") {
			left++
		}
	}
	if left != 12 {
		t.Errorf("%d fields are left, want ten channels, one that is heard, and records", left)
	}
	if a.load("x0").Log != a.Log("app1", "x0") || a.rejoins() != 1 {
		t.Errorf("%q", a.states)
	}
}

// TestForgottenChannel: a channel of which the log knows nothing any more begins a new epoch; where its events are there, it goes on.
func TestForgottenChannel(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	a.publish("x", "1")
	a.publish("x", "2")
	s := a.load("x")
	r.Do("HDEL", "test:{0}:log", meta("x"))
	a.publish("x", "3")
	if l := a.load("x"); l.Serial != s.Serial+1 || l.Epoch < s.Epoch || l.First != s.First {
		t.Errorf("%+v, then %+v", s, l)
	}
	time.Sleep(1100 * time.Millisecond)
	r.Do("HDEL", "test:{0}:log", meta("x"))
	r.Do("DEL", a.key("stream", "x"))
	if l := a.load("x"); l.Epoch <= s.Epoch {
		t.Errorf("%+v, then %+v", s, l)
	}
}

// TestEviction: a Redis that is full may drop keys, of those that expire or of all. Nothing that a node takes for old is new.
func TestEviction(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	evict := func(all bool) {
		for _, key := range r.Do("KEYS", "*").([]any) {
			if all || r.Do("PTTL", key.(string)).(int64) > 0 {
				r.Do("DEL", key.(string))
			}
		}
	}
	for round, all := range []bool{false, false, true} {
		a.publish("x", "before")
		a.Put("app1", "x", fmt.Sprint(round), []byte("v"))
		b.until("both", func() bool { return len(b.events) == 2*round+1 && len(b.noted) == 2*round+1 })
		evict(all)
		a.publish("x", "after")
		a.Put("app1", "x", fmt.Sprint(round), []byte("w"))
		b.until("both", func() bool { return len(b.events) == 2*round+2 && len(b.noted) == 2*round+2 })
	}
	for i := 1; i < len(b.events); i++ {
		before, after := b.events[i-1].at, b.events[i].at
		if after.Serial <= before.Serial || after.Log == before.Log && after.Serial != before.Serial+1 {
			t.Errorf("%+v comes behind %+v", after, before)
		}
	}
	if !slices.IsSorted(b.versions) {
		t.Errorf("versions %d", b.versions)
	}
	s := b.load("x")
	if list, first := b.fetch("x", s.Log, 0); len(list) != 1 || first != s.Serial || s.First != first {
		t.Errorf("%+v from %d; %+v", list, first, s)
	}
}

// TestCached: the newest event of a cache channel is there for who comes, also in the next log.
func TestCached(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	for i := range 2 {
		o := outgoing("cache-x", fmt.Sprint(i), uint64(i)+7)
		o.Cache, o.Keep = time.Hour, persist.Retention{}
		if err := a.Publish(o).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	s := a.load("cache-x")
	if s.Kept == nil || string(s.Kept.Payload) != "1" || s.Kept.ID != 8 || s.Kept.Serial != s.Serial {
		t.Fatalf("%+v", s.Kept)
	}
	r.Do("DEL", "test:{0}:log")
	a.until("another log", func() bool { return len(a.states) == 2 })
	if l := a.load("cache-x"); l.Log == s.Log || l.Kept == nil || l.Kept.Serial != s.Serial || l.Serial != channels.SerialBase(l.Log) {
		t.Errorf("%+v", l)
	}
}
