package channels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"resound/protocol"
)

func TestPublishReachesEveryLoop(t *testing.T) {
	n := newNode(t, 4)
	var sockets []*testSocket
	for i := range 12 {
		s := n.socket(i % 4)
		s.subscribe("a")
		s.got()
		sockets = append(sockets, s)
	}
	stranger := n.socket(0)
	stranger.subscribe("b")
	stranger.got()
	if n.publish("nowhere", `1`, nobody) {
		t.Error("a channel without subscribers took an event")
	}
	if !n.publish("a", `1`, nobody) || !n.publish("a", `2`, sockets[5].id) || !n.publish("a", `3`, stranger.id) {
		t.Error("a channel with subscribers did not take an event")
	}
	for i, s := range sockets {
		if i == 5 {
			s.expect("the excluded", eventFrame("a", `1`), eventFrame("a", `3`))
		} else {
			s.expect(fmt.Sprint("socket ", i), eventFrame("a", `1`), eventFrame("a", `2`), eventFrame("a", `3`))
		}
	}
	stranger.expect("another channel")
}

// A publication costs nothing on a loop that has no subscriber of its channel.
func TestPublishPostsToOccupiedLoopsOnly(t *testing.T) {
	n := newNode(t, 8)
	sockets := make([]*testSocket, 8)
	for slot := range sockets {
		sockets[slot] = n.socket(slot)
		sockets[slot].subscribe("a")
	}
	for _, slot := range []int{3, 0, 7, 5} {
		sockets[slot].unsubscribe("a")
	}
	n.publish("a", `1`, nobody)
	for slot, want := range []int{0, 1, 1, 0, 1, 0, 1, 0} {
		if got := len(n.loops[slot].tasks); got != want {
			t.Errorf("loop %d has %d tasks, want %d", slot, got, want)
		}
	}
	n.settle()
	for _, slot := range []int{1, 2, 4, 6} {
		sockets[slot].unsubscribe("a")
	}
	for _, l := range n.loops {
		if len(l.tasks) != 0 {
			t.Errorf("loop %d has a task of a channel that nobody is on", l.slot)
		}
	}
}

// crowd subscribes n sockets of a loop to a channel and counts what each is sent.
func (n *testNode) crowd(slot int, channel string, count int) (sockets []*testSocket, sent []int) {
	sent = make([]int, count)
	for i := range count {
		s := n.socket(slot)
		s.onSend = func(string) { sent[i]++ }
		s.subscribe(channel)
		sockets = append(sockets, s)
	}
	n.settle()
	clear(sent)
	return sockets, sent
}

func sum(list []int) (total int) {
	for _, v := range list {
		total += v
	}
	return total
}

// A broadcast to very many lets others through before it is finished.
func TestBigBroadcastLetsOthersThrough(t *testing.T) {
	const big, budget = 10_000, 512
	n := newNode(t, 1)
	l := n.loops[0]
	_, sent := n.crowd(0, "big", big)
	small := n.socket(0)
	small.subscribe("small")
	small.frames = nil
	for i := range 3 {
		n.publish("big", fmt.Sprint(i), nobody)
	}
	l.turn(all, budget)
	n.publish("small", `1`, nobody)
	before := sum(sent)
	l.turn(all, budget)
	if len(small.frames) != 1 {
		t.Fatal("the small channel waits for the big one")
	}
	if after := sum(sent); before == 0 || after == before || after >= 3*big {
		t.Fatalf("the broadcast stood at %d, then at %d of %d", before, after, 3*big)
	}
	n.settle()
	for i, c := range sent {
		if c != 3 {
			t.Fatalf("subscriber %d got %d events, want 3", i, c)
		}
	}
}

// Deliver keeps to its budget, so that the loop gets to its sockets, and says when it is done.
func TestDeliverKeepsToItsBudget(t *testing.T) {
	for _, budget := range []int{1, 5, turnShare, turnShare + 1, 999, 1000, 1001} {
		n := newNode(t, 1)
		_, sent := n.crowd(0, "a", 1000)
		n.publish("a", `1`, nobody)
		before := 0
		for turns := 1; ; turns++ {
			more := n.loops[0].turn(all, budget)
			now := sum(sent)
			if now-before > budget {
				t.Fatalf("budget %d: %d in one turn", budget, now-before)
			}
			if before = now; !more {
				break
			}
			if turns > 1000 {
				t.Fatalf("budget %d: no end", budget)
			}
		}
		if before != 1000 {
			t.Errorf("budget %d: %d of 1000 were served", budget, before)
		}
		if n.loops[0].turn(all, budget) {
			t.Errorf("budget %d: still more to do", budget)
		}
	}
}

