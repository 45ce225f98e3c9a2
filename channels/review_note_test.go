package channels

import (
	"fmt"
	"testing"
)

// counting is a node's end of a bus that counts what is noted as a whole.
type counting struct {
	*busNode
	replaced int
}

func (n *counting) Replace(app, topic string, list []Record) {
	n.replaced += len(list)
	n.busNode.Replace(app, topic, list)
}

// A change that was not heard of others is no reason to note all of a node's own members anew, which takes a channel with thousands of them
// some time, under its lock and in Redis.
func TestMissedChangeNotesNothing(t *testing.T) {
	const room = "presence-a"
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	for i := range 10 {
		x.watch(room, fmt.Sprintf(`{"user_id":%d}`, i))
	}
	in := &counting{busNode: x}
	x.hub.broker = in
	y.watch(room, `{"user_id":11}`)
	s := y.socket(0)
	s.subscribe(room, `{"user_id":12}`)
	x.inbox = nil
	y.watch(room, `{"user_id":13}`)
	b.settleAll()
	if in.replaced != 0 {
		t.Errorf("%d members were noted", in.replaced)
	}
	if n := len(x.roster(room)); n != 13 {
		t.Errorf("%d members", n)
	}
	x.hub.Rejoined()
	b.settleAll()
	if in.replaced != 10 {
		t.Errorf("%d members were noted when the node has joined again", in.replaced)
	}
}
