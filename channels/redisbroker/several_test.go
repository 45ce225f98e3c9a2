package redisbroker

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
)

func sentinel(s *redistest.Sentinel) func(*Options) {
	return func(o *Options) { o.Addresses, o.SentinelMaster = s.Addrs(), s.Name }
}

func cluster(c *redistest.Cluster) func(*Options) {
	return func(o *Options) { o.Addresses, o.Cluster = c.Addrs(), true }
}

// TestSentinel: all nodes follow to another master, by order, by a crash, and when the old one hangs and comes back. Each is
// a new log, and nobody is left at the old one.
func TestSentinel(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t, redistest.Options{})
	wide := func(o *Options) { o.Grace = patience }
	a, b := join(t, "", sentinel(s), wide), join(t, "", sentinel(s), wide)
	b.subscribe("x")
	a.publish("x", "before")
	b.until("it", func() bool { return len(b.events) == 1 })
	for i, failover := range []func(old *redistest.Server){
		func(*redistest.Server) { s.Failover() },
		func(old *redistest.Server) { old.Kill(); s.Failed(old.Addr()); old.Start() },
		func(old *redistest.Server) { old.Pause(); s.Failed(old.Addr()); old.Resume() },
	} {
		old := s.Master()
		log := b.Log("app1", "x")
		eventually(t, "the replica is there", func() bool { return old.Info("connected_slaves", "INFO", "replication") == "1" })
		failover(old)
		a.until("another log", func() bool { return a.Log("app1", "x") != log })
		b.until("the same", func() bool { return a.Log("app1", "x") == b.Log("app1", "x") })
		payload := fmt.Sprint(i)
		a.publish("x", payload)
		b.until("it", func() bool { return string(b.events[len(b.events)-1].e.Payload) == payload })
		for _, n := range []*node{a, b} {
			if got := n.parts[0].current(); got == nil || got.address != s.MasterAddr() {
				t.Errorf("%+v is not at the master, %s", got, s.MasterAddr())
			}
			if n.Stats().Joins != 1 {
				t.Errorf("%+v", n.Stats())
			}
		}
	}
}

// TestSentinelsFirst: they are not there yet when the server starts.
func TestSentinelsFirst(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t, redistest.Options{})
	for _, g := range s.Guards {
		g.Stop()
	}
	a := start(t, "", sentinel(s))
	eventually(t, "the reason", func() bool { return a.Stats().Cause != "" })
	for _, g := range s.Guards {
		g.Start()
	}
	a.joined()
	a.publish("x", "1")
}

// TestCluster: topics of all partitions, by sharded pub/sub, on all masters.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, redistest.Options{})
	a, b := join(t, "", cluster(c)), join(t, "", cluster(c))
	const n = 64
	logs := map[string]int{}
	for i := range n {
		topic := "x" + strconv.Itoa(i)
		b.subscribe(topic)
		s := b.load(topic)
		logs[s.Log.String()]++
		a.Put("app1", topic, "k", []byte(topic))
		a.Say("app1", topic, noSocket, []byte(topic))
		for j := range 5 {
			a.publish(topic, fmt.Sprint(topic, " ", j))
		}
		if err := a.Break("app1", topic).Wait(); err != nil {
			t.Fatal(err)
		}
		if l := b.load(topic); l.Serial != s.Serial+6 || l.First != s.Serial+1 || l.Epoch != s.Epoch+1 || len(l.Records) != 1 {
			t.Errorf("%s: %+v, then %+v", topic, s, l)
		}
		if list, _ := a.fetch(topic, s.Log, s.Serial); len(list) != 6 {
			t.Errorf("%s: %d events", topic, len(list))
		}
	}
	if len(logs) < partitions/2 {
		t.Errorf("%d topics are in %d partitions", n, len(logs))
	}
	b.until("everything", func() bool { return len(b.events) == 6*n && len(b.heard) == n && len(b.noted) == n })
	for _, s := range c.Servers {
		plain := len(s.Do("PUBSUB", "CHANNELS").([]any))
		sharded, err := s.Try("PUBSUB", "SHARDCHANNELS") // before 7.0 nothing is
		if s.Do("DBSIZE").(int64) == 0 || err == nil && (len(sharded.([]any)) == 0 || plain != 0) || err != nil && plain == 0 {
			t.Errorf("%s has nothing to do, or pub/sub is not sharded", s.Addr())
		}
	}
	eventually(t, "they know each other", func() bool { return a.Others() == 1 && b.Others() == 1 })
	b.mu.Lock()
	b.answer = func(string, []byte) []byte { return []byte("here") }
	b.mu.Unlock()
	if got, silent := a.Survey(a.ctx(), "app1", nil); len(got) != 1 || string(got[0]) != "here" || silent != 0 {
		t.Errorf("%q, %d silent", got, silent)
	}
	b.Close(b.ctx())
	a.until("gone", func() bool { return slices.Contains(a.states, fmt.Sprintf("gone %x", uint64(b.Node()))) })
}

