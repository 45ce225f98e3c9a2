package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"resound/internal/apps"
)

// historyKey is the list of rules in a config file, and channelsKey what each of them has to have.
const (
	historyKey  = "history"
	channelsKey = "channels"
)

// maxBytes bounds what is counted in bytes and may be more than one number of 31 bits holds.
const maxBytes = 1 << 40

// historyRule is one rule for some channels, as it stands in a config file.
type historyRule struct {
	channels []string
	values   map[string]fileValue // by the names of ruleKeys; each can be read
	place    string               // "path:line"
}

// ruleKey is one thing that a rule may say of its channels.
type ruleKey struct {
	name string
	read func(text string, h *apps.History) error
	show func(h *apps.History) string // what read would make the same of
	zero string                       // what 0 or nothing means, or "" where it says so itself
}

// ruleKeys is in the order in which they are shown.
var ruleKeys = []ruleKey{
	countKey("messages", 0, 1<<31-1, "nothing is kept", func(h *apps.History) *int { return &h.Messages }),
	{
		name: "age", zero: "no limit",
		read: func(text string, h *apps.History) (err error) {
			h.Age, err = parseAge(text)
			return err
		},
		show: func(h *apps.History) string { return wholeSeconds(h.Age) },
	},
	countKey("bytes", 0, maxBytes, "no limit", func(h *apps.History) *int { return &h.Bytes }),
	countKey("rewind", 0, 1<<31-1, "", func(h *apps.History) *int { return &h.Rewind }),
	{
		name: "conflate",
		read: func(text string, h *apps.History) error {
			if h.Conflate = text; !apps.ValidConflate(text) {
				return fmt.Errorf("%q is neither event nor a pointer into the event's data, such as /row/id", text)
			}
			return nil
		},
		show: func(h *apps.History) string { return h.Conflate },
	},
	countKey("replay_messages", 1, 1<<31-1, "", func(h *apps.History) *int { return &h.ReplayMessages }),
	countKey("replay_bytes", 1, maxBytes, "", func(h *apps.History) *int { return &h.ReplayBytes }),
}

func countKey(name string, low, high int64, zero string, field func(*apps.History) *int) ruleKey {
	return ruleKey{
		name: name, zero: zero,
		read: func(text string, h *apps.History) error {
			n, err := whole(text, low, high)
			*field(h) = int(n)
			return err
		},
		show: func(h *apps.History) string { return strconv.Itoa(*field(h)) },
	}
}

// history is what is kept of channels that no rule names.
func (l *Limits) history() apps.History {
	return apps.History{
		Messages: l.HistoryMessages, Age: l.HistoryAge, Bytes: l.HistoryBytes,
		ReplayMessages: l.ReplayMessages, ReplayBytes: l.ReplayBytes,
	}
}

// historyRules fills in what the rules leave to the application.
func (l *Limits) historyRules() []apps.HistoryRule {
	var list []apps.HistoryRule
	for _, rule := range l.rules {
		r := apps.HistoryRule{Channels: rule.channels, History: l.history()}
		rule.apply(&r.History)
		list = append(list, r)
	}
	return list
}

// apply puts what the rule says into h.
func (r historyRule) apply(h *apps.History) {
	for _, k := range ruleKeys {
		if v, ok := r.values[k.name]; ok {
			_ = k.read(v.text, h) // it was read before
		}
	}
}

// says reports whether the rule has a value of its own for the key.
func (r historyRule) says(key string) bool {
	_, ok := r.values[key]
	return ok
}

// history reads a list of rules. nil is none, as without the key; an empty list is not nil.
func (r *fileReader) history(node *yaml.Node) []historyRule {
	list := resolve(node)
	switch {
	case list.Tag == "!!null":
		return nil
	case list.Kind != yaml.SequenceNode:
		r.fail(node, "history must be a list of rules: each begins with a dash and has channels; history_messages, history_age and history_bytes are for the channels that no rule names")
		return nil
	}
	rules := []historyRule{}
	for _, n := range list.Content {
		if !r.spend(n) {
			break
		}
		if rule, ok := r.historyRule(n); ok {
			rules = append(rules, rule)
		}
	}
	return rules
}

// historyRule reads one rule.
func (r *fileReader) historyRule(n *yaml.Node) (historyRule, bool) {
	before, named := r.failed, false
	rule := historyRule{values: make(map[string]fileValue), place: r.file.at(n.Line)}
	for _, p := range r.pairs(n, 0) {
		if p.name == channelsKey {
			rule.channels, named = r.patterns(p.node), true
			continue
		}
		r.ruleValue(p, rule.values)
	}
	if !named && r.failed == before {
		r.fail(n, "a rule of history needs channels: a pattern such as \"orders.*\", or a list of them")
	}
	return rule, r.failed == before
}

// ruleValue reads one value of a rule.
func (r *fileReader) ruleValue(p pair, into map[string]fileValue) {
	i := slices.IndexFunc(ruleKeys, func(k ruleKey) bool { return k.name == p.name })
	if i < 0 {
		r.fail(&yaml.Node{Line: p.line}, "%s", unknownRuleKey(p.name))
		return
	}
	text, null, err := r.text(resolve(p.node), false)
	if err == nil && !null {
		err = ruleKeys[i].read(text, new(apps.History))
	}
	switch {
	case err != nil:
		r.fail(p.node, "%s: %v", p.name, err)
	case !null:
		into[p.name] = fileValue{text: text, line: p.node.Line}
	}
}

// unknownRuleKey says what a key of a rule may have been meant to be.
func unknownRuleKey(key string) string {
	names := []string{channelsKey}
	for _, k := range ruleKeys {
		names = append(names, k.name)
	}
	short := strings.TrimPrefix(key, historyKey+"_") // history_messages is a key, but not here
	text := fmt.Sprintf("%q is nothing that a rule of history has", key)
	if near := Nearest(short, names); near != "" {
		text += "; did you mean " + near + "?"
	}
	return text
}

// patterns reads the channels of a rule: one pattern, or a list of them. A comma is part of a name.
func (r *fileReader) patterns(node *yaml.Node) []string {
	n := resolve(node)
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) == 0 {
		r.fail(node, "channels: the list is empty, so the rule is for no channel")
	}
	var list []string
	for _, item := range items {
		if !r.spend(item) {
			break
		}
		switch text, null, err := r.text(resolve(item), false); {
		case err != nil:
			r.fail(item, "channels: %v", err)
		case null:
			r.fail(item, "channels: a pattern is empty; \"*\" is every channel")
		default:
			list = append(list, text)
		}
	}
	return list
}

// sameRules reports whether two lists say the same, however it is written and wherever it stands.
func sameRules(a, b []historyRule) bool {
	return slices.EqualFunc(a, b, func(a, b historyRule) bool {
		return slices.Equal(a.channels, b.channels) && maps.Equal(a.texts(), b.texts())
	})
}

// texts is what the rule says, in one spelling.
func (r historyRule) texts() map[string]string {
	var h apps.History
	r.apply(&h)
	texts := make(map[string]string)
	for _, k := range ruleKeys {
		if r.says(k.name) {
			texts[k.name] = k.show(&h)
		}
	}
	return texts
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }
