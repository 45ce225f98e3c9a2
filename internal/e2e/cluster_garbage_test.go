package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"resound/internal/redistest"
)

// ignored is what a node has counted of messages that it could make nothing of.
func (s *server) ignored(t testing.TB) (n float64) {
	t.Helper()
	for name, v := range readMetrics(t, s.adminURL(t)) {
		if strings.HasPrefix(name, "resound_cluster_garbage_total") {
			n += v
		}
	}
	return n
}

// traffic makes nodes say something of each kind to each other.
func (c *cluster) traffic() (members []*listener) {
	c.t.Helper()
	ann, bob := join(c.t, c.node(0), "ann"), join(c.t, c.node(1), "bob")
	c.sees([]*listener{ann, bob}, "ann", "bob")
	c.watching(0, "watcher", "watched").waits("offline", "watched")
	signedIn(c.t, c.node(1), "watched", nil)
	ann.whisper(room, "a whisper")
	eventually(c.t, "the whisper", func() bool { return bob.count("client-e", "a whisper") == 1 })
	c.node(0).trigger(c.t, room, "e", "an event")
	c.node(1).trigger(c.t, "cache-garbage", "e", "kept")
	eventually(c.t, "the event", func() bool { return bob.count("e", "an event") == 1 })
	if a, err := c.node(0).ask("GET", "/connections", ""); err != nil || a.partial {
		c.t.Fatalf("connections: %+v, %v", a, err)
	}
	return []*listener{ann, bob}
}

// ignoresGarbage: whatever is published on any of the topics of a cluster, by somebody who can do that but does not have the
// secret, nobody is disconnected, nothing of it reaches a page, and the cluster goes on. Nodes count it.
func ignoresGarbage(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	nodes := on(2, redis, "garbage")
	for i := range nodes {
		nodes[i] = append(nodes[i], "RESOUND_ADMIN_ADDRESS=127.0.0.1:0")
	}
	c := startCluster(t, nodes...)
	heard := redis.Listen("*")
	members := c.traffic()
	d := newDrift(c, 2)
	d.begin()
	d.more(5)
	var real []redistest.Published
	topics := make(map[string]bool)
	for len(heard) > 0 {
		m := <-heard
		if topics[m.Channel] = true; len(real) < 200 {
			real = append(real, m)
		}
	}
	for _, topic := range redis.Do("PUBSUB", "CHANNELS").([]any) {
		topics[topic.(string)] = true
	}
	if len(topics) < 4 || len(real) < 10 {
		t.Fatalf("there are %d topics, and %d messages: %v", len(topics), len(real), topics)
	}

	sent := 0
	for topic := range topics {
		for _, text := range garbage(real, topic) {
			redis.Do("PUBLISH", topic, text)
			sent++
		}
	}
	d.more(5)
	d.end()
	d.leave()
	d.exact()
	c.together()
	c.sees(members, "ann", "bob")
	for _, l := range members {
		l.connected(t)
		if n := len(l.heard()); n != 2-slices.Index(members, l) { // ann does not hear her whisper
			t.Logf("%q", l.heard())
		}
		if l.count("e", "an event") != 1 || l.count("client-e", "a whisper") > 1 {
			t.Errorf("a member heard %q", l.heard())
		}
	}
	ignored := 0.0
	for i, s := range c.all() {
		n := s.ignored(t)
		t.Logf("node %d has ignored %v of %d", i, n, sent)
		ignored += n
	}
	if ignored < float64(sent)/4 {
		t.Errorf("%d pieces of garbage were sent, and %v were counted", sent, ignored)
	}
}

// garbage is what might come on a topic: noise, what other programs publish, and messages of the cluster that are cut, changed, or another topic's.
func garbage(real []redistest.Published, topic string) (list []string) {
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return string(b)
	}
	list = append(list, "", "\x00", "{}", `{"type":"message","application":"O:8:\"stdClass\":0:{}","payload":{"event":"e","channel":"drift","data":"{}"}}`,
		`O:8:"stdClass":0:{}`, noise(1), noise(40), noise(1000), noise(100_000), strings.Repeat("\xff", 64), strings.Repeat("\x00", 64))
	for form := range 10 { // what begins like a message
		list = append(list, string([]byte{1, byte(form)}), string([]byte{1, byte(form)})+noise(60), string([]byte{2, byte(form)})+noise(60))
	}
	for _, i := range rand.Perm(len(real))[:min(len(real), 20)] {
		m := real[i]
		b := []byte(m.Text)
		if m.Channel != topic {
			list = append(list, m.Text)
		}
		list = append(list, m.Text[:len(b)/2], m.Text[:max(len(b)-1, 0)], m.Text+"x")
		// What the cluster itself writes in front is not covered by a signature, and who can publish can write it; what is behind is.
		if len(b) > 60 {
			changed := slices.Clone(b)
			changed[40+rand.IntN(len(b)-40)] ^= 1 << rand.IntN(8)
			list = append(list, string(changed))
		}
	}
	return list
}

