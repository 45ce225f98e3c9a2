package channels

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A hole within what a log has, as an entry that somebody has deleted leaves, is counted as lost and does not hold up the rest.
func TestHoleWithinALog(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := y.watch("a")
	for i := range 4 {
		x.publish("a", fmt.Sprint(i), nobody)
	}
	topic := b.topic("a")
	topic.events = append(topic.events[:1:1], topic.events[2:]...)
	y.inbox = y.inbox[3:]
	for range 20 {
		for y.hear() {
		}
		c := y.app.find([]byte("a"))
		m := &mending{c}
		y.hub.replays.mu.Lock()
		y.hub.replays.queue = nil
		y.hub.replays.mu.Unlock()
		if !m.step(t.Context()) {
			break
		}
	}
	s.expect("with a hole within", eventFrame("a", "0"), eventFrame("a", "2"), eventFrame("a", "3"))
	if c, _ := y.hub.ClusterStats(); c.Lost != 1 {
		t.Errorf("counted %+v", c)
	}
}

// A log that has forgotten where a channel stood, as when Redis drops keys for want of memory, goes on with far larger serials: nobody
// knows how many events are missing, and nobody is told of millions.
func TestLogForgetsWhereItStood(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := y.socket(0)
	s.say(opting(s.subscription("a", ""), "{}"))
	b.settleAll()
	x.publish("a", "1", nobody)
	b.settleAll()
	s.frames = nil
	topic := b.topic("a")
	topic.events, topic.epoch, topic.head = nil, topic.epoch+60, topic.head+60<<20
	x.publish("a", "2", nobody)
	b.settleAll()
	got := s.got()
	if len(got) != 2 || !strings.Contains(got[0], `\"reason\":\"epoch\"`) || strings.Contains(got[0], "missed") || !strings.Contains(got[1], `"data":2`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if c, _ := y.hub.ClusterStats(); c.Lost != 1 {
		t.Errorf("counted %+v", c)
	}
}

// Nor is a page that comes back brought over such a hole without a word.
func TestReplayOverAHole(t *testing.T) {
	b := newBus(t, 2, 1, 0, 100)
	x, y := b.nodes[0], b.nodes[1]
	s := y.socket(0)
	s.say(opting(s.subscription("a", ""), "{}"))
	b.settleAll()
	var first struct {
		Epoch  string
		Serial uint64
	}
	if err := json.Unmarshal([]byte(s.got()[0]), &first); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		x.publish("a", fmt.Sprint(i), nobody)
	}
	b.settleAll()
	topic := b.topic("a")
	for _, left := range [][]Event{topic.events[:1], {topic.events[0], topic.events[3]}} {
		was := topic.events
		topic.events = left
		late := y.socket(0)
		late.say(opting(late.subscription("a", ""), fmt.Sprintf(`{"epoch":%q,"serial":%d}`, first.Epoch, first.Serial)))
		b.settleAll()
		if got := strings.Join(late.got(), "\n"); !strings.Contains(got, "gap") {
			t.Errorf("with %d of 4 left it got\n%s", len(left), got)
		}
		topic.events = was
	}
}
