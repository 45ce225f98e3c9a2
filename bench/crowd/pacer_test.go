package crowd

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The clock is the test's: it goes on in odd steps, and stands still once for a long time.
func TestPacerHandsOutWhatIsDue(t *testing.T) {
	const streams, rate, begin = 7, 50.0, int64(1e18)
	var p pacer
	var plans [streams]schedule
	var sent [streams]int
	for i := range streams {
		plans[i] = newSchedule(begin, rate, 1, i, streams)
		p.add(task{plans[i].due(0), doPublish, int32(i)})
	}
	random := rand.New(rand.NewPCG(1, 2))
	var latest, worst time.Duration
	last, now, end := begin, begin, begin+int64(4*time.Second)
	for now < end {
		for {
			task, ok := p.next(now)
			if !ok {
				break
			}
			// Stream i of 7 is due at i/7 of a period of 20 ms, and every 20 ms from then on.
			want := begin + int64(20*time.Millisecond)*int64(task.id)/streams + int64(20*time.Millisecond)*int64(sent[task.id])
			if task.due != want || task.due > now || task.due < last {
				t.Fatalf("event %d of stream %d is due at %d, want %d; it is %d, and one of %d has been", sent[task.id], task.id, task.due-begin, want-begin, now-begin, last-begin)
			}
			worst = max(worst, time.Duration(now-task.due))
			last = task.due
			sent[task.id]++
			task.due = plans[task.id].due(uint32(sent[task.id]))
			p.add(task)
		}
		if first, ok := p.first(); !ok || first <= now {
			t.Fatalf("the next is due at %d, %v, and it is %d", first-begin, ok, now-begin)
		}
		step := time.Duration(random.IntN(3000)) * time.Microsecond
		if latest == 0 && now > begin+int64(time.Second) {
			latest, step = time.Duration(now-begin), 700*time.Millisecond
		}
		now += int64(step)
	}
	for i, n := range sent {
		if want := int(plans[i].before(last + 1)); n != want || n < 190 {
			t.Errorf("stream %d had %d events, want %d", i, n, want)
		}
	}
	if worst < 690*time.Millisecond || worst > 701*time.Millisecond {
		t.Errorf("the clock stood still for 700 ms, and the worst was %v late", worst)
	}
}

func TestSchedule(t *testing.T) {
	for _, s := range []schedule{newSchedule(1000, 1e9, 1, 0, 1), newSchedule(1000, 1e8, 4, 0, 1), newSchedule(1000, 1e7, 1, 3, 4), newSchedule(1000, 1e8, 3, 1, 2)} {
		for at := int64(900); at < 3000; at++ {
			n := uint32(0)
			for s.due(n) < at {
				n++
			}
			if got := s.before(at); got != n {
				t.Fatalf("%+v: %d are due before %d, want %d", s, got, at, n)
			}
		}
	}
	if s := newSchedule(1000, 0, 1, 0, 1); s.before(1<<62) != 0 {
		t.Error("a stream without a rate has events")
	}
	if first, last := newSchedule(0, 10, 5, 0, 100).due(0), newSchedule(0, 10, 5, 99, 100).due(0); first != 0 || last != int64(495*time.Millisecond) {
		t.Errorf("100 channels of 10 events a second in batches of 5 begin from %d to %d", first, last)
	}
}

// Every socket has as many channels as it should, every channel somebody, and its home is a process that has a socket on it.
func TestEveryChannelHasItsSockets(t *testing.T) {
	for _, g := range []Group{{Sockets: 7, Channels: 7, Subscribe: 1}, {Sockets: 10, Channels: 7, Subscribe: 3}, {Sockets: 3, Channels: 7, Subscribe: 3}, {Sockets: 20, Channels: 4, Subscribe: 4}, {Sockets: 5, Channels: 1, Subscribe: 1}} {
		on := make([]int, g.Channels)
		for socket := range g.Sockets {
			for local := range g.Channels {
				if place, ok := g.of(socket, local); ok {
					on[local]++
					if got := g.subscribed(socket, place); got != local {
						t.Errorf("%+v: place %d of socket %d is channel %d, and not %d", g, place, socket, local, got)
					}
				}
			}
		}
		sum := 0
		for local, n := range on {
			sum += n
			if n < g.Sockets*g.Subscribe/g.Channels || n > g.Sockets*g.Subscribe/g.Channels+1 {
				t.Errorf("%+v: %d sockets on channel %d", g, n, local)
			}
			for parts := 1; parts < 5; parts++ {
				found := false
				for socket := g.home(local, parts); socket < g.Sockets; socket += parts {
					_, ok := g.of(socket, local)
					found = found || ok
				}
				if !found {
					t.Errorf("%+v: of %d processes, number %d is the home of channel %d and has no socket on it", g, parts, g.home(local, parts), local)
				}
			}
		}
		if sum != g.Sockets*g.Subscribe {
			t.Errorf("%+v: %d subscriptions", g, sum)
		}
	}
}

