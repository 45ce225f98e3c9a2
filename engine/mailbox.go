package engine

import (
	"sync"
	"sync/atomic"

	"resound/channels"
	"resound/internal/measure"
)

// mailbox is the ordered inbox of a loop. gnet's own queues are not ordered
// under a burst and cost allocations per entry; here a burst costs one wake-up.
type mailbox struct {
	mu    sync.Mutex
	tasks []channels.Task         // guarded by mu
	spare []channels.Task         // guarded by mu: room for the next tasks
	armed bool                    // guarded by mu: the loop has been woken or is at work
	fresh atomic.Bool             // there are tasks; the loop looks at it without the lock
	wake  func()                  // guarded by mu: makes the loop run; nil until the loop has a connection, and when it ends
	_     [measure.CacheLine]byte // the next one is another loop's
}

// wake is called with mu held, so that none is under way once bind(nil) has returned. It is a
// write to an eventfd at most, and rare: while a loop is at work nobody wakes it.

// Post adds a task and wakes the loop. It never waits. Any goroutine may call it.
func (m *mailbox) Post(t channels.Task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks = append(m.tasks, t)
	m.fresh.Store(true)
	m.arm()
}

// arm wakes the loop when there is something for it and nobody has. The caller holds mu.
func (m *mailbox) arm() {
	if m.wake != nil && !m.armed && len(m.tasks) > 0 {
		m.armed = true
		m.wake()
	}
}

// mute keeps the loop from being woken: it looks at its mailbox by itself when it is done with what it does, in unmute. It reports
// false when somebody has woken it already.
func (m *mailbox) mute() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.armed
	m.armed = true
	return !was
}

// unmute ends mute. It reports whether the loop has to run now, because one task came that is quiet, which spares the loop being
// woken for it. For all else it is woken, behind the other sockets that have something, so that what those publish is delivered in one go.
func (m *mailbox) unmute(quiet func(channels.Task) bool) (run bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run = m.wake != nil && len(m.tasks) == 1 && quiet(m.tasks[0])
	m.armed = run
	m.arm()
	return run
}

// bind gives the mailbox its loop, or none with nil: tasks wait for the next one then.
func (m *mailbox) bind(wake func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wake, m.armed = wake, false
	m.arm()
}

// rewake wakes a loop that has said in done that it has more to do.
func (m *mailbox) rewake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wake != nil {
		m.wake()
	}
}

// take returns all tasks. The loop calls it and then, when it is done with them, done.
func (m *mailbox) take() []channels.Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	tasks := m.tasks
	m.fresh.Store(false)
	m.tasks, m.spare = m.spare, nil
	return tasks
}

// done gives the tasks back and reports whether the loop is to run again:
// because it has more to do, or because tasks came meanwhile. Posting did not wake it until now.
func (m *mailbox) done(tasks []channels.Task, more bool) (again bool) {
	clear(tasks)
	m.mu.Lock()
	defer m.mu.Unlock()
	if cap(tasks) <= maxPooled {
		m.spare = tasks[:0]
	}
	m.armed = more || len(m.tasks) > 0
	return m.armed
}

// waiting reports whether there are tasks.
func (m *mailbox) waiting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tasks) > 0
}