// TestClusterLosesAMaster: without it the node is alone, with it all is well, and its topics have a new log.
func TestClusterLosesAMaster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, redistest.Options{AppendOnly: true, Lines: []string{"cluster-require-full-coverage no"}})
	a, b := join(t, "", cluster(c)), join(t, "", cluster(c))
	for i := range partitions {
		b.subscribe("x" + strconv.Itoa(i))
	}
	b.subscribe("x")
	logs := map[int]string{}
	for i := range a.parts {
		logs[i] = a.parts[i].logID().String()
	}
	c.Servers[1].Kill()
	for _, n := range []*node{a, b} {
		n.until("parted", func() bool { return n.states[len(n.states)-1] != "rejoined" })
	}
	if err := a.Publish(outgoing("x", "alone", 1)).Wait(); !errors.Is(err, channels.ErrParted) {
		t.Errorf("%v", err)
	}
	c.Servers[1].Start()
	for _, n := range []*node{a, b} {
		n.until("joined again", func() bool { return n.Joined() && n.states[len(n.states)-1] == "rejoined" })
	}
	changed := 0
	for i := range a.parts {
		if a.parts[i].logID().String() != logs[i] {
			changed++
		}
	}
	if changed == 0 || changed == partitions {
		t.Errorf("%d of %d partitions have a new log", changed, partitions)
	}
	before := len(b.events)
	for i := range 32 {
		a.publish("x"+strconv.Itoa(i), "1")
	}
	b.until("those that it hears", func() bool { return len(b.events) == before+partitions })
}

// TestSlotMoves: a slot goes to another master while events are published in it. None is lost, and none is there twice.
func TestSlotMoves(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, redistest.Options{})
	wide := func(o *Options) { o.Grace = patience }
	a, b := join(t, "", cluster(c), wide), join(t, "", cluster(c), wide)
	b.subscribe("x")
	old := b.Log("app1", "x")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	sent := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				a.publish("x", fmt.Sprint(sent))
				sent++
				time.Sleep(time.Millisecond)
			}
		}
	})
	move(t, c, a.part("x").names.log())
	b.until("another log", func() bool { return b.Log("app1", "x") != old })
	b.until("told to look", func() bool { return len(b.states) > 1 })
	time.Sleep(100 * time.Millisecond)
	close(stop)
	wg.Wait()
	a.publish("x", "last")
	b.until("the last", func() bool { return string(b.events[len(b.events)-1].e.Payload) == "last" })
	s := b.load("x")
	list, first := b.fetch("x", s.Log, s.Serial-1)
	if len(list) != 1 || first != channels.SerialBase(s.Log)+1 {
		t.Errorf("%+v from %d", list, first)
	}
	all, _ := b.fetch("x", s.Log, 0)
	for i, e := range all[:len(all)-1] {
		if want := fmt.Sprint(sent - len(all) + 1 + i); string(e.Payload) != want {
			t.Errorf("event %d of the new log is %q, want %q", i, e.Payload, want)
		}
	}
}

// move brings the slot of a key to another master, with all that is in it.
func move(t *testing.T, c *redistest.Cluster, key string) {
	t.Helper()
	slot := fmt.Sprint(c.Servers[0].Do("CLUSTER", "KEYSLOT", key))
	var from, to *redistest.Server
	for _, s := range c.Servers {
		if _, err := s.Try("EXISTS", key); err == nil {
			from = s
		} else {
			to = s
		}
	}
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.Do("CLUSTER", "MYID").(string))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID").(string))
	for {
		keys := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "100").([]any)
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			from.Do("MIGRATE", to.Host(), to.Port(), k.(string), "0", "5000")
		}
	}
	id := to.Do("CLUSTER", "MYID").(string)
	for _, s := range []*redistest.Server{to, from, c.Servers[0], c.Servers[1], c.Servers[2]} {
		s.Do("CLUSTER", "SETSLOT", slot, "NODE", id)
	}
}

