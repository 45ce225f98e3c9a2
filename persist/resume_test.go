package persist

import "testing"

// The rules of Resume. The lineage of the streams: epoch 1 from serial 1, epoch 4 from 101 behind a hole of 50 that
// follows serial 50, epoch 7 from 301 behind a hole of 100 that follows 200; 310 is the newest.
func TestResumeRules(t *testing.T) {
	all := extent{known: true, born: 1, first: 1, head: 310,
		line: line{{Epoch: 1, First: 1}, {Epoch: 4, First: 101, Hole: 50}, {Epoch: 7, First: 301, Hole: 100}}}
	from := func(first uint64) extent { x := all; x.first = first; return x }
	young := extent{known: true, born: 7, first: 1001, head: 1005, line: line{{Epoch: 7, First: 1001, Hole: 1000}}}
	absent := extent{}
	fine := epochs{now: 8, unclean: 7} // 4 and 7 began with a complete unclean stop, 8 with a purge or so
	lossy := epochs{now: 8, unclean: 7, incomplete: 4}
	purged := epochs{now: 8, unclean: 7, purged: 8}
	none := func(after uint64) Outcome { return Outcome{After: after} }
	expired := func(after, missed uint64) Outcome { return Outcome{After: after, Gap: Expired, Missed: missed} }
	epoch := func(after uint64) Outcome { return Outcome{After: after, Gap: Epoch} }

	for _, c := range []struct {
		what string
		e    epochs
		x    extent
		p    Position
		want Outcome
	}{
		{"nothing is missing", fine, all, Position{8, 310}, none(310)},
		{"some of the present epoch", fine, all, Position{8, 305}, none(305)},
		{"a head from before the newest entry", fine, all, Position{8, 200}, none(200)},
		{"from the beginning", fine, all, Position{8, 0}, none(0)},
		{"beyond the head", fine, all, Position{8, 311}, epoch(0)},
		{"beyond the head, trimmed", fine, from(305), Position{8, 311}, epoch(304)},
		{"a future epoch", fine, all, Position{9, 5}, epoch(0)},
		{"a future epoch, trimmed", fine, from(305), Position{9, 309}, epoch(304)},
		{"no epoch", fine, all, Position{0, 5}, epoch(0)},

		{"an old epoch", fine, all, Position{1, 20}, none(20)},
		{"the end of an old epoch", fine, all, Position{1, 50}, none(50)},
		{"the start of an old epoch", fine, all, Position{1, 0}, none(0)},
		{"an old epoch without an entry of its own", fine, all, Position{5, 150}, none(150)},
		{"delivered, never acknowledged", fine, all, Position{1, 53}, none(50)},
		{"delivered, never acknowledged, in the middle epoch", fine, all, Position{6, 217}, none(200)},
		{"delivered, never acknowledged, nothing since", epochs{now: 9, unclean: 9}, all, Position{8, 312}, none(310)},
		{"beyond the head, but nothing was lost since", fine, all, Position{7, 311}, epoch(0)},

		{"expired", fine, from(305), Position{8, 302}, expired(304, 2)},
		{"just not expired", fine, from(305), Position{8, 304}, none(304)},
		{"expired across a hole", fine, from(305), Position{4, 190}, expired(304, 14)},
		{"a hole is not expired", fine, from(301), Position{4, 200}, none(200)},
		{"the hole is before what expired", fine, from(302), Position{4, 200}, expired(301, 1)},
		{"expired across two holes", fine, from(311), Position{1, 49}, expired(310, 111)},
		{"all expired", fine, from(311), Position{8, 0}, expired(310, 160)},
		{"all expired, nothing missing", fine, from(311), Position{8, 310}, none(310)},
		{"unacknowledged and expired", fine, from(151), Position{1, 60}, expired(150, 50)},

		{"before an incomplete boundary", lossy, all, Position{1, 20}, epoch(20)},
		{"before an incomplete boundary, at the end", lossy, all, Position{3, 50}, epoch(100)},
		{"before an incomplete boundary, in the hole", lossy, all, Position{3, 70}, epoch(100)},
		{"before an incomplete boundary, trimmed", lossy, from(305), Position{1, 20}, epoch(304)},
		{"before an incomplete boundary, beyond all", lossy, all, Position{1, 400}, epoch(310)},
		{"before an incomplete boundary, all expired", lossy, from(311), Position{1, 20}, epoch(310)},
		{"behind an incomplete boundary", lossy, all, Position{4, 120}, none(120)},
		{"in an epoch just behind it", lossy, all, Position{5, 220}, none(200)},

		{"not known, fresh", fine, absent, Position{8, 0}, none(0)},
		{"not known, never given", fine, absent, Position{8, 1}, epoch(0)},
		{"not known, old and fresh", fine, absent, Position{1, 0}, none(0)},
		{"not known, delivered and never acknowledged", fine, absent, Position{6, 3}, none(0)},
		{"not known, nothing was lost since", fine, absent, Position{7, 3}, epoch(0)},
		{"not known, before an incomplete boundary", lossy, absent, Position{3, 0}, epoch(0)},
		{"not known, behind an incomplete boundary", lossy, absent, Position{4, 0}, none(0)},
		{"not known, purged since", purged, absent, Position{7, 0}, epoch(0)},
		{"not known, records purged since", purged, absent, Position{7, 9}, epoch(0)},
		{"not known, not purged since", purged, absent, Position{8, 0}, none(0)},

		{"older than the stream, fresh", fine, young, Position{2, 0}, none(0)},
		{"older than the stream, unacknowledged", fine, young, Position{2, 4}, none(0)},
		{"older than the stream and a purge", epochs{now: 8, unclean: 7, purged: 6}, young, Position{2, 0}, epoch(1000)},
		{"older than a purge, younger than the stream", epochs{now: 9, unclean: 7, purged: 9}, young, Position{7, 1003}, none(1003)},
		{"older than a purge that was before the stream", epochs{now: 8, unclean: 7, purged: 3}, young, Position{3, 0}, none(0)},
	} {
		if got := c.e.resume(&c.x, c.p); got != c.want {
			t.Errorf("%s: %+v of %+v: got %+v, want %+v", c.what, c.p, c.x, got, c.want)
		}
	}
}
