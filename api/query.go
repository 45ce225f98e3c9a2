package api

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"resound/channels"
	"resound/protocol"
)

// listChannels answers GET channels: the occupied ones, by name.
func (r *request) listChannels() {
	list, silent := r.app.Everywhere().Channels(string(r.query("filter_by_prefix")))
	r.silent(silent)
	slices.SortFunc(list, func(a, b channels.Info) int { return cmp.Compare(a.Name, b.Name) })
	want := parseAttributes(r.query("info")) &^ cached
	dst := append(make([]byte, 0, 16+48*len(list)), `{"channels":{`...)
	for i, c := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(protocol.AppendString(dst, c.Name), ':')
		dst = want.appendTo(dst, c)
	}
	r.ok(append(dst, `}}`...))
}

// showChannel answers GET channels/{name}. A channel that nobody is on is no error.
func (r *request) showChannel() {
	want := parseAttributes(r.query("info")) | occupied
	r.ok(want.appendTo(nil, r.channel(r.name)))
}

// listUsers answers GET channels/{name}/users with the ids as they came, numbers as numbers.
func (r *request) listUsers() {
	switch c := r.channel(r.name); {
	case c.Subscriptions == 0:
		writeJSON(r.ctx, fasthttp.StatusNotFound, emptyObject)
		return
	case !c.Presence:
		writeJSON(r.ctx, fasthttp.StatusBadRequest, emptyObject)
		return
	}
	ids, silent := r.app.Everywhere().Users(r.name) // empty when the last one has just left
	r.silent(silent)
	dst := append(make([]byte, 0, 16+24*len(ids)), `{"users":[`...)
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, `{"id":`...), id...), '}')
	}
	r.ok(append(dst, `]}`...))
}

// countConnections answers GET connections, which Pulse asks every 15 seconds.
func (r *request) countConnections() {
	n, silent := r.app.Everywhere().Connections()
	r.silent(silent)
	r.ok(append(strconv.AppendInt([]byte(`{"connections":`), int64(n), 10), '}'))
}
