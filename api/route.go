package api

import "bytes"

// kind is what a path asks for.
type kind uint8

const (
	unknown      kind = iota
	health            // /up
	socket            // /app/{key}
	events            // /apps/{id}/events
	batchEvents       // /apps/{id}/batch_events
	channelList       // /apps/{id}/channels
	channelInfo       // /apps/{id}/channels/{name}
	channelUsers      // /apps/{id}/channels/{name}/users
	connections       // /apps/{id}/connections
	terminate         // /apps/{id}/users/{name}/terminate_connections
	script            // /replay.js
	ready             // /ready

	kinds // how many there are
)

// route is a path taken apart. Segments are percent-decoded; they alias the path unless they held escapes.
type route struct {
	kind kind
	app  []byte // application id; of socket its key
	name []byte // channel or user
}

// post reports whether the route takes POST; all others take GET and HEAD.
func (k kind) post() bool { return k == events || k == batchEvents || k == terminate }

// parseRoute takes a path apart, as it came and without the server's prefix. An empty segment
// is no route, so a slash at the end is none either, as in Reverb.
func parseRoute(path []byte) route {
	first, rest := cutSegment(path)
	switch string(first) {
	case "up":
		if len(rest) == 0 {
			return route{kind: health}
		}
	case "ready":
		if len(rest) == 0 {
			return route{kind: ready}
		}
	case scriptName:
		if len(rest) == 0 {
			return route{kind: script}
		}
	case "app":
		if key, rest := cutSegment(rest); len(key) > 0 && len(rest) == 0 {
			return route{kind: socket, app: unescape(key)}
		}
	case "apps":
		if id, rest := cutSegment(rest); len(id) > 0 {
			k, name := parseResource(rest)
			if k != unknown {
				return route{kind: k, app: unescape(id), name: unescape(name)}
			}
		}
	}
	return route{}
}

// parseResource reads what follows /apps/{id}.
func parseResource(path []byte) (k kind, name []byte) {
	resource, rest := cutSegment(path)
	if len(rest) == 0 {
		switch string(resource) {
		case "events":
			return events, nil
		case "batch_events":
			return batchEvents, nil
		case "channels":
			return channelList, nil
		case "connections":
			return connections, nil
		}
		return unknown, nil
	}
	name, rest = cutSegment(rest)
	if len(name) == 0 {
		return unknown, nil
	}
	switch string(resource) {
	case "channels":
		switch string(rest) {
		case "":
			return channelInfo, name
		case "/users":
			return channelUsers, name
		}
	case "users":
		if string(rest) == "/terminate_connections" {
			return terminate, name
		}
	}
	return unknown, nil
}

// cutSegment cuts "/segment" off a path. The segment is empty when the path has none.
func cutSegment(path []byte) (segment, rest []byte) {
	if len(path) == 0 || path[0] != '/' {
		return nil, path
	}
	path = path[1:]
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

// unescape decodes %XX. What is no valid escape stays as it is. Without any it returns s itself.
func unescape(s []byte) []byte {
	at := bytes.IndexByte(s, '%')
	if at < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:at]...)
	for i := at; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
