package overload

import (
	"io/fs"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// Meter measures memory against a bound. One goroutine uses it.
type Meter struct {
	root   fs.FS
	bound  Bound
	sample []metrics.Sample
	count  int   // samples
	pause  int   // samples until a collection may be asked for again
	group  Usage // as it was last
}

// NewMeter returns a meter for a bound that was found in root.
func NewMeter(root fs.FS, b Bound) *Meter {
	m := &Meter{root: root, bound: b}
	for _, name := range []string{
		"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes",
		"/memory/classes/heap/objects:bytes", "/gc/heap/live:bytes", "/memory/classes/heap/unused:bytes",
	} {
		m.sample = append(m.sample, metrics.Sample{Name: name})
	}
	return m
}

// Bound returns what is measured against.
func (m *Meter) Bound() Bound { return m.bound }

// Read returns how much is used, of the process or of its control group: whichever is nearer to its limit.
func (m *Meter) Read() Usage {
	if m.bound.Bytes == 0 {
		return Usage{}
	}
	h := m.heap()
	if m.pause--; m.pause < 0 && h.doubtful(m.bound.Go) {
		// Nobody knows how much of it is alive, and soon the runtime would have to look anyway.
		runtime.GC()
		m.pause = groupEvery
		h = m.heap()
	}
	u := usage(h.used(), m.bound.Go, "what the server may use")
	if m.bound.group != nil {
		if m.count++; m.count%groupEvery == 1 {
			m.group = m.readGroup(h.garbage())
		}
		if m.group.Share > u.Share {
			u = m.group
		}
	}
	return u
}

func usage(used, limit uint64, of string) Usage {
	return Usage{Share: float64(used) / float64(limit), Used: used, Limit: limit, Of: of}
}

// heap is the runtime's memory, in bytes.
type heap struct {
	mapped  uint64 // from the kernel, without what it was given back
	free    uint64 // of it, without an object: it can be given back
	objects uint64 // of it, dead ones too
	live    uint64 // at the end of the last collection
	holes   uint64 // between objects: room for others of the same size
}

func (m *Meter) heap() heap {
	metrics.Read(m.sample)
	v := func(i int) uint64 { return m.sample[i].Value.Uint64() }
	return heap{mapped: v(0) - min(v(1), v(0)), free: v(2), objects: v(3), live: v(4), holes: v(5)}
}

// garbage is what a collection may give back.
func (h heap) garbage() uint64 { return h.free + h.objects - min(h.live, h.objects) }

// room is the part of the holes that counts as unused.
func (h heap) room() uint64 { return h.holes / holesPart }

// used is the memory without what a collection may give back and without room.
func (h heap) used() uint64 { return h.mapped - min(h.garbage()+h.room(), h.mapped) }

// doubtful reports whether the process is nearly full if nothing of what it has allocated since the last collection is dead.
func (h heap) doubtful(limit uint64) bool {
	return float64(h.mapped-min(h.free+h.room(), h.mapped)) >= memorySteps[0].enter*float64(limit) &&
		float64(h.objects-min(h.live, h.objects)) >= dirtyShare*float64(limit)
}

// readGroup measures the control group, without what the kernel could drop and what a collection would give back.
func (m *Meter) readGroup(garbage uint64) Usage {
	g := m.bound.group
	used, err := readNumber(m.root, g.dir+"/"+g.files.used)
	if err != nil {
		return Usage{}
	}
	spare := garbage
	text, _ := fs.ReadFile(m.root, g.dir+"/memory.stat") // without it, all of it counts as used
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, dropped := range g.files.dropped {
			if name == dropped {
				n, _ := strconv.ParseUint(value, 10, 63)
				spare += n
			}
		}
	}
	return usage(used-min(spare, used), g.limit, "the control group")
}
