package channels

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"resound/protocol"
)

// Publications that come together go out as one frame for each 64 KB, and everybody has the same.
func TestBatchesAreJoinedOnce(t *testing.T) {
	var list []*publication
	for i, size := range []int{10, 20, 70_000, 30_000, 30_000, 30_000, 1} {
		frame := protocol.Event(protocol.Raw(`"e"`), "a", protocol.Raw(fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", size))))
		list = append(list, &publication{frame: frame, order: uint64(i + 1)})
	}
	var b batch
	b.begin(list)
	got := b.frames(false)
	var parts []int
	at := 0
	for _, f := range got {
		count, bytes := 0, 0
		for one := range f.Each {
			if one != list[at].frame {
				t.Errorf("frame %d is another", at)
			}
			count, bytes, at = count+1, bytes+one.Len(), at+1
		}
		if bytes != f.Len() || count > 1 && bytes > maxJoined {
			t.Errorf("%d frames of %d bytes are joined to %d", count, bytes, f.Len())
		}
		parts = append(parts, count)
	}
	if fmt.Sprint(parts) != "[2 1 2 2]" {
		t.Errorf("joined as %v", parts)
	}
	if again := b.frames(true); &again[0] != &got[0] {
		t.Error("without a log there is one form, and it was joined twice")
	}
}

// Whatever comes together, and whoever comes and goes meanwhile or is excluded: each gets what was published while it
// was on the channel, once and in order.
func TestBatchesAgainstAModel(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 5))
		n := newNode(t, 2)
		var on []*testSocket
		want := map[*testSocket][]string{}
		for step := range 400 {
			switch k := random.IntN(20); {
			case k < 3 || len(on) == 0:
				s := n.socket(random.IntN(2))
				s.loop.turn(1000, 1000) // a mailbox is in order: what was posted before does not concern it
				s.subscribe("a")
				s.got()
				on = append(on, s)
			case k == 3:
				i := random.IntN(len(on))
				s := on[i]
				n.settle()
				s.expect(fmt.Sprint("seed ", seed, ", who leaves"), want[s]...)
				s.unsubscribe("a")
				delete(want, s)
				on = append(on[:i], on[i+1:]...)
			case k < 7:
				on[0].loop.turn(random.IntN(5), random.IntN(10))
			default:
				except := nobody
				if random.IntN(4) == 0 {
					except = on[random.IntN(len(on))].id
				}
				data := fmt.Sprint(step)
				n.publish("a", data, except)
				for _, s := range on {
					if s.id != except {
						want[s] = append(want[s], eventFrame("a", data))
					}
				}
			}
		}
		n.settle()
		for _, s := range on {
			s.expect(fmt.Sprint("seed ", seed), want[s]...)
		}
	}
}
