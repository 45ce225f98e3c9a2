package channels

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"resound/internal/apps"
	"resound/protocol"
)

// shards is how many locks an application's table has. Publishers of different channels then
// seldom meet, and an application without channels costs 4 KiB.
const shards = 64

// App is one application on this node: its connections and its table of channels.
type App struct {
	hub         *Hub
	id          string
	settings    atomic.Pointer[settings]
	connections atomic.Int64
	gone        atomic.Bool // it is no longer among the hub's
	users       users
	counts      counts
	seed        maphash.Seed
	table       [shards]shard
	shares      []atomic.Pointer[share] // by slot; nil until the loop has a subscriber

	subscriptions atomic.Int64
	clientEvents  atomic.Uint64
}

// settings are what an operator gave, with the signer made from them.
type settings struct {
	*apps.App
	signer *protocol.Signer
}

func newSettings(a *apps.App) *settings {
	return &settings{App: a, signer: protocol.NewSigner(a.Key, a.Secret)}
}

// shard is the part of a table under one lock.
type shard struct {
	mu       sync.RWMutex
	channels map[string]*Channel // guarded by mu; nil while there are none

	published, bytes atomic.Uint64 // of events to channels of this part
	_                [16]byte      // a cache line each, so that two publishers do not share one
}

func newApp(h *Hub, a *apps.App) *App {
	app := &App{hub: h, id: a.ID, seed: maphash.MakeSeed(), shares: make([]atomic.Pointer[share], len(h.mailboxes))}
	app.settings.Store(newSettings(a))
	return app
}

// Settings returns the application's present settings.
func (a *App) Settings() *apps.App { return a.settings.Load().App }

// Signer returns the signer of the application's present secret.
func (a *App) Signer() *protocol.Signer { return a.settings.Load().signer }

// Connect counts a new connection in. It returns an error, and does not count: ErrOverQuota when
// the application has as many as it may, ErrAppNotFound when an Update has removed it.
func (a *App) Connect() *protocol.Error {
	if a.gone.Load() {
		return protocol.ErrAppNotFound
	}
	limit := int64(a.Settings().MaxConnections)
	for {
		n := a.connections.Load()
		if limit > 0 && n >= limit {
			return protocol.ErrOverQuota
		}
		// Counted in only if admitted: a crowd that is refused must not keep out who fits.
		if a.connections.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

// Disconnect counts a connection out.
func (a *App) Disconnect() { a.connections.Add(-1) }

// Connections returns how many connections there are, subscribed or not.
func (a *App) Connections() int { return int(a.connections.Load()) }

func (a *App) shard(name []byte) *shard {
	return &a.table[maphash.Bytes(a.seed, name)%shards]
}

// find returns the channel, or nil. It does not allocate.
func (a *App) find(name []byte) *Channel { return a.shard(name).find(name) }

func (s *shard) find(name []byte) *Channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.channels[string(name)]
}

// acquire returns the channel locked, after making it if need be.
func (a *App) acquire(name []byte) *Channel {
	s := a.shard(name)
	for {
		s.mu.RLock()
		c := s.channels[string(name)]
		s.mu.RUnlock()
		if c == nil {
			s.mu.Lock()
			if c = s.channels[string(name)]; c == nil {
				c = newChannel(a, string(name))
				if s.channels == nil {
					s.channels = make(map[string]*Channel)
				}
				s.channels[c.name] = c
			}
			s.mu.Unlock()
		}
		c.mu.Lock()
		if !c.removed {
			return c
		}
		c.mu.Unlock() // its last subscriber left meanwhile: make it anew
	}
}

// release removes the channel from the table if nobody is on it and it keeps nothing for who comes.
func (a *App) release(c *Channel) {
	if h := a.remove(c); h != nil {
		h.close(a.hub) // under no lock: the log may be at work
	}
}

// remove is release, and returns the history that is to be closed, or nil.
func (a *App) remove(c *Channel) *history {
	s := a.shard([]byte(c.name))
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count > 0 || c.removed || c.wanted() {
		return nil
	}
	c.removed = true
	delete(s.channels, c.name)
	if len(s.channels) == 0 {
		s.channels = nil // a map keeps the room of the most it ever held
	}
	h := c.history
	c.history = nil
	return h
}

// wanted reports whether a channel that nobody is on has something for who comes. The caller holds mu.
func (c *Channel) wanted() bool {
	kept := c.kept()
	if c.history != nil && (kept == nil || kept.serial != 0 || c.app.hub.joined()) {
		return !c.cooled()
	}
	return kept != nil // and nothing but the memory has it
}

// each calls f for every channel, until f returns false. Channels that come or go meanwhile may be missed.
func (a *App) each(f func(*Channel) bool) {
	var list []*Channel
	for i := range a.table {
		s := &a.table[i]
		s.mu.RLock()
		list = list[:0]
		for _, c := range s.channels {
			list = append(list, c)
		}
		s.mu.RUnlock()
		for _, c := range list {
			if !f(c) {
				return
			}
		}
	}
}
