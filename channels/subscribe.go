package channels

import "resound/protocol"

// Subscribe puts the connection on the channel that the command names and
// sends it the answer. The signature is checked first, so that a refused
// subscription leaves nothing behind.
func (a *App) Subscribe(sub Subscriber, subs *Subscriptions, c protocol.Command) *protocol.Error {
	if !protocol.ValidChannel(c.Channel) {
		return protocol.ErrInvalidChannel
	}
	kind := protocol.KindOf(string(c.Channel))
	if kind.Guarded() && !a.Signer().VerifyChannel(sub.ID(), c.Channel, c.ChannelData, c.Auth) {
		return protocol.ErrUnauthorized
	}
	if kind == protocol.Presence && c.Member.IsZero() {
		return protocol.ErrUnauthorized.With("Connection is unauthorized: a presence channel needs channel_data with a user_id")
	}
	s := subs.find(c.Channel)
	var there roll
	if s == nil {
		s, there = a.join(sub, c)
		subs.add(s)
	} else {
		there = s.renew(c.Member)
	}
	sub.Send(succeeded(s.channel.name, there))
	return nil
}

// join puts the connection on the channel, tells the others of a new member, and returns who is there.
func (a *App) join(sub Subscriber, c protocol.Command) (s *Subscription, there roll) {
	ch := a.acquire(c.Channel)
	defer ch.mu.Unlock()
	s = &Subscription{channel: ch, sub: sub}
	s.arrive(c.Member)
	ch.occupy(sub.Slot(), +1)
	// What was posted before, its own arrival too, is not for this subscription.
	s.serial = ch.serial
	ch.attach(s)
	return s, ch.roster.roll()
}

// renew subscribes again who is on the channel already, perhaps as another user, and returns who
// is there. The subscription stays where it is, so nothing that is on its way to it is lost.
func (s *Subscription) renew(m protocol.Member) (there roll) {
	ch := s.channel
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.roster == nil || s.user.key != m.Key() {
		s.depart()
		s.arrive(m)
	}
	return ch.roster.roll()
}

// arrive says who the subscriber is, and tells the others of a new member. The caller holds the channel's lock.
func (s *Subscription) arrive(m protocol.Member) {
	ch := s.channel
	switch {
	case ch.roster != nil:
		if ch.roster.join(s, m) {
			ch.post(&publication{channel: ch, frame: protocol.MemberAdded(ch.name, s.user.Member), except: s.sub.ID()})
		}
	case ch.kind == protocol.Private && !m.IsZero():
		s.user = &user{Member: protocol.Member{ID: m.ID}.Clone()}
	default:
		s.user = nil // channel_data of a public channel is not signed: it could name anybody
	}
}

// depart tells the others when the last socket of a user leaves. The caller holds the channel's lock.
func (s *Subscription) depart() {
	ch := s.channel
	if ch.roster != nil && ch.roster.leave(s) {
		ch.post(&publication{channel: ch, frame: protocol.MemberRemoved(ch.name, s.user.Member), except: s.sub.ID()})
	}
}

// Unsubscribe takes the connection off the channel. A channel that it is not on is no error, as in Reverb.
func (a *App) Unsubscribe(subs *Subscriptions, channel []byte) {
	if s := subs.find(channel); s != nil {
		subs.remove(s)
		s.leave()
	}
}

// UnsubscribeAll takes the connection off all its channels and empties the list.
func (a *App) UnsubscribeAll(subs *Subscriptions) {
	list := subs.list
	*subs = Subscriptions{}
	for _, s := range list {
		s.leave()
	}
}

// leave takes the subscription off its channel, and the channel out of the table if nobody is left.
func (s *Subscription) leave() {
	ch := s.channel
	ch.detach(s)
	ch.mu.Lock()
	ch.occupy(s.sub.Slot(), -1)
	s.depart()
	empty := ch.count == 0
	ch.mu.Unlock()
	if empty {
		ch.app.release(ch)
	}
}

// succeeded is the answer to a subscription. It is encoded outside the channel's lock: a big
// roster must not hold up the publishers.
func succeeded(channel string, there roll) *protocol.Frame {
	if !there.called {
		return protocol.Succeeded(channel)
	}
	return protocol.SucceededPresence(channel, len(there.members), there.bytes, func(yield func(protocol.Member)) {
		for _, m := range there.members {
			yield(m)
		}
	})
}
