package channels

import (
	"strings"

	"resound/protocol"
)

// Info is what the HTTP API tells of a channel.
type Info struct {
	Name          string
	Presence      bool
	Subscriptions int             // connections on it
	Users         int             // presence channels only; on all nodes that are known of
	Cached        *protocol.Frame // cache channels only: the event that is kept, or nil
	TTL           int64           // seconds that it is still kept
	Traffic       Traffic

	users *keys // of its users, in a cluster: to count who is on other nodes too
}

// keys is users by key.
type keys map[string]bool

// Traffic is what was said on a channel since somebody came to it: events, and what presence tells.
type Traffic struct {
	Messages uint64
	Bytes    uint64 // of their frames, once for each
}

// Occupied is one channel of a node that somebody is on.
type Occupied struct {
	App, Name     string
	Subscriptions int
	Traffic       Traffic
}

// Occupied returns all of them, in no order.
func (h *Hub) Occupied() (list []Occupied) {
	h.apps.Range(func(id, v any) bool {
		v.(*App).each(func(c *Channel) bool {
			c.mu.Lock()
			if c.count > 0 {
				list = append(list, Occupied{id.(string), c.name, c.count, Traffic{c.order, c.bytes}})
			}
			c.mu.Unlock()
			return true
		})
		return true
	})
	return list
}

func (c *Channel) info() Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := Info{Name: c.name, Presence: c.roster != nil, Subscriptions: c.count, Traffic: Traffic{c.order, c.bytes}}
	if c.roster != nil {
		i.Users = len(c.roster.users)
		if c.app.hub.broker != nil {
			there := make(keys, i.Users)
			for key := range c.roster.byKey {
				there[key] = true
			}
			i.users = &there
		}
	}
	if i.Cached = c.keptFrame(); i.Cached != nil {
		i.TTL = c.cache.until - c.app.hub.now.Load()
	}
	return i
}

// Channel returns what this node has to tell of a channel; all counts are 0 when nobody is on it. It may read the disk.
func (a *App) Channel(name []byte) Info {
	if a.hub.Waits() && protocol.IsCache(name) {
		a.hold(name).mu.Unlock() // the log may have an event for it
	}
	if c := a.find(name); c != nil {
		return c.info()
	}
	return Info{Name: string(name), Presence: protocol.KindOf(string(name)) == protocol.Presence}
}

// Channels returns this node's occupied channels whose names start with prefix, in no order.
func (a *App) Channels(prefix string) []Info {
	var list []Info
	a.each(func(c *Channel) bool {
		if strings.HasPrefix(c.name, prefix) {
			if i := c.info(); i.Subscriptions > 0 {
				list = append(list, i)
			}
		}
		return true
	})
	return list
}

// Users returns the user_ids on a presence channel as JSON values. ok is false when nobody is on it.
func (a *App) Users(channel []byte) (ids []protocol.Raw, ok bool) {
	c := a.find(channel)
	if c == nil || c.roster == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ids = make([]protocol.Raw, 0, len(c.roster.users))
	for _, u := range c.roster.users {
		ids = append(ids, u.ID)
	}
	return ids, len(ids) > 0
}

// Terminate closes every connection of a user on this node, whom presence channels know by user_id or who
// has signed in, so that pusher-js stays away. They still get what was published
// before. It returns how many connections it asked to close.
func (a *App) Terminate(userID string) int {
	sockets := a.users.sockets(userID)
	a.each(func(c *Channel) bool {
		if c.roster == nil {
			return true
		}
		c.mu.Lock()
		if u := c.roster.byKey[userID]; u != nil {
			for _, s := range u.sockets {
				sockets[s.sub] = true
			}
		}
		c.mu.Unlock()
		return true
	})
	for s := range sockets {
		a.hub.post(s.Slot(), Task{run: func(d *Dispatcher) {
			d.settle(s)
			s.Close(protocol.ErrTerminated)
		}})
	}
	return len(sockets)
}
