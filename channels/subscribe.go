package channels

import "resound/protocol"

// Subscribe puts the connection on the channel that the command names and
// sends it the answer. The signature is checked first, so that a refused
// subscription leaves nothing behind.
func (a *App) Subscribe(sub Subscriber, subs *Subscriptions, c protocol.Command) *protocol.Error {
	if err := a.admit(sub, subs, c); err != nil {
		return err
	}
	if limit := a.Settings().MaxSubscriptions; limit > 0 && subs.filled(limit, c.Channel) {
		return protocol.ErrSubscriptions.With("%s: %d (max_subscriptions_per_connection)", protocol.ErrSubscriptions.Text, limit)
	}
	if a.cold(c) {
		a.wait(sub, subs, c)
		return nil
	}
	r, s := a.claim(c), subs.find(c.Channel)
	var found scene
	var err *protocol.Error
	if s == nil {
		if s, found, err = a.join(sub, c, r); err != nil {
			return err
		}
		if s == nil { // the log was closed this very moment
			a.wait(sub, subs, c)
			return nil
		}
		subs.add(s)
	} else if found, err = s.renew(c.Member, r); err != nil {
		return err
	}
	sub.Send(a.answer(s.channel.name, found, r))
	s.welcome(found, r)
	return nil
}

// welcome sends what comes behind the answer to a subscription.
func (s *Subscription) welcome(found scene, r claim) {
	p := found.position
	counters := &s.channel.app.hub.replays.counters
	if p != nil && !p.resume && !p.again {
		counters.fresh.Add(1)
	}
	if p == nil && r.Opted && !r.Fresh() && !found.again {
		// It comes from a time when events were kept, and nobody knows what it has missed since.
		counters.told(protocol.GapEpoch)
		s.sub.Send(protocol.ReplayNotice(s.channel.name, protocol.Notice{Gap: protocol.GapEpoch}))
	}
	switch {
	case p != nil && p.again:
	case p != nil && p.behind:
		s.catchUp(p, r)
	case p != nil && p.resume:
		counters.told(p.gap)
		if p.gap != "" {
			s.sub.Send(s.channel.app.gapNotice(s.channel.name, protocol.Notice{Gap: p.gap, Missed: p.missed}, p.grant, p.serial))
		}
	case found.kept != nil:
		s.sub.Send(found.kept)
	case found.isCache:
		s.sub.Send(protocol.CacheMiss(s.channel.name))
	}
}

// admit says whether the connection may be on the channel, and who it may be there.
func (a *App) admit(sub Subscriber, subs *Subscriptions, c protocol.Command) *protocol.Error {
	kind := protocol.KindOf(string(c.Channel))
	if kind == protocol.ServerToUser && protocol.ValidPublishChannel(c.Channel) {
		if who := subs.more().signin; who == nil || string(c.Channel[len(protocol.ServerToUserPrefix):]) != who.ID {
			return protocol.ErrUnauthorized.With("Connection is unauthorized: only the user who has signed in may be on this channel")
		}
		return nil
	}
	if !protocol.ValidChannel(c.Channel) {
		return protocol.ErrInvalidChannel
	}
	if kind.Guarded() && !a.Signer().VerifyChannel(sub.ID(), c.Channel, c.ChannelData, c.Auth) {
		return protocol.ErrUnauthorized
	}
	if kind != protocol.Presence {
		return nil
	}
	if c.Member.IsZero() {
		return protocol.ErrUnauthorized.With("Connection is unauthorized: a presence channel needs channel_data with a user_id")
	}
	if limit := a.Settings().MaxUserInfo; limit > 0 && len(c.Member.Info) > limit {
		return protocol.ErrUserInfo.With("%s: %d bytes, the limit is %d (max_user_info)", protocol.ErrUserInfo.Text, len(c.Member.Info), limit)
	}
	return nil
}

// scene is what a subscriber finds on a channel.
type scene struct {
	roll
	isCache  bool
	kept     *protocol.Frame
	again    bool      // the subscriber is on the channel already
	position *position // nil unless it has opted in, and where nothing is kept
}

func (c *Channel) scene() scene {
	return scene{roll: c.roster.roll(), isCache: c.cache != nil, kept: c.keptFrame()}
}

