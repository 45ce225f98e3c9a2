package engine

import "math/bits"

// room returns how many more descriptors connections may take.
func (e *Engine) room() int {
	return e.limit - int(e.sockets.Load()+e.handover.active.Load())
}

// full reports whether another socket would use up what is kept for publishers.
func (e *Engine) full() bool { return e.sockets.Load() > int64(e.limit-reserve(e.limit)) }

// exhausted reports whether another connection of any kind would risk that an accept fails.
func (e *Engine) exhausted() bool { return e.room() < reserve(e.limit)/2 }

// queueFor returns how many connections may wait to be accepted when there is that much room.
//
// gnet accepts all that wait before a loop gets to refuse the first of them, and an accept that
// finds no descriptor ends it. So no more than a quarter of the room may wait; the kernel lets the
// others try again. Powers of two, because each change is a call.
func queueFor(room int) int {
	n := min(max(room/4, minQueue), maxQueue)
	return 1 << (bits.Len(uint(n)) - 1)
}

// fitQueue keeps the listeners' queues to the room that is left. Any goroutine may call it, for each
// connection that comes or goes. The queue gets shorter at once, and longer only when it may be four
// times as long, so that somebody who comes and goes does not change it each time.
func (r *reactor) fitQueue() {
	want, has := queueFor(r.engine.room()/len(r.engine.listeners)), int(r.queue.Load())
	if want >= has && want < 4*has {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.live || r.paused {
		return // gnet is ending, or the queue is another process's
	}
	// Another loop may have been here meanwhile: what counts is the room now.
	want = queueFor(r.engine.room() / len(r.engine.listeners))
	for _, l := range r.engine.listeners {
		if err := l.wait(want); err != nil {
			r.engine.log.Warn("the listener's queue could not be changed", "to", want, "error", err)
			return
		}
	}
	r.queue.Store(int32(want))
}
