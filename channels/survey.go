package channels

import (
	"context"
	"strings"

	"github.com/goccy/go-json"

	"resound/protocol"
)

// question is what one node asks all others. One of its members is set.
type question struct {
	Prefix      *string  `json:"prefix,omitempty"`      // the occupied channels whose names start with it
	Channels    []string `json:"channels,omitempty"`    // these
	Connections bool     `json:"connections,omitempty"` // how many there are
	Terminate   string   `json:"terminate,omitempty"`   // to close those of this user
}

// answer is what a node says to a question.
type answer struct {
	Channels    []part `json:"channels,omitempty"`
	Connections int    `json:"connections,omitempty"`
	Closed      int    `json:"closed,omitempty"`
}

// part is the part of a channel that one node has.
type part struct {
	Name          string         `json:"name"`
	Subscriptions int            `json:"subscriptions,omitempty"`
	Messages      uint64         `json:"messages,omitempty"`
	Bytes         uint64         `json:"bytes,omitempty"`
	Users         []protocol.Raw `json:"users,omitempty"` // ids of those with a socket there
}

// total is what all other nodes have of a channel; nil is nothing.
type total struct {
	part
	keys map[string]protocol.Raw // ids by key
}

// Ask answers another node; see Receiver.
func (h *Hub) Ask(app string, asked []byte) []byte {
	v, ok := h.apps.Load(app)
	if !ok {
		return []byte("{}") // nobody of it has connected here
	}
	var q question
	if json.Unmarshal(asked, &q) != nil {
		return nil // of a later version
	}
	b, err := json.Marshal(v.(*App).reply(q))
	if err != nil {
		return nil
	}
	return b
}

// reply says what this node has.
func (a *App) reply(q question) (ans answer) {
	add := func(c *Channel) {
		if p := c.part(); p.Subscriptions > 0 {
			ans.Channels = append(ans.Channels, p)
		}
	}
	switch {
	case q.Prefix != nil:
		a.each(func(c *Channel) bool {
			if strings.HasPrefix(c.name, *q.Prefix) {
				add(c)
			}
			return true
		})
	case q.Terminate != "":
		ans.Closed = a.Terminate(q.Terminate)
	case q.Connections:
		ans.Connections = a.Connections()
	default:
		for _, name := range q.Channels {
			if c := a.find([]byte(name)); c != nil {
				add(c)
			}
		}
	}
	return ans
}

// part returns what this node has of a channel: of the users those with a socket here.
func (c *Channel) part() part {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := part{Name: c.name, Subscriptions: c.count, Messages: c.order, Bytes: c.bytes}
	if c.roster == nil {
		return p
	}
	for _, u := range c.roster.users {
		if len(u.sockets) > 0 {
			p.Users = append(p.Users, u.ID)
		}
	}
	return p
}

// ask asks all other nodes, and counts those that do not answer in time.
func (a *App) ask(q question) (list []answer, silent int) {
	asked, err := json.Marshal(q)
	if err != nil {
		return nil, a.hub.broker.Others()
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.hub.deadline)
	defer cancel()
	answers, silent := a.hub.broker.Survey(ctx, a.id, asked)
	if !a.hub.joined() {
		silent = max(silent, 1) // there may be others: nobody knows
	}
	for _, b := range answers {
		var ans answer
		if json.Unmarshal(b, &ans) != nil {
			silent++
			continue
		}
		list = append(list, ans)
	}
	a.hub.tallies.silent.Add(uint64(silent))
	return list, silent
}

// survey asks for channels, and returns what all others have together, by name.
func (a *App) survey(q question) (all map[string]*total, silent int) {
	list, silent := a.ask(q)
	all = make(map[string]*total)
	for _, ans := range list {
		for _, p := range ans.Channels {
			t := all[p.Name]
			if t == nil {
				t = &total{part: part{Name: p.Name}, keys: make(map[string]protocol.Raw)}
				all[p.Name] = t
			}
			t.Subscriptions += p.Subscriptions
			// Each node has the same messages: that of the longest memory knows.
			t.Messages, t.Bytes = max(t.Messages, p.Messages), max(t.Bytes, p.Bytes)
			for _, id := range p.Users {
				t.keys[protocol.Member{ID: id}.Key()] = id
			}
		}
	}
	return all, silent
}

// addTo adds what other nodes have of a channel to what this one has.
func (t *total) addTo(i *Info) {
	if t == nil {
		return
	}
	i.Subscriptions += t.Subscriptions
	i.Traffic.Messages, i.Traffic.Bytes = max(i.Traffic.Messages, t.Messages), max(i.Traffic.Bytes, t.Bytes)
	for key := range t.keys {
		if i.users == nil || !(*i.users)[key] {
			i.Users++
		}
	}
}

// users is who is there, by key.
func (t *total) users() map[string]protocol.Raw {
	if t == nil {
		return nil
	}
	return t.keys
}
