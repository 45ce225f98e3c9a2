package overload

import (
	"runtime"
	"strings"
	"testing"
)

var kept [][]byte

// What a collection would give back is not used, and what is alive is.
func TestGarbageIsNotUsed(t *testing.T) {
	const size = 64 * mib
	m := NewMeter(tree(nil), Bound{Bytes: 1024 * mib, Go: 1024 * mib})
	runtime.GC()
	before := m.Read()
	if before.Used == 0 || before.Limit != 1024*mib || before.Share != float64(before.Used)/float64(before.Limit) {
		t.Fatalf("%+v", before)
	}
	kept = append(kept, make([]byte, size))
	runtime.GC()
	if alive := m.Read(); alive.Used < before.Used+size/2 {
		t.Errorf("%d bytes are alive: used was %d and is %d", size, before.Used, alive.Used)
	}
	kept = nil
	runtime.GC()
	runtime.GC() // sweeps what the first has found
	if gone := m.Read(); gone.Used > before.Used+size/2 {
		t.Errorf("%d bytes are dead: used was %d and is %d", size, before.Used, gone.Used)
	}
}

// A process that seems nearly full has a collection tell whether it is, once a second.
func TestMeterLooksWhatIsAlive(t *testing.T) {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	limit := s.HeapAlloc + 64*mib
	m := NewMeter(tree(nil), Bound{Bytes: limit, Go: limit})
	kept = append(kept, make([]byte, 64*mib))
	begun := s.NumGC
	u := m.Read()
	runtime.ReadMemStats(&s)
	if s.NumGC == begun || u.Share < 0.9 {
		t.Errorf("%d collections, %v", s.NumGC-begun, u)
	}
	kept = nil
}

// When every second of many objects is gone, hardly a page is free, but the others have room for more.
func TestRoomBetweenObjects(t *testing.T) {
	const many, size = 64 << 10, 1 << 10
	m := NewMeter(tree(nil), Bound{Bytes: 1024 * mib, Go: 1024 * mib})
	for range many {
		kept = append(kept, make([]byte, size))
	}
	runtime.GC()
	full := m.Read()
	for i := 0; i < many; i += 2 {
		kept[i] = nil
	}
	runtime.GC()
	runtime.GC() // sweeps what the first has found
	if half := m.Read(); half.Used > full.Used-many*size/5 {
		t.Errorf("of %d bytes half are dead: used was %d and is %d", many*size, full.Used, half.Used)
	}
	kept = nil
}

func TestDoubt(t *testing.T) {
	for _, test := range []struct {
		h    heap
		used uint64
		want bool
	}{
		{heap{mapped: 90, objects: 60, live: 40}, 70, true},
		{heap{mapped: 90, free: 20, objects: 60, live: 40}, 50, false},  // enough is free
		{heap{mapped: 90, objects: 60, live: 58}, 88, false},            // it is known what is alive
		{heap{mapped: 90, objects: 60, live: 40, holes: 30}, 55, false}, // there is room
		{heap{mapped: 90, objects: 40, live: 60}, 90, false},            // swept already
		{heap{mapped: 50, objects: 40, live: 10}, 20, false},
	} {
		if got := test.h.doubtful(100); got != test.want || test.h.used() != test.used {
			t.Errorf("%+v: %v, %d used", test.h, got, test.h.used())
		}
	}
}

// Of a control group what the kernel can drop does not count; without a bound there is nothing to measure.
func TestGroupIsMeasured(t *testing.T) {
	files := map[string]string{
		"proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n",
		"sys/fs/cgroup/memory.current": "1063741824\n",
		"sys/fs/cgroup/memory.stat":    "anon 1\ninactive_file 10000000\nactive_file 1000000\nslab_reclaimable 2000000\nsock 5\nbroken\n",
	}
	root := tree(files)
	m := NewMeter(root, FindBound(root))
	u := m.readGroup(1_000_000)
	if u.Used != 1063741824-14_000_000 || u.Limit != 1<<30 || u.Of != "the control group" {
		t.Errorf("%+v", u)
	}
	if u := m.Read(); u.Of != "the control group" || u.Share < 0.9 || !strings.HasSuffix(u.String(), "of 1024 MiB (the control group)") {
		t.Errorf("the group is nearer to its limit: %v", u)
	}
	delete(root, "sys/fs/cgroup/memory.current")
	for range groupEvery {
		u = m.Read()
	}
	if u.Of != "what the server may use" {
		t.Errorf("the group tells nothing any more: %v", u)
	}
	if u := NewMeter(root, Bound{}).Read(); u != (Usage{}) || u.String() != "no bound" {
		t.Errorf("without a bound: %+v", u)
	}
}

// A sample is taken four times a second.
func BenchmarkSample(b *testing.B) {
	m := NewMeter(tree(nil), Bound{Bytes: 1 << 40, Go: 1 << 40})
	g := New(nil)
	for b.Loop() {
		g.Step(Reading{Memory: m.Read()})
	}
}

// What the hot path asks.
func BenchmarkLevel(b *testing.B) {
	g := New(nil)
	for b.Loop() {
		if g.Level() != Calm {
			b.Fatal("not calm")
		}
	}
}
