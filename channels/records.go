package channels

import (
	"encoding/binary"
	"slices"
	"strconv"

	"resound/protocol"
)

// others is what other nodes have noted on a channel: their members, which are in the roster, or how many are on it there.
type others struct {
	version uint64         // of what is known here
	newest  uint64         // that was heard since this node began to look
	counts  map[NodeID]int // subscriptions; nil while there are none
	noted   int            // what this node has noted as its count; 0 is nothing
	looking bool           // somebody looks up what there is
	late    []change       // what came since: behind what is found
}

// change is one change of a record; with version 0 it is that the node is gone.
type change struct {
	version uint64
	Record
}

// maxLate is how many changes are remembered while somebody looks. When there are more it is looked up again.
const maxLate = 4096

// countKey is the key of the record of how many are on a channel. Only channels without members have one.
const countKey = "#"

// Noted takes up what another node has noted; see Receiver.
func (h *Hub) Noted(app, topic string, version uint64, r Record) {
	if v, ok := h.apps.Load(app); ok && isUserTopic(topic) {
		v.(*App).users.noted(v.(*App), topic, version, r)
		return
	}
	c := h.lookUp(app, topic)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.others
	o.newest = max(o.newest, version)
	if _, ok := c.stream(); o.looking {
		if len(o.late) < maxLate {
			o.late = append(o.late, change{version, r})
		}
	} else if ok {
		c.change(version, r)
	}
}

// change takes up the next change. The caller holds mu.
func (c *Channel) change(version uint64, r Record) {
	switch o := &c.others; {
	case version <= o.version:
	case version > o.version+1:
		c.reconnect() // something was not heard
	default:
		o.version = version
		c.apply(r)
	}
}

// look notes that somebody looks up what there is: what is heard from here on may be later than that, and waits for it. The caller holds mu.
func (o *others) look() { o.looking, o.newest, o.late = true, 0, nil }

// looked takes up what was heard meanwhile. The caller holds mu.
func (c *Channel) looked() {
	o := &c.others
	late := o.late
	o.looking, o.late = false, nil
	if _, ok := c.stream(); !ok {
		return
	}
	for _, n := range late {
		if n.version == 0 {
			c.forgetNode(n.Node)
		} else {
			c.change(n.version, n.Record)
		}
	}
	if o.newest > o.version {
		c.reconnect()
	}
}

// apply takes up one record. The caller holds mu.
func (c *Channel) apply(r Record) {
	switch {
	case c.app.hub.broker.Mine(r.Node):
	case c.roster == nil:
		if r.Key == countKey {
			n, _ := strconv.Atoi(string(r.Value))
			c.countElsewhere(r.Node, n)
		}
	case r.Value == nil:
		if u := c.roster.leaveNode(r.Key, r.Node); u != nil {
			c.post(&publication{channel: c, frame: protocol.MemberRemoved(c.name, u.Member)})
		}
	default:
		m, ok := parseMember(r.Value)
		if !ok || m.Key() != r.Key {
			return
		}
		if u := c.roster.joinNode(m, r.Node); u != nil {
			c.post(&publication{channel: c, frame: protocol.MemberAdded(c.name, u.Member)})
		}
	}
}

// merge makes list what other nodes have noted, and tells of what is different. Where all was lost, what is missing stays until it is looked at
// again. The caller holds mu.
func (c *Channel) merge(version uint64, list []Record, lost bool) {
	c.others.version = version
	if lost {
		c.app.hub.doubt()
	} else {
		c.dropMissing(list)
	}
	for _, r := range list {
		c.apply(r)
	}
}

// dropMissing forgets what other nodes had noted and is not in list. The caller holds mu.
func (c *Channel) dropMissing(list []Record) {
	if c.roster == nil {
		for node := range c.others.counts {
			if !slices.ContainsFunc(list, func(r Record) bool { return r.Node == node && r.Key == countKey }) {
				c.countElsewhere(node, 0)
			}
		}
		return
	}
	there := make(map[string][]NodeID)
	for _, r := range list {
		there[r.Key] = append(there[r.Key], r.Node)
	}
	for _, u := range slices.Clone(c.roster.users) {
		for _, node := range slices.Clone(u.nodes) {
			if !slices.Contains(there[u.key], node) {
				c.apply(Record{Node: node, Key: u.key})
			}
		}
	}
}

// note has the broker know all that this node has to note on the channel. The caller holds mu.
func (c *Channel) note() {
	var list []Record
	switch b := c.app.hub.broker; {
	case c.roster != nil:
		for _, u := range c.roster.users {
			if len(u.sockets) > 0 {
				list = append(list, Record{Key: u.key, Value: appendMember(nil, u.Member)})
			}
		}
		b.Replace(c.app.id, c.name, list)
	case c.tellsCount():
		if c.others.noted = c.count; c.count > 0 {
			list = append(list, Record{Key: countKey, Value: strconv.AppendInt(nil, int64(c.count), 10)})
		}
		b.Replace(c.app.id, c.name, list)
	}
}

// forgetNode forgets what a node has noted, or with 0 what all others have. The caller holds mu.
func (c *Channel) forgetNode(node NodeID) {
	if o := &c.others; o.looking { // what is found may be older
		o.late = append(o.late, change{Record: Record{Node: node}})
	}
	if c.roster == nil {
		for other := range c.others.counts {
			if node == 0 || node == other {
				c.countElsewhere(other, 0)
			}
		}
		return
	}
	for _, u := range slices.Clone(c.roster.users) {
		for _, other := range slices.Clone(u.nodes) {
			if node == 0 || node == other {
				c.apply(Record{Node: other, Key: u.key})
			}
		}
	}
}

// appendMember appends a member as other nodes read it: how long the id is, the id, and the info.
func appendMember(dst []byte, m protocol.Member) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m.ID)))
	return append(append(dst, m.ID...), m.Info...)
}

// parseMember is the inverse of appendMember. The member aliases b.
func parseMember(b []byte) (m protocol.Member, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > uint64(len(b)-size) {
		return m, false
	}
	b = b[size:]
	m.ID = protocol.Raw(b[:n])
	if info := protocol.Raw(b[n:]); len(info) > 0 {
		m.Info = info
	}
	return m, true
}

// joinNode notes that a member is on another node, and returns the user if it is new here.
func (r *roster) joinNode(m protocol.Member, node NodeID) *user {
	u, isNew := r.get(m)
	if !slices.Contains(u.nodes, node) {
		u.nodes = append(u.nodes, node)
	}
	if isNew {
		return u
	}
	return nil
}

// leaveNode notes that a user is not on a node any more, and returns it if it is nowhere.
func (r *roster) leaveNode(key string, node NodeID) *user {
	u := r.byKey[key]
	if u == nil {
		return nil
	}
	at := slices.Index(u.nodes, node)
	if at < 0 {
		return nil
	}
	if u.nodes = slices.Delete(u.nodes, at, at+1); len(u.nodes) == 0 {
		u.nodes = nil
	}
	if len(u.nodes) > 0 || len(u.sockets) > 0 {
		return nil
	}
	r.remove(u)
	return u
}
