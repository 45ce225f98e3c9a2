package channels

import (
	"testing"
)

// A node that is gone while a user is looked up does not leave the user there for good: what is found may be older than that.
func TestNodeGoneWhileAUserIsLookedUp(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x, y := b.nodes[0], b.nodes[1]
	two := y.socket(0)
	if err := two.say(two.signinMessage(`{"id":"2"}`)); err != nil {
		t.Fatal(err)
	}
	b.settleAll()
	in := &interposed{busNode: x}
	x.hub.broker = in
	in.onLoad = func() {
		b.lapse(y.id)
		for x.hear() {
		}
	}
	y.joined = false
	s := x.socket(0)
	if err := s.say(s.signinMessage(`{"id":"1","watchlist":["2"]}`)); err != nil {
		t.Fatal(err)
	}
	b.settleAll()
	got := s.got()
	if len(got) == 0 || got[len(got)-1] != watchFrame(`{"name":"offline","user_ids":["2"]}`) {
		t.Errorf("told %q", got)
	}
}