// A channel that is published to without pause keeps nobody waiting, and neither do very many.
func TestNoChannelStarves(t *testing.T) {
	const quiet = 40
	n := newNode(t, 1)
	l := n.loops[0]
	n.crowd(0, "hot", 2000)
	var others []*testSocket
	for i := range quiet {
		s := n.socket(0)
		s.subscribe(fmt.Sprint("quiet", i))
		s.frames = nil
		others = append(others, s)
	}
	for round := range 20 {
		for range 10 {
			n.publish("hot", `1`, nobody)
		}
		for i := range quiet {
			n.publish(fmt.Sprint("quiet", i), fmt.Sprint(round), nobody)
		}
		if more := l.turn(all, 512); !more {
			t.Fatal("the hot channel is not hot")
		}
		for i, s := range others {
			if len(s.frames) != round+1 {
				t.Fatalf("round %d: channel %d has had %d events", round, i, len(s.frames))
			}
		}
	}
}

// Every way that a suspended broadcast can be disturbed: somebody at any index leaves, at any
// place of the walk, and somebody else comes.
func TestComingAndGoingDuringABroadcast(t *testing.T) {
	const count = 6
	for at := range count + 1 {
		for first := range count {
			for second := range count {
				for _, come := range []bool{false, true} {
					n := newNode(t, 1)
					l := n.loops[0]
					sockets, sent := n.crowd(0, "a", count)
					n.publish("a", `1`, nobody)
					n.publish("a", `2`, nobody)
					l.turn(1, at) // 1 is brought to so many
					was := append([]int(nil), sent...)
					sockets[first].unsubscribe("a")
					sockets[second].unsubscribe("a")
					late := n.socket(0)
					if come {
						late.subscribe("a")
					}
					n.publish("a", `3`, nobody)
					n.settle()
					for i, c := range sent {
						want := 3
						if i == first || i == second {
							want = was[i]
						}
						if c != want {
							t.Fatalf("at %d, %d and %d leave, come %v: %d got %d, want %d", at, first, second, come, i, c, want)
						}
					}
					if come {
						late.expect("came late", succeededFrame("a"), eventFrame("a", `3`))
					}
				}
			}
		}
	}
}

// Everybody leaves in the middle, some come back, and the next broadcast is whole.
func TestEverybodyLeavesDuringABroadcast(t *testing.T) {
	for back := range 5 {
		n := newNode(t, 2)
		l := n.loops[0]
		keeper := n.socket(1) // on another loop, so that the channel stays
		keeper.subscribe("a")
		sockets, sent := n.crowd(0, "a", 5)
		keeper.got()
		n.publish("a", `1`, nobody)
		n.publish("a", `2`, nobody)
		l.turn(all, 2)
		n.publish("a", `3`, nobody)
		for _, s := range sockets {
			s.unsubscribe("a")
		}
		clear(sent)
		if back%2 == 1 {
			l.turn(all, 1)
		}
		for _, s := range sockets[:back] {
			s.subscribe("a") // counted as one frame
		}
		n.publish("a", `4`, nobody)
		keeper.expect("stayed", eventFrame("a", `1`), eventFrame("a", `2`), eventFrame("a", `3`), eventFrame("a", `4`))
		for i, c := range sent {
			if want := map[bool]int{true: 2, false: 0}[i < back]; c != want {
				t.Errorf("%d came back: %d got %d frames, want %d", back, i, c, want)
			}
		}
		if l.d.first != nil || l.d.last != nil {
			t.Error("a channel still has a turn coming")
		}
	}
}