// TestOptions: what cannot work is said at once, what may work later is tried again.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o  Options
		ok bool
	}{
		{Options{Addresses: []string{"a:1"}}, true},
		{Options{Addresses: []string{"a"}}, true},
		{Options{Addresses: []string{"::1"}}, true},
		{Options{Addresses: []string{"a:1", "b:1"}, Cluster: true}, true},
		{Options{Addresses: []string{"a", "b"}, SentinelMaster: "m"}, true},
		{Options{}, false},
		{Options{Addresses: []string{""}}, false},
		{Options{Addresses: []string{"/run/redis.sock"}}, true},
		{Options{Addresses: []string{"/run/redis.sock"}, Cluster: true}, false},
		{Options{Addresses: []string{"a:1", "b:1"}}, false},
		{Options{Addresses: []string{"a:1"}, Cluster: true, DB: 1}, false},
		{Options{Addresses: []string{"a:1"}, Cluster: true, SentinelMaster: "m"}, false},
		{Options{Addresses: []string{"a:1"}, DB: -1}, false},
		{Options{Addresses: []string{"a:1"}, Grace: -1}, false},
	} {
		c.o.Secret = secret
		b, err := New(c.o)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
		if err == nil && (b.Node() == 0 || b.Joined() || b.Publish(outgoing("x", "1", 1)).Wait() == nil) {
			t.Errorf("%+v", b.Stats())
		}
	}
	if _, err := New(Options{Addresses: []string{"a"}}); err == nil {
		t.Error("no secrets, no error")
	}
	o := Options{Addresses: []string{"a", "::1", "[::2]:5"}, SentinelMaster: "m", Secret: secret}
	if err := o.check(); err != nil || !slices.Equal(o.Addresses, []string{"a:26379", "[::1]:26379", "[::2]:5"}) {
		t.Errorf("%q, %v", o.Addresses, err)
	}
}

func TestVersions(t *testing.T) {
	for text, ok := range map[string]bool{
		"redis_version:7.0.15\r\nrun_id:abc\r\n": true,
		"redis_version:6.2.0\r\nrun_id:abc\r\n":  true,
		"redis_version:8.0\nrun_id:abc":          true,
		"redis_version:6.0.16\r\nrun_id:abc\r\n": false,
		"redis_version:5.0.3\r\nrun_id:abc\r\n":  false,
		"redis_version:7.0.15\r\n":               false,
		"garbage":                                false,
		"":                                       false,
	} {
		if s, err := parseInfo(text); (err == nil) != ok {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

// TestJudge: what Redis says, of the versions that say it differently.
func TestJudge(t *testing.T) {
	for text, want := range map[string]verdict{
		"OOM command not allowed when used memory > 'maxmemory'.":                                                                                refused,
		"OOM command not allowed when used memory > 'maxmemory'. script: 0f3a, on @user_script:64.":                                              refused,
		"ERR Error running script (call to f_0f3a): @user_script:64: @user_script: 64: -OOM command not allowed when used memory > 'maxmemory'.": refused,
		"@user_script: 64: OOM command not allowed when used memory > 'maxmemory'.":                                                              refused,
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.":                                       refused,
		"NOREPLICAS Not enough good replicas to write.":                                                                                          refused,
		"READONLY You can't write against a read only replica.":                                                                                  lost,
		"ERR Error running script (call to f_0f3a): @user_script:3: @user_script: 3: -READONLY You can't write against a read only replica.":     lost,
		"MOVED 3999 127.0.0.1:6381":                                         lost,
		"LOADING Redis is loading the dataset":                              lost,
		"NOPERM this user has no permissions":                               lost,
		"NOSCRIPT No matching script. Please use EVAL.":                     unknown,
		"WRONGTYPE Operation against a key holding the wrong kind of value": broken,
		"ERR unknown command":                                               broken,
		"":                                                                  broken,
	} {
		if got := judgeText(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
