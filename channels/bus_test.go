package channels

import (
	"context"
	"slices"
	"testing"

	"resound/internal/apps"
	"resound/persist"
	"resound/protocol"
)

// bus joins hubs within a test, as redisbroker joins nodes by way of Redis, but for time: what a node is to hear waits until
// the test says so, and may get lost.
type bus struct {
	log    persist.LogID
	topics map[string]*busTopic
	keep   int // events that a log keeps
	full   bool
	nodes  []*busNode
	ids    NodeID
	lossy  bool // an answer to a publish gets lost, while the event is in the log
}

// busTopic is what the bus has of one topic.
type busTopic struct {
	events  []Event
	head    uint64
	epoch   uint32
	kept    *Event
	version uint64
	records []Record
}

// busNode is one node's end of a bus.
type busNode struct {
	*testNode
	bus    *bus
	id     NodeID
	names  []NodeID // id, and those before
	joined bool
	subs   map[string]int
	inbox  []func()
}

func newBus(t testing.TB, nodes, slots, memory int, keep int) *bus {
	b := &bus{keep: keep}
	b.begin(1)
	for range nodes {
		b.ids++
		n := &busNode{bus: b, testNode: newNode(t, slots), id: b.ids, names: []NodeID{b.ids}, joined: true, subs: make(map[string]int)}
		n.hub.UseBroker(n, ClusterOptions{Memory: memory})
		n.hub.era.Store(1)
		n.ids = uint32(1000 * len(b.nodes)) // ids of sockets are unique
		b.nodes = append(b.nodes, n)
	}
	return b
}

// begin begins a new log, as after a loss of what was in the old one.
func (b *bus) begin(seconds uint32) {
	b.log = persist.LogID{0x70, 0, byte(seconds >> 8), byte(seconds), 1}
	var kept map[string]*busTopic
	kept, b.topics = b.topics, make(map[string]*busTopic)
	for name, was := range kept {
		b.topic(name).kept = was.kept
	}
}

func (b *bus) topic(name string) *busTopic {
	t := b.topics[name]
	if t == nil {
		t = &busTopic{head: SerialBase(b.log), epoch: 1}
		b.topics[name] = t
	}
	return t
}

// post has every node that hears the topic do f in its time.
func (b *bus) post(topic string, f func(*busNode)) {
	for _, n := range b.nodes {
		if n.joined && n.subs[topic] > 0 {
			n.inbox = append(n.inbox, func() { f(n) })
		}
	}
}

func (b *bus) append(channel string, e Event) {
	t := b.topic(channel)
	t.head++
	if e.Break {
		t.epoch++
	}
	e.Serial, e.Epoch = t.head, t.epoch
	t.events = append(t.events, e)
	if len(t.events) > b.keep {
		t.events = t.events[len(t.events)-b.keep:]
	}
	log := b.log
	b.post(channel, func(n *busNode) { n.hub.Deliver("1", channel, log, e) })
}

// hear has the node hear the oldest of what it is to hear, if anything.
func (n *busNode) hear() bool {
	if len(n.inbox) == 0 {
		return false
	}
	f := n.inbox[0]
	n.inbox = n.inbox[1:]
	f()
	return true
}

// part takes the node out of the cluster, with what it was to hear.
func (n *busNode) part() {
	n.joined, n.inbox = false, nil
	n.hub.Parted()
}

// rejoin brings it back, under a new name. Its old one is gone after a while.
func (n *busNode) rejoin() {
	old := n.id
	n.bus.ids++
	n.id, n.joined = n.bus.ids, true
	n.names = append(n.names, n.id)
	n.hub.Rejoined()
	n.settleAll()
	n.bus.lapse(old)
}

// lapse ends the lease of a node.
func (b *bus) lapse(node NodeID) {
	for _, t := range b.topics {
		t.records = slices.DeleteFunc(t.records, func(r Record) bool { return r.Node == node })
	}
	for _, n := range b.nodes {
		if n.joined {
			n.inbox = append(n.inbox, func() { n.hub.NodeGone(node) })
		}
	}
}

// settleAll runs everything on all nodes until nothing is left to do.
func (b *bus) settleAll() {
	for again := true; again; {
		again = false
		for _, n := range b.nodes {
			for n.hear() {
				again = true
			}
			for n.hub.ReplayOne() {
				again = true
				n.settle()
			}
			n.settle()
		}
	}
}

func (n *busNode) settleAll() { n.bus.settleAll() }

func (n *busNode) Mine(id NodeID) bool              { return slices.Contains(n.names, id) }
func (n *busNode) Joined() bool                     { return n.joined }
func (n *busNode) Log(string, string) persist.LogID { return n.bus.log }
func (n *busNode) Others() int                      { return len(n.bus.nodes) - 1 }

