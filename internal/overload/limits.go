package overload

import "time"

const (
	// Interval is how often Step is to be called. Memory can rise by a tenth of a small container in a second.
	Interval = 250 * time.Millisecond

	// lagPatience is how many samples in a row a loop has to be late. One that was stopped, as by a suspended machine, says so
	// for up to two seconds afterwards, and is fine.
	lagPatience = int(3 * time.Second / Interval)

	// rest is how many samples in a row have to be good before a level is left, one at a time: a crowd that is let in
	// again comes at once.
	rest = int(5 * time.Second / Interval)

	// ReadyLag is how late a loop may be before no more connections should come. Ten times what a client notices.
	ReadyLag = time.Second

	// goShare is what part of the bound the runtime gets. The rest is for what the kernel has for the sockets, which the
	// runtime does not see: three to four kilobytes for each, and up to 128 for one that does not read.
	goShare = 0.9

	// MinBound is the least memory that may be asked for: an idle server has 30 MB resident, of which 9 are in use.
	MinBound = 48 << 20

	// dirtyShare is the part of the runtime's limit in possible garbage from where on, in a process that seems to be
	// nearly full, a collection has to tell what is alive.
	dirtyShare = 1.0 / 16

	// holesPart is what part of the holes between objects is room for more. When half of a crowd has left, each page still has an
	// object of somebody who stays: nothing can be given back, and a level would stay for ever. New sockets and events find
	// their sizes there; what has another size does not, and needs memory from the kernel.
	holesPart = 2

	// groupEvery is how many samples apart the control group is asked: the kernel sums its counters up for that.
	groupEvery = int(time.Second / Interval)
)

// step is one rung of a ladder: from where on the level is entered, and below what it is left.
type step struct{ enter, leave float64 }

var (
	// lagSteps are in seconds.
	lagSteps = []step{{ReadyLag.Seconds(), 0.5}, {2.5, 1}}

	// fileSteps are whether descriptors run short.
	fileSteps = []step{{1, 1}}

	// memorySteps are parts of the bound. From 80 % on the runtime collects more often; between that and 92 % there is room
	// for what is under way, and what is left is for the collector and for one sample's worth of publishes.
	memorySteps = []step{{0.80, 0.75}, {0.86, 0.81}, {0.92, 0.87}}
)
