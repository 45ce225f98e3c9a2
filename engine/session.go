package engine

import (
	"resound/channels"
	"resound/protocol"
)

// session is the Pusher session that lives on a connection.
type session struct {
	id   protocol.SocketID
	app  *channels.App // nil until the upgrade
	subs channels.Subscriptions
}

// step does what the client asks for. self is the connection that the session
// lives on. The error is for the client.
func (s *session) step(self channels.Subscriber, c protocol.Command) *protocol.Error {
	switch c.Verb {
	case protocol.VerbPing:
		self.Send(protocol.PongFrame)
	case protocol.VerbSubscribe:
		return s.app.Subscribe(self, &s.subs, c)
	case protocol.VerbUnsubscribe:
		s.app.Unsubscribe(&s.subs, c.Channel)
	case protocol.VerbSignin:
		return s.app.SignIn(self, &s.subs, c)
	case protocol.VerbClientEvent:
		return s.app.ClientEvent(self, &s.subs, c)
	}
	return nil
}

// begin starts the session of an application, unless it has too many.
func (s *session) begin(app *channels.App) *protocol.Error {
	if err := app.Connect(); err != nil {
		return err
	}
	s.app = app
	return nil
}

// end leaves every channel. It may be called twice.
func (s *session) end() {
	if s.app == nil {
		return
	}
	s.app.UnsubscribeAll(&s.subs)
	s.app.Disconnect()
	s.app = nil
}
