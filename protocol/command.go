package protocol

import (
	"bytes"
)

// Verb is what a client asks for.
type Verb uint8

const (
	VerbIgnore Verb = iota // understood, nothing to do
	VerbPing
	VerbPong
	VerbSubscribe
	VerbUnsubscribe
	VerbClientEvent
	VerbSignin
)

// Command is one parsed client message. Its slices alias the message.
type Command struct {
	Verb    Verb
	Channel []byte // subscribe, unsubscribe, client event: the name as text

	// Subscribe; Auth goes with signin too.
	Auth        []byte // "key:signature", or empty
	ChannelData []byte // the very string that was signed, or empty
	Member      Member // from ChannelData; zero when it names nobody
	Replay      Replay // subscribe only

	// Client event: the values as they came.
	Event   Raw // a string
	Data    Raw // empty when the client sent none
	rawName Raw

	// Signin.
	UserData []byte // the very string that was signed
}

// Clone returns a copy that no longer aliases the message.
func (c Command) Clone() Command {
	c.Channel, c.Auth, c.ChannelData = bytes.Clone(c.Channel), bytes.Clone(c.Auth), bytes.Clone(c.ChannelData)
	c.Member = c.Member.Clone()
	c.Event, c.Data, c.rawName = bytes.Clone(c.Event), bytes.Clone(c.Data), bytes.Clone(c.rawName)
	c.UserData, c.Replay.Epoch = bytes.Clone(c.UserData), bytes.Clone(c.Replay.Epoch)
	return c
}

// ParseCommand reads one client message, which has to be valid UTF-8. Escaped
// strings are unquoted in place, so payload is used up. The error is
// ErrInvalidFormat: Reverb says the same for every shape that it does not understand.
func ParseCommand(payload []byte) (Command, *Error) {
	var c Command
	var data Raw
	ok := ScanObject(payload, func(key []byte, v Raw) bool {
		switch string(key) {
		case "event":
			c.Event = v
		case "channel":
			c.rawName = v
		case "data":
			data = v
		}
		return true
	})
	if !ok || !c.Event.IsString() || len(c.Event) == 2 {
		return c, ErrInvalidFormat
	}
	name := c.Event.Text() // the raw value is passed on, so it may not be used up
	switch {
	case string(name) == EventPing:
		c.Verb = VerbPing
		return c, nil
	case string(name) == EventPong:
		c.Verb = VerbPong
		return c, nil
	case string(name) == EventSubscribe:
		c.Verb = VerbSubscribe
		return c, c.subscription(data)
	case string(name) == EventUnsubscribe:
		c.Verb = VerbUnsubscribe
		return c, c.subscription(data)
	case string(name) == EventSignin:
		c.Verb = VerbSignin
		return c, c.signin(data)
	case bytes.HasPrefix(name, []byte("pusher:")):
		return c, ErrInvalidFormat
	}
	return c, c.clientEvent(name, data)
}

// subscription reads the data of subscribe and unsubscribe: an object, or a string that holds one.
func (c *Command) subscription(data Raw) *Error {
	if data.IsString() {
		data = Raw(data.Unquote())
	}
	var channel, auth, channelData, replay Raw
	ok := ScanObject(data, func(key []byte, v Raw) bool {
		switch string(key) {
		case "channel":
			channel = v
		case "auth":
			auth = v
		case "channel_data":
			channelData = v
		case "replay":
			replay = v
		}
		return true
	})
	if !ok || !channel.IsString() || len(channel) == 2 {
		return ErrInvalidFormat
	}
	c.Channel, c.Replay = channel.Unquote(), parseReplay(replay)
	if !auth.IsNull() {
		if !auth.IsString() {
			return ErrInvalidFormat
		}
		c.Auth = auth.Unquote()
	}
	if channelData.IsNull() {
		return nil
	}
	if !channelData.IsString() {
		return ErrInvalidFormat
	}
	if c.ChannelData = channelData.Unquote(); len(c.ChannelData) == 0 {
		return nil // signed without it, as in Reverb
	}
	var err *Error
	c.Member, err = ParseMember(c.ChannelData)
	return err
}

// signin reads the data of a sign-in: an object, or a string that holds one.
func (c *Command) signin(data Raw) *Error {
	if data.IsString() {
		data = Raw(data.Unquote())
	}
	var auth, userData Raw
	ok := ScanObject(data, func(key []byte, v Raw) bool {
		switch string(key) {
		case "auth":
			auth = v
		case "user_data":
			userData = v
		}
		return true
	})
	if !ok || !auth.IsString() || !userData.IsString() {
		return ErrInvalidFormat
	}
	c.Auth, c.UserData = auth.Unquote(), userData.Unquote()
	return nil
}

// clientEvent reads everything that is no event of the protocol. What does
// not start with "client-" is ignored when it names a channel, as in Reverb.
func (c *Command) clientEvent(name []byte, data Raw) *Error {
	if !c.rawName.IsString() || len(c.rawName) == 2 {
		return ErrInvalidFormat
	}
	if !bytes.HasPrefix(name, []byte(clientPrefix)) {
		return nil
	}
	if len(name) > MaxEventName {
		return ErrInvalidFormat.With("Invalid message format: the event name has %d bytes, the limit is %d", len(name), MaxEventName)
	}
	c.Verb, c.Channel, c.Data = VerbClientEvent, c.rawName.Unquote(), data
	return nil
}
