package channels

import (
	"context"
	"fmt"
	"testing"
)

// interposed is a node's end of a bus with something that happens while the network is asked.
type interposed struct {
	*busNode
	loads  int
	onLoad func()
}

func (n *interposed) Load(ctx context.Context, app, topic string) (Scene, error) {
	s, err := n.busNode.Load(ctx, app, topic)
	if n.loads++; n.onLoad != nil {
		n.onLoad()
	}
	return s, err
}

// Members who come and go while a channel is looked up are known behind it, without looking it up again: else a channel on which
// there is always somebody coming, as when everybody comes back, is looked up for ever, and whoever subscribes waits for that.
func TestMembersWhoComeWhileAChannelIsLookedUp(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	const name = "presence-a"
	first := x.watch(name, `{"user_id":"first"}`)
	for i := range 3 {
		x.watch(name, fmt.Sprintf(`{"user_id":"x%d"}`, i))
	}
	b.settleAll()
	in := &interposed{busNode: y}
	y.hub.broker = in
	came := 0
	in.onLoad = func() {
		if came < 20 { // somebody comes in each look-up
			s := x.socket(0)
			s.subscribe(name, fmt.Sprintf(`{"user_id":"late%d"}`, came))
			came++
			for y.hear() {
			}
		}
	}
	s := y.socket(0)
	s.subscribe(name, `{"user_id":"y"}`)
	b.settleAll()
	if in.loads > 2 {
		t.Errorf("the channel was looked up %d times", in.loads)
	}
	first.frames, in.onLoad = nil, nil
	b.settleAll()
	if there, here := len(x.roster(name)), len(y.roster(name)); there != here {
		t.Errorf("%d members there, %d here", there, here)
	}
}

// The same where the channel is looked up again: what was heard meanwhile is not undone by what was found before it.
func TestMembersWhoComeWhileAChannelIsLookedUpAgain(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	const name = "presence-a"
	x.watch(name, `{"user_id":"first"}`)
	s := y.watch(name, `{"user_id":"y"}`)
	in := &interposed{busNode: y}
	y.hub.broker = in
	in.onLoad = func() {
		if in.loads == 1 {
			x.socket(0).subscribe(name, `{"user_id":"late"}`)
			for y.hear() {
			}
		}
	}
	y.hub.Rejoined()
	y.expectAll(s, "who comes meanwhile", addedFrame(name, `{"user_id":"late"}`))
	if in.loads != 1 {
		t.Errorf("the channel was looked up %d times", in.loads)
	}
}

func (n *busNode) roster(channel string) (keys []string) {
	c := n.app.find([]byte(channel))
	for _, u := range c.roster.users {
		keys = append(keys, u.key)
	}
	return keys
}

// A node that is gone while a channel is looked up leaves no members behind: what is found may be older than that.
func TestNodeGoneWhileAChannelIsLookedUp(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	const name = "presence-a"
	x.watch(name, `{"user_id":"x"}`)
	y.watch(name, `{"user_id":"y"}`)
	in := &interposed{busNode: y}
	y.hub.broker = in
	in.onLoad = func() {
		if in.loads == 1 {
			b.lapse(x.id)
			for y.hear() {
			}
		}
	}
	x.joined = false
	y.hub.Rejoined()
	b.settleAll()
	if keys := y.roster(name); len(keys) != 1 {
		t.Errorf("there are %q", keys)
	}
}