// join puts the connection on the channel, tells the others of a new member, and returns what is
// there. It refuses a user for whom a presence channel has no room, and returns nil when the channel's log has to be opened first.
func (a *App) join(sub Subscriber, c protocol.Command, r claim) (s *Subscription, found scene, err *protocol.Error) {
	ch := a.acquire(c.Channel)
	defer ch.mu.Unlock()
	if ch.needsLog(r.Opted) {
		return nil, found, nil
	}
	if err := ch.room(c.Member, nil); err != nil {
		return nil, found, err
	}
	s = &Subscription{channel: ch, sub: sub}
	s.arrive(c.Member)
	ch.occupy(sub.Slot(), +1)
	a.subscriptions.Add(1)
	// What was posted before, its own arrival too, is not for this subscription.
	s.order = ch.order
	ch.attach(s)
	ch.counted()
	found = ch.scene()
	found.position = ch.place(s, r)
	return s, found, nil
}

// renew subscribes again who is on the channel already, perhaps as another user, and returns who
// is there. The subscription stays where it is, so nothing that is on its way to it is lost.
func (s *Subscription) renew(m protocol.Member, r claim) (found scene, err *protocol.Error) {
	ch := s.channel
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.roster == nil || s.user.key != m.Key() {
		if err := ch.room(m, s.user); err != nil {
			return found, err
		}
		s.depart()
		s.arrive(m)
	}
	found = ch.scene()
	found.again, found.position = true, ch.stay(s, r)
	return found, nil
}

// room refuses a member for whom a presence channel has no room. leaving is the user whose place the
// member's socket gives up, or nil. The caller holds the channel's lock.
func (c *Channel) room(m protocol.Member, leaving *user) *protocol.Error {
	limit := c.app.Settings().MaxPresenceMembers
	if c.roster == nil || limit == 0 || c.roster.byKey[m.Key()] != nil {
		return nil
	}
	there := len(c.roster.users)
	if leaving != nil && len(leaving.sockets) == 1 && len(leaving.nodes) == 0 {
		there--
	}
	if there < limit {
		return nil
	}
	return protocol.ErrPresenceFull.With("%s: %d (max_presence_members)", protocol.ErrPresenceFull.Text, limit)
}

// arrive says who the subscriber is, and tells the others of a new member. The caller holds the channel's lock.
func (s *Subscription) arrive(m protocol.Member) {
	ch := s.channel
	switch {
	case ch.roster != nil:
		if ch.roster.join(s, m) {
			ch.post(&publication{channel: ch, frame: protocol.MemberAdded(ch.name, s.user.Member), except: s.sub.ID()})
		}
		if b := ch.app.hub.broker; b != nil && len(s.user.sockets) == 1 {
			b.Put(ch.app.id, ch.name, s.user.key, appendMember(nil, s.user.Member))
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
	if ch.roster == nil {
		return
	}
	gone := ch.roster.leave(s)
	if b := ch.app.hub.broker; b != nil && len(s.user.sockets) == 0 {
		b.Drop(ch.app.id, ch.name, s.user.key)
	}
	if gone {
		ch.post(&publication{channel: ch, frame: protocol.MemberRemoved(ch.name, s.user.Member), except: s.sub.ID()})
	}
}

// Unsubscribe takes the connection off the channel. A channel that it is not on is no error, as in Reverb.
func (a *App) Unsubscribe(subs *Subscriptions, channel []byte) {
	subs.forget(channel)
	if s := subs.find(channel); s != nil {
		subs.remove(s)
		s.leave()
	}
}

// UnsubscribeAll takes the connection off all its channels, signs it out, and empties the list.
func (a *App) UnsubscribeAll(subs *Subscriptions) {
	list := subs.list
	for len(subs.more().waits) > 0 {
		subs.drop(0)
	}
	a.signOut(subs.more().signin)
	*subs = Subscriptions{}
	for _, s := range list {
		s.leave()
	}
}

// leave takes the subscription off its channel, and the channel out of the table if nobody is left.
func (s *Subscription) leave() {
	ch := s.channel
	s.gone.Store(true)
	ch.detach(s)
	ch.mu.Lock()
	ch.occupy(s.sub.Slot(), -1)
	ch.app.subscriptions.Add(-1)
	s.depart()
	ch.counted()
	empty := ch.count == 0
	if ch.history != nil {
		ch.history.used = ch.app.hub.now.Load()
		s.caughtUp()
	}
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
