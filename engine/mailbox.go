package engine

import (
	"sync"

	"resound/channels"
)

// mailbox is the ordered inbox of a loop. gnet's own queues are not ordered
// under a burst and cost allocations per entry; here a burst costs one wake-up.
type mailbox struct {
	mu    sync.Mutex
	tasks []channels.Task // guarded by mu
	spare []channels.Task // guarded by mu: room for the next tasks
	armed bool            // guarded by mu: the loop has been woken or is at work
	wake  func()          // guarded by mu: makes the loop run; nil until the loop has a connection
}

// Post adds a task and wakes the loop. It never waits. Any goroutine may call it.
func (m *mailbox) Post(t channels.Task) {
	m.mu.Lock()
	m.tasks = append(m.tasks, t)
	wake := m.arm()
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// arm returns the wake-up that is due, or nil. The caller holds mu.
func (m *mailbox) arm() func() {
	if m.armed || len(m.tasks) == 0 {
		return nil
	}
	m.armed = m.wake != nil
	return m.wake
}

// bind gives the mailbox its loop.
func (m *mailbox) bind(wake func()) {
	m.mu.Lock()
	m.wake, m.armed = wake, false
	wake = m.arm()
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// take returns all tasks. The loop calls it and then, when it is done with them, done.
func (m *mailbox) take() []channels.Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	tasks := m.tasks
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
