package config

import (
	"fmt"
	"slices"
	"time"

	"resound/internal/apps"
)

// Limits is every setting that each application may have its own value of.
// The tag `file` is the key in the config file where it is not the flag's name.
type Limits struct {
	MaxConnections     int               `group:"limits" placeholder:"N" type:"number" default:"0" zero:"no limit" env:"REVERB_APP_MAX_CONNECTIONS" help:"Sockets at the same time. Default: no limit."` // 0 is no limit
	MaxMessageSize     int               `group:"limits" placeholder:"BYTES" type:"number" min:"1" default:"10000" env:"REVERB_APP_MAX_MESSAGE_SIZE" help:"Bytes of one WebSocket message (default ${default})."`
	PingInterval       time.Duration     `group:"limits" placeholder:"SECONDS" type:"seconds" default:"60" env:"REVERB_APP_PING_INTERVAL" help:"Silence after which a socket is pinged (default ${default})."`
	ActivityTimeout    time.Duration     `group:"limits" placeholder:"SECONDS" type:"seconds" default:"30" env:"REVERB_APP_ACTIVITY_TIMEOUT" help:"Silence after which a browser is told to ping (default ${default})."`
	AcceptClientEvents apps.ClientEvents `name:"accept-client-events-from" group:"limits" placeholder:"members|all|none" type:"clientevents" default:"members" empty:"none" env:"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM" help:"Whose client events (whispers) are passed on (default ${default})."`
	// AllowedOrigins is clean after Parse: hosts only.
	AllowedOrigins []string `group:"limits" placeholder:"HOST,..." type:"origins" default:"*" env:"RESOUND_ALLOWED_ORIGINS" help:"Hosts of the pages that may connect, with * for any text (default ${default})."`

	RateLimiting      bool          `group:"limits" type:"switch" file:"rate_limiting.enabled" env:"REVERB_APP_RATE_LIMITING_ENABLED" help:"Limit how many messages one socket may send."`
	RateLimitAttempts int           `name:"rate-limit-max-attempts" group:"limits" placeholder:"N" type:"number" min:"1" default:"60" file:"rate_limiting.max_attempts" env:"REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS" help:"Messages in that time (default ${default})."`
	RateLimitDecay    time.Duration `name:"rate-limit-decay-seconds" group:"limits" placeholder:"SECONDS" type:"seconds" default:"60" file:"rate_limiting.decay_seconds" env:"REVERB_APP_RATE_LIMIT_DECAY_SECONDS" help:"The time of the rate limit (default ${default})."`
	RateLimitClose    bool          `name:"rate-limit-terminate" group:"limits" type:"switch" file:"rate_limiting.terminate_on_limit" env:"REVERB_APP_RATE_LIMIT_TERMINATE" help:"Close the socket that sends more."`

	CacheTTL           time.Duration        `name:"cache-ttl" group:"limits" placeholder:"SECONDS" type:"seconds" default:"1800" env:"RESOUND_CACHE_TTL" help:"How long a cache channel keeps its event (default ${default})."`
	SubscriptionCount  bool                 `group:"limits" type:"switch" env:"RESOUND_SUBSCRIPTION_COUNT" help:"Tell channels how many sockets are on them."`
	MaxSubscriptions   int                  `group:"limits" placeholder:"N" type:"number" default:"1000" zero:"no limit" file:"max_subscriptions_per_connection" env:"RESOUND_MAX_SUBSCRIPTIONS" help:"Channels that one socket may be on; 0 is no limit (default ${default})."` // 0 is no limit
	MaxPresenceMembers int                  `group:"limits" placeholder:"N" type:"number" default:"0" zero:"no limit" env:"RESOUND_MAX_PRESENCE_MEMBERS" help:"Users on one presence channel. Default: no limit."`                                                               // 0 is no limit
	MaxUserInfo        int                  `group:"limits" placeholder:"BYTES" type:"number" default:"0" zero:"no limit" env:"RESOUND_MAX_USER_INFO" help:"Bytes of user_info of one presence member. Default: no limit."`                                                      // 0 is no limit
	MaxBatch           int                  `group:"limits" placeholder:"N" type:"number" min:"1" default:"10" env:"RESOUND_MAX_BATCH" help:"Events in one batch (default ${default})."`
	Compression        bool                 `group:"limits" type:"switch" env:"RESOUND_COMPRESSION" help:"Compress messages for clients that offer permessage-deflate, as browsers do."`
	CompressionMinSize int                  `group:"limits" placeholder:"BYTES" type:"number" default:"256" env:"RESOUND_COMPRESSION_MIN_SIZE" help:"Bytes of a message below which it goes out as it is (default ${default})."`
	AuthTimestamp      apps.TimestampPolicy `group:"limits" placeholder:"warn|enforce|ignore" type:"timestamps" default:"warn" env:"RESOUND_AUTH_TIMESTAMP" help:"What becomes of an API request that is more than ten minutes old or early (default ${default})."`

	// Where a rule of the config file does not say otherwise.
	HistoryMessages int           `group:"history" placeholder:"N" type:"number" default:"1000" zero:"nothing is kept" env:"RESOUND_HISTORY_MESSAGES" help:"Newest events of each channel that are kept; 0 keeps none, and nothing is replayed (default ${default})."`
	HistoryAge      time.Duration `group:"history" placeholder:"SECONDS" type:"age" default:"3600" zero:"no limit" env:"RESOUND_HISTORY_AGE" help:"How long an event is kept; 0 is no limit (default ${default})."`
	HistoryBytes    int           `group:"history" placeholder:"BYTES" type:"number" max:"1099511627776" default:"1048576" zero:"no limit" env:"RESOUND_HISTORY_BYTES" help:"Bytes of the events of each channel that are kept; 0 is no limit (default ${default})."`
	ReplayMessages  int           `group:"history" placeholder:"N" type:"number" min:"1" default:"1000" env:"RESOUND_REPLAY_MESSAGES" help:"Events of a channel that a page which comes back is sent; one that missed more is told of a gap, and gets the newest (default ${default})."`
	ReplayBytes     int           `group:"history" placeholder:"BYTES" type:"number" min:"1" max:"1099511627776" default:"1048576" env:"RESOUND_REPLAY_BYTES" help:"The same, in bytes of those events (default ${default})."`

	rules []historyRule // of the config file; the first that names a channel counts
}

