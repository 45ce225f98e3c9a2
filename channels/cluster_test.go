package channels

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

// watch subscribes a socket of the node and returns it, after all that this takes.
func (n *busNode) watch(channel string, data ...string) *testSocket {
	n.t.Helper()
	s := n.socket(0)
	s.subscribe(channel, data...)
	n.settleAll()
	s.frames = nil
	return s
}

// expectAll fails the test unless the socket got these frames, after everything is done everywhere.
func (n *busNode) expectAll(s *testSocket, what string, want ...string) {
	n.t.Helper()
	n.settleAll()
	s.expect(what, want...)
}

// What is published on one node is heard on all, in one order, also where it was published.
func TestNodesHaveOneOrder(t *testing.T) {
	b := newBus(t, 3, 2, 1<<20, 100)
	x, y, z := b.nodes[0], b.nodes[1], b.nodes[2]
	sx, sy := x.watch("a"), y.watch("a")
	x.publish("a", "1", nobody)
	y.publish("a", "2", sx.id)
	z.publish("a", "3", nobody) // nobody listens there
	sx.expect("before it is heard")
	x.expectAll(sx, "on x", eventFrame("a", "1"), eventFrame("a", "3"))
	y.expectAll(sy, "on y", eventFrame("a", "1"), eventFrame("a", "2"), eventFrame("a", "3"))
	if n := z.subs["a"]; n != 0 {
		t.Errorf("a node without listeners hears the channel %d times", n)
	}
	sx.say(`{"event":"client-x","channel":"a","data":{}}`)
	x.expectAll(sx, "what it said itself")
	y.expectAll(sy, "what a client said", `{"event":"client-x","channel":"a","data":{}}`)
}

// A node that nobody listens on any more hears the channel no more.
func TestNodeStopsListening(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	n := b.nodes[0]
	s := n.watch("a")
	if n.subs["a"] != 1 {
		t.Fatalf("heard %d times", n.subs["a"])
	}
	s.unsubscribe("a")
	n.pass(2 * warmTime * time.Second)
	if n.subs["a"] != 0 || n.channels() != 0 {
		t.Errorf("heard %d times, %d channels", n.subs["a"], n.channels())
	}
}

// What a node did not hear it fetches before it goes on.
func TestNodeFetchesWhatItMissed(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := y.watch("a")
	for _, data := range []string{"1", "2", "3"} {
		x.publish("a", data, nobody)
	}
	y.inbox = y.inbox[2:] // the first two get lost
	y.expectAll(s, "with a hole", eventFrame("a", "1"), eventFrame("a", "2"), eventFrame("a", "3"))
	x.publish("a", "4", nobody)
	y.inbox = nil
	y.expectAll(s, "nothing is heard")
	y.hub.Rejoined()
	y.expectAll(s, "after a loss of the connection", eventFrame("a", "4"))
	if c, ok := y.hub.ClusterStats(); !ok || c.Holes != 2 || c.Fetched != 4 || c.Lost != 0 {
		t.Errorf("counted %+v", c)
	}
}

// What a node fetches and is not kept any more is counted, and who has opted in is told.
func TestNodeTellsWhatIsLost(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 2)
	x, y := b.nodes[0], b.nodes[1]
	stock, s := y.watch("a"), y.socket(0)
	s.say(opting(s.subscription("a", ""), "{}"))
	b.settleAll()
	s.frames = nil
	for _, data := range []string{"1", "2", "3", "4", "5"} {
		x.publish("a", data, nobody)
	}
	y.inbox = y.inbox[4:]
	y.expectAll(stock, "stock", eventFrame("a", "4"), eventFrame("a", "5"))
	got := s.got()
	if len(got) != 3 || !strings.Contains(got[0], `gap`) || !strings.Contains(got[0], `\"missed\":3`) || !strings.Contains(got[0], `"epoch":`) {
		t.Errorf("who has opted in got\n%s", strings.Join(got, "\n"))
	}
	if c, _ := y.hub.ClusterStats(); c.Lost != 3 {
		t.Errorf("counted %+v", c)
	}
}

