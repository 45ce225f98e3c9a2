package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// tune sets up Go's runtime for this process, where its environment does not.
//
// With one processor only, in Go's sense, each time the loop waits for its sockets Go takes the
// processor away from it and puts all to sleep, and the thread that watches over this begins with 50 wake-ups, 20 µs
// apart, each time that the loop goes on: 5 % of the CPU with a message every 4 ms. With a second one, which
// is idle, it leaves the loop its own. It is called when the node has as many loops as there are processors.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}

const (
	// slackBase and slackPart are how much garbage may pile up between two collections: so many bytes, and
	// this part of what is alive. Go's own rule is as much as is alive, so that a million idle sockets would
	// take twice their memory. A delivery makes no garbage and a publication 300 bytes.
	slackBase = 4 << 20
	slackPart = 8

	// slackSeconds is how much more it may be while much is allocated, in seconds of that, up to Go's own rule:
	// a collection looks at all that is alive, and should not do so for each 16 MB of a busy hour.
	slackSeconds = 2

	// quietBytes is how few bytes may be allocated in a second that counts as quiet, and busyBytes how many
	// there have to be before it is worth while to collect in a quiet time.
	quietBytes = 128 << 10
	busyBytes  = 1 << 20

	// quietSeconds is how long it has to be quiet. Where nothing is allocated, Go collects every two minutes
	// only, and what sockets had that have left stays resident.
	quietSeconds = 3
)

// collector keeps the process as small as what is alive in it: it has Go collect before garbage piles up,
// and in a quiet time behind a busy one, as when ten thousand sockets have come or gone, give memory back.
type collector struct {
	percent int // of GOGC, as it was set last
	quiet   int // seconds
	pause   int // seconds since the last collection of ours
	last    reading
	settled reading // at the last collection of ours

	set     func(percent int) int
	collect func()
}

// reading is what a collector goes by.
type reading struct {
	live      uint64 // bytes that the last collection found alive
	allocated uint64 // bytes, since the process began
	sockets   int    // open
}

// keepSmall runs a collector until ctx ends, unless GOGC is in the environment.
func keepSmall(ctx context.Context, sockets func() int) {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{percent: 100, set: debug.SetGCPercent, collect: debug.FreeOSMemory}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-tick.C:
			metrics.Read(sample)
			c.step(reading{sample[0].Value.Uint64(), sample[1].Value.Uint64(), sockets()})
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// step is what is done each second.
func (c *collector) step(now reading) {
	allocated := now.allocated - c.last.allocated
	if p := gcPercent(now.live, allocated); p < c.percent*9/10 || p > c.percent*11/10 {
		c.set(p)
		c.percent = p
	}
	c.pause++
	if c.quiet++; allocated > quietBytes {
		c.quiet = 0
	}
	c.last = now
	fewer := now.sockets < c.settled.sockets-c.settled.sockets/8
	// A collection looks at all that is alive: 10 ms for 10 MB, so that this stays below 0.3 % of a core.
	rested := c.pause > int(now.live>>20)/3
	if c.quiet >= quietSeconds && rested && (fewer || now.allocated-c.settled.allocated > busyBytes) {
		c.collect()
		c.settled, c.pause = now, 0
	}
}

// gcPercent is GOGC for so many bytes that are alive, and so many that were allocated in the last second.
func gcPercent(live, allocated uint64) int {
	slack := max(slackBase+live/slackPart, slackSeconds*allocated)
	return int(min(100, slack*100/max(live, 1)))
}
