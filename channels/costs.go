package channels

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"

	"resound/protocol"
)

// Costs is which events make the server send most, from when somebody begins to look until nobody does any more. While nobody
// looks a publication costs one load for it.
//
// Names are bounded: publishers may make up as many as they like. When there is no room the cheapest name gives its place to
// the new one, with what it has (the space-saving algorithm): what is among the dearest is never missing, and counts at most for
// what the cheapest has had too much (TestCostsAreBounded).
type Costs struct {
	mu     sync.Mutex
	byName map[eventName]*EventCost // guarded by mu
	heap   costHeap                 // guarded by mu: the cheapest is first
}

// EventCost is one event name.
type EventCost struct {
	App, Name  string // the name as it is in JSON, with its quotes
	Messages   uint64
	Bytes      uint64 // of their frames, once for each
	Deliveries uint64 // messages × subscriptions
	Sent       uint64 // bytes × subscriptions; the upper bound
	Surplus    uint64 // of those, what may be another name's

	index int // in the heap
}

// eventName is the key. Looking one up that is there does not allocate.
type eventName struct{ app, name string }

// maxCosts is how many names are kept for each who looks, about 200 bytes each.
const maxCosts = 512

// maxEventName is how many bytes of a name are kept. Longer ones are told apart by those.
const maxEventName = 128

// Watch begins to look. The caller ends it with Unwatch.
func (h *Hub) Watch() *Costs {
	c := &Costs{byName: make(map[eventName]*EventCost)}
	h.change(func(list []*Costs) []*Costs { return append(list, c) })
	return c
}

// Unwatch ends it, and returns what was seen, the dearest first.
func (h *Hub) Unwatch(c *Costs) []EventCost {
	h.change(func(list []*Costs) []*Costs {
		return slices.DeleteFunc(list, func(one *Costs) bool { return one == c })
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []EventCost
	for _, e := range c.heap {
		one := *e
		one.index = 0
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b EventCost) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// change replaces the list of those who look.
func (h *Hub) change(edit func([]*Costs) []*Costs) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Costs
	if p := h.watchers.Load(); p != nil {
		list = slices.Clone(*p)
	}
	if list = edit(list); len(list) == 0 {
		h.watchers.Store(nil)
		return
	}
	h.watchers.Store(&list)
}

// note tells those who look of a publication that goes to so many. It runs under Channel.mu and takes Costs.mu.
func (h *Hub) note(app string, f *protocol.Frame, subscriptions int) {
	watchers := h.watchers.Load()
	if watchers == nil {
		return
	}
	name := protocol.EventName(f.Payload())
	name = name[:min(len(name), maxEventName)]
	for _, c := range *watchers {
		c.add(app, name, uint64(f.Len()), uint64(subscriptions))
	}
}

func (c *Costs) add(app string, name protocol.Raw, bytes, subscriptions uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byName[eventName{app, string(name)}]
	switch {
	case e != nil:
	case len(c.heap) < maxCosts:
		e = &EventCost{App: app, Name: string(name)}
		c.byName[eventName{app, e.Name}] = e
		heap.Push(&c.heap, e)
	default:
		e = c.heap[0]
		delete(c.byName, eventName{e.App, e.Name})
		*e = EventCost{App: app, Name: string(name), Sent: e.Sent, Surplus: e.Sent}
		c.byName[eventName{app, e.Name}] = e
	}
	e.Messages++
	e.Bytes += bytes
	e.Deliveries += subscriptions
	e.Sent += bytes * subscriptions
	heap.Fix(&c.heap, e.index)
}

// costHeap is heap.Interface's.
type costHeap []*EventCost

func (h costHeap) Len() int           { return len(h) }
func (h costHeap) Less(i, j int) bool { return h[i].Sent < h[j].Sent }
func (h costHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is heap.Interface's.
func (h *costHeap) Push(x any) {
	e := x.(*EventCost)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop is heap.Interface's. Nobody calls it: names are replaced.
func (h *costHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
