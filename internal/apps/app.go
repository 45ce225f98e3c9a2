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

// TimestampPolicy says what becomes of a request whose auth_timestamp is more than TimestampSlack off.
type TimestampPolicy uint8

const (
	// TimestampWarn serves it and logs a warning: Reverb never looked, so clocks may be wrong.
	TimestampWarn TimestampPolicy = iota
	// TimestampEnforce refuses it, as Pusher does.
	TimestampEnforce
	// TimestampIgnore serves it.
	TimestampIgnore
)

// ParseTimestampPolicy reads "warn", "enforce" or "ignore".
func ParseTimestampPolicy(s string) (TimestampPolicy, error) {
	for p := TimestampWarn; p <= TimestampIgnore; p++ {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is none of warn, enforce and ignore", s)
}

// String returns what ParseTimestampPolicy reads.
func (p TimestampPolicy) String() string { return [...]string{"warn", "enforce", "ignore"}[p] }

// TimestampSlack is how far auth_timestamp may be from the server's clock, as Pusher documents.
const TimestampSlack = 600 * time.Second

// Defaults of Reverb's config/reverb.php, so that a project without these
// names in its .env behaves as it did.
const (
	DefaultPingInterval    = 60 * time.Second
	DefaultActivityTimeout = 30 * time.Second
	DefaultMaxMessageSize  = 10_000 // bytes

	DefaultRateAttempts = 60
	DefaultRateDecay    = 60 * time.Second
)

// Defaults of what Reverb has no setting for.
const (
	// DefaultCacheTTL is how long a cache channel keeps its event, as Pusher documents.
	DefaultCacheTTL = 30 * time.Minute

	// DefaultMaxBatch is how many events one batch may have, as in Pusher and soketi.
	DefaultMaxBatch = 10

	// DefaultMaxSubscriptions is how many channels one connection may be on: several times what a page with a channel for
	// each row of a long table asks for. A connection takes about as much memory with them as the backlog that it may leave.
	DefaultMaxSubscriptions = 1000

	// DefaultCompressionMinSize is where compressing begins to take a fifth off, see BENCHMARKS.md.
	DefaultCompressionMinSize = 256 // bytes
)

// RateLimit is how many messages one connection may send. Pings and
// subscriptions do not count, so that a page that comes back is not refused.
type RateLimit struct {
	Enabled     bool
	MaxAttempts int           // messages in any Decay, all at once if need be
	Decay       time.Duration // the time in which that many come back
	Terminate   bool          // close the connection that sends more
}

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
	RateLimit       RateLimit

	// AllowedOrigins is the host patterns of pages that may connect, as CleanOrigin
	// returns them; '*' stands for any text. A list with "*" admits everybody.
	AllowedOrigins []string

	CacheTTL           time.Duration   // how long a cache channel keeps its event
	SubscriptionCount  bool            // tell channels how many are on them
	MaxSubscriptions   int             // channels that one connection is on; 0 is no limit
	MaxPresenceMembers int             // users on one presence channel; 0 is no limit
	MaxUserInfo        int             // bytes of one member's user_info; 0 is no limit
	MaxBatch           int             // events in one batch
	Compression        bool            // permessage-deflate for clients that offer it
	CompressionMinSize int             // bytes of a message below which it goes out plain
	Timestamps         TimestampPolicy // what becomes of requests from another time

	History      History       // of channels that no rule names
	HistoryRules []HistoryRule // the first that names a channel counts
}

// New returns an application with Reverb's defaults.
func New(id, key, secret string) *App {
	return &App{
		ID: id, Key: key, Secret: secret,
		PingInterval:    DefaultPingInterval,
		ActivityTimeout: DefaultActivityTimeout,
		MaxMessageSize:  DefaultMaxMessageSize,
		ClientEvents:    FromMembers,
		RateLimit:       RateLimit{MaxAttempts: DefaultRateAttempts, Decay: DefaultRateDecay},
		AllowedOrigins:  []string{AnyOrigin},
		CacheTTL:        DefaultCacheTTL,
		MaxBatch:        DefaultMaxBatch,

		MaxSubscriptions:   DefaultMaxSubscriptions,
		CompressionMinSize: DefaultCompressionMinSize,
		History:            DefaultHistory(),
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
	need(!a.RateLimit.Enabled || a.RateLimit.MaxAttempts > 0, "rate limit of %d attempts is not positive", a.RateLimit.MaxAttempts)
	need(!a.RateLimit.Enabled || a.RateLimit.Decay >= time.Second, "rate limit decay %v is below 1s", a.RateLimit.Decay)
	need(len(a.AllowedOrigins) > 0, "allowed origins is empty: nobody could connect")
	need(a.CacheTTL >= 0, "cache ttl %v is negative", a.CacheTTL)
	need(a.MaxSubscriptions >= 0, "max subscriptions %d is negative", a.MaxSubscriptions)
	need(a.MaxPresenceMembers >= 0, "max presence members %d is negative", a.MaxPresenceMembers)
	need(a.MaxUserInfo >= 0, "max user info %d is negative", a.MaxUserInfo)
	need(a.CompressionMinSize >= 0, "compression min size %d is negative", a.CompressionMinSize)
	need(a.MaxBatch > 0, "max batch %d is not positive", a.MaxBatch)
	errs = append(errs, a.History.Validate())
	for i := range a.HistoryRules {
		errs = append(errs, a.HistoryRules[i].Validate())
	}
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