// perApplication reports whether the flags of a group are fields of Limits.
func perApplication(group string) bool { return group == "limits" || group == "history" }

// app returns an application with these limits.
func (l *Limits) app(id, key, secret string) *apps.App {
	a := apps.New(id, key, secret)
	a.PingInterval, a.ActivityTimeout = l.PingInterval, l.ActivityTimeout
	a.MaxConnections, a.MaxMessageSize = l.MaxConnections, l.MaxMessageSize
	a.ClientEvents, a.AllowedOrigins = l.AcceptClientEvents, l.AllowedOrigins
	a.RateLimit = apps.RateLimit{
		Enabled: l.RateLimiting, MaxAttempts: l.RateLimitAttempts,
		Decay: l.RateLimitDecay, Terminate: l.RateLimitClose,
	}
	a.CacheTTL, a.SubscriptionCount = l.CacheTTL, l.SubscriptionCount
	a.MaxSubscriptions = l.MaxSubscriptions
	a.MaxPresenceMembers, a.MaxUserInfo = l.MaxPresenceMembers, l.MaxUserInfo
	a.MaxBatch, a.Timestamps = l.MaxBatch, l.AuthTimestamp
	a.Compression, a.CompressionMinSize = l.Compression, l.CompressionMinSize
	a.History, a.HistoryRules = l.history(), l.historyRules()
	return a
}

// cleanOrigins replaces the entries by what can be compared, and returns a
// sentence for each that was more than that.
func (l *Limits) cleanOrigins() []string {
	var notes []string
	l.AllowedOrigins = slices.Clone(l.AllowedOrigins)
	for i, entry := range l.AllowedOrigins {
		pattern, changed := apps.CleanOrigin(entry)
		if changed {
			notes = append(notes, fmt.Sprintf("the origin %q counts as %q: only the host is compared, as in Reverb", entry, pattern))
		}
		l.AllowedOrigins[i] = pattern
	}
	return notes
}