type busTicket struct{ err error }

func (t busTicket) Wait() error { return t.err }

func (n *busNode) Publish(o Outgoing) Ticket {
	e := Event{ID: o.ID, Time: n.now(), Except: o.Except, Payload: o.Payload}
	switch {
	case !n.joined:
		return busTicket{ErrParted}
	case n.bus.full:
		n.bus.post(o.Channel, func(m *busNode) { m.hub.Hear("1", o.Channel, o.Except, o.Payload, true) })
		return busTicket{ErrNotKept}
	}
	n.bus.append(o.Channel, e)
	if o.Cache > 0 {
		e.Serial = n.bus.topic(o.Channel).head
		n.bus.topic(o.Channel).kept = &e
	}
	if n.bus.lossy {
		return busTicket{ErrParted}
	}
	return busTicket{}
}

func (n *busNode) Say(_, channel string, except protocol.SocketID, payload []byte) {
	if n.joined {
		n.bus.post(channel, func(m *busNode) {
			if m != n {
				m.hub.Hear("1", channel, except, payload, false)
			}
		})
	}
}

func (n *busNode) Break(_, channel string) Ticket {
	if !n.joined || n.bus.full {
		return busTicket{ErrParted}
	}
	n.bus.append(channel, Event{Break: true})
	return busTicket{}
}

func (n *busNode) Subscribe(_ context.Context, _, topic string) error {
	if !n.joined {
		return ErrParted
	}
	n.subs[topic]++
	return nil
}

func (n *busNode) Unsubscribe(_, topic string) {
	if n.subs[topic]--; n.subs[topic] < 0 {
		n.t.Errorf("%s is unsubscribed once too often", topic)
	}
}

func (n *busNode) Load(_ context.Context, _, topic string) (Scene, error) {
	if !n.joined {
		return Scene{}, ErrParted
	}
	t := n.bus.topic(topic)
	s := Scene{Place: Place{n.bus.log, t.epoch, t.head}, First: t.head + 1, Kept: t.kept, Version: t.version, Records: slices.Clone(t.records)}
	if len(t.events) > 0 {
		s.First = t.events[0].Serial
	}
	return s, nil
}

func (n *busNode) Fetch(_ context.Context, _, channel string, log persist.LogID, after, upto uint64) (list []Event, first uint64, err error) {
	switch {
	case !n.joined:
		return nil, 0, ErrParted
	case log != n.bus.log:
		return nil, 0, ErrOtherLog
	}
	t := n.bus.topic(channel)
	first = t.head + 1
	for _, e := range t.events {
		first = min(first, e.Serial)
		if e.Serial > after && e.Serial <= upto && len(list) < 7 {
			list = append(list, e)
		}
	}
	return list, first, nil
}

func (n *busNode) change(topic string, r Record) {
	t := n.bus.topic(topic)
	t.records = slices.DeleteFunc(t.records, func(o Record) bool { return o.Node == r.Node && o.Key == r.Key })
	if r.Value != nil {
		t.records = append(t.records, r)
	}
	t.version++
	version := t.version
	n.bus.post(topic, func(m *busNode) { m.hub.Noted("1", topic, version, r) })
}

func (n *busNode) Put(_, topic, key string, value []byte) {
	if n.joined {
		n.change(topic, Record{n.id, key, value})
	}
}

func (n *busNode) Drop(_, topic, key string) {
	if n.joined {
		n.change(topic, Record{n.id, key, nil})
	}
}

func (n *busNode) Replace(_, topic string, list []Record) {
	if !n.joined {
		return
	}
	for _, r := range slices.Clone(n.bus.topic(topic).records) {
		if r.Node == n.id && !slices.ContainsFunc(list, func(o Record) bool { return o.Key == r.Key }) {
			n.change(topic, Record{n.id, r.Key, nil})
		}
	}
	for _, r := range list {
		if !slices.ContainsFunc(n.bus.topic(topic).records, func(o Record) bool { return o.Node == n.id && o.Key == r.Key }) {
			n.change(topic, Record{n.id, r.Key, r.Value})
		}
	}
}

func (n *busNode) Survey(_ context.Context, app string, question []byte) (answers [][]byte, silent int) {
	for _, m := range n.bus.nodes {
		switch {
		case m == n:
		case !m.joined || !n.joined:
			silent++
		default:
			answers = append(answers, m.hub.Ask(app, question))
		}
	}
	return answers, silent
}

// follow gives all applications of the bus new settings.
func (b *bus) follow(change func(*apps.App)) {
	for _, n := range b.nodes {
		a := apps.New("1", "key", "secret")
		change(a)
		n.hub.Update([]*apps.App{a})
	}
}
