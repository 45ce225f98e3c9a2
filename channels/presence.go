package channels

import (
	"resound/internal/invariants"
	"resound/protocol"
)

// roster is the members of a presence channel, in the order they came but for
// gaps that the newest fill. Channel.mu guards it.
type roster struct {
	byKey map[string]*user
	users []*user
	bytes int // of all ids and infos, a guess for the encoder
}

// user is one user on one channel, there with at least one socket, here or on another node. A user of
// a channel without a roster stands alone, for the user_id of client events.
type user struct {
	protocol.Member
	key     string
	index   int             // in roster.users
	sockets []*Subscription // on this node; guarded by Channel.mu
	nodes   []NodeID        // other nodes that the user is on; guarded by Channel.mu
}

func newRoster() *roster { return &roster{byKey: make(map[string]*user)} }

// join adds the socket of a member and reports whether the user is new. The
// first socket's user_info stands for the user, as in Reverb.
func (r *roster) join(s *Subscription, m protocol.Member) (isNew bool) {
	u, isNew := r.get(m)
	s.user, s.place = u, int32(len(u.sockets))
	u.sockets = append(u.sockets, s)
	return isNew
}

// get returns the user that a member is, who is new if there was none.
func (r *roster) get(m protocol.Member) (u *user, isNew bool) {
	key := m.Key()
	if u = r.byKey[key]; u != nil {
		return u, false
	}
	u = &user{Member: m.Clone(), key: key, index: len(r.users)}
	r.byKey[key] = u
	r.users = append(r.users, u)
	r.bytes += len(m.ID) + len(m.Info)
	return u, true
}

// leave takes a socket away from its user and reports whether it was the last, on all nodes.
// It searches no list: all guests of a site may be one user.
func (r *roster) leave(s *Subscription) (gone bool) {
	u := s.user
	invariants.Check(u.sockets[s.place] == s, "another socket is at place %d of user %q", s.place, u.key)
	last := len(u.sockets) - 1
	u.sockets[s.place] = u.sockets[last]
	u.sockets[s.place].place = s.place
	u.sockets[last] = nil
	u.sockets = shrunk(u.sockets[:last])
	if last > 0 || len(u.nodes) > 0 {
		return false
	}
	r.remove(u)
	return true
}

// remove takes a user away who has no socket left.
func (r *roster) remove(u *user) {
	last := len(r.users) - 1
	r.users[u.index] = r.users[last]
	r.users[u.index].index = u.index
	r.users[last] = nil
	delete(r.byKey, u.key)
	r.bytes -= len(u.ID) + len(u.Info)
	room := cap(r.users)
	if r.users = shrunk(r.users[:last]); cap(r.users) == room {
		return
	}
	// A map keeps the room of the most it ever held.
	r.byKey = make(map[string]*user, len(r.users))
	for _, u := range r.users {
		r.byKey[u.key] = u
	}
}

// roll is who was there at one moment; called is false for a channel without members.
type roll struct {
	called  bool
	members []protocol.Member
	bytes   int
}

// roll returns who is there now. A nil roster is a channel without members.
func (r *roster) roll() roll {
	if r == nil {
		return roll{}
	}
	list := make([]protocol.Member, len(r.users))
	for i, u := range r.users {
		list[i] = u.Member
	}
	return roll{called: true, members: list, bytes: r.bytes}
}
