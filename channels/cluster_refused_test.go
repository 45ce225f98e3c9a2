package channels

import (
	"fmt"
	"testing"

	"resound/protocol"
)

// A node alone that can remember no more channels on which something is missing publishes on no other: nobody gets what no log will know is
// missing. On those that it remembers it goes on.
func TestNoMoreStrays(t *testing.T) {
	b := newBus(t, 1, 1, 1<<20, 100)
	x := b.nodes[0]
	known, other := x.watch("known"), x.watch("other")
	x.part()
	publish := func(channel string) error {
		return x.app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw("1"), nobody).Wait()
	}
	if err := publish("known"); err != ErrParted {
		t.Fatal(err)
	}
	for i := range maxStrays - 1 {
		x.hub.strays.add("1", fmt.Sprint("c", i))
	}
	if err := publish("other"); err != ErrRefused {
		t.Errorf("on another channel: %v", err)
	}
	other.expect("what was refused")
	if err := publish("known"); err != ErrParted {
		t.Errorf("on one that it remembers: %v", err)
	}
	known.expect("what was published", eventFrame("known", "1"), eventFrame("known", "1"))
}
