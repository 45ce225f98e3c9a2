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
		frame := protocol.ClientEvent(c.Event, ch.name, c.Data, user)
		ch.publish(frame, sub.ID())
		a.say(ch.name, sub, frame)
	} else if a.hub.broker != nil && protocol.ValidChannel(c.Channel) { // somebody may be on it elsewhere
		a.clientEvents.Add(1)
		name := string(c.Channel)
		a.say(name, sub, protocol.ClientEvent(c.Event, name, c.Data, user))
	}
	return nil
}

// say brings what a client said to the other nodes.
func (a *App) say(channel string, sub Subscriber, frame *protocol.Frame) {
	if b := a.hub.broker; b != nil {
		b.Say(a.id, channel, sub.ID(), frame.Payload())
	}
}