// A node that is alone serves its own sockets, says so to the publisher, and tells the log when it is back.
func TestNodeAlone(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	sx, sy := x.watch("a"), y.socket(0)
	sy.say(opting(sy.subscription("a", ""), "{}"))
	b.settleAll()
	sy.frames = nil
	x.part()
	if err := x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("1"), nobody).Wait(); err != ErrParted {
		t.Errorf("published alone: %v", err)
	}
	x.expectAll(sx, "alone", eventFrame("a", "1"))
	y.publish("a", "2", nobody)
	y.settleAll()
	sx.expect("of the others")
	late := x.watch("b") // nobody waits for a cluster that is not there
	x.app.Publish([]byte("b"), protocol.Raw(`"e"`), protocol.Raw("7"), nobody).Wait()
	x.expectAll(late, "who came alone", eventFrame("b", "7"))
	sy.frames = nil
	x.rejoin()
	x.hub.Tick(x.now())
	b.settleAll()
	x.expectAll(sx, "back", eventFrame("a", "2"))
	got := sy.got()
	if len(got) != 1 || !strings.Contains(got[0], `\"reason\":\"epoch\"`) || !strings.Contains(got[0], `"epoch":`) {
		t.Errorf("the other node's page is told\n%s", strings.Join(got, "\n"))
	}
	y.publish("b", "8", nobody)
	x.expectAll(late, "who came alone, later", eventFrame("b", "8"))
	if len(x.hub.strays.set) != 0 {
		t.Errorf("%d strays are left", len(x.hub.strays.set))
	}
}

// An event whose answer was lost is not brought twice to the sockets of its node.
func TestLostAnswerDoublesNothing(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	sx, sy := x.watch("a"), y.watch("a")
	publish := func(data string) {
		t.Helper()
		if err := x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw(data), nobody).Wait(); err != ErrParted {
			t.Errorf("published: %v", err)
		}
	}
	b.lossy = true
	publish("1") // brought here first, and comes back later
	x.expectAll(sx, "alone first", eventFrame("a", "1"))
	y.expectAll(sy, "the others", eventFrame("a", "1"))
	receipt := x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("2"), nobody)
	x.expectAll(sx, "heard first", eventFrame("a", "2"))
	if err := receipt.Wait(); err != ErrParted {
		t.Errorf("published: %v", err)
	}
	x.expectAll(sx, "heard, and then known to be lost")
}

// Where nothing can be kept all nodes get it all the same, and the log is told when it can be.
func TestNothingCanBeKept(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	sx, sy := x.watch("cache-a"), y.watch("cache-a")
	b.full = true
	if err := x.app.Publish([]byte("cache-a"), protocol.Raw(`"e"`), protocol.Raw("1"), nobody).Wait(); err != ErrNotKept {
		t.Errorf("published: %v", err)
	}
	x.expectAll(sx, "full", eventFrame("cache-a", "1"))
	y.expectAll(sy, "full", eventFrame("cache-a", "1"))
	late := y.socket(0)
	late.subscribe("cache-a")
	y.expectAll(late, "who comes", succeededFrame("cache-a"), eventFrame("cache-a", "1"))
	x.hub.Tick(x.now())
	b.settleAll()
	if len(x.hub.strays.set) != 1 {
		t.Errorf("%d strays while it is full", len(x.hub.strays.set))
	}
	b.full = false
	x.hub.Tick(x.now().Add(time.Second))
	b.settleAll()
	if e := b.topic("cache-a").epoch; e != 2 || len(x.hub.strays.set) != 0 {
		t.Errorf("epoch %d, %d strays", e, len(x.hub.strays.set))
	}
}

// When what the log had is gone, pages go on with the new one, and are told.
func TestAnotherLogBegins(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	stock, s := x.watch("a"), x.socket(0)
	s.say(opting(s.subscription("a", ""), "{}"))
	b.settleAll()
	x.publish("a", "1", nobody)
	x.expectAll(stock, "before", eventFrame("a", "1"))
	s.frames = nil
	b.begin(2)
	y.publish("a", "2", nobody) // the node has not noticed yet
	y.settleAll()
	x.expectAll(stock, "behind", eventFrame("a", "2"))
	got := s.got()
	if len(got) != 2 || !strings.Contains(got[0], `\"reason\":\"epoch\"`) || !strings.Contains(got[1], `"data":2`) {
		t.Errorf("who has opted in got\n%s", strings.Join(got, "\n"))
	}
}

