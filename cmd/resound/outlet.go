package main

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// outletRoom is how many bytes of the log may wait for who reads it: thousands of lines.
const outletRoom = 1 << 20

// flushTimeout is how long the end of the process waits for who reads the log.
const flushTimeout = time.Second

// outlet is where the log goes. Whoever writes a line never waits: a terminal that was stopped, or a pipe that
// nobody reads, would otherwise hold up a loop with all of its sockets. Lines for which there is no room are dropped and counted,
// and the next that is written says how many.
//
// A line is written a moment after it was given, so a crash can cut off only the newest.
type outlet struct {
	w    io.Writer
	note func(lines uint64) []byte // what is written in the place of lines that were dropped

	mu      sync.Mutex
	some    sync.Cond // on mu: something waits, or nothing does any more
	waiting []byte    // guarded by mu: whole lines
	lost    uint64    // guarded by mu: lines that nobody has been told of
	writing bool      // guarded by mu

	dropped atomic.Uint64
}

// newOutlet returns one with its goroutine, which lives as long as the process.
func newOutlet(w io.Writer, note func(lines uint64) []byte) *outlet {
	o := &outlet{w: w, note: note}
	o.some.L = &o.mu
	go o.run()
	return o
}

// Write takes a line. It never fails.
func (o *outlet) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// What comes behind a line that was dropped waits until that is told: the order stays.
	if o.lost > 0 || len(o.waiting)+len(line) > outletRoom {
		o.lost++
		o.dropped.Add(1)
		return len(line), nil
	}
	o.waiting = append(o.waiting, line...)
	o.some.Broadcast()
	return len(line), nil
}

// Dropped returns how many lines were, since the start.
func (o *outlet) Dropped() uint64 { return o.dropped.Load() }

// run writes what comes.
func (o *outlet) run() {
	var spare []byte
	for {
		o.mu.Lock()
		o.writing = false
		for len(o.waiting) == 0 && o.lost == 0 {
			o.some.Broadcast() // to flush
			o.some.Wait()
		}
		batch, lost := o.waiting, uint64(0)
		if o.waiting = spare[:0]; len(batch) == 0 {
			lost, o.lost = o.lost, 0
		}
		o.writing = true
		o.mu.Unlock()
		if lost > 0 {
			batch = o.note(lost)
		}
		_, _ = o.w.Write(batch) // there is nobody to tell
		if spare = batch; cap(spare) > outletRoom/8 {
			spare = nil
		}
	}
}

// flush waits until all is written, but not for longer than flushTimeout.
func (o *outlet) flush() {
	late := false
	timer := time.AfterFunc(flushTimeout, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.some.Broadcast()
	})
	defer timer.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.writing || len(o.waiting) > 0 || o.lost > 0) && !late {
		o.some.Wait()
	}
}
