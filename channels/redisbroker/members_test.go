package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
	"resound/protocol"
)

func record(key, value string) channels.Record {
	return channels.Record{Key: key, Value: []byte(value)}
}

// records are those of a topic, as "key=value" and whether they are of that node.
func (n *node) records(topic string, of channels.NodeID) (list []string) {
	n.t.Helper()
	for _, r := range n.load(topic).Records {
		if r.Node == of {
			list = append(list, r.Key+"="+string(r.Value))
		}
	}
	slices.Sort(list)
	return list
}

// TestRecords: what nodes note is there for all, and every change is told of once, in order.
func TestRecords(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("presence-x")
	start := b.load("presence-x").Version
	a.Put("app1", "presence-x", "u1", []byte("one"))
	a.Put("app1", "presence-x", "u1", []byte("one")) // nothing is different
	a.Put("app1", "presence-x", "u1", []byte("uno"))
	a.Replace("app1", "presence-x", []channels.Record{record("u1", "uno"), record("u2", "two"), record("", "empty")})
	a.Drop("app1", "presence-x", "nobody")
	a.Drop("app1", "presence-x", "u2")
	a.Replace("app1", "presence-x", []channels.Record{record("u1", "uno"), record("", "empty")})
	a.Replace("app1", "presence-x", []channels.Record{record("u3", "three")})
	want := []string{
		"u1=one", "u1=uno", "u2=two", "=empty", "u2=", "u1=", "=", "u3=three",
	}
	b.until("all changes", func() bool { return len(b.noted) == len(want) })
	for i := range want {
		want[i] = "app1 presence-x " + want[i]
	}
	// Those that a Replace takes away have no order among them, and come behind what it brings.
	slices.Sort(want[5:])
	got := slices.Clone(b.noted)
	slices.Sort(got[5:])
	if !slices.Equal(got, want) {
		t.Errorf("%q\n%q", got, want)
	}
	for i, v := range b.versions {
		if v != start+uint64(i)+1 {
			t.Errorf("change %d has version %d, want %d", i, v, start+uint64(i)+1)
		}
	}
	s := a.load("presence-x")
	if s.Version != start+uint64(len(want)) || len(s.Records) != 1 || s.Records[0].Node != a.Node() || s.Records[0].Key != "u3" || string(s.Records[0].Value) != "three" {
		t.Errorf("%+v", s)
	}
	// The same key of two nodes is two records.
	b.Put("app1", "presence-x", "u3", []byte("drei"))
	eventually(t, "both", func() bool { return len(a.load("presence-x").Records) == 2 })
	if got := a.records("presence-x", b.Node()); !slices.Equal(got, []string{"u3=drei"}) {
		t.Errorf("%q", got)
	}
	b.Replace("app1", "presence-x", nil)
	eventually(t, "one", func() bool { return len(a.load("presence-x").Records) == 1 })
}

// crash ends a node without a word.
func (n *node) crash() {
	n.stop()
	n.wg.Wait()
}

// TestNodeDies: its records are gone with its lease, for those who are there and for those who come.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b, c := join(t, r.Addr()), join(t, r.Addr()), join(t, r.Addr())
	for i, n := range []*node{a, b, c} {
		n.subscribe("presence-x")
		n.Put("app1", "presence-x", fmt.Sprint(i), []byte("v"))
	}
	eventually(t, "all records", func() bool { return len(a.load("presence-x").Records) == 3 })
	eventually(t, "all nodes", func() bool { return a.Others() == 2 && b.Others() == 2 && c.Others() == 2 })
	c.crash()
	gone := fmt.Sprintf("gone %x", uint64(c.Node()))
	for _, n := range []*node{a, b} {
		n.until("gone", func() bool { return slices.Contains(n.states, gone) })
		if n.Others() != 1 || slices.Contains(n.states, "parted") {
			t.Errorf("%d others, %q", n.Others(), n.states)
		}
	}
	version := a.load("presence-x").Version
	for _, n := range []*node{a, join(t, r.Addr())} {
		if got := n.load("presence-x"); len(got.Records) != 2 || got.Version != version {
			t.Errorf("%+v", got)
		}
	}
	for _, key := range r.Do("KEYS", "*").([]any) {
		if strings.HasSuffix(key.(string), hexNode(c.Node())) {
			t.Errorf("%s is left", key)
		}
	}
	if got := a.Stats().Reaped; got == 0 {
		t.Errorf("%d are reaped", got)
	}
}

