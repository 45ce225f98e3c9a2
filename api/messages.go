package api

import "resound/protocol"

// messages are complaints by field, in the order they came up: the body of a 422.
type messages []message

type message struct{ field, text string }

func (m *messages) add(field, text string) {
	if len(*m) < maxMessages {
		*m = append(*m, message{field, text})
	}
}

// required complains as Laravel does. at is the path of the object in the body, "" or "batch.0.".
func (m *messages) required(at, field string) {
	m.add(at+field, "The "+at+label(field)+" field is required.")
}

func (m *messages) requiredWithout(at, field, other string) {
	m.add(at+field, "The "+at+label(field)+" field is required when "+other+" is not present.")
}

func (m *messages) wrongType(at, field, want string) {
	m.add(at+field, "The "+at+label(field)+" field must be "+want+".")
}

// label is how Laravel writes a field's name.
func label(field string) string {
	if field == "socket_id" {
		return "socket id"
	}
	return field
}

// json returns {"field":["text",…],…}. Messages of one field follow each other.
func (m messages) json() []byte {
	dst := make([]byte, 0, 64+96*len(m))
	for i, msg := range m {
		switch {
		case i == 0:
			dst = append(dst, '{')
		case m[i-1].field == msg.field:
			dst = protocol.AppendString(append(dst, ','), msg.text)
			continue
		default:
			dst = append(dst, `],`...)
		}
		dst = protocol.AppendString(dst, msg.field)
		dst = protocol.AppendString(append(dst, `:[`...), msg.text)
	}
	return append(dst, `]}`...)
}