// More than one pass holds is brought in several, in order.
func TestLongQueueStaysInOrder(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	s.subscribe("a")
	s.got()
	const count = 3*maxBatch + 17
	for i := range count {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	for n.loops[0].turn(1+rand.IntN(50), 1) || len(n.loops[0].tasks) > 0 {
	}
	if len(s.frames) != count {
		t.Fatalf("%d events, want %d", len(s.frames), count)
	}
	for i, f := range s.frames {
		if f != eventFrame("a", fmt.Sprint(i)) {
			t.Fatalf("event %d is %s", i, f)
		}
	}
	if l := n.app.find([]byte("a")).local[0]; cap(l.queue) > maxBatch {
		t.Errorf("an empty queue keeps room for %d", cap(l.queue))
	}
}

// A function runs at once, even while a broadcast is suspended.
func TestCallRunsAtOnce(t *testing.T) {
	n := newNode(t, 1)
	_, sent := n.crowd(0, "a", 10)
	n.publish("a", `1`, nobody)
	n.loops[0].turn(all, 3)
	at := -1
	n.loops[0].Post(Call(func() { at = sum(sent) }))
	n.loops[0].turn(all, 1)
	if at != 3 {
		t.Errorf("called after %d deliveries, want 3", at)
	}
}

// counter is a subscriber that does as little as can be.
type counter struct {
	id   protocol.SocketID
	subs Subscriptions
	sent int
}

func (c *counter) ID() protocol.SocketID   { return c.id }
func (c *counter) Slot() int               { return 0 }
func (c *counter) Send(*protocol.Frame)    { c.sent++ }
func (c *counter) Close(*protocol.Error)   {}
func (c *counter) Lag() (much, stuck bool) { return false, false }

// counters are count subscribers of one channel on loop 0.
func (n *testNode) counters(t testing.TB, channel string, count int) []counter {
	list := make([]counter, count)
	for i := range list {
		list[i].id = protocol.SocketID{A: uint32(i) + 1, B: 1}
		command := protocol.Command{Verb: protocol.VerbSubscribe, Channel: []byte(channel)}
		if err := n.app.Subscribe(&list[i], &list[i].subs, command); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// reserve makes the mailbox of a loop one that does not grow while allocations are counted.
func (l *testLoop) reserve(tasks int) { l.tasks = make([]Task, 0, tasks) }

func TestPublishAllocates(t *testing.T) {
	n := newNode(t, 1)
	list := n.counters(t, "a", 1000)
	name, event, data := []byte("a"), protocol.Raw(`"App\\Events\\OrderShipped"`), protocol.Raw(`"{\"id\":1}"`)
	n.loops[0].reserve(2000)
	before := list[0].sent
	got := testing.AllocsPerRun(1000, func() {
		n.app.Publish(name, event, data, list[7].id)
		n.loops[0].turn(all, all)
	})
	if got > 3 {
		t.Errorf("a publication to 1000 subscribers allocates %v times, at most 3 are budgeted", got)
	}
	if c := list[0].sent - before; c != 1001 {
		t.Errorf("%d deliveries, want 1001", c)
	}
	if got := testing.AllocsPerRun(1000, func() { n.app.Publish([]byte("nowhere"), event, data, nobody) }); got != 0 {
		t.Errorf("a publication to nobody allocates %v times", got)
	}
}

func TestDeliveryIsFree(t *testing.T) {
	n := newNode(t, 1)
	list := n.counters(t, "a", 1000)
	ch, d := n.app.find([]byte("a")), n.loops[0].d
	p := &publication{channel: ch, frame: protocol.Event(protocol.Raw(`"e"`), "a", protocol.Raw(`1`)), except: list[3].id}
	before := list[0].sent
	got := testing.AllocsPerRun(100, func() {
		ch.order++
		p.order = ch.order
		d.Do(Task{publication: p})
		for d.Deliver(100) {
		}
	})
	if got != 0 {
		t.Errorf("1000 deliveries allocate %v times", got)
	}
	if a, b := list[0].sent-before, list[3].sent-before; a != 101 || b != 0 {
		t.Errorf("%d deliveries to the first and %d to the excluded, want 101 and 0", a, b)
	}
}

// As long as a loop keeps up, a connection that is on several channels gets their events in the order
// in which they were published.
func TestOrderBetweenChannels(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	var want []string
	for i := range 5 {
		channel := fmt.Sprint("c", i)
		s.subscribe(channel)
		n.crowd(0, channel, 30)
	}
	s.got()
	for i, channel := range []int{2, 1, 2, 2, 1, 0, 4, 3, 2, 0, 0, 1} {
		name, data := fmt.Sprint("c", channel), fmt.Sprint(i)
		n.publish(name, data, nobody)
		want = append(want, eventFrame(name, data))
	}
	s.expect("published on five channels", want...)
}

// A channel is quiet behind a time in which nothing came, and while few are on it.
func TestQuiet(t *testing.T) {
	n := newNode(t, 1)
	n.crowd(0, "news", quietSubscribers)
	c, d := n.app.find([]byte("news")), n.loops[0].d
	const start = time.Hour
	task := func(at time.Duration) Task {
		return Task{publication: &publication{channel: c, frame: protocol.FrameOf([]byte("{}")), at: at}}
	}
	expect := func(want bool, what Task, why string) {
		t.Helper()
		if d.Quiet(what) != want {
			t.Errorf("%s: quiet is %v", why, !want)
		}
	}
	expect(true, task(start), "the first")
	n.loops[0].on(func() {
		d.Begin(start)
		d.Do(task(start))
		d.Deliver(all)
		d.End(start)
	})
	expect(false, task(start+quietTime-1), "right behind another")
	expect(true, task(start+quietTime), "after a while")
	expect(false, Call(func() {}), "a call")
	n.crowd(0, "news", 1)
	expect(false, task(2*start), "one subscriber too many")
}
