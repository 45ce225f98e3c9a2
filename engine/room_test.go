package engine

import "testing"

func TestQueueFollowsTheRoom(t *testing.T) {
	for _, test := range []struct{ room, want int }{
		{-5, minQueue}, {0, minQueue}, {4*minQueue + 3, minQueue}, {8 * minQueue, 2 * minQueue},
		{200, 32}, {10_000, 2048}, {4 * maxQueue, maxQueue}, {1 << 30, maxQueue},
	} {
		if n := queueFor(test.room); n != test.want {
			t.Errorf("with room for %d, %d may wait, want %d", test.room, n, test.want)
		}
	}
}
