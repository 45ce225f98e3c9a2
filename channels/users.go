package channels

import (
	"sync"

	"resound/protocol"
)

// signin is one connection that has signed in as a user. It belongs to the connection's loop.
type signin struct {
	protocol.User
	sub Subscriber
}

// users is who has signed in on an application.
type users struct {
	mu   sync.Mutex           // nothing but the locks of a mailbox, of replays and of a broker is taken under it
	byID map[string]*signedIn // guarded by mu
}

// signedIn is one user who is here, or whom somebody watches.
type signedIn struct {
	signins  map[*signin]bool // the connections that have signed in as this user
	watchers map[*signin]bool // those who want to know of it
	abroad   *abroad          // what other nodes say of the user; nil unless somebody here watches, in a cluster
}

// online reports whether the user is here, or on another node as far as this one knows.
func (user *signedIn) online() bool { return len(user.signins) > 0 || user.abroad.anywhere() }

// SignIn makes the connection a user's, as a signature allows. Whom the user watches is told that it came.
func (a *App) SignIn(sub Subscriber, subs *Subscriptions, c protocol.Command) *protocol.Error {
	if !a.Signer().VerifyUser(sub.ID(), c.UserData, c.Auth) {
		return protocol.ErrUnauthorized.With("Connection is unauthorized: the signature of the sign-in is wrong")
	}
	user, fault := protocol.ParseUser(c.UserData)
	if fault != nil && user.ID == "" {
		return fault
	}
	s, old := &signin{user, sub}, subs.more().signin
	subs.change(func(r *rare) { r.signin = s })
	sub.Send(protocol.SigninSuccess(c.UserData))
	// The new one comes before the old one goes: who signs in twice was never away.
	online, offline := a.users.add(a, s)
	if old != nil {
		a.signOut(old)
		if old.ID != user.ID {
			a.Unsubscribe(subs, []byte(protocol.ServerToUserPrefix+old.ID))
		}
	}
	if len(online)+len(offline) > 0 {
		sub.Send(protocol.Watchlist(online, offline))
	}
	return fault
}

// add notes a sign-in, tells the user's watchers if it is the first, and returns who of its watchlist is here. Where nothing is known
// yet of some it returns nothing, and tells all when it is, see greeting.
func (u *users) add(a *App, s *signin) (online, offline []string) {
	h := a.hub
	u.mu.Lock()
	defer u.mu.Unlock()
	user := u.get(s.ID)
	was := user.online()
	if user.signins[s] = true; len(user.signins) == 1 {
		a.noteUser(s.ID, true)
	}
	if !was {
		user.tell(h, []string{s.ID}, nil)
	}
	wait := &greeting{s: s}
	for _, id := range s.Watchlist {
		watched := u.get(id)
		watched.watchers[s] = true
		a.watch(id, watched)
		wait.on(watched.abroad)
	}
	if wait.left > 0 {
		return nil, nil
	}
	return u.whoIsHere(s)
}

// whoIsHere returns who of a watchlist is here, and who is not. The caller holds mu.
func (u *users) whoIsHere(s *signin) (online, offline []string) {
	for _, id := range s.Watchlist {
		if u.byID[id].online() {
			online = append(online, id)
		} else {
			offline = append(offline, id)
		}
	}
	return online, offline
}

// signOut forgets a sign-in, and tells the user's watchers if it was the last. s may be nil.
func (a *App) signOut(s *signin) {
	if s == nil {
		return
	}
	u := &a.users
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range s.Watchlist {
		watched := u.byID[id]
		delete(watched.watchers, s)
		u.drop(id, watched)
	}
	user := u.byID[s.ID]
	if delete(user.signins, s); len(user.signins) == 0 {
		a.noteUser(s.ID, false)
	}
	if !user.online() {
		user.tell(a.hub, nil, []string{s.ID})
	}
	u.drop(s.ID, user)
}

// get returns the user of that id. The caller holds mu.
func (u *users) get(id string) *signedIn {
	user := u.byID[id]
	if user == nil {
		if u.byID == nil {
			u.byID = make(map[string]*signedIn)
		}
		user = &signedIn{signins: make(map[*signin]bool), watchers: make(map[*signin]bool)}
		u.byID[id] = user
	}
	return user
}

// drop forgets a user whom nobody is and nobody watches. The caller holds mu.
func (u *users) drop(id string, user *signedIn) {
	if len(user.watchers) == 0 && user.abroad != nil {
		user.abroad.close(id)
		user.abroad = nil
	}
	if len(user.signins) == 0 && len(user.watchers) == 0 {
		delete(u.byID, id)
	}
}

// tell posts to everybody who watches the user. The caller holds mu, so that all hear of comings and goings in the same order.
func (user *signedIn) tell(h *Hub, online, offline []string) {
	if len(user.watchers) == 0 {
		return
	}
	frame := protocol.Watchlist(online, offline)
	for w := range user.watchers {
		h.post(w.sub.Slot(), Call(func() { w.sub.Send(frame) }))
	}
}

// sockets returns the connections that have signed in as a user.
func (u *users) sockets(id string) map[Subscriber]bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := make(map[Subscriber]bool)
	if user := u.byID[id]; user != nil {
		for s := range user.signins {
			list[s.sub] = true
		}
	}
	return list
}
