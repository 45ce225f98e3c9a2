package channels

import (
	"sync"

	"resound/internal/apps"
	"resound/protocol"
)

// Subscriber is one connection, as its channels see it. All methods but ID
// and Slot are called on the connection's own loop only.
type Subscriber interface {
	ID() protocol.SocketID
	Slot() int                  // index of its loop
	Send(frame *protocol.Frame) // queues the frame; after the connection has closed it does nothing
	Close(err *protocol.Error)  // says err and closes; after the connection has closed it does nothing
}

// Mailbox is the ordered inbox of one loop. Post never waits. The loop hands
// every task, in order, to the Dispatcher of its slot.
type Mailbox interface {
	Post(Task)
}

// Hub holds a node's channels.
type Hub struct {
	mailboxes []Mailbox // by slot
	apps      sync.Map  // id → *App
}

// NewHub returns a hub whose loops have the given mailboxes, by slot.
func NewHub(mailboxes []Mailbox) *Hub { return &Hub{mailboxes: mailboxes} }

// App returns the application's channels. Settings that have changed since the last call take
// effect at once; channels and connections stay.
func (h *Hub) App(settings *apps.App) *App {
	v, ok := h.apps.Load(settings.ID)
	if !ok {
		v, _ = h.apps.LoadOrStore(settings.ID, newApp(h, settings))
	}
	a := v.(*App)
	if a.settings.Load().App != settings {
		a.settings.Store(newSettings(settings))
	}
	return a
}

// Dispatcher returns the dispatcher of a loop.
func (h *Hub) Dispatcher(slot int) *Dispatcher { return &Dispatcher{slot: slot} }

func (h *Hub) post(slot int, t Task) { h.mailboxes[slot].Post(t) }