// TestBye: a node that is closed is gone at once, with all its goroutines.
func TestBye(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	long := func(o *Options) { o.Lease = time.Hour }
	a := join(t, r.Addr(), long)
	before := runtime.NumGoroutine()
	b := join(t, r.Addr(), long)
	b.subscribe("x")
	b.Put("app1", "x", "k", []byte("v"))
	eventually(t, "the record", func() bool { return len(a.load("x").Records) == 1 })
	eventually(t, "they know each other", func() bool { return a.Others() == 1 })
	id := b.Node()
	w := b.Publish(outgoing("x", "last", 1))
	b.Close(b.ctx())
	if err := w.Wait(); err != nil {
		t.Errorf("what waits is not sent: %v", err)
	}
	a.until("gone", func() bool { return slices.Contains(a.states, fmt.Sprintf("gone %x", uint64(id))) })
	if s := a.load("x"); a.Others() != 0 || len(s.Records) != 0 {
		t.Errorf("%d others, %+v", a.Others(), s.Records)
	}
	if err := b.Publish(outgoing("x", "late", 2)).Wait(); !errors.Is(err, channels.ErrParted) {
		t.Errorf("%v", err)
	}
	if err := b.Subscribe(context.Background(), "app1", "y"); !errors.Is(err, channels.ErrParted) {
		t.Errorf("%v", err)
	}
	b.Close(b.ctx()) // again
	if n := len(b.states); n != 1 {
		t.Errorf("%q", b.states)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

// TestLeaseLost: a node that others may take for gone notes everything anew, under another name.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("presence-x")
	a.Replace("app1", "presence-x", []channels.Record{record("k", "v")})
	b.until("the record", func() bool { return len(b.noted) == 1 })
	old, before := a.Node(), a.rejoins()
	r.Do("ZREM", "test:{0}:nodes", hexNode(old))
	a.until("told to note anew", func() bool { return len(a.states) > before })
	if a.Node() == old || !a.Mine(old) {
		t.Errorf("%x is still called %x", uint64(old), uint64(a.Node()))
	}
	a.Replace("app1", "presence-x", []channels.Record{record("k", "v")})
	b.until("the record again", func() bool { return len(b.noted) == 2 })
	b.until("the old one gone", func() bool { return slices.Contains(b.states, fmt.Sprintf("gone %x", uint64(old))) })
	if s := b.load("presence-x"); len(s.Records) != 1 || s.Records[0].Node != a.Node() {
		t.Errorf("%+v", s.Records)
	}
	if b.Others() != 1 {
		t.Errorf("%d others", b.Others())
	}
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b, c, d := join(t, r.Addr()), join(t, r.Addr()), join(t, r.Addr()), join(t, r.Addr())
	for _, n := range []*node{b, c} {
		n.mu.Lock()
		n.answer = func(app string, question []byte) []byte { return fmt.Appendf(nil, "%s %s %d", app, question, n.Node()) }
		n.mu.Unlock()
	}
	eventually(t, "all nodes", func() bool { return a.Others() == 3 })
	ask := func(app string, limit time.Duration) (list []string, silent int) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		answers, silent := a.Survey(ctx, app, []byte("?"))
		for _, x := range answers {
			list = append(list, string(x))
		}
		slices.Sort(list)
		return list, silent
	}
	want := []string{fmt.Sprintf("app1 ? %d", b.Node()), fmt.Sprintf("app1 ? %d", c.Node())}
	slices.Sort(want)
	// d has no answer, and says so: nobody waits for it.
	if got, silent := ask("app1", patience); !slices.Equal(got, want) || silent != 1 {
		t.Errorf("%q, %d silent", got, silent)
	}
	// d hangs: all the others' answers are there when the time is over.
	hang := make(chan struct{})
	d.mu.Lock()
	d.answer = func(string, []byte) []byte { <-hang; return []byte("late") }
	d.mu.Unlock()
	if got, silent := ask("app1", 500*time.Millisecond); !slices.Equal(got, want) || silent != 1 {
		t.Errorf("%q, %d silent", got, silent)
	}
	close(hang)
	if got, silent := ask("other", 200*time.Millisecond); got != nil || silent != 3 {
		t.Errorf("an app that nobody knows: %q, %d silent", got, silent)
	}
	for _, n := range []*node{b, c, d} {
		n.Close(n.ctx())
	}
	eventually(t, "alone", func() bool { return a.Others() == 0 })
	if got, silent := ask("app1", patience); got != nil || silent != 0 {
		t.Errorf("alone: %q, %d silent", got, silent)
	}
	if s := a.Stats(); s.Surveys != 4 || s.Silent != 5 {
		t.Errorf("%+v", s)
	}
}

