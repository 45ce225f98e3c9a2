package channels

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/internal/invariants"
	"resound/protocol"
)

// opting is the message of a subscription that opts in.
func opting(message, replay string) string {
	return strings.Replace(message, `"data":{`, `"data":{"replay":`+replay+`,`, 1)
}

// optIn subscribes with a position, or fresh with "".
func (s *testSocket) optIn(channel, replay string) {
	s.n.t.Helper()
	if replay == "" {
		replay = `{}`
	}
	if err := s.say(opting(s.subscription(channel, ""), replay)); err != nil {
		s.n.t.Fatalf("subscribing to %s: %v", channel, err)
	}
}

// stand returns the position of the answer to a subscription, for the next one.
func stand(t *testing.T, frame string) (epoch string, serial uint64) {
	t.Helper()
	var f struct {
		Event, Epoch string
		Serial       uint64
	}
	if err := json.Unmarshal([]byte(frame), &f); err != nil || f.Epoch == "" || !strings.HasSuffix(f.Event, "_succeeded") {
		t.Fatalf("%s is no answer with a position", frame)
	}
	return f.Epoch, f.Serial
}

// away is where a page stood that has opted in to a channel, and left.
func (n *testNode) away(t *testing.T, channel string) (epoch string, serial uint64) {
	t.Helper()
	s := n.socket(0)
	s.optIn(channel, "")
	epoch, serial = stand(t, s.gotAll()[0])
	s.hangUp()
	return epoch, serial
}

func from(epoch string, serial uint64) string {
	return fmt.Sprintf(`{"epoch":%q,"serial":%d}`, epoch, serial)
}

func numbered(channel, data string, serial int) string {
	return strings.TrimSuffix(eventFrame(channel, data), "}") + fmt.Sprintf(`,"serial":%d}`, serial)
}

func recovered(channel string, count int) string {
	return fmt.Sprintf(`{"event":"pusher:replay","channel":%q,"data":"{\"status\":\"recovered\",\"count\":%d}"}`, channel, count)
}

// gotAll is got, with what the disk has to bring.
func (s *testSocket) gotAll() []string {
	s.n.settleReplays()
	return s.got()
}

func TestSubscriptionWaitsForTheLog(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	s.optIn("b", "")
	s.subscribe("c") // does not opt in, so it need not wait
	if got := s.got(); len(got) != 1 || got[0] != succeededFrame("c") {
		t.Errorf("before the disk was read: %q", got)
	}
	if err := s.say(`{"event":"client-x","channel":"a","data":1}`); err != protocol.ErrNotMember {
		t.Errorf("a subscription that waits counts: %v", err)
	}
	s.unsubscribe("b")
	if got := s.gotAll(); len(got) != 1 || !strings.Contains(got[0], `"channel":"a"`) {
		t.Errorf("behind it: %q", got)
	}
	if n.app.Channel([]byte("b")).Subscriptions != 0 {
		t.Error("who has taken the subscription back is on the channel")
	}
	// A connection that ends while it waits leaves nothing behind.
	gone := n.socket(0)
	gone.optIn("d", "")
	gone.hangUp()
	n.settleReplays()
	if i := n.app.Channel([]byte("d")); i.Subscriptions != 0 {
		t.Errorf("%d subscriptions of a connection that is gone", i.Subscriptions)
	}
	if s.subs.more().waits != nil || gone.subs.more().waits != nil {
		t.Error("something still waits")
	}
}

// Two subscriptions to one channel, before the first is answered: the last one counts, once.
func TestSubscriptionThatWaitsIsReplaced(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	s.optIn("a", "")
	if got := s.gotAll(); len(got) != 1 {
		t.Errorf("two subscriptions that waited are answered %q", got)
	}
}

