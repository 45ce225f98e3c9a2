package engine

import (
	"resound/internal/apps"
	"resound/protocol"
)

// rate is what one connection has sent of late: a bucket that every message
// fills by one and that empties with time. The zero value is empty.
type rate struct {
	began uint32  // second in which the connection was opened
	at    uint32  // second in which level was true
	level float32 // messages
}

// resubscribeTime is how long after its upgrade a connection may subscribe as
// often as it likes, in seconds: a page that comes back sends a subscription
// for each of its channels, private ones as the application's answers arrive.
const resubscribeTime = 30

// limited returns the error of a connection that sends more than its application allows, or nil.
// Pings never count: who is refused an answer to those would think that the server is gone.
func (c *conn) limited(cmd protocol.Command) *protocol.Error {
	limit := c.app.Settings().RateLimit
	if !limit.Enabled || cmd.Verb == protocol.VerbPing || cmd.Verb == protocol.VerbPong {
		return nil
	}
	now := c.loop.wheel.now
	fresh := now-c.rate.began < resubscribeTime
	if fresh && (cmd.Verb == protocol.VerbSubscribe || cmd.Verb == protocol.VerbSignin) {
		return nil
	}
	if c.rate.take(limit, now) {
		return nil
	}
	if limit.Terminate {
		return protocol.ErrRateLimitEnd
	}
	return protocol.ErrRateLimit
}

// take counts a message in and reports whether it was within the limit.
func (r *rate) take(limit apps.RateLimit, now uint32) bool {
	drained := float64(now-r.at) * float64(limit.MaxAttempts) / limit.Decay.Seconds()
	r.level = max(r.level-float32(drained), 0)
	r.at = now
	if r.level+1 > float32(limit.MaxAttempts) {
		return false
	}
	r.level++
	return true
}
