package channels

import "resound/protocol"

// roster is the members of a presence channel, in the order they came but for
// gaps that the newest fill. Channel.mu guards it.
type roster struct {
	byKey map[string]*user
	users []*user
	bytes int // of all ids and infos, a guess for the encoder
}

// user is one user on one channel, there with at least one socket. A user of
// a channel without a roster stands alone, for the user_id of client events.
type user struct {
	protocol.Member
	key     string
	index   int          // in roster.users
	sockets []Subscriber // guarded by Channel.mu
}

func newRoster() *roster { return &roster{byKey: make(map[string]*user)} }

// join adds a socket of a member and reports whether the user is new. The
// first socket's user_info stands for the user, as in Reverb.
func (r *roster) join(m protocol.Member, sub Subscriber) (u *user, isNew bool) {
	key := m.Key()
	u = r.byKey[key]
	if u == nil {
		u = &user{Member: m.Clone(), key: key, index: len(r.users)}
		r.byKey[key] = u
		r.users = append(r.users, u)
		r.bytes += len(m.ID) + len(m.Info)
		isNew = true
	}
	u.sockets = append(u.sockets, sub)
	return u, isNew
}

// leave takes a socket of a user away and reports whether it was the last.
func (r *roster) leave(u *user, sub Subscriber) (gone bool) {
	for i, s := range u.sockets {
		if s == sub {
			last := len(u.sockets) - 1
			u.sockets[i], u.sockets[last] = u.sockets[last], nil
			u.sockets = u.sockets[:last]
			break
		}
	}
	if len(u.sockets) > 0 {
		return false
	}
	last := len(r.users) - 1
	r.users[u.index] = r.users[last]
	r.users[u.index].index = u.index
	r.users[last] = nil
	r.users = r.users[:last]
	delete(r.byKey, u.key)
	r.bytes -= len(u.ID) + len(u.Info)
	return true
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
