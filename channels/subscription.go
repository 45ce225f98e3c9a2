package channels

import "sync/atomic"

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
	list   []*Subscription
	byName map[string]*Subscription // built when the list grows past linearLimit
	signin *signin                  // nil until it signs in
	waits  []*opening               // subscriptions that wait for the log
}

// linearLimit is how many subscriptions are searched one by one. Most pages have fewer; a map
// for each connection would cost more memory than all the rest of it.
const linearLimit = 16

// Len returns how many there are, without those that wait for the log.
func (s *Subscriptions) Len() int { return len(s.list) }

// find returns the subscription to the channel of that name, or nil. It does not allocate.
func (s *Subscriptions) find(name []byte) *Subscription {
	if s.byName != nil {
		return s.byName[string(name)]
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
	if s.byName != nil {
		s.byName[sub.channel.name] = sub
	} else if len(s.list) > linearLimit {
		s.byName = make(map[string]*Subscription, 2*linearLimit)
		for _, sub := range s.list {
			s.byName[sub.channel.name] = sub
		}
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
	if s.byName != nil {
		delete(s.byName, sub.channel.name)
	}
	if len(s.list) == 0 {
		s.list, s.byName = nil, nil // a connection that once had very many keeps no room for them
	}
}
