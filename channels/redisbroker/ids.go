package redisbroker

import (
	"math/rand/v2"
	"sync"
	"time"

	"resound/channels"
)

// ids are what this broker is called among the nodes: it gets a new one each time that others may have taken the old one
// for gone.
type ids struct {
	mu   sync.Mutex
	now  channels.NodeID
	past map[channels.NodeID]time.Time // until when others may count the old one as alive
}

func (i *ids) set(id channels.NodeID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now, i.past = id, map[channels.NodeID]time.Time{}
}

// Node is what this node is called now.
func (b *Broker) Node() channels.NodeID {
	b.ids.mu.Lock()
	defer b.ids.mu.Unlock()
	return b.ids.now
}

// Mine implements channels.Broker.
func (b *Broker) Mine(node channels.NodeID) bool {
	b.ids.mu.Lock()
	defer b.ids.mu.Unlock()
	_, was := b.ids.past[node]
	return was || node == b.ids.now
}

// leased reports whether an id of this node may still have a lease.
func (b *Broker) leased(node channels.NodeID) bool {
	b.ids.mu.Lock()
	defer b.ids.mu.Unlock()
	until, was := b.ids.past[node]
	return node == b.ids.now || was && time.Now().Before(until)
}

// rename gives this node a new id. What it has noted under the old one goes when its lease is over: the new records come
// before that, so nobody seems to leave and come back.
func (b *Broker) rename() {
	b.ids.mu.Lock()
	defer b.ids.mu.Unlock()
	b.before = b.ids.now
	b.ids.past[b.ids.now] = time.Now().Add(b.opt.Lease)
	for b.ids.now = 0; b.ids.now == 0; {
		b.ids.now = channels.NodeID(rand.Uint64())
	}
}
