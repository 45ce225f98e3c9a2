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

// refuse tells the client that its command was refused. A subscription is refused on its channel
// as well, which Reverb does not do: without it Echo's .error() never fires.
func refuse(client channels.Subscriber, c protocol.Command, err *protocol.Error) {
	if err.Closes {
		client.Close(err)
		return
	}
	client.Send(err.Frame())
	if c.Verb != protocol.VerbSubscribe || len(c.Channel) == 0 {
		return
	}
	kind, status := "LimitReached", 429
	switch err.Code {
	case protocol.ErrUnauthorized.Code:
		kind, status = "AuthError", 401
	case protocol.ErrInvalidChannel.Code:
		kind, status = "Invalid", 400
	}
	client.Send(protocol.SubscriptionError(string(c.Channel), kind, err.Text, status))
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
