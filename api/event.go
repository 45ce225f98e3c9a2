package api

import (
	"bytes"
	"fmt"
	"strconv"

	"resound/protocol"
)

// event is one event of a body. Its values alias the body; absent ones are empty.
type event struct {
	name, data, channel, channels, socketID, info protocol.Raw
}

// member takes one member of the JSON object. Of a name that is there twice the last one counts, as in PHP.
func (e *event) member(key []byte, v protocol.Raw) bool {
	switch string(key) {
	case "name":
		e.name = v
	case "data":
		e.data = v
	case "channel":
		e.channel = v
	case "channels":
		e.channels = v
	case "socket_id":
		e.socketID = v
	case "info":
		e.info = v
	}
	return true
}

// check adds what is wrong with all but the channels. at is the path of the event in the body.
func (e *event) check(m *messages, at string) {
	switch {
	case blank(e.name):
		m.required(at, "name")
	case !e.name.IsString():
		m.wrongType(at, "name", "a string")
	case len(e.name) > protocol.MaxEventName+2: // else it cannot be too long: no escape is shorter than its text
		if n := len(e.name.Text()); n > protocol.MaxEventName {
			m.add(at+"name", fmt.Sprintf("The %sname field must not be greater than %d bytes: it has %d.", at, protocol.MaxEventName, n))
		}
	}
	if blank(e.data) {
		m.required(at, "data")
	}
	if !e.socketID.IsNull() && !e.socketID.IsString() {
		m.wrongType(at, "socket_id", "a string")
	}
	if !e.info.IsNull() && !e.info.IsString() {
		m.wrongType(at, "info", "a string")
	}
}

// recipients returns the channels of the event, each once, appended to list,
// and adds what is wrong with them. As in Reverb, channel counts when there are no channels.
func (e *event) recipients(m *messages, list [][]byte) [][]byte {
	switch {
	case !blank(e.channels) && e.channels[0] != '[' && !e.channels.IsObject():
		m.wrongType("", "channels", "an array")
	case !none(e.channels):
		list = e.several(m, list)
	case blank(e.channel):
		m.requiredWithout("", "channels", "channel")
		m.requiredWithout("", "channel", "channels")
	case !e.channel.IsString():
		m.wrongType("", "channel", "a string")
	default:
		if name, ok := checkChannel(m, "channel", e.channel); ok {
			list = append(list, name)
		}
	}
	return list
}

func (e *event) several(m *messages, list [][]byte) [][]byte {
	i := 0
	each(e.channels, func(v protocol.Raw) bool {
		if i < protocol.MaxChannelsPerPublish {
			if name, ok := checkElement(m, i, v); ok && !contains(list, name) {
				list = append(list, name)
			}
		}
		i++
		return true
	})
	if i > protocol.MaxChannelsPerPublish {
		m.add("channels", fmt.Sprintf("The channels field must not have more than %d items: it has %d.", protocol.MaxChannelsPerPublish, i))
	}
	return list
}

// checkElement is checkChannel for the element i of channels. Its field is put together only to complain.
func checkElement(m *messages, i int, v protocol.Raw) (name []byte, ok bool) {
	if v.IsString() {
		if name = v.Text(); protocol.ValidPublishChannel(name) {
			return name, true
		}
	}
	return checkChannel(m, "channels."+strconv.Itoa(i), v)
}

func checkChannel(m *messages, field string, v protocol.Raw) (name []byte, ok bool) {
	if !v.IsString() {
		m.wrongType("", field, "a string")
		return nil, false
	}
	name = v.Text()
	if !protocol.ValidPublishChannel(name) {
		m.add(field, fmt.Sprintf("The %s field is not a valid channel name: use 1 to %d letters, digits and _-=@,.;", field, protocol.MaxChannelName))
		return nil, false
	}
	return name, true
}

// except returns whom the event is not for. An id that is none excludes nobody, as in Reverb.
func (e *event) except() protocol.SocketID {
	if !e.socketID.IsString() {
		return protocol.SocketID{}
	}
	id, _ := protocol.ParseSocketID(e.socketID.Text())
	return id
}

// each calls f for the elements of an array, or the values of an object: PHP
// encodes a list that lost an element as an object.
func each(list protocol.Raw, f func(v protocol.Raw) bool) {
	if list.IsObject() {
		protocol.ScanObject(list, func(_ []byte, v protocol.Raw) bool { return f(v) })
		return
	}
	protocol.ScanArray(list, f)
}

// blank reports whether a value is absent, null, or a string with nothing to see in it.
func blank(v protocol.Raw) bool {
	if !v.IsString() {
		return v.IsNull()
	}
	for s := v[1 : len(v)-1]; len(s) > 0; {
		switch {
		case s[0] == ' ':
			s = s[1:]
		case s[0] == '\\' && (s[1] == 'n' || s[1] == 'r' || s[1] == 't'):
			s = s[2:]
		default:
			return false
		}
	}
	return true
}

// none reports whether there is nothing in a list.
func none(v protocol.Raw) bool {
	return blank(v) || (v[0] == '[' || v[0] == '{') && len(bytes.TrimSpace(v[1:len(v)-1])) == 0
}

func contains(list [][]byte, name []byte) bool {
	for _, other := range list {
		if string(other) == string(name) {
			return true
		}
	}
	return false
}
