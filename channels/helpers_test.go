package channels

import (
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/persist"
	"resound/protocol"
)

// mail is a mailbox without a loop behind it: somebody has to take what is in it.
type mail struct {
	mu    sync.Mutex
	tasks []Task // guarded by mu
}

func (m *mail) Post(t Task) {
	m.mu.Lock()
	m.tasks = append(m.tasks, t)
	m.mu.Unlock()
}

// take returns the oldest tasks, at most n.
func (m *mail) take(n int) []Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, len(m.tasks))
	tasks := m.tasks[:n:n]
	m.tasks = m.tasks[n:]
	return tasks
}

// all is more than any test has of anything.
const all = 1 << 30

// testLoop is a loop that runs when the test says so, on the goroutine that says it.
type testLoop struct {
	mail
	slot    int
	d       *Dispatcher
	running bool // what happens now happens on this loop; the race detector watches it too
}

// on runs f on the loop.
func (l *testLoop) on(f func()) {
	was := l.running
	l.running = true
	f()
	l.running = was
}

// turn does at most tasks of the mailbox and delivers within budget.
func (l *testLoop) turn(tasks, budget int) (more bool) {
	l.on(func() {
		for _, t := range l.take(tasks) {
			l.d.Do(t)
		}
		more = l.d.Deliver(budget)
	})
	return more
}

// testNode is a hub with loops and one application.
type testNode struct {
	t     testing.TB
	hub   *Hub
	app   *App
	loops []*testLoop
	ids   uint32
	clock int64 // seconds of Unix time
	log   *persist.Log
}

func newNode(t testing.TB, slots int) *testNode {
	n := &testNode{t: t, clock: time.Now().Unix()}
	var boxes []Mailbox
	for slot := range slots {
		l := &testLoop{slot: slot}
		n.loops = append(n.loops, l)
		boxes = append(boxes, l)
	}
	n.hub = NewHub(boxes)
	for _, l := range n.loops {
		l.d = n.hub.Dispatcher(l.slot)
	}
	n.app = n.hub.App(apps.New("1", "key", "secret"))
	return n
}

// newLoggedNode is newNode with a log in a directory of its own. Nothing runs by itself: the test calls ReplayOne.
func newLoggedNode(t testing.TB, slots, memory int) *testNode {
	n := newNode(t, slots)
	n.openLog(t.TempDir(), memory)
	return n
}

// openLog gives the node the log of a directory, and closes it behind the test.
func (n *testNode) openLog(dir string, memory int) {
	log, err := persist.Open(persist.Options{
		Dir: dir, Retention: n.retention, Log: slog.New(slog.DiscardHandler),
		Now: n.now, Durability: persist.Process,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := log.Close(); err != nil {
			n.t.Error(err)
		}
	})
	n.hub.UseLog(log, memory, func(err error, app, channel string) { n.t.Errorf("%s of %s: %v", channel, app, err) })
	n.log = log
}

func (n *testNode) retention(app, channel string) persist.Retention {
	return Retention(n.hub.App(apps.New(app, "key", "secret")).Settings(), channel)
}

// now is the node's clock. It stands still until the test moves it.
func (n *testNode) now() time.Time { return time.Unix(n.clock, 0) }

// pass moves the clock.
func (n *testNode) pass(d time.Duration) {
	for end := n.clock + int64(d/time.Second); n.clock < end; {
		n.clock++
		n.hub.Tick(n.now())
	}
}

// settle runs all loops until nothing is left to do.
func (n *testNode) settle() {
	for again := true; again; {
		again = false
		for _, l := range n.loops {
			l.turn(all, all)
		}
		for _, l := range n.loops { // a loop may have posted to one before it
			again = again || len(l.tasks) > 0 || l.d.first != nil
		}
	}
}

// publish sends an event with the given JSON as data, and reports whether there was a channel to bring it to.
func (n *testNode) publish(channel, data string, except protocol.SocketID) bool {
	there := n.app.find([]byte(channel)) != nil
	if err := n.app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw(data), except).Wait(); err != nil {
		n.t.Error(err)
	}
	return there
}

// channels counts what is in the application's table.
func (n *testNode) channels() (count int) {
	n.app.each(func(*Channel) bool { count++; return true })
	return count
}

// testSocket is a connection that remembers what it was sent.
type testSocket struct {
	n          *testNode
	loop       *testLoop
	id         protocol.SocketID
	subs       Subscriptions
	frames     []string
	closed     *protocol.Error
	backlogged bool
	onSend     func(payload string)  // instead of frames, if set
	onEnd      func(*protocol.Error) // before it leaves its channels, if set
}

