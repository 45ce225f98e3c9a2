package channels

import (
	"context"
	"testing"
)

// forgetful is a node's end of a bus that takes all others for gone when it has been alone for long.
type forgetful struct{ *busNode }

func (forgetful) Survey(context.Context, string, []byte) ([][]byte, int) { return nil, 0 }

// A node that cannot reach the others does not say that its own figures are those of all, however long that lasts.
func TestAloneForLongIsNotAll(t *testing.T) {
	b := newBus(t, 2, 1, 1<<20, 100)
	x := b.nodes[0]
	x.hub.broker = forgetful{x}
	x.part()
	if _, silent := x.app.Everywhere().Connections(); silent == 0 {
		t.Error("it says that this is all")
	}
	x.joined = true
	if _, silent := x.app.Everywhere().Connections(); silent != 0 {
		t.Error("it says that somebody is silent")
	}
}
