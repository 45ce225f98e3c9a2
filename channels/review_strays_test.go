package channels

import (
	"testing"
	"time"

	"resound/protocol"
)

// An event that comes over the bus at the very moment at which it is taken for lost reaches this node's sockets once.
func TestEventComesBackWhileItIsTakenForLost(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x := b.nodes[0]
	s := x.watch("a")
	b.lossy = true
	receipt := x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("1"), nobody)
	// What Wait does first when it is told that the answer is lost; then the event comes.
	if !x.hub.strays.add("1", "a") {
		t.Fatal("no room")
	}
	x.settleAll()
	receipt.spread.here()
	x.expectAll(s, "heard in between", eventFrame("a", "1"))
}

// What is published while the node is alone costs a lock of the whole node for each event from then on, and some memory, only until
// the logs have been told.
func TestStraysAreForgotten(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	x.watch("a")
	x.part()
	x.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("1"), nobody).Wait()
	x.rejoin()
	for range 5 {
		x.pass(time.Minute)
		y.publish("a", "2", nobody)
		b.settleAll()
	}
	if x.hub.strays.some.Load() || len(x.hub.strays.ids) > 0 {
		t.Errorf("%d events are remembered", len(x.hub.strays.ids))
	}
}
