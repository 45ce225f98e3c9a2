package channels

import (
	"slices"
	"sync/atomic"
)

// Subscription is one connection's place on one channel. It belongs to the connection's loop.
type Subscription struct {
	channel *Channel
	sub     Subscriber
	index   int32  // in local.subs
	place   int32  // in user.sockets; guarded by Channel.mu, as sockets is
	order   uint64 // of the newest publication that it has, or that was there before it came
	cursor  uint64 // serial of the newest that it has, or that was there before it came
	user    *user  // who it is; nil unless signed channel_data said so

	opted    bool        // wants events with their serials
	catching bool        // gets what the log has from a catchup, and nothing of it by fan-out
	gone     atomic.Bool // has left; a replay goroutine looks at it too
}

// Subscriptions is one connection's list of them, and who it has signed in as. The zero value is
// empty and ready. It belongs to the connection's loop.
type Subscriptions struct {
	list []*Subscription
	rare *rare // nil while it would be empty
}

// rare is what most connections do not have: the room for it would be a fifth of what one of them takes.
type rare struct {
	byName map[string]*Subscription // built when the list grows past linearLimit
	signin *signin                  // nil until it signs in
	waits  []*opening               // subscriptions that wait for the log
}

// more returns what is rare, to be looked at.
func (s *Subscriptions) more() rare {
	if s.rare == nil {
		return rare{}
	}
	return *s.rare
}

// change changes what is rare.
func (s *Subscriptions) change(f func(*rare)) {
	r := s.rare
	if r == nil {
		r = new(rare)
	}
	if f(r); r.byName == nil && r.signin == nil && len(r.waits) == 0 {
		r = nil
	}
	s.rare = r
}

// linearLimit is how many subscriptions are searched one by one. Most pages have fewer; a map
// for each connection would cost more memory than all the rest of it.
const linearLimit = 16

// Len returns how many there are, without those that wait for the log.
func (s *Subscriptions) Len() int { return len(s.list) }

// filled reports whether a subscription to the channel would be one beyond the limit. Those that wait for the log count,
// and who is on the channel already, or waits for it, takes no more room.
func (s *Subscriptions) filled(limit int, channel []byte) bool {
	waits := s.more().waits
	if len(s.list)+len(waits) < limit || s.find(channel) != nil {
		return false
	}
	return !slices.ContainsFunc(waits, func(o *opening) bool { return string(o.command.Channel) == string(channel) })
}

// find returns the subscription to the channel of that name, or nil. It does not allocate.
func (s *Subscriptions) find(name []byte) *Subscription {
	if byName := s.more().byName; byName != nil {
		return byName[string(name)]
	}
	for _, sub := range s.list {
		if sub.channel.name == string(name) {
			return sub
		}
	}
	return nil
}

func (s *Subscriptions) add(sub *Subscription) {
	s.list = append(s.list, sub)
	if byName := s.more().byName; byName != nil {
		byName[sub.channel.name] = sub
	} else if len(s.list) > linearLimit {
		byName = make(map[string]*Subscription, 2*linearLimit)
		for _, sub := range s.list {
			byName[sub.channel.name] = sub
		}
		s.change(func(r *rare) { r.byName = byName })
	}
}

func (s *Subscriptions) remove(sub *Subscription) {
	for i, other := range s.list {
		if other != sub {
			continue
		}
		last := len(s.list) - 1
		s.list[i], s.list[last] = s.list[last], nil
		s.list = s.list[:last]
		break
	}
	delete(s.more().byName, sub.channel.name)
	if len(s.list) == 0 { // a connection that once had very many keeps no room for them
		s.list = nil
		s.change(func(r *rare) { r.byName = nil })
	}
}
