package channels

import (
	"time"

	"resound/internal/measure"
)

// Stages is how long publications take on a loop, from when they have their place in the channel's order: one
// value for each loop that has a subscriber.
type Stages struct {
	Waited  measure.Histogram // until the loop begins with it
	Written measure.Histogram // until the last subscriber's bytes are with the kernel, or on the list of who is slow
}

// Begin tells the dispatcher what time it is at the start of a turn.
func (d *Dispatcher) Begin(now time.Duration) { d.now = now }

// End is called when all that was sent in a turn is written.
func (d *Dispatcher) End(now time.Duration) {
	for _, at := range d.through {
		d.stages.Written.Observe(now - at)
	}
	d.through = d.through[:0]
	if cap(d.through) > maxBatch {
		d.through = nil
	}
}

// Stages returns how long publications take on the loop of a slot. Any goroutine may look at it.
func (h *Hub) Stages(slot int) *Stages { return &h.dispatchers[slot].stages }
