package channels

import (
	"resound/internal/apps"
	"resound/protocol"
)

// ClientEvent relays what one client says to all others on the channel.
func (a *App) ClientEvent(sub Subscriber, subs *Subscriptions, c protocol.Command) *protocol.Error {
	policy := a.Settings().ClientEvents
	if policy == apps.FromNone {
		return protocol.ErrClientEventsOff
	}
	var ch *Channel
	var user protocol.Raw
	if s := subs.find(c.Channel); s != nil {
		if ch = s.channel; s.user != nil {
			user = s.user.ID
		}
	} else if policy == apps.FromAll {
		ch = a.find(c.Channel)
	} else {
		return protocol.ErrNotMember
	}
	if ch != nil {
		a.clientEvents.Add(1)
		ch.publish(protocol.ClientEvent(c.Event, ch.name, c.Data, user), sub.ID())
	}
	return nil
}
