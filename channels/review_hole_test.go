package channels

import (
	"fmt"
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
