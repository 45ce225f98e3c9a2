package channels

import "resound/protocol"

// Everywhere is an application on all nodes of a cluster. Its methods answer for this node at once, and wait for the others for a time; they
// return how many of these were silent. They run on no loop.
type Everywhere struct{ app *App }

// Everywhere returns the application on all nodes.
func (a *App) Everywhere() Everywhere { return Everywhere{a} }

// unclustered reports whether there can be no other nodes. A node that has lost them for a time asks all the same, and says who was silent.
func (e Everywhere) unclustered() bool { return e.app.hub.broker == nil }

// AppendInfos appends what there is to tell of each of some channels to list.
func (e Everywhere) AppendInfos(list []Info, names ...[]byte) (_ []Info, silent int) {
	from := len(list)
	for _, name := range names {
		list = append(list, e.app.Channel(name))
	}
	if e.unclustered() {
		return list, 0
	}
	var q question
	for _, i := range list[from:] {
		q.Channels = append(q.Channels, i.Name)
	}
	all, silent := e.app.survey(q)
	for i := range list[from:] {
		i := &list[from+i]
		all[i.Name].addTo(i)
	}
	return list, silent
}

// Channels returns the occupied channels whose names start with prefix, in no order.
func (e Everywhere) Channels(prefix string) (list []Info, silent int) {
	list = e.app.Channels(prefix)
	if e.unclustered() {
		return list, 0
	}
	all, silent := e.app.survey(question{Prefix: &prefix})
	for i := range list {
		all[list[i].Name].addTo(&list[i])
		delete(all, list[i].Name)
	}
	for name, t := range all {
		i := Info{Name: name, Presence: protocol.KindOf(name) == protocol.Presence}
		t.addTo(&i)
		list = append(list, i)
	}
	return list, silent
}

// Users returns the user_ids on a presence channel as JSON values.
func (e Everywhere) Users(channel []byte) (ids []protocol.Raw, silent int) {
	ids, _ = e.app.Users(channel)
	if e.unclustered() {
		return ids, 0
	}
	all, silent := e.app.survey(question{Channels: []string{string(channel)}})
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[protocol.Member{ID: id}.Key()] = true
	}
	for key, id := range all[string(channel)].users() {
		if !there[key] {
			ids = append(ids, id)
		}
	}
	return ids, silent
}

// Terminate closes every connection of a user; see App.Terminate. It returns how many it asked to close.
func (e Everywhere) Terminate(userID string) (closed, silent int) {
	closed = e.app.Terminate(userID)
	if e.unclustered() {
		return closed, 0
	}
	list, silent := e.app.ask(question{Terminate: userID})
	for _, other := range list {
		closed += other.Closed
	}
	return closed, silent
}

// Connections returns how many connections there are.
func (e Everywhere) Connections() (n, silent int) {
	n = e.app.Connections()
	if e.unclustered() {
		return n, 0
	}
	list, silent := e.app.ask(question{Connections: true})
	for _, other := range list {
		n += other.Connections
	}
	return n, silent
}