// Cache channels keep their event for all nodes.
func TestCacheOnAllNodes(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	x.publish("cache-a", "1", nobody)
	s := y.socket(0)
	s.subscribe("cache-a")
	y.expectAll(s, "who comes on another node", succeededFrame("cache-a"), eventFrame("cache-a", "1"))
	b.begin(2)
	y.hub.Rejoined()
	late := x.socket(0)
	late.subscribe("cache-a")
	x.expectAll(late, "after the log was lost", succeededFrame("cache-a"), eventFrame("cache-a", "1"))
}

// A channel is told how many are on it on all nodes.
func TestCountsOfAllNodes(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	b.follow(func(a *apps.App) { a.SubscriptionCount = true })
	x, y := b.nodes[0], b.nodes[1]
	sx := x.watch("a")
	sy := y.watch("a")
	count := func(n string) string {
		return `{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":` + n + `}","channel":"a"}`
	}
	x.expectAll(sx, "another comes", count("2"))
	sy.unsubscribe("a")
	x.expectAll(sx, "it leaves", count("1"))
	y.watch("a")
	x.expectAll(sx, "it comes again", count("2"))
	y.part()
	b.lapse(y.id)
	x.expectAll(sx, "its node is gone", count("1"))
}

// The HTTP API's questions are answered for all nodes, and a user on several is one.
func TestQuestionsToAllNodes(t *testing.T) {
	b := newBus(t, 3, 1, 1<<20, 100)
	x, y, z := b.nodes[0], b.nodes[1], b.nodes[2]
	x.watch("presence-a", `{"user_id":1}`)
	y.watch("presence-a", `{"user_id":1}`)
	sy := y.watch("presence-a", `{"user_id":"2"}`)
	y.watch("b")
	for _, n := range b.nodes {
		list, silent := n.app.Everywhere().AppendInfos(nil, []byte("presence-a"), []byte("b"), []byte("c"))
		if silent != 0 || list[0].Users != 2 || list[0].Subscriptions != 3 || list[1].Subscriptions != 1 || list[2].Subscriptions != 0 {
			t.Errorf("node %d knows %+v, %d silent", n.id, list, silent)
		}
		if list, _ := n.app.Everywhere().Channels(""); len(list) != 2 {
			t.Errorf("node %d lists %+v", n.id, list)
		}
		if list, _ := n.app.Everywhere().Channels("presence-"); len(list) != 1 || list[0].Users != 2 || !list[0].Presence {
			t.Errorf("node %d lists %+v", n.id, list)
		}
		if ids, _ := n.app.Everywhere().Users([]byte("presence-a")); len(ids) != 2 {
			t.Errorf("node %d knows users %s", n.id, ids)
		}
	}
	y.app.Connect()
	if n, silent := x.app.Everywhere().Connections(); n != 1 || silent != 0 {
		t.Errorf("%d connections, %d silent", n, silent)
	}
	if closed, _ := z.app.Everywhere().Terminate("2"); closed != 1 {
		t.Errorf("%d closed", closed)
	}
	b.settleAll()
	if sy.closed != protocol.ErrTerminated {
		t.Errorf("closed with %v", sy.closed)
	}
	z.part()
	if _, silent := x.app.Everywhere().Channels(""); silent != 1 {
		t.Errorf("%d silent", silent)
	}
	if c, _ := x.hub.ClusterStats(); c.Silent != 1 {
		t.Errorf("counted %+v", c)
	}
}

