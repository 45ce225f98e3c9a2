package apps

import (
	"strings"
	"testing"
)

func TestHistoryOfTakesTheFirstRule(t *testing.T) {
	a := New("1", "k", "s")
	rule := func(messages int, patterns ...string) HistoryRule {
		h := DefaultHistory()
		h.Messages = messages
		return HistoryRule{Channels: patterns, History: h}
	}
	a.HistoryRules = []HistoryRule{rule(0, "presence-*", "private-*.typing"), rule(5, "private-orders.*"), rule(6, "private-orders.1")}
	for channel, want := range map[string]int{
		"orders": DefaultHistoryMessages, "presence-x": 0, "private-chat.typing": 0, "private-orders.1": 5, "private-orders": DefaultHistoryMessages,
	} {
		if got := a.HistoryOf(channel).Messages; got != want {
			t.Errorf("%s keeps %d events, want %d", channel, got, want)
		}
	}
}

func TestHistoryIsValidated(t *testing.T) {
	for want, change := range map[string]func(*History){
		"messages -1":      func(h *History) { h.Messages = -1 },
		"age":              func(h *History) { h.Age = -1 },
		"bytes -1":         func(h *History) { h.Bytes = -1 },
		"rewind":           func(h *History) { h.Rewind = -1 },
		"conflate":         func(h *History) { h.Conflate = "row.id" },
		"replay messages":  func(h *History) { h.ReplayMessages = 0 },
		"replay bytes -10": func(h *History) { h.ReplayBytes = -10 },
	} {
		a := New("1", "k", "s")
		h := DefaultHistory()
		change(&h)
		a.HistoryRules = []HistoryRule{{Channels: []string{"*"}, History: h}}
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	a := New("1", "k", "s")
	a.History.Conflate = "/row/id"
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}
