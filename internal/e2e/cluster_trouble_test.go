package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/internal/redistest"
)

// trouble is something that happens to the Redis of a cluster of two nodes, or to the way to it.
type trouble struct {
	name  string
	begin func(*ordeal)
	heal  func(*ordeal) // nil when it passes by itself

	start    bool  // it begins before the nodes do
	alone    []int // nodes whose publishers are told that not everybody got it, or that it is not kept
	spread   bool  // although everybody does
	lossless bool  // nothing is lost, and nobody is told of a gap; else nodes lose their patience with Redis earlier, so that the test takes less time
	sentinel bool  // the Redis is a master of Sentinels, without the proxies
	password string
	env      []string // of the nodes
}

// ordeal is a trouble under way.
type ordeal struct {
	*trouble
	*drift
	redis    *redistest.Server
	sentinel *redistest.Sentinel
	proxies  []*redistest.Proxy // one in front of Redis for each node
}

func (o *ordeal) each(what func(*redistest.Proxy)) {
	for _, p := range o.proxies {
		what(p)
	}
}

// away makes Redis unreachable for some nodes.
func away(nodes ...int) func(*ordeal) {
	return func(o *ordeal) {
		for _, i := range nodes {
			o.proxies[i].Refuse()
			o.proxies[i].Cut()
		}
	}
}

// hole forwards nothing for some nodes.
func hole(way redistest.Direction, nodes ...int) func(*ordeal) {
	return func(o *ordeal) {
		for _, i := range nodes {
			o.proxies[i].Blackhole(way)
		}
	}
}

func healProxies(o *ordeal) { o.each((*redistest.Proxy).Heal) }

// redisDo has Redis do something.
func redisDo(args ...string) func(*ordeal) {
	return func(o *ordeal) { o.redis.Do(args...) }
}

// again does something several times, with publishing between.
func again(times int, what func(*ordeal)) func(*ordeal) {
	return func(o *ordeal) {
		for range times {
			what(o)
			o.more(5)
		}
	}
}

var both = []int{0, 1}