// TestGarbage: what is no message, no entry and no record of ours is counted, and changes nothing.
func TestGarbage(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	b.subscribe("x")
	s := b.load("x")
	a.publish("x", "1")
	b.until("it", func() bool { return len(b.events) == 1 })
	topic := b.key("topic", "x")
	forged := (&sealers{secret: func(string) (string, bool) { return "a guess", true }}).of("app1").seal(&envelope{kind: kindSay, app: "app1", topic: "x", payload: []byte("forged")})
	before := b.Stats().Garbage
	var sent uint64
	for _, to := range []string{topic, "test:{0}:t0:all", b.part("x").names.inbox(b.inbox)} {
		for _, m := range []string{"", "{}", "\x01", "\x02\x00", "\x01\x00", "\x01\x01", "\x01\x01" + strings.Repeat("x", 300), "\x01\x02", "\x01\x02" + strings.Repeat("\xff", 200),
			"\x01\x03abc", "\x01\x04", "\x01\x05", "\x01\x06", "\x01\xff", "\x01\x00" + string(forged), "\x01\x01" + strings.Repeat("\x00", 36) + string(forged),
			"\x01\x02" + strings.Repeat("\x00", 9) + string(forged), strings.Repeat("\x01", 100_000)} {
			r.Do("PUBLISH", to, m)
			sent++
		}
	}
	// What somebody else has written into the stream.
	stream := b.key("stream", "x")
	r.Do("XADD", stream, fmt.Sprintf("%d-0", s.Serial+2), "e", "garbage")
	r.Do("HSET", "test:{0}:log", meta("x"), "garbage", "m:", "garbage", "v:app1:x", "garbage", "cursor", "garbage")
	a.publish("x", "3") // begins behind what the stream has
	eventually(t, "counted", func() bool { return b.Stats().Garbage >= before+sent })
	list, first := b.fetch("x", s.Log, s.Serial)
	corrupt := 0
	for _, e := range list {
		if e.Corrupt {
			corrupt++
		}
	}
	if first != s.Serial+1 || len(list) == 0 || corrupt != 1 || string(list[len(list)-1].Payload) != "3" {
		t.Errorf("%+v from %d", list, first)
	}
	// Larger ids than ours, and keys of other types: the channel goes on.
	r.Do("XADD", stream, "9999999999999999-0", "e", "garbage")
	a.publish("x", "4")
	for _, key := range []string{stream, "test:{0}:r:app1:x", "test:{0}:n:app1:x:" + hexNode(a.Node())} {
		r.Do("DEL", key)
		r.Do("LPUSH", key, "garbage")
	}
	a.publish("x", "5")
	a.Put("app1", "x", "k", []byte("v"))
	b.until("the record", func() bool { return len(b.noted) == 1 })
	b.load("x")
	r.Do("DEL", "test:{0}:nodes")
	r.Do("SET", "test:{0}:nodes", "garbage")
	r.Do("HSET", "test:{0}:r:app1:x", "garbage", "1", hexNode(77), "")
	r.Do("HSET", "test:{0}:n:app1:x:"+hexNode(a.Node()), "k2", "garbage")
	a.Say("app1", "x", protocol.SocketID{}, []byte("said"))
	b.until("it", func() bool { return slices.Contains(b.heard, "app1 x 0.0 said false") })
	eventually(t, "the lease", func() bool { return r.Do("TYPE", "test:{0}:nodes") == "zset" })
	if l := b.load("x"); len(l.Records) != 1 || l.Records[0].Key != "k" {
		t.Errorf("%+v", l)
	}
	if len(b.heard) != 1 || len(b.noted) != 1 {
		t.Errorf("%q %q", b.heard, b.noted)
	}
	if b.Stats().Joins != 1 {
		t.Errorf("%+v", b.Stats())
	}
}

// TestApps: two apps, two prefixes and two databases have nothing to do with each other.
func TestApps(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	c := join(t, r.Addr(), func(o *Options) { o.Prefix = "other:" })
	d := join(t, r.Addr(), func(o *Options) { o.DB = 3 })
	for _, n := range []*node{b, c, d} {
		n.subscribe("x")
	}
	if err := b.Subscribe(b.ctx(), "app2", "x"); err != nil {
		t.Fatal(err)
	}
	a.publish("x", "1")
	o := outgoing("x", "2", 2)
	o.App = "app2"
	if err := a.Publish(o).Wait(); err != nil {
		t.Fatal(err)
	}
	if o.App = "unknown"; a.Publish(o).Wait() == nil {
		t.Error("an app that is not known has published")
	}
	b.until("both", func() bool { return len(b.events) == 2 })
	if b.events[0].app != "app1" || b.events[1].app != "app2" {
		t.Errorf("%+v", b.events)
	}
	for _, n := range []*node{c, d} {
		if n.publish("x", "own"); len(n.events) > 1 || n.Others() != 0 {
			t.Errorf("%+v, %d others", n.events, n.Others())
		}
	}
	if s := r.Do("KEYS", "other:*").([]any); len(s) == 0 {
		t.Error("no key has the prefix")
	}
}