// A refusal that shows only when the log is open reaches the client.
func TestSubscriptionThatWaitsIsRefused(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	settings := *n.app.Settings()
	settings.MaxPresenceMembers = 1
	n.hub.Update([]*apps.App{&settings})
	a, b := n.socket(0), n.socket(0)
	for i, s := range []*testSocket{a, b} {
		data := fmt.Sprintf(`{"user_id":%d}`, i)
		if err := s.say(opting(s.subscription(room, data), `{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.gotAll(); len(got) != 1 || !strings.Contains(got[0], "succeeded") {
		t.Errorf("the first is told %q", got)
	}
	if got := b.got(); len(got) != 2 || !strings.Contains(got[0], `\"code\":4100`) || !strings.Contains(got[1], "subscription_error") {
		t.Errorf("the second is told %q", got)
	}
}

// The log is the queue: nothing of what is published during a replay comes before the replay is over, and what
// comes by another way need not wait.
func TestReplayComesBeforeWhatIsLive(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s, other := n.socket(0), n.socket(0)
	s.optIn("a", "")
	other.subscribe("a")
	epoch, serial := stand(t, s.gotAll()[0])
	s.hangUp()
	for i := 1; i <= 3; i++ {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	n.publish("a", `4`, nobody)
	if err := other.say(`{"event":"client-x","channel":"a","data":9}`); err != nil {
		t.Fatal(err)
	}
	got := b.got()
	if len(got) != 2 || got[1] != `{"event":"client-x","channel":"a","data":9}` {
		t.Fatalf("before the replay: %q", got)
	}
	b.n.settleReplays()
	n.publish("a", `5`, nobody)
	b.expect("the replay, and what is live behind it", recovered("a", 4),
		numbered("a", `1`, 1), numbered("a", `2`, 2), numbered("a", `3`, 3), numbered("a", `4`, 4), numbered("a", `5`, 5))
}

func TestReplayWaitsForASlowReader(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	epoch, serial := n.away(t, "a")
	const events = 3 * chunkFrames
	for i := range events {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	slow := n.socket(0)
	slow.optIn("a", from(epoch, serial))
	slow.backlogged = true
	if got := slow.gotAll(); len(got) != 1 {
		t.Fatalf("a slow reader got %d frames", len(got))
	}
	n.pass(time.Second)
	if got := slow.gotAll(); len(got) != 0 {
		t.Fatalf("a slow reader got %d frames", len(got))
	}
	slow.backlogged = false
	n.pass(time.Second)
	got := slow.gotAll()
	if len(got) != events+1 || got[0] != recovered("a", events) {
		t.Fatalf("who has caught up got %d frames, first %s", len(got), got[0])
	}
	for i, f := range got[1:] {
		if f != numbered("a", fmt.Sprint(i), i+1) {
			t.Fatalf("frame %d is %s", i, f)
		}
	}
}

// However many come back at once, only so many chunks are on their way to the loops.
func TestStormIsServedInTurns(t *testing.T) {
	n := newLoggedNode(t, 2, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	for i := range 50 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	n.settle()
	var crowd []*testSocket
	for i := range 10 * maxBusy {
		c := n.socket(i % 2)
		c.optIn("a", from(epoch, serial))
		crowd = append(crowd, c)
	}
	read := 0
	for n.hub.ReplayOne() {
		read++
	}
	if read != maxBusy {
		t.Errorf("%d chunks wait for the loops, at most %d may", read, maxBusy)
	}
	n.settleReplays()
	for i, c := range crowd {
		if got := c.got(); len(got) != 52 || got[1] != recovered("a", 50) || got[51] != numbered("a", `49`, 50) {
			t.Fatalf("page %d got %d frames", i, len(got))
		}
	}
}

// What is read for one after a restart is there for all.
func TestTailIsFilledOnce(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	for i := range 20 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	s.hangUp()
	n.settle()
	n.pass((warmTime + coolPeriod) * time.Second)
	if n.app.find([]byte("a")) != nil || n.hub.warm.Load() != 0 || n.hub.tails.Load() != 0 {
		t.Fatalf("a channel that nobody needs is kept: %d open, %d bytes", n.hub.warm.Load(), n.hub.tails.Load())
	}
	for range 3 {
		c := n.socket(0)
		c.optIn("a", from(epoch, serial+15))
		if got := c.gotAll(); len(got) != 7 || got[6] != numbered("a", `19`, 20) {
			t.Errorf("got %d frames: %q", len(got), got)
		}
	}
	h := n.app.find([]byte("a")).history
	if len(h.tail) != 5 || h.from != serial+15 {
		t.Errorf("the tail has %d events behind %d", len(h.tail), h.from)
	}
	shared := h.tail[4].withSerial()
	// One that was away for longer: what is lacking is put in front.
	c := n.socket(0)
	c.optIn("a", from(epoch, serial+3))
	if got := c.gotAll(); len(got) != 19 || got[2] != numbered("a", `3`, 4) {
		t.Errorf("got %d frames: %q", len(got), got)
	}
	if len(h.tail) != 17 || h.from != serial+3 || h.tail[16].withSerial() != shared {
		t.Errorf("the tail has %d events behind %d", len(h.tail), h.from)
	}
}

func TestReplayIsCounted(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	settings := *n.app.Settings()
	settings.History.Messages, settings.History.ReplayMessages = 4, 2
	n.hub.Update([]*apps.App{&settings})
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	for i := range 5 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	s.hangUp()
	for _, replay := range []string{from(epoch, serial), from(epoch, serial+2), from(epoch, serial+3), from(epoch, serial+5), from("none", 1)} {
		c := n.socket(0)
		c.optIn("a", replay)
		c.gotAll()
	}
	want := ReplayStats{Fresh: 1, Resumed: 5, Complete: 2, Expired: 1, Limited: 1, Unproven: 1, Events: 6, Channels: 1}
	got := n.hub.ReplayStats()
	if got.TailBytes == 0 {
		t.Error("the tail has no bytes")
	}
	if got.TailBytes = 0; got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// What an operator has removed is gone from the memory too, and who lacks it is told.
func TestTruncatedIsForgotten(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("cache-a", "")
	epoch, _ := stand(t, s.gotAll()[0])
	for i := 1; i <= 4; i++ {
		n.publish("cache-a", fmt.Sprint(i), nobody)
	}
	s.hangUp()
	remove := func(upto uint64) {
		t.Helper()
		if err := n.log.Truncate("1", "cache-a", upto); err != nil {
			t.Fatal(err)
		}
		n.hub.Truncated("1", "cache-a", upto)
	}
	remove(2)
	h := n.app.find([]byte("cache-a")).history
	if len(h.tail) != 2 || h.from != 2 {
		t.Errorf("the tail has %d events behind %d", len(h.tail), h.from)
	}
	b := n.socket(0)
	b.optIn("cache-a", from(epoch, 0))
	if got := b.gotAll(); len(got) != 4 || !strings.Contains(got[1], `\"status\":\"gap\",\"reason\":\"expired\",\"missed\":2,\"count\":2`) || got[3] != numbered("cache-a", `4`, 4) {
		t.Errorf("behind what was removed: %q", got)
	}
	c := n.socket(0)
	c.subscribe("cache-a")
	c.expect("the event that is left", succeededFrame("cache-a"), eventFrame("cache-a", `4`))
	remove(4)
	if n.hub.tails.Load() != 0 || len(h.tail) != 0 {
		t.Errorf("of nothing %d events are left, %d bytes", len(h.tail), n.hub.tails.Load())
	}
	d := n.socket(0)
	d.subscribe("cache-a")
	d.expect("no event", succeededFrame("cache-a"), missFrame("cache-a"))
	n.publish("cache-a", `5`, nobody)
	b.expect("who was there goes on", numbered("cache-a", `5`, 5))
	n.hub.Truncated("1", "nobody-knows", 1)
	n.hub.Truncated("2", "cache-a", 1)
}

// The tails of all channels together keep to their memory, and so does that of one.
func TestTailsKeepToTheirMemory(t *testing.T) {
	const memory = 10_000
	n := newLoggedNode(t, 1, memory)
	for i := range 400 {
		n.publish(fmt.Sprint("c", i%7), fmt.Sprint(i), nobody)
		if b := n.hub.tails.Load(); b > memory {
			t.Fatalf("the tails have %d bytes, %d are allowed", b, memory)
		}
	}
	s := n.socket(0)
	s.optIn("c0", "")
	s.gotAll()
	for i := range maxTail + 100 {
		n.publish("c0", fmt.Sprint(i), nobody)
	}
	if l := len(n.app.find([]byte("c0")).history.tail); l > maxTail {
		t.Errorf("a tail has %d events", l)
	}
}

func TestLoggedPublishAllocates(t *testing.T) {
	if invariants.Enabled {
		t.Skip("test builds allocate for their checks")
	}
	n := newLoggedNode(t, 1, 1<<26)
	list := n.counters(t, "a", 1000)
	name, event, data := []byte("a"), protocol.Raw(`"App\\Events\\OrderShipped"`), protocol.Raw(`"{\"id\":1}"`)
	n.loops[0].reserve(3000)
	got := testing.AllocsPerRun(1000, func() {
		if err := n.app.Publish(name, event, data, list[7].id).Wait(); err != nil {
			t.Fatal(err)
		}
		n.loops[0].turn(all, all)
	})
	if got > 5 {
		t.Errorf("a logged publication to 1000 subscribers allocates %v times, at most 5 are budgeted", got)
	}
	if list[0].sent < 1000 {
		t.Errorf("%d deliveries", list[0].sent)
	}
}