func TestTracker(t *testing.T) {
	for name, c := range map[string]struct {
		events               []uint32
		late, again          int
		lost, lostInTheWhole int64 // of numbers from 2 to 8, of all below 10
	}{
		"all":                 {[]uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 0, 0, 0},
		"nothing":             {nil, 0, 0, 6, 10},
		"a hole":              {[]uint32{0, 1, 2, 5, 6, 7, 8, 9}, 0, 0, 2, 2},
		"the end":             {[]uint32{0, 1, 2, 3}, 0, 0, 4, 6},
		"changed over":        {[]uint32{0, 2, 1, 3, 4, 5, 6, 7, 9, 8}, 2, 0, 0, 0},
		"twice":               {[]uint32{0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 4}, 0, 2, 0, 0},
		"late and twice":      {[]uint32{0, 5, 3, 3, 1, 6, 7, 8, 9}, 2, 1, 2, 2},
		"from behind":         {[]uint32{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 9, 0, 0, 0},
		"the middle of a gap": {[]uint32{0, 9, 4}, 1, 0, 5, 7},
	} {
		var tr tracker
		late1, again1 := 0, 0
		for _, e := range c.events {
			switch tr.take(e) {
			case late:
				late1++
			case again:
				again1++
			}
		}
		lost, whole := tr.lost(10, span{2, 8}), tr.lost(10, span{0, 10})
		if late1 != c.late || again1 != c.again || lost != c.lost || whole != c.lostInTheWhole {
			t.Errorf("%s: %d late, %d twice, %d and %d lost, want %d, %d, %d and %d", name, late1, again1, lost, whole, c.late, c.again, c.lost, c.lostInTheWhole)
		}
	}
}

func TestRough(t *testing.T) {
	var r, other Rough
	if r.Quantile(0.5) != 0 {
		t.Error("an empty one has values")
	}
	for i := 1; i <= 10_000; i++ {
		if i%3 == 0 {
			other.Record(time.Duration(i) * time.Millisecond)
		} else {
			r.Record(time.Duration(i) * time.Millisecond)
		}
	}
	r.Add(other)
	for q, want := range map[float64]float64{0.1: 1000, 0.5: 5000, 0.99: 9900, 1: 10_000} {
		if got := r.Quantile(q).Seconds() * 1000; got < want*0.95 || got > want*1.05 {
			t.Errorf("quantile %v is %v ms, want about %v", q, got, want)
		}
	}
	for us := range 40 {
		var one Rough
		one.Record(time.Duration(us) * time.Microsecond)
		if got := one.Quantile(1); us < 32 && got != time.Duration(us)*time.Microsecond || got > time.Duration(us+2)*time.Microsecond {
			t.Errorf("%d µs come back as %v", us, got)
		}
	}
}

func TestData(t *testing.T) {
	for _, g := range []Group{{Publish: Publish{Size: 33}}, {Publish: Publish{Size: 100}}, {Publish: Publish{Size: 64}, Table: Table{Rows: 12}}, {Publish: Publish{Size: 500}, Table: Table{Rows: 1000}}} {
		if g.Publish.Size < g.minSize() {
			g.Publish.Size = g.minSize()
		}
		data := string(g.appendData(nil, 5, 1234, 1<<60))
		mark, channel, number, due, ok := parseMark([]byte(`{"event":"tick","data":"` + data + `"}`))
		if !ok || mark != eventMark || channel != 5 || number != 1234 || due != 1<<60 {
			t.Errorf("%s: %c, %d, %d, %d, %v", data, mark, channel, number, due, ok)
		}
		size := len(data)
		if g.Table.Rows > 0 {
			size -= escapes
		}
		if size != g.Publish.Size {
			t.Errorf("%s has %d bytes, want %d", data, size, g.Publish.Size)
		}
	}
	if _, _, _, _, ok := parseMark([]byte(`{"event":"tick","data":"#0000000z"}`)); ok {
		t.Error("a mark without numbers")
	}
}