var troubles = []trouble{
	// At the start.
	{name: "down at the start", start: true, begin: func(o *ordeal) { o.redis.Kill() }, heal: func(o *ordeal) { o.redis.Start() }, alone: both},
	{name: "silent at the start", start: true, begin: hole(redistest.Both, 0, 1), heal: healProxies, alone: both},
	{name: "wrong password at the start", start: true, password: "another", env: []string{"REDIS_PASSWORD=right"},
		heal: func(o *ordeal) { o.redis.SetPassword("right") }, alone: both},

	// So short that nobody should notice.
	{name: "cut", begin: again(6, func(o *ordeal) { o.each((*redistest.Proxy).Cut) }), lossless: true},
	{name: "cut in the middle of answers", begin: again(10, func(o *ordeal) {
		o.each(func(p *redistest.Proxy) { p.Truncate(rand.Int64N(3000)) })
	}), heal: healProxies, lossless: true},
	{name: "connections killed", begin: again(6, func(o *ordeal) {
		for _, kind := range []string{"normal", "pubsub"} {
			_, _ = o.redis.Try("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
		}
	}), lossless: true},
	{name: "a short pause", begin: func(o *ordeal) { o.redis.Pause(); time.Sleep(200 * time.Millisecond); o.redis.Resume() }, lossless: true},
	{name: "slow", begin: func(o *ordeal) { o.each(func(p *redistest.Proxy) { p.Delay(150 * time.Millisecond) }) }, heal: healProxies, lossless: true},

	// Longer than that.
	{name: "lost", begin: away(0, 1), heal: healProxies, alone: both},
	{name: "lost by one node", begin: away(0), heal: healProxies, alone: []int{0}},
	{name: "hangs", begin: func(o *ordeal) { o.redis.Pause() }, heal: func(o *ordeal) { o.redis.Resume() }, alone: both},
	{name: "nothing arrives from one node", begin: hole(redistest.ToServer, 0), heal: healProxies, alone: []int{0}},
	{name: "nothing arrives at one node", begin: hole(redistest.ToClient, 0), heal: healProxies, alone: []int{0}},
	{name: "full", begin: redisDo("CONFIG", "SET", "maxmemory", "1"), heal: redisDo("CONFIG", "SET", "maxmemory", "0"), alone: both, spread: true},
	{name: "takes no writes", begin: redisDo("REPLICAOF", "127.0.0.1", "1"), heal: redisDo("REPLICAOF", "NO", "ONE"), alone: both},

	// With a loss of data.
	{name: "restarted empty", begin: func(o *ordeal) { o.redis.Restart() }},
	{name: "down, and empty when it is back", begin: func(o *ordeal) { o.redis.Kill() }, heal: func(o *ordeal) { o.redis.Start() }, alone: both},
	{name: "flushed", begin: redisDo("FLUSHALL")},
	{name: "a failover", sentinel: true, begin: func(o *ordeal) { o.sentinel.Failover() }},
	{name: "a failover from a master that died", sentinel: true, begin: func(o *ordeal) {
		old := o.sentinel.Master()
		old.Kill()
		o.sentinel.Failed(old.Addr())
	}},
}

// happen: whatever happens to Redis, no node ends and no socket does; each node goes on for its own sockets; publishers are told
// what became of their events; and when Redis is back, so is the cluster, without help: events are everywhere, members are who is there,
// and who may have missed something has been told.
func (tr *trouble) happen(t *testing.T) {
	o := tr.setUp(t)
	if tr.start && tr.begin != nil {
		tr.begin(o)
	}
	c := launchCluster(t, o.settings()...)
	if !tr.start {
		c.together()
	}
	ann, bob, gone := join(t, c.node(0), "ann"), join(t, c.node(1), "bob"), join(t, c.node(1), "gone")
	locals := []*listener{listenTo(t, c.node(0), "local"), listenTo(t, c.node(1), "local")}
	o.drift = (&drift{loose: !tr.lossless}).open(c, 2)
	o.page(func() *server { return c.node(0) })
	o.page(func() *server { return c.node(1) })
	o.drift.begin()
	if !tr.start {
		c.sees([]*listener{ann, bob}, "ann", "bob", "gone")
		o.more(10)
		if tr.begin != nil {
			tr.begin(o)
		}
	}

	o.during(locals)
	gone.leave()
	cid := join(t, c.node(0), "cid")
	late := listenTo(t, c.node(1), "late")
	if tr.heal != nil {
		tr.heal(o)
	}

	c.together()
	c.node(0).trigger(t, "late", "e", "from the other node")
	eventually(t, "an event from the other node on a channel of the meantime", func() bool { return slices.Contains(late.data(), "from the other node") })
	o.more(10)
	o.stopAuthors()
	o.accountable()
	o.leave()
	if tr.lossless {
		o.exact()
	}
	c.sees([]*listener{ann, bob, cid}, "ann", "bob", "cid")
	c.counts("/channels/"+room+"?info=user_count", `{"occupied":true,"user_count":3}`)
	for _, l := range append(locals, ann, bob, cid, late) {
		l.connected(t)
	}
}

// setUp starts Redis.
func (tr *trouble) setUp(t testing.TB) *ordeal {
	o := &ordeal{trouble: tr}
	if tr.sentinel {
		o.sentinel = redistest.StartSentinel(t, redistest.Options{})
		o.redis = o.sentinel.Servers[0]
		return o
	}
	o.redis = redistest.Start(t, redistest.Options{Password: tr.password})
	for range both {
		o.proxies = append(o.proxies, redistest.NewProxy(t, o.redis.Addr()))
	}
	return o
}

// settings are those of the nodes.
func (o *ordeal) settings() (nodes [][]string) {
	for i := range both {
		addr, more := o.redis.Addr(), append([]string{"RESOUND_ADMIN_ADDRESS=127.0.0.1:0"}, o.env...)
		if o.sentinel != nil {
			more = append(more, "RESOUND_REDIS_SENTINELS="+strings.Join(o.sentinel.Addrs(), ","), "RESOUND_REDIS_SENTINEL_MASTER="+o.sentinel.Name)
		} else {
			addr = o.proxies[i].Addr()
		}
		if !o.lossless {
			more = append(more, "RESOUND_CLUSTER_GRACE=1")
		}
		nodes = append(nodes, append(scaling(addr, "trouble"), more...))
	}
	return nodes
}

// during is what works while the trouble lasts.
func (o *ordeal) during(locals []*listener) {
	o.t.Helper()
	for _, i := range o.alone {
		a := o.authors[i]
		eventually(o.t, fmt.Sprintf("the publisher of node %d to be told that not everybody gets it", i), func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.partial) >= 5
		})
	}
	for i, s := range o.all() {
		joined := 1.0
		if slices.Contains(o.alone, i) && !o.spread {
			joined = 0
		}
		until(o.t, fmt.Sprintf("node %d to say %v of whether it hears the others", i, joined), func() (any, bool) {
			got := readMetrics(o.t, s.adminURL(o.t))["resound_cluster_joined"]
			return got, got == joined
		})
	}
	o.more(5)
	for i, l := range locals {
		mark := fmt.Sprintf("here on node %d", i)
		got := o.node(i).trigger(o.t, "local", "e", mark)
		if got.status != http.StatusOK || o.alone != nil && got.partial != slices.Contains(o.alone, i) {
			o.t.Errorf("publishing on node %d is answered with %+v", i, got)
		}
		eventually(o.t, fmt.Sprintf("an event of node %d to reach a socket of it", i), func() bool { return slices.Contains(l.data(), mark) })
		if o.spread {
			eventually(o.t, "it to reach one of the other node, though it is not kept", func() bool { return slices.Contains(locals[1-i].data(), mark) })
		}
	}
}