func (n *testNode) socket(slot int) *testSocket {
	n.ids++
	return &testSocket{n: n, loop: n.loops[slot], id: protocol.SocketID{A: n.ids, B: 7}}
}

func (s *testSocket) ID() protocol.SocketID { return s.id }
func (s *testSocket) Slot() int             { return s.loop.slot }

func (s *testSocket) Lag() (much, stuck bool) { return s.backlogged, s.backlogged }

func (s *testSocket) Send(f *protocol.Frame) {
	s.check("Send")
	if s.closed != nil {
		return
	}
	for one := range f.Each {
		if s.onSend != nil {
			s.onSend(string(one.Payload()))
		} else {
			s.frames = append(s.frames, string(one.Payload()))
		}
	}
}

// Close ends the connection as the engine does: it says why, then it leaves every channel.
func (s *testSocket) Close(err *protocol.Error) {
	s.check("Close")
	if s.closed == nil {
		if s.onEnd != nil {
			s.onEnd(err)
		}
		s.closed = err
		s.n.app.UnsubscribeAll(&s.subs)
	}
}

func (s *testSocket) check(method string) {
	if !s.loop.running {
		s.n.t.Errorf("%s of %v was called while its loop, %d, does not run", method, s.id, s.loop.slot)
	}
}

// hangUp closes the connection from the other side.
func (s *testSocket) hangUp() {
	s.loop.on(func() { s.Close(protocol.ErrPongTimeout) })
}

// say does on the socket's loop what a client's message asks for. The message
// is overwritten behind it, as the engine's read buffer is.
func (s *testSocket) say(message string) (err *protocol.Error) {
	payload := []byte(message)
	s.loop.on(func() {
		var c protocol.Command
		if c, err = protocol.ParseCommand(payload); err != nil {
			return
		}
		switch c.Verb {
		case protocol.VerbSubscribe:
			err = s.n.app.Subscribe(s, &s.subs, c)
		case protocol.VerbUnsubscribe:
			s.n.app.Unsubscribe(&s.subs, c.Channel)
		case protocol.VerbClientEvent:
			err = s.n.app.ClientEvent(s, &s.subs, c)
		case protocol.VerbSignin:
			err = s.n.app.SignIn(s, &s.subs, c)
		}
	})
	for i := range payload {
		payload[i] = 0xFF
	}
	return err
}

// subscription is the message that subscribes with a good signature. data is channel_data, or empty.
func (s *testSocket) subscription(channel, data string) string {
	m := map[string]string{"channel": channel}
	var signed []byte
	if data != "" {
		m["channel_data"] = data
		signed = []byte(data)
	}
	m["auth"] = s.n.app.Signer().Channel(s.id, []byte(channel), signed)
	b, _ := json.Marshal(map[string]any{"event": "pusher:subscribe", "data": m})
	return string(b)
}

// subscribe subscribes and fails the test if it is refused.
func (s *testSocket) subscribe(channel string, data ...string) {
	s.n.t.Helper()
	if err := s.say(s.subscription(channel, strings.Join(data, ""))); err != nil {
		s.n.t.Fatalf("subscribing to %s: %v", channel, err)
	}
}

func (s *testSocket) unsubscribe(channel string) {
	s.say(`{"event":"pusher:unsubscribe","data":{"channel":"` + channel + `"}}`)
}

// got returns what the socket was sent since the last call, after all loops are done.
func (s *testSocket) got() []string {
	s.n.settle()
	frames := s.frames
	s.frames = nil
	return frames
}

// expect fails the test unless the socket was sent exactly these frames since it was last looked at.
func (s *testSocket) expect(what string, want ...string) {
	s.n.t.Helper()
	got := s.got()
	if len(got) != len(want) {
		s.n.t.Errorf("%s: got %d frames, want %d:\n%s", what, len(got), len(want), strings.Join(got, "\n"))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			s.n.t.Errorf("%s, frame %d:\n got %s\nwant %s", what, i, got[i], want[i])
		}
	}
}

func succeededFrame(channel string) string {
	return `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"` + channel + `"}`
}

func eventFrame(channel, data string) string {
	return `{"event":"e","data":` + data + `,"channel":"` + channel + `"}`
}

// inner is JSON as it stands inside the data string of a frame.
func inner(s string) string { return strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) }

func rollFrame(channel, presence string) string {
	return `{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":` + inner(presence) + `}","channel":"` + channel + `"}`
}

func addedFrame(channel, member string) string {
	return `{"event":"pusher_internal:member_added","data":"` + inner(member) + `","channel":"` + channel + `"}`
}

func removedFrame(channel, id string) string {
	return `{"event":"pusher_internal:member_removed","data":"{\"user_id\":` + inner(id) + `}","channel":"` + channel + `"}`
}
