package channels

import (
	"sync"
	"sync/atomic"
	"time"

	"resound/internal/apps"
	"resound/internal/overload"
	"resound/persist"
	"resound/protocol"
)

// Subscriber is one connection, as its channels see it. All methods but ID
// and Slot are called on the connection's own loop only.
type Subscriber interface {
	ID() protocol.SocketID
	Slot() int                  // index of its loop
	Send(frame *protocol.Frame) // queues the frame, which may be several; after the connection has closed it does nothing
	Close(err *protocol.Error)  // says err and closes; after the connection has closed it does nothing
	Lag() (much, stuck bool)    // whether it has so much to take yet that a replay has to wait, and whether it does not take it at once
}

// Mailbox is the ordered inbox of one loop. Post never waits. The loop hands
// every task, in order, to the Dispatcher of its slot.
type Mailbox interface {
	Post(Task)
}

// Hub holds a node's channels.
type Hub struct {
	mailboxes   []Mailbox // by slot
	dispatchers []*Dispatcher

	apps sync.Map     // id → *App
	now  atomic.Int64 // seconds of Unix time, as Tick was told last

	governor *overload.Governor // nil is calm
	watchers atomic.Pointer[[]*Costs]

	log     *persist.Log // nil where nothing is kept, and in a cluster
	cluster              // of nodes; its broker is nil without scaling
	broken  func(err error, app, channel string)
	replays replays
	tails   atomic.Int64 // bytes of the tails of all channels
	warm    atomic.Int64 // channels with their log open

	mu     sync.Mutex           // held while applications come and go; nothing is taken under it
	listed map[string]*apps.App // guarded by mu: those of the last Update by id, nil before the first
}

// NewHub returns a hub whose loops have the given mailboxes, by slot.
func NewHub(mailboxes []Mailbox) *Hub {
	h := &Hub{mailboxes: mailboxes}
	for slot := range mailboxes {
		h.dispatchers = append(h.dispatchers, &Dispatcher{slot: slot})
	}
	h.replays.some.L = &h.replays.mu
	h.now.Store(time.Now().Unix())
	return h
}

// App returns the application's channels, with these settings if there were none before. The
// caller may have found the settings before an Update that is over by now: then the newer ones
// count, and an application that is gone is returned empty, belongs to nobody, and admits no connection.
func (h *Hub) App(settings *apps.App) *App {
	if v, ok := h.apps.Load(settings.ID); ok {
		return v.(*App)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listed != nil {
		newest := h.listed[settings.ID]
		if newest == nil {
			a := newApp(h, settings)
			a.gone.Store(true)
			return a
		}
		settings = newest
	}
	v, _ := h.apps.LoadOrStore(settings.ID, newApp(h, settings))
	return v.(*App)
}

// Update makes list the applications that there are. Changed settings take effect at once, while
// channels and connections stay. It returns the applications that are no longer
// among them; their connections are the caller's to close.
func (h *Hub) Update(list []*apps.App) (gone []*App) {
	wanted := make(map[string]*apps.App, len(list))
	for _, settings := range list {
		wanted[settings.ID] = settings
	}
	defer func() {
		for _, a := range gone {
			a.cool()
		}
	}()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listed = wanted
	h.apps.Range(func(id, v any) bool {
		a := v.(*App)
		if settings := wanted[id.(string)]; settings == nil {
			h.apps.Delete(id)
			a.gone.Store(true)
			gone = append(gone, a)
		} else if was := a.Settings(); was != settings {
			a.settings.Store(newSettings(settings))
			if h.broker != nil && was.Secret != settings.Secret {
				a.renote() // nobody believes what was noted under the old one
			}
		}
		return true
	})
	return gone
}

// Tick tells the hub what time it is, about once a second. It forgets what
// cache channels have kept long enough, closes logs that nobody needs, lets replays of slow readers go
// on, and tells big channels how many are on them.
func (h *Hub) Tick(now time.Time) {
	before := h.now.Swap(now.Unix())
	every := func(seconds int64) bool { return now.Unix()/seconds != before/seconds }
	h.replays.unpark()
	h.recheckDoubts()
	if h.joined() && (now.Unix()+h.offset)/renotePeriod != (before+h.offset)/renotePeriod {
		h.renote()
	}
	counts, caches := every(countInterval), every(sweepInterval)
	cool := h.Waits() && (every(coolPeriod) || h.crowded())
	h.mendStrays()
	if !counts && !caches && !cool {
		return
	}
	h.apps.Range(func(_, v any) bool {
		if counts {
			v.(*App).tellCounts()
		}
		if caches {
			v.(*App).sweep()
		}
		if cool {
			v.(*App).cool()
		}
		return true
	})
}

// Govern gives the hub what says when less has to be taken on. It is called before anything else.
func (h *Hub) Govern(g *overload.Governor) { h.governor, h.replays.governor = g, g }

// Dispatcher returns the dispatcher of a loop.
func (h *Hub) Dispatcher(slot int) *Dispatcher { return h.dispatchers[slot] }

func (h *Hub) post(slot int, t Task) { h.mailboxes[slot].Post(t) }
