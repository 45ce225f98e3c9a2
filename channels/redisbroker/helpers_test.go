package redisbroker

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
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

// patience is how long a test waits for what has to come. It is no assertion: what comes late comes.
const patience = 30 * time.Second

// lease is a short one, so that tests see its end.
const lease = 1500 * time.Millisecond

func secret(app string) (string, bool) {
	if strings.HasPrefix(app, "app") {
		return "secret of " + app, true
	}
	return "", false
}

// delivery is one call of Deliver.
type delivery struct {
	app, channel string
	at           channels.Place
	e            channels.Event
}

func (d *delivery) String() string {
	return fmt.Sprintf("%d %d %q break=%v", d.at.Epoch, d.at.Serial, d.e.Payload, d.e.Break)
}

// node is a broker and all that it has brought.
type node struct {
	t *testing.T
	*Broker
	logs *logs

	mu       sync.Mutex
	come     *sync.Cond
	events   []delivery
	heard    []string
	noted    []string
	versions []uint64
	states   []string
	answer   func(app string, question []byte) []byte
}

func (n *node) Deliver(app, channel string, log persist.LogID, e channels.Event) {
	at := channels.Place{Log: log, Epoch: e.Epoch, Serial: e.Serial}
	n.add(func() { n.events = append(n.events, delivery{app, channel, at, e}) })
}

func (n *node) Hear(app, channel string, except protocol.SocketID, payload []byte, loose bool) {
	n.add(func() { n.heard = append(n.heard, fmt.Sprintf("%s %s %v %s %v", app, channel, except, payload, loose)) })
}

func (n *node) Noted(app, topic string, version uint64, r channels.Record) {
	n.add(func() {
		n.noted = append(n.noted, fmt.Sprintf("%s %s %s=%s", app, topic, r.Key, r.Value))
		n.versions = append(n.versions, version)
	})
}

func (n *node) Ask(app string, question []byte) []byte {
	n.mu.Lock()
	f := n.answer
	n.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(app, question)
}

func (n *node) Rejoined() { n.add(func() { n.states = append(n.states, "rejoined") }) }
func (n *node) Parted()   { n.add(func() { n.states = append(n.states, "parted") }) }
func (n *node) NodeGone(id channels.NodeID) {
	n.add(func() { n.states = append(n.states, fmt.Sprintf("gone %x", uint64(id))) })
}

func (n *node) add(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.come.Broadcast()
}

// until waits for something that the node's lists show.
func (n *node) until(what string, is func() bool) {
	n.t.Helper()
	stop := time.AfterFunc(patience, func() { n.add(func() {}) })
	defer stop.Stop()
	end := time.Now().Add(patience)
	n.mu.Lock()
	defer n.mu.Unlock()
	for !is() {
		if !time.Now().Before(end) {
			n.t.Fatalf("%s: %s\nevents %d, heard %q, noted %q, states %q, %+v\n%s", what, "did not come", len(n.events), n.heard, n.noted, n.states, n.Stats(), n.logs)
		}
		n.come.Wait()
	}
}

// eventually waits for something else.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: did not come", what)
		}
	}
}

// logs is a handler's output.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) count(s string) int { return strings.Count(l.String(), s) }

// start makes a node on a server. It need not be there.
func start(t *testing.T, address string, change ...func(*Options)) *node {
	t.Helper()
	n := &node{t: t, logs: &logs{}}
	n.come = sync.NewCond(&n.mu)
	o := Options{Secret: secret, Addresses: []string{address}, Prefix: "test:", Lease: lease, Log: slog.New(slog.NewTextHandler(n.logs, nil))}
	for _, f := range change {
		f(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	n.Broker = b
	b.Start(n)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		b.Close(ctx)
	})
	return n
}

// join is start, and returns when the node is joined.
func join(t *testing.T, address string, change ...func(*Options)) *node {
	t.Helper()
	n := start(t, address, change...)
	n.joined()
	return n
}

func (n *node) joined() {
	n.t.Helper()
	n.until("joined", func() bool { return n.Joined() && slices.Contains(n.states, "rejoined") })
}

// rejoins is how often the node was told so.
func (n *node) rejoins() (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.states {
		if s == "rejoined" {
			count++
		}
	}
	return count
}

func (n *node) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	n.t.Cleanup(cancel)
	return ctx
}

func (n *node) subscribe(topics ...string) {
	n.t.Helper()
	for _, topic := range topics {
		if err := n.Subscribe(n.ctx(), "app1", topic); err != nil {
			n.t.Fatalf("subscribing to %s: %v", topic, err)
		}
	}
}

// noSocket is nobody.
var noSocket protocol.SocketID

// keep is a retention that tests do not meet.
var keep = persist.Retention{Messages: 1 << 20}

func outgoing(channel, payload string, id uint64) channels.Outgoing {
	return channels.Outgoing{App: "app1", Channel: channel, ID: id, Payload: []byte(payload), Keep: keep}
}

func (n *node) publish(channel, payload string) {
	n.t.Helper()
	if err := n.Publish(outgoing(channel, payload, n.newID())).Wait(); err != nil {
		n.t.Fatalf("publishing %q: %v", payload, err)
	}
}

func (n *node) load(topic string) channels.Scene {
	n.t.Helper()
	s, err := n.Load(n.ctx(), "app1", topic)
	if err != nil {
		n.t.Fatalf("loading %s: %v", topic, err)
	}
	return s
}

// fetch reads all events of a channel behind after.
func (n *node) fetch(channel string, log persist.LogID, after uint64) (list []channels.Event, first uint64) {
	n.t.Helper()
	for {
		more, oldest, err := n.Fetch(n.ctx(), "app1", channel, log, after, 1<<52)
		if err != nil {
			n.t.Fatalf("fetching %s: %v", channel, err)
		}
		if first == 0 {
			first = oldest
		}
		if len(more) == 0 {
			return list, first
		}
		list = append(list, more...)
		after = more[len(more)-1].Serial
	}
}

func (n *node) part(topic string) *partition { return n.of("app1", topic) }

// key is that of a channel of app1, or its topic.
func (n *node) key(kind, channel string) string {
	p := n.part(channel)
	switch name := nameOf("app1", channel); kind {
	case "stream":
		return p.names.stream(p.logID(), name)
	case "topic":
		return p.names.topic(name)
	}
	panic(kind)
}

// meta is what the log knows of a channel, as a field of the log's key.
func meta(channel string) string { return "m:" + nameOf("app1", channel) }

// expires is how long a field of the log's key is remembered, by the eight bytes in which it ends.
func expires(r *redistest.Server, field string) time.Duration {
	value := r.Do("HGET", "test:{0}:log", field).(string)
	return time.Until(time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(value[len(value)-8:])))))
}
