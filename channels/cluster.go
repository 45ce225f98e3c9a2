package channels

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// cluster is what a hub has besides when it is one of several nodes.
type cluster struct {
	broker   Broker        // nil without scaling
	deadline time.Duration // how long a question to the others may take
	era      atomic.Uint64 // rises when what is known of others may be old; 0 is before the first
	ids      atomic.Uint64 // of events that are published here
	strays   strays
	tallies  clusterCounters
	recheck  atomic.Int64 // second in which all is looked at once more, see doubt; 0 for never
	offset   int64        // seconds, at random: nodes do not note everything anew at the same time
}

// ClusterOptions are what a hub in a cluster needs.
type ClusterOptions struct {
	Deadline time.Duration // how long a question to the other nodes may take
	Memory   int           // bytes that the newest events of all channels may take
}

// UseBroker makes the hub one of several. It is called before anything else happens on the hub, and instead of UseLog.
func (h *Hub) UseBroker(b Broker, o ClusterOptions) {
	h.broker, h.deadline, h.replays.memory = b, o.Deadline, int64(o.Memory)
	h.ids.Store(rand.Uint64())
	h.offset = rand.Int64N(renotePeriod)
}

// joined reports whether the other nodes are there, or what they have left.
func (h *Hub) joined() bool { return h.broker != nil && h.broker.Joined() }

// Rejoined looks at everything anew; see Receiver.
func (h *Hub) Rejoined() {
	h.era.Add(1)
	h.renote()
}

// renotePeriod is how often what this node notes is noted anew all the same, in seconds: Redis forgets what nobody has touched for days, and
// what went wrong is right again then.
const renotePeriod = 12 * 3600

// renote notes all that this node has to note anew, and looks up what is not known.
func (h *Hub) renote() {
	h.apps.Range(func(_, v any) bool {
		v.(*App).renote()
		return true
	})
}

// renote is Hub.renote, for one application.
func (a *App) renote() {
	a.each(func(c *Channel) bool {
		c.unsure.Store(true)
		c.reconnectSoon()
		return true
	})
	a.users.renew(a)
}

// recheckTime is how long other nodes have to note theirs again where all of it was lost, in seconds: they try to reach Redis at least every five.
const recheckTime = 15

// doubt has all looked at once more, when other nodes have noted theirs again: another log has begun, and with the one before what all had
// noted was lost. What is missing until then is not gone.
func (h *Hub) doubt() { h.recheck.Store(h.now.Load() + recheckTime) }

// recheckDoubts is called with each tick.
func (h *Hub) recheckDoubts() {
	if at := h.recheck.Load(); at != 0 && h.now.Load() >= at && h.joined() {
		h.recheck.Store(0)
		h.Rejoined()
	}
}

// Parted does nothing: whoever publishes asks the broker. See Receiver.
func (h *Hub) Parted() {}

// NodeGone forgets what a node has noted; see Receiver.
func (h *Hub) NodeGone(node NodeID) {
	h.apps.Range(func(_, v any) bool {
		a := v.(*App)
		a.each(func(c *Channel) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.forgetNode(node)
			return true
		})
		a.users.forgetNode(node)
		return true
	})
}

// connecting is a channel whose place in the cluster has to be looked up, again or for the first time.
type connecting struct{ c *Channel }

func (k *connecting) dead() bool { return false }

func (k *connecting) load(ctx context.Context) {
	c := k.c
	c.due.Store(false)
	c.mu.Lock()
	c.missed = 0
	idle := c.removed || c.count == 0 && c.history == nil
	if !idle && c.unsure.Swap(false) {
		c.note()
	}
	c.mu.Unlock()
	if !idle {
		c.connect(ctx)
	}
	c.app.hub.replays.done()
}

// connect makes the node hear the channel, and learns where its log stands and who is there on other nodes. It waits for the network.
func (c *Channel) connect(ctx context.Context) {
	c.reading.Lock()
	defer c.reading.Unlock()
	hub := c.app.hub
	era := hub.era.Load()
	c.mu.Lock()
	idle, heard := c.ready() || c.removed || !c.logs(), c.history != nil
	if !idle {
		c.others.look()
	}
	c.mu.Unlock()
	if idle {
		return
	}
	var err error
	if !heard {
		err = hub.broker.Subscribe(ctx, c.app.id, c.name)
	}
	var found Scene
	if err == nil {
		if found, err = hub.broker.Load(ctx, c.app.id, c.name); err != nil && !heard {
			hub.broker.Unsubscribe(c.app.id, c.name)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.looked()
	if h := c.history; err == nil && h != nil && h.stream.Log() != found.Log && SerialBase(found.Log) < h.head {
		err = ErrOtherLog // an earlier one: the broker begins another
	}
	switch {
	case err != nil:
		// Nobody waits for it any more; it is tried again with the next tick, or when the node has joined again.
		c.missed = era
		hub.tallies.unread.Add(1)
		if hub.broker.Joined() && ctx.Err() == nil && !c.due.Swap(true) {
			hub.replays.park(&connecting{c})
		}
	case c.removed:
		if !heard {
			hub.broker.Unsubscribe(c.app.id, c.name)
		}
	default:
		c.enter(found, era)
	}
}

// enter takes up what was found of the channel in an era. The caller holds mu.
func (c *Channel) enter(found Scene, era uint64) {
	h, lost := c.history, false
	if h == nil {
		h = &history{head: found.Serial, opened: found.Serial, from: found.Serial, seen: found.Serial, used: c.app.hub.now.Load()}
		h.stream = c.newShared(found)
		c.history = h
		c.app.hub.warm.Add(1)
		if c.heard.Log == found.Log {
			h.seen = max(h.seen, c.heard.Serial)
		}
		c.restoreKept(found.Kept)
		c.announce(gapEpoch, 0) // who is here already came while the node was alone
	} else if s := h.stream.(*shared); s.log == found.Log {
		s.first.Store(found.First)
		h.seen = max(h.seen, found.Serial)
	} else {
		// What is in the new log came later than all that is known of the old one.
		lost = true
		h.carried = c.carry()
		c.forget(len(h.tail))
		s := c.newShared(found)
		h.stream, h.head, h.opened, h.from, h.seen = s, s.begin, s.begin, s.begin, found.Serial
		h.unfit = 0
		c.announce(gapEpoch, 0)
	}
	h.stream.(*shared).era = era
	c.heard = Place{}
	c.merge(found.Version, found.Records, lost)
	c.mend()
}

// reconnect has the channel looked at again. The caller holds mu.
func (c *Channel) reconnect() {
	if s, ok := c.stream(); ok {
		s.era = 0
		c.reconnectSoon()
	}
}

// reconnectSoon has somebody look, once.
func (c *Channel) reconnectSoon() {
	if !c.due.Swap(true) {
		c.app.hub.replays.add(&connecting{c})
	}
}

// stream returns the channel's log in the cluster, if it is connected. The caller holds mu.
func (c *Channel) stream() (*shared, bool) {
	if c.history == nil {
		return nil, false
	}
	s, ok := c.history.stream.(*shared)
	return s, ok
}