// A node that is alone has what it remembers for pages that come back, says where something may be missing, and brings the rest when it is back.
func TestReplayAlone(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	x.watch("a")
	page := x.socket(0)
	page.say(opting(page.subscription("a", ""), "{}"))
	b.settleAll()
	var at struct {
		Epoch  string
		Serial uint64
	}
	if err := json.Unmarshal([]byte(page.got()[0]), &at); err != nil {
		t.Fatal(err)
	}
	page.hangUp()
	y.publish("a", "1", nobody)
	b.settleAll()
	x.part()
	y.publish("a", "2", nobody)
	again := func() *testSocket {
		s := x.socket(0)
		s.say(opting(s.subscription("a", ""), fmt.Sprintf(`{"epoch":%q,"serial":%d}`, at.Epoch, at.Serial)))
		x.settleReplays()
		return s
	}
	back := again()
	if got := back.got(); len(got) != 3 || !strings.Contains(got[1], `recovered`) || !strings.Contains(got[2], `"data":1`) {
		t.Errorf("who comes back to a node alone got\n%s", strings.Join(got, "\n"))
	}
	x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("3"), nobody).Wait()
	back.expect("alone", eventFrame("a", "3"))
	if got := again().got(); len(got) != 3 || !strings.Contains(got[1], `\"reason\":\"epoch\"`) {
		t.Errorf("who was away while the node was alone got\n%s", strings.Join(got, "\n"))
	}
	x.rejoin()
	x.hub.Tick(x.now())
	b.settleAll()
	if got := back.got(); len(got) != 2 || !strings.Contains(got[0], `"data":2`) || !strings.Contains(got[1], `\"reason\":\"epoch\"`) {
		t.Errorf("when the node is back: %s", strings.Join(got, "\n"))
	}
}

// An entry of the log that cannot be read is a loss of one event, and nothing else changes.
func TestUnreadableEntry(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	stock, s := x.watch("a"), x.socket(0)
	s.say(opting(s.subscription("a", ""), "{}"))
	b.settleAll()
	s.frames = nil
	y.publish("a", "1", nobody)
	b.append("a", Event{Corrupt: true})
	y.publish("a", "2", nobody)
	x.expectAll(stock, "stock", eventFrame("a", "1"), eventFrame("a", "2"))
	got := s.got()
	if len(got) != 3 || !strings.Contains(got[1], `\"missed\":1`) {
		t.Errorf("who has opted in got\n%s", strings.Join(got, "\n"))
	}
	if head, _ := x.app.find([]byte("a")).history.stream.Head(); head.Epoch != 1 {
		t.Errorf("epoch %d", head.Epoch)
	}
}

// What is noted under a secret that has changed is noted again.
func TestAnotherSecret(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x := b.nodes[0]
	x.watch("presence-a", `{"user_id":1}`)
	b.topic("presence-a").records = nil
	b.follow(func(a *apps.App) { a.MaxBatch = 7 })
	b.settleAll()
	if r := b.topic("presence-a").records; len(r) != 0 {
		t.Errorf("%d records after another change", len(r))
	}
	b.follow(func(a *apps.App) { a.Secret = "another" })
	b.settleAll()
	if r := b.topic("presence-a").records; len(r) != 1 {
		t.Errorf("%d records", len(r))
	}
}

// An event whose answer was lost with the log, and which is published again to the next, is not brought again to who has had it.
func TestPublishedAgainToTheNextLog(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := y.watch("a")
	e := Event{ID: 77, Time: x.now(), Payload: protocol.Event(protocol.Raw(`"e"`), "a", protocol.Raw("1")).Payload()}
	b.append("a", e)
	y.expectAll(s, "before", eventFrame("a", "1"))
	b.begin(2)
	y.hub.Rejoined()
	b.settleAll()
	b.append("a", e)
	x.publish("a", "2", nobody)
	y.expectAll(s, "behind", eventFrame("a", "2"))
	if y.app.find([]byte("a")).history.carried == nil {
		t.Error("forgotten at once")
	}
	y.pass((carryTime + 1) * time.Second)
	x.publish("a", "3", nobody)
	y.expectAll(s, "later", eventFrame("a", "3"))
	if y.app.find([]byte("a")).history.carried != nil {
		t.Error("remembered for ever")
	}
}
