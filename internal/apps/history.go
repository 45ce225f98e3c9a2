package apps

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// History says what is kept of a channel's events, and how much of it a page that comes back may get.
type History struct {
	Messages int           // newest events that are kept; 0 keeps none, and there is no replay
	Age      time.Duration // how long an event is kept; 0 is no limit
	Bytes    int           // of all events that are kept of one channel; 0 is no limit

	Rewind   int    // events that a fresh subscription begins with, if it opts in to replay
	Conflate string // of events with the same key a replay has the newest only: see ValidConflate; "" sends all

	ReplayMessages int // events of one replay; beyond it the page is told of a gap and gets the newest
	ReplayBytes    int // the same, in bytes of those events
}

// HistoryRule is a History for some channels.
type HistoryRule struct {
	Channels []string // patterns of channel names, where '*' stands for any text
	History
}

// ConflateEvent as History.Conflate makes the event's name the key.
const ConflateEvent = "event"

// Defaults of History: an hour of a busy dashboard, and no more than a browser takes in at once.
const (
	DefaultHistoryMessages = 1000
	DefaultHistoryAge      = time.Hour
	DefaultHistoryBytes    = 1 << 20
	DefaultReplayMessages  = 1000
	DefaultReplayBytes     = 1 << 20
)

// DefaultHistory returns the History of an application that says nothing of it.
func DefaultHistory() History {
	return History{
		Messages: DefaultHistoryMessages, Age: DefaultHistoryAge, Bytes: DefaultHistoryBytes,
		ReplayMessages: DefaultReplayMessages, ReplayBytes: DefaultReplayBytes,
	}
}

// HistoryOf returns the history of a channel: that of the first rule that has its name, or the application's own.
func (a *App) HistoryOf(channel string) *History {
	for i := range a.HistoryRules {
		for _, pattern := range a.HistoryRules[i].Channels {
			if matches(pattern, channel) {
				return &a.HistoryRules[i].History
			}
		}
	}
	return &a.History
}

// ValidConflate reports whether s may be History.Conflate: "", "event", or a JSON pointer into the
// event's data, such as /row/id.
func ValidConflate(s string) bool {
	return s == "" || s == ConflateEvent || strings.HasPrefix(s, "/")
}

// Validate reports everything that makes the history unusable, joined.
func (h *History) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(h.Messages >= 0, "history messages %d is negative", h.Messages)
	need(h.Age >= 0, "history age %v is negative", h.Age)
	need(h.Bytes >= 0, "history bytes %d is negative", h.Bytes)
	need(h.Rewind >= 0, "rewind %d is negative", h.Rewind)
	need(ValidConflate(h.Conflate), "conflate %q is neither event nor a JSON pointer that begins with /", h.Conflate)
	need(h.ReplayMessages > 0, "replay messages %d is not positive", h.ReplayMessages)
	need(h.ReplayBytes > 0, "replay bytes %d is not positive", h.ReplayBytes)
	return errors.Join(errs...)
}