// survivesGarbageInItsKeys: whatever somebody does to what a cluster has in Redis, no node ends and nobody is disconnected; and when
// all of it is removed the cluster is as good as new.
func survivesGarbageInItsKeys(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := startCluster(t, on(2, redis, "keys")...)
	members := c.traffic()
	d := newDrift(c, 2)
	d.begin()
	d.more(5)
	spoil := map[string]func(key string){
		"stream": func(key string) {
			_, _ = redis.Try("XADD", key, "*", "m", "garbage", "e", "garbage")
			_, _ = redis.Try("XADD", key, "18446744073709551615-1", "m", "")
			var id [8]byte
			binary.BigEndian.PutUint64(id[:], rand.Uint64())
			_, _ = redis.Try("XADD", key, "*", "x", string(id[:]))
		},
		"hash": func(key string) {
			fields, _ := redis.Try("HKEYS", key) // the nodes are at work meanwhile: it may be something else by now
			list, _ := fields.([]any)
			for _, f := range list {
				_, _ = redis.Try("HSET", key, fmt.Sprint(f), "garbage")
			}
			_, _ = redis.Try("HSET", key, "garbage", "garbage")
		},
		"zset":   func(key string) { _, _ = redis.Try("ZADD", key, "1e300", "garbage", "1e300", "0000000000000000") },
		"string": func(key string) { redis.Do("SET", key, "garbage") },
	}
	kinds := make(map[string]int)
	for _, round := range []string{"entries", "types", "gone"} {
		for _, k := range redis.Do("KEYS", "*").([]any) {
			key := k.(string)
			kind, _ := redis.Do("TYPE", key).(string)
			kinds[kind]++
			switch {
			case round == "gone":
				redis.Do("DEL", key)
			case round == "types" && kind == "string":
				redis.Do("DEL", key)
				_, _ = redis.Try("HSET", key, "a", "b")
			case round == "types":
				redis.Do("SET", key, "garbage")
			case spoil[kind] != nil:
				spoil[kind](key)
			}
		}
		// Whether it is a publish that fails or one that is partial is not said here: each is answered.
		for _, s := range c.all() {
			s.trigger(t, "spoilt", "e", round)
			listenTo(t, s, "spoilt").leave()
		}
	}
	if kinds["stream"] == 0 || kinds["hash"] == 0 || kinds["zset"] == 0 || kinds["string"] == 0 {
		t.Errorf("there were keys of the kinds %v only", kinds)
	}
	redis.Do("FLUSHALL")
	c.together()
	d.more(5)
	d.end()
	d.accountable()
	d.leave()
	c.sees(members, "ann", "bob")
	for _, l := range members {
		l.connected(t)
	}
}

// hearsWhatItNeeds: nodes subscribe in Redis to the channels that their own sockets are on, and no longer than those are.
func hearsWhatItNeeds(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := startCluster(t, on(3, redis, "needs")...)
	subscribers := func(channel string) (n int64) {
		for _, topic := range redis.Do("PUBSUB", "CHANNELS", "*"+channel+"*").([]any) {
			n += redis.Do("PUBSUB", "NUMSUB", topic.(string)).([]any)[1].(int64)
		}
		return n
	}
	const name = "needed-by-few"
	a, second := listenTo(t, c.node(0), name), listenTo(t, c.node(0), name)
	if n := subscribers(name); n != 1 {
		t.Errorf("two pages on one node make %d subscriptions", n)
	}
	b := listenTo(t, c.node(1), name)
	if n := subscribers(name); n != 2 {
		t.Errorf("pages on two nodes make %d subscriptions", n)
	}
	c.node(2).trigger(t, name, "e", "of a node without pages")
	for _, l := range []*listener{a, second, b} {
		l.hears("of a node without pages")
	}
	const other = "left-by-all"
	listenTo(t, c.node(2), other).leave()
	a.leave()
	b.leave()
	for range 4 { // a node hears a channel for a minute or so more, for who comes back
		for end := time.Now().Add(patience); time.Now().Before(end) && subscribers(name)+subscribers(other) > 1; {
			time.Sleep(50 * time.Millisecond)
		}
	}
	if n, all := subscribers(name), subscribers(other); n != 1 || all != 0 {
		t.Errorf("a page that is left makes %d subscriptions, and none makes %d", n, all)
	}
	c.node(2).trigger(t, name, "e", "more")
	second.hears("of a node without pages", "more")
	listenTo(t, c.node(1), name)
	if n := subscribers(name); n != 2 {
		t.Errorf("with a page that comes later there are %d subscriptions", n)
	}
	for i := range c.plans {
		c.node(i).stop(syscall.SIGTERM)
	}
	eventually(t, "nobody to be subscribed to anything", func() bool { return len(redis.Do("PUBSUB", "CHANNELS").([]any)) == 0 })
}

// prefixes: two clusters on one Redis, with different prefixes, do not know of each other.
func prefixes(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	doNotMix(t, startCluster(t, on(2, redis, "one")...), startCluster(t, on(2, redis, "two")...))
}

func doNotMix(t *testing.T, one, two *cluster) {
	t.Helper()
	ann, bob := join(t, one.node(0), "ann"), join(t, two.node(0), "bob")
	for i, c := range []*cluster{one, two} {
		if a := c.node(1).trigger(t, room, "e", fmt.Sprint(i)); a.status != http.StatusOK || a.partial {
			t.Errorf("%+v", a)
		}
	}
	ann.hears("0")
	bob.hears("1")
	one.sees([]*listener{ann}, "ann")
	two.sees([]*listener{bob}, "bob")
	one.counts("/connections", `{"connections":1}`)
}