// accountable requires that every page has got everything that a publisher was told is published, or was told of a gap.
func (d *drift) accountable() {
	d.t.Helper()
	var kept [][]int
	var strays []stray
	for i, a := range d.authors {
		kept, strays = append(kept, a.kept), append(strays, a.partial...)
		d.t.Logf("node %d: %d events kept, %d partial, %d failed", i, len(a.kept), len(a.partial), a.failed.Load())
	}
	end := time.Now().Add(patience)
	for i, p := range d.pages {
		err := p.excused(kept, strays)
		for ; err != nil && time.Now().Before(end); err = p.excused(kept, strays) {
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			d.t.Errorf("page %d: %v", i, err)
		}
		d.t.Logf("page %d: %d events, %d gaps, %d drops", i, len(p.numbers()), p.gaps(), p.drops.Load())
	}
}

// lostAnswer: an event whose publisher's node was not told that Redis has it, since that Redis is gone by then, is sent again to the one that
// takes its place. Who had it from the first does not get it from the second.
func lostAnswer(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, redis.Addr())
	c := startCluster(t, scaling(proxy.Addr(), "lost"), scaling(redis.Addr(), "lost"))
	here, there := listenTo(t, c.node(0), "lost"), listenTo(t, c.node(1), "lost")
	proxy.Blackhole(redistest.ToClient)
	published := make(chan answer, 1)
	go func() { published <- c.node(0).trigger(t, "lost", "e", "once") }()
	eventually(t, "the event on the other node", func() bool { return len(there.data()) > 0 })
	redis.Restart()
	proxy.Heal()
	proxy.Cut()
	if a := <-published; a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	c.together()
	c.node(1).trigger(t, "lost", "e", "behind it")
	for _, l := range []*listener{here, there} {
		l.hears("once", "behind it")
	}
}

// twoMasters: while one node is with the new master already and another with the old one, which has not heard of it, events of the second do not
// reach the first. Its pages are told so when the second follows.
func twoMasters(t *testing.T) {
	before, after := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	early, late := redistest.NewProxy(t, before.Addr()), redistest.NewProxy(t, before.Addr())
	c := startCluster(t, scaling(early.Addr(), "masters"), scaling(late.Addr(), "masters"))
	d := newDrift(c, 0)
	page := d.page(func() *server { return c.node(0) })
	stock := listenTo(t, c.node(0), d.channel)
	eventually(t, "an event of the one master", func() bool {
		c.node(1).trigger(t, d.channel, "tick", "1")
		return len(stock.data()) > 0
	})
	early.Turn(after.Addr())
	early.Cut()
	eventually(t, "the first node to be with the other master", func() bool { return after.Info("connected_clients") != "1" && page.gaps() == 1 })
	if a := c.node(1).trigger(t, d.channel, "tick", "2"); a.status != http.StatusOK || a.partial {
		t.Errorf("the old master takes no more: %+v", a)
	}
	late.Turn(after.Addr())
	late.Cut()
	c.together()
	eventually(t, "a page to be told that it lacks an event", func() bool { return page.gaps() == 2 || page.has([]int{2}) })
	d.leave()
}
