package protocol

import "strings"

// Names of events, as they stand on the wire.
const (
	EventEstablished       = "pusher:connection_established"
	EventError             = "pusher:error"
	EventPing              = "pusher:ping"
	EventPong              = "pusher:pong"
	EventSubscribe         = "pusher:subscribe"
	EventUnsubscribe       = "pusher:unsubscribe"
	EventSubscriptionError = "pusher:subscription_error"
	EventSucceeded         = "pusher_internal:subscription_succeeded"
	EventMemberAdded       = "pusher_internal:member_added"
	EventMemberRemoved     = "pusher_internal:member_removed"
	clientPrefix           = "client-"
)

// Kind is what the prefix of a channel's name makes of it.
type Kind uint8

const (
	Public Kind = iota
	Private
	Presence
)

// KindOf returns the kind of a channel. The dash belongs to the prefix:
// "privateer" is public, where Reverb asks for a signature.
func KindOf(channel string) Kind {
	switch {
	case strings.HasPrefix(channel, "private-"):
		return Private
	case strings.HasPrefix(channel, "presence-"):
		return Presence
	default:
		return Public
	}
}

// Guarded reports whether a subscription needs a signature.
func (k Kind) Guarded() bool { return k != Public }

// ValidChannel reports whether name is one that a client may subscribe to: 1 to MaxChannelName
// bytes of letters, digits and _-=@,.; as in pusher-http-php. The leading '#' of
// server-to-user channels is left to publishers: nobody may subscribe to another user's channel.
func ValidChannel[S ~string | ~[]byte](name S) bool {
	if len(name) == 0 || len(name) > MaxChannelName {
		return false
	}
	for i := range len(name) {
		if !channelByte[name[i]] {
			return false
		}
	}
	return true
}

// ValidPublishChannel is ValidChannel for publishers, who may also name a "#server-to-user-…" channel.
func ValidPublishChannel[S ~string | ~[]byte](name S) bool {
	if len(name) > 0 && name[0] == '#' {
		return len(name) <= MaxChannelName && ValidChannel(name[1:])
	}
	return ValidChannel(name)
}

var channelByte = func() (ok [256]bool) {
	for c := range ok {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok[c] = letter || strings.IndexByte("_-=@,.;", byte(c)) >= 0
	}
	return ok
}()
