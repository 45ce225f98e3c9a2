package apps

import (
	"errors"
	"fmt"
	"time"
)

// ClientEvents says whose client events an application relays.
type ClientEvents uint8

const (
	// FromMembers relays a client event only from a subscriber of its channel.
	FromMembers ClientEvents = iota
	// FromAll relays it from every connection of the application.
	FromAll
	// FromNone answers every client event with an error.
	FromNone
)

// ParseClientEvents reads the value of REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM.
// As in Reverb, anything but "all" and "members" turns client events off.
func ParseClientEvents(s string) ClientEvents {
	switch s {
	case "members":
		return FromMembers
	case "all":
		return FromAll
	default:
		return FromNone
	}
}

// String returns the value that ParseClientEvents reads.
func (c ClientEvents) String() string {
	return [...]string{"members", "all", "none"}[c]
}

// Defaults of Reverb's config/reverb.php, so that a project without these
// names in its .env behaves as it did.
const (
	DefaultPingInterval    = 60 * time.Second
	DefaultActivityTimeout = 30 * time.Second
	DefaultMaxMessageSize  = 10_000 // bytes
)

// App is one application. It is immutable once it is in a Registry.
type App struct {
	ID     string // in the path of the HTTP API: /apps/{ID}/events
	Key    string // public, in the path of the WebSocket: /app/{Key}
	Secret string // signs requests and subscriptions; never logged

	PingInterval    time.Duration // silence after which a connection is pinged
	ActivityTimeout time.Duration // told to the client, whole seconds, never 0
	MaxMessageSize  int           // bytes of one WebSocket message
	MaxConnections  int           // sockets at the same time; 0 is no limit
	ClientEvents    ClientEvents  // who may whisper
}

// New returns an application with Reverb's defaults.
func New(id, key, secret string) *App {
	return &App{
		ID: id, Key: key, Secret: secret,
		PingInterval:    DefaultPingInterval,
		ActivityTimeout: DefaultActivityTimeout,
		MaxMessageSize:  DefaultMaxMessageSize,
		ClientEvents:    FromMembers,
	}
}

// Validate reports everything that makes the application unusable, joined.
func (a *App) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(a.ID != "", "app id is empty")
	need(a.Key != "", "app key is empty")
	need(a.Secret != "", "app secret is empty")
	need(pathSafe(a.ID), "app id %q may only hold letters, digits, '-', '_' and '.'", a.ID)
	need(pathSafe(a.Key), "app key may only hold letters, digits, '-', '_' and '.'")
	need(a.PingInterval >= time.Second, "ping interval %v is below 1s", a.PingInterval)
	// pusher-js takes a zero timeout in the first frame for a broken server and never dials again.
	need(a.ActivityTimeout >= time.Second, "activity timeout %v is below 1s", a.ActivityTimeout)
	need(a.MaxMessageSize > 0, "max message size %d is not positive", a.MaxMessageSize)
	need(a.MaxConnections >= 0, "max connections %d is negative", a.MaxConnections)
	return errors.Join(errs...)
}

// pathSafe reports whether s stands in a URL path as it is.
func pathSafe(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
