package channels

import (
	"context"
	"maps"
	"strings"

	"resound/persist"
	"resound/protocol"
)

// userTopic is in front of a user's id in the topic by which nodes tell each other who has signed in.
const userTopic = "/user/"

func isUserTopic(topic string) bool { return strings.HasPrefix(topic, userTopic) }

// abroad is what other nodes say of a user whom somebody here watches. users.mu guards it.
type abroad struct {
	app     *App
	heard   bool // the topic is subscribed to
	loading bool // somebody looks
	loaded  bool // what is here was looked up
	told    bool // somebody was told of what is here: who watches is told of what is different later
	over    bool // nobody watches any more
	version uint64
	newest  uint64
	nodes   map[NodeID]bool
	log     persist.LogID // in which that was found
	gone    []NodeID      // while somebody looks: what is found may be older
	waits   []*greeting
}

// greeting is a sign-in that is not told yet who of its watchlist is here. users.mu guards it.
type greeting struct {
	s    *signin
	left int // users of whom nothing is known yet
}

// on waits for a user of whom nothing is known yet.
func (g *greeting) on(o *abroad) {
	switch {
	case !o.known():
		g.left++
		o.waits = append(o.waits, g)
	case o != nil:
		o.told = true
	}
}

// settled tells those sign-ins that waited for this user only. The caller holds users.mu.
func (o *abroad) settled() {
	u, waits := &o.app.users, o.waits
	o.waits, o.told = nil, true
	for _, g := range waits {
		if g.left--; g.left > 0 || len(g.s.Watchlist) == 0 || !u.watches(g.s) {
			continue
		}
		frame := protocol.Watchlist(u.whoIsHere(g.s))
		o.app.hub.post(g.s.sub.Slot(), Call(func() { g.s.sub.Send(frame) }))
	}
}

// watches reports whether a sign-in still counts. The caller holds mu.
func (u *users) watches(s *signin) bool {
	watched := u.byID[s.Watchlist[0]]
	return watched != nil && watched.watchers[s]
}

// anywhere reports whether the user is known to be on another node.
func (o *abroad) anywhere() bool { return o != nil && len(o.nodes) > 0 }

// known reports whether it is known where the user is. Without a cluster it always is.
func (o *abroad) known() bool { return o == nil || o.loaded || !o.app.hub.joined() }

// close ends it.
func (o *abroad) close(id string) {
	o.over = true
	if o.heard && !o.loading {
		o.app.hub.broker.Unsubscribe(o.app.id, userTopic+id)
		o.heard = false
	}
}

// noteUser notes in the cluster that a user has signed in here, or is not here any more. The caller holds users.mu.
func (a *App) noteUser(id string, here bool) {
	b := a.hub.broker
	switch {
	case b == nil:
	case here:
		b.Put(a.id, userTopic+id, id, []byte{1})
	default:
		b.Drop(a.id, userTopic+id, id)
	}
}

// watch has other nodes asked for a user, unless they have been. The caller holds users.mu.
func (a *App) watch(id string, user *signedIn) {
	if a.hub.broker == nil || user.abroad != nil {
		return
	}
	user.abroad = &abroad{app: a}
	user.abroad.look(id)
}

// look has it looked up. The caller holds users.mu.
func (o *abroad) look(id string) {
	if !o.loading {
		o.loading = true
		o.app.hub.replays.add(&watching{o, id})
	}
}

// watching looks up where a user is.
type watching struct {
	o  *abroad
	id string
}

func (w *watching) dead() bool { return false }

func (w *watching) load(ctx context.Context) {
	o, u, topic := w.o, &w.o.app.users, userTopic+w.id
	b := o.app.hub.broker
	defer o.app.hub.replays.done()
	u.mu.Lock()
	heard := o.heard
	o.newest, o.gone = 0, nil // what is heard from here on may be later than what is loaded
	u.mu.Unlock()
	var err error
	if !heard {
		err = b.Subscribe(ctx, o.app.id, topic)
		heard = err == nil
	}
	var found Scene
	if err == nil {
		found, err = b.Load(ctx, o.app.id, topic)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	o.loading, o.heard = false, heard
	switch {
	case o.over:
		o.close(w.id)
	case err == nil:
		o.take(w.id, found)
	case b.Joined() && ctx.Err() == nil:
		o.loading = true
		o.app.hub.replays.park(w)
	default:
		o.settled() // the node is alone, and says what it knows
	}
}

// take takes up what was found. The caller holds users.mu.
func (o *abroad) take(id string, found Scene) {
	nodes := make(map[NodeID]bool)
	for _, r := range found.Records {
		if !o.app.hub.broker.Mine(r.Node) {
			nodes[r.Node] = true
		}
	}
	if o.loaded && o.log != found.Log { // what all had noted was lost
		maps.Copy(nodes, o.nodes)
		o.app.hub.doubt()
	}
	o.log = found.Log
	for _, node := range o.gone {
		if delete(nodes, node); node == 0 {
			clear(nodes)
		}
	}
	o.gone = nil
	was, told := o.app.users.byID[id].online(), o.told
	o.nodes, o.version, o.loaded = nodes, found.Version, true
	o.settled()
	if is := o.app.users.byID[id].online(); told && is != was {
		o.app.users.told(id, is)
	}
	if o.newest > o.version {
		o.look(id)
	}
}

// told tells the watchers of a user where it is. The caller holds mu.
func (u *users) told(id string, online bool) {
	user := u.byID[id]
	if online {
		user.tell(user.abroad.app.hub, []string{id}, nil)
	} else {
		user.tell(user.abroad.app.hub, nil, []string{id})
	}
}

// noted takes up what another node has noted of a user.
func (u *users) noted(a *App, topic string, version uint64, r Record) {
	id := topic[len(userTopic):]
	u.mu.Lock()
	defer u.mu.Unlock()
	user := u.byID[id]
	if user == nil || user.abroad == nil {
		return
	}
	o := user.abroad
	o.newest = max(o.newest, version)
	switch {
	case !o.loaded || version <= o.version:
	case version > o.version+1:
		o.look(id)
	default:
		o.version = version
		if !a.hub.broker.Mine(r.Node) {
			u.moved(id, o, r.Node, r.Value != nil)
		}
	}
}

// moved takes up that a user is on another node, or is not any more. The caller holds mu.
func (u *users) moved(id string, o *abroad, node NodeID, there bool) {
	was := u.byID[id].online()
	if there {
		o.nodes[node] = true
	} else {
		delete(o.nodes, node)
	}
	if is := u.byID[id].online(); is != was {
		u.told(id, is)
	}
}

// renew notes all users anew, and looks again for those who are watched: the node has joined again.
func (u *users) renew(a *App) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, user := range u.byID {
		if len(user.signins) > 0 {
			a.noteUser(id, true)
		}
		if user.abroad != nil {
			user.abroad.look(id)
		}
	}
}

// forgetNode forgets what a node has noted, or with 0 what all others have.
func (u *users) forgetNode(node NodeID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, user := range u.byID {
		if user.abroad == nil {
			continue
		}
		if user.abroad.loading {
			user.abroad.gone = append(user.abroad.gone, node)
		}
		for other := range user.abroad.nodes {
			if node == 0 || node == other {
				u.moved(id, user.abroad, other, false)
			}
		}
	}
}
