package config

import (
	"fmt"
	"slices"
	"strings"

	"resound/internal/apps"
)

// history looks at what is kept of the channels.
func (i *inspection) history() {
	c := i.c
	if c.Durability == "off" {
		if said := i.historySaid(); said != "" {
			i.add(Warning, "choose another durability, or remove it", "%s has no effect: durability is off (%s), so nothing is stored", said, i.at("durability"))
		}
		return
	}
	seen := make(map[string]bool) // the rules at the margin are those of many
	for _, a := range c.served {
		i.historyOf(fmt.Sprintf("application %q", a.app.ID), &a.app.History, a.app, func(key string) bool { return i.chosen(a, key) })
		for n, rule := range a.rules {
			if seen[rule.place] {
				continue
			}
			seen[rule.place] = true
			i.unreachable(a.rules[:n], rule)
			i.historyOf("the history rule in "+rule.place, &a.app.HistoryRules[n].History, a.app, rule.says)
		}
	}
}

// historySaid names one place where somebody asks for history, or is "".
func (i *inspection) historySaid() string {
	for _, a := range i.c.served {
		if len(a.rules) > 0 {
			return "the history rule in " + a.rules[0].place
		}
	}
	for _, s := range i.c.Settings {
		if o := i.origin[s.Name]; s.group == "history" && o.place != "" {
			return o.String()
		}
	}
	return ""
}

// chosen reports whether somebody chose that value of the application's own history.
func (i *inspection) chosen(a application, key string) bool {
	if !strings.HasPrefix(key, "replay_") {
		key = historyKey + "_" + key
	}
	return i.origin[strings.ReplaceAll(key, "_", "-")].place != "" || slices.Contains(a.set, key)
}

// historyOf finds values that do not go together. What nobody chose is not complained of.
func (i *inspection) historyOf(whose string, h *apps.History, a *apps.App, chosen func(key string) bool) {
	if h.Messages == 0 {
		if h.Rewind > 0 {
			i.add(Warning, "set messages, or remove rewind", "%s: rewind %d has nothing to send, since nothing is kept", whose, h.Rewind)
		}
		return
	}
	if chosen("replay_messages") && h.ReplayMessages > h.Messages {
		i.add(Warning, "lower replay_messages, or keep more", "%s: a replay may have %d events, but only %d are kept", whose, h.ReplayMessages, h.Messages)
	}
	if chosen("replay_bytes") && h.Bytes > 0 && h.ReplayBytes > h.Bytes {
		i.add(Warning, "lower replay_bytes, or keep more", "%s: a replay may have %d bytes, but only %d are kept", whose, h.ReplayBytes, h.Bytes)
	}
	switch {
	case h.Rewind > h.Messages:
		i.add(Warning, "lower rewind, or keep more", "%s: rewind is %d, but only %d events are kept", whose, h.Rewind, h.Messages)
	case h.Rewind > h.ReplayMessages:
		i.add(Warning, "lower rewind, or raise replay_messages", "%s: rewind is %d, but a replay has %d events at most", whose, h.Rewind, h.ReplayMessages)
	}
	if size := a.MaxMessageSize; chosen("bytes") && h.Bytes > 0 && h.Bytes < size || chosen("replay_bytes") && h.ReplayBytes < size {
		i.add(Warning, "raise them", "%s: one event may have %d bytes, but %d of all are kept and %d sent in one replay", whose, size, h.Bytes, h.ReplayBytes)
	}
	if h.Age == 0 {
		i.add(Warning, "set an age, such as 30d", "%s: without an age, the events of channels that nobody uses any more stay for ever", whose)
	}
}

// unreachable finds the patterns of a rule that only have channels which an earlier rule has.
func (i *inspection) unreachable(earlier []historyRule, rule historyRule) {
	for _, pattern := range rule.channels {
		for _, before := range earlier {
			// A pattern that matches another, read as a name, matches all that the other does.
			reader := apps.App{HistoryRules: []apps.HistoryRule{{Channels: before.channels}}}
			if reader.HistoryOf(pattern) == &reader.History {
				continue
			}
			i.add(Warning, "put it before the other, or remove it", "the history rule in %s never counts for %q: the one in %s has all of these channels", rule.place, pattern, before.place)
			break
		}
	}
}
