package redisbroker

import (
	"fmt"
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
		if (ttl < 0) != (key == "test:{0}:log") {
			t.Errorf("%s lasts %d ms", key, ttl)
		}
	}
	for key, want := range map[string]time.Duration{
		a.key("stream", "short"):   windowTTL,
		a.key("meta", "short"):     metaTTL,
		a.key("meta", "y"):         metaTTL,
		a.key("stream", "aged"):    48 * time.Hour,
		a.key("meta", "aged"):      48 * time.Hour,
		a.key("stream", "cache-x"): foreverTTL,
	} {
		if ttl := time.Duration(r.Do("PTTL", key).(int64)) * time.Millisecond; ttl > want || ttl < want-patience {
			t.Errorf("%s lasts %v, want %v", key, ttl, want)
		}
	}
	// A break, which knows nothing of retention, shortens nothing.
	if err := a.Break("app1", "aged").Wait(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"stream", "meta"} {
		if ttl := time.Duration(r.Do("PTTL", a.key(kind, "aged")).(int64)) * time.Millisecond; ttl < 47*time.Hour {
			t.Errorf("%s lasts %v behind a break", kind, ttl)
		}
	}
}

// TestForgottenChannel: a channel whose place was forgotten begins a new epoch; where its events are there, it goes on.
func TestForgottenChannel(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	a.publish("x", "1")
	a.publish("x", "2")
	s := a.load("x")
	r.Do("DEL", a.key("meta", "x"))
	a.publish("x", "3")
	if l := a.load("x"); l.Serial != s.Serial+1 || l.Epoch < s.Epoch {
		t.Errorf("%+v, then %+v", s, l)
	}
	time.Sleep(1100 * time.Millisecond)
	r.Do("DEL", a.key("meta", "x"), a.key("stream", "x"))
	if l := a.load("x"); l.Epoch <= s.Epoch {
		t.Errorf("%+v, then %+v", s, l)
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
