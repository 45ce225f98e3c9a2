package engine

// wheel is the timers of a loop, one for each connection, in steps of a
// second. A connection that is busy does not move its timer: it only notes when
// it was last heard of, and the timer that goes off too early is set again.
type wheel struct {
	now   uint32 // seconds since the loop began
	slots [wheelSlots]*conn
	due   []*conn // room for advance, which runs every second
}

// wheelSlots is a power of two above the default ping interval in seconds, so that a timer is looked at once.
const wheelSlots = 128

// timer is a connection's place in the wheel.
type timer struct {
	due        uint32
	set        bool
	next, prev *conn
}

// arm sets the connection's timer to go off in so many seconds, at least one.
func (w *wheel) arm(c *conn, seconds uint32) {
	w.disarm(c)
	c.timer.due = w.now + max(seconds, 1)
	slot := &w.slots[c.timer.due%wheelSlots]
	c.timer.set, c.timer.next = true, *slot
	if *slot != nil {
		(*slot).timer.prev = c
	}
	*slot = c
}

// disarm takes the connection out of the wheel.
func (w *wheel) disarm(c *conn) {
	if !c.timer.set {
		return
	}
	if c.timer.prev != nil {
		c.timer.prev.timer.next = c.timer.next
	} else {
		w.slots[c.timer.due%wheelSlots] = c.timer.next
	}
	if c.timer.next != nil {
		c.timer.next.timer.prev = c.timer.prev
	}
	c.timer = timer{}
}

// advance moves the clock by a second and calls fire for every timer that is
// due. fire may arm and disarm any timer.
func (w *wheel) advance(fire func(*conn)) {
	w.now++
	due := w.due[:0]
	for c := w.slots[w.now%wheelSlots]; c != nil; c = c.timer.next {
		if c.timer.due == w.now {
			due = append(due, c)
		}
	}
	for _, c := range due {
		if c.timer.set && c.timer.due == w.now {
			w.disarm(c)
			fire(c)
		}
	}
	clear(due)
	if w.due = due[:0]; cap(due) > maxPooled {
		w.due = nil
	}
}

// each calls f for every connection; all of them have a timer. f may close them.
func (w *wheel) each(f func(*conn)) {
	var all []*conn
	for _, c := range w.slots {
		for ; c != nil; c = c.timer.next {
			all = append(all, c)
		}
	}
	for _, c := range all {
		f(c)
	}
}
