package protocol

import "fmt"

// Error is the client's or publisher's fault. Each is a row of the table
// below; With gives a row a text of its own.
//
// pusher-js decides by the code of the close frame what to do: 4001-4099 and
// from 4300 on it never comes back, 4100-4199 it is back after one second,
// 4200-4299 at once and without a pause. So a refusal that lasts closes with
// the first, and trouble of ours with 4100.
type Error struct {
	Code   int    // of pusher:error and of the close frame; 0 where only HTTP can say it
	Text   string // one line; Laravel logs HTTP bodies word for word
	Closes bool   // the connection is closed with Code after the event
	Status int    // HTTP status; 0 where only a socket can say it

	frame *Frame
}

// The table. docs/COMPATIBILITY.md prints it.
var (
	ErrAppNotFound     = row(4001, "Application does not exist", closes)
	ErrOverQuota       = row(4004, "Application is over connection quota", closes)
	ErrOrigin          = row(4009, "Origin not allowed", closes)
	ErrUnauthorized    = row(4009, "Connection is unauthorized", stays)
	ErrNotMember       = row(4009, "The client is not a member of the specified channel.", stays)
	ErrTerminated      = row(4009, "You got disconnected by the app.", closes)
	ErrOverCapacity    = row(4100, "The server is at its limit of connections. Please try again shortly.", closes)
	ErrSubscriptions   = row(4100, "The connection is on as many channels as it may be on", stays)
	ErrPresenceFull    = row(4100, "The presence channel has as many members as it may have", stays)
	ErrSlowConsumer    = row(4100, "The connection takes messages slower than they are sent", closes)
	ErrInvalidFormat   = row(4200, "Invalid message format", stays)
	ErrInvalidChannel  = row(4200, "Invalid channel name: use 1 to 200 letters, digits and _-=@,.;", stays)
	ErrUserInfo        = row(4200, "The user_info is larger than it may be", stays)
	ErrPongTimeout     = row(4201, "Pong reply not received in time", closes)
	ErrClientEventsOff = row(4301, "The app does not have client messaging enabled.", stays)
	ErrRateLimit       = row(4301, "Rate limit exceeded", stays)
	ErrRateLimitEnd    = row(4301, "Rate limit exceeded", closes)
	ErrWatchlist       = row(4302, "The watchlist may have at most 100 users", stays)

	ErrBadRequest       = httpRow(400, "Bad request.")
	ErrSignature        = httpRow(401, "Authentication signature invalid.")
	ErrNotFound         = httpRow(404, "Not found.")
	ErrMethodNotAllowed = httpRow(405, "Method not allowed.")
	ErrPayloadTooLarge  = httpRow(413, "Payload too large.")
	ErrUpgradeRequired  = httpRow(426, "This is a WebSocket address: the request has to be an upgrade.")
)

const (
	stays  = false
	closes = true
)

// Codes is the table as a list, in the order above.
var Codes = []*Error{
	ErrAppNotFound, ErrOverQuota, ErrOrigin, ErrUnauthorized, ErrNotMember, ErrTerminated, ErrOverCapacity,
	ErrSubscriptions, ErrPresenceFull, ErrSlowConsumer, ErrInvalidFormat, ErrInvalidChannel, ErrUserInfo, ErrPongTimeout,
	ErrClientEventsOff, ErrRateLimit, ErrRateLimitEnd, ErrWatchlist,
	ErrBadRequest, ErrSignature, ErrNotFound, ErrMethodNotAllowed, ErrPayloadTooLarge, ErrUpgradeRequired,
}

func row(code int, text string, closes bool) *Error {
	e := &Error{Code: code, Text: text, Closes: closes}
	e.frame = errorFrame(code, text)
	return e
}

func httpRow(status int, text string) *Error { return &Error{Text: text, Status: status} }

// Error returns the text with its code or status.
func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Code+e.Status, e.Text) }

// Frame returns the pusher:error event. It is encoded once, for the rows of the table.
func (e *Error) Frame() *Frame { return e.frame }

// With returns the same row of the table with a more helpful text.
func (e *Error) With(format string, args ...any) *Error {
	c := *e
	c.Text = fmt.Sprintf(format, args...)
	if c.Code != 0 {
		c.frame = errorFrame(c.Code, c.Text)
	}
	return &c
}
