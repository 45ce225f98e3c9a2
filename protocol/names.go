package protocol

import (
	"bytes"
	"strings"
)

// Names of events, as they stand on the wire.
const (
	EventEstablished       = "pusher:connection_established"
	EventError             = "pusher:error"
	EventPing              = "pusher:ping"
	EventPong              = "pusher:pong"
	EventSubscribe         = "pusher:subscribe"
	EventUnsubscribe       = "pusher:unsubscribe"
	EventSubscriptionError = "pusher:subscription_error"
	EventCacheMiss         = "pusher:cache_miss"
	EventSignin            = "pusher:signin"
	EventSigninSuccess     = "pusher:signin_success"
	EventSucceeded         = "pusher_internal:subscription_succeeded"
	EventMemberAdded       = "pusher_internal:member_added"
	EventMemberRemoved     = "pusher_internal:member_removed"
	EventSubscriptionCount = "pusher_internal:subscription_count"
	EventWatchlist         = "pusher_internal:watchlist_events"
	EventReplay            = "pusher:replay"
	EventReplayMarker      = "pusher_internal:replay"
	clientPrefix           = "client-"
)

// ServerToUserPrefix begins the name of the channel on which a signed-in user is told what is for him alone.
const ServerToUserPrefix = "#server-to-user-"

// Kind says who may be on a channel.
type Kind uint8

const (
	Public       Kind = iota // everybody
	Private                  // whose subscription is signed; encrypted channels too
	Presence                 // the same, and everybody on it knows who is there
	ServerToUser             // the connections of one signed-in user
)

// KindOf returns the kind of a channel. The dash belongs to the prefix:
// "privateer" is public, where Reverb asks for a signature.
func KindOf(channel string) Kind {
	switch {
	case strings.HasPrefix(channel, "private-"):
		return Private
	case strings.HasPrefix(channel, "presence-"):
		return Presence
	case strings.HasPrefix(channel, ServerToUserPrefix):
		return ServerToUser
	default:
		return Public
	}
}

// Guarded reports whether a subscription needs a signature.
func (k Kind) Guarded() bool { return k == Private || k == Presence }

// IsCache reports whether a channel keeps its newest event for who comes later.
func IsCache[S ~string | ~[]byte](channel S) bool {
	const cache = "cache-"
	for _, guard := range [...]string{"private-encrypted-", "private-", "presence-", ""} {
		if n := len(guard); len(channel) >= n+len(cache) && string(channel[:n]) == guard {
			if string(channel[n:n+len(cache)]) == cache {
				return true
			}
		}
	}
	return false
}

// IsReserved reports whether an event's name, a JSON string, is one that only the protocol itself gives.
func IsReserved(name Raw) bool {
	return bytes.HasPrefix(name, []byte(`"pusher:`)) || bytes.HasPrefix(name, []byte(`"pusher_internal:`))
}

// ValidChannel reports whether name is one that a client may subscribe to: 1 to MaxChannelName
// bytes of letters, digits and _-=@,.; as in pusher-http-php. Names with a leading '#' are the server's.
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
