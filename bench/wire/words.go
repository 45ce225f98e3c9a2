package wire

import "bytes"

// Pong is the answer to the protocol's own ping.
var Pong = []byte(`{"event":"pusher:pong","data":{}}`)

// wordsOf is in the event of all messages of the protocol itself, and early in them.
var wordsOf = []byte(`"pusher`)

// IsProtocol says whether a message is one of the protocol itself, and no event of an application.
func IsProtocol(text []byte) bool { return bytes.Contains(text[:min(len(text), 24)], wordsOf) }

// IsPing says whether a message of the protocol wants Pong as its answer.
func IsPing(text []byte) bool { return bytes.Contains(text, []byte(`pusher:ping`)) }

// IsGreeting says whether it is the first one, which has the socket's id.
func IsGreeting(text []byte) bool {
	return bytes.Contains(text, []byte(`pusher:connection_established`))
}

// IsSubscribed says whether it is the answer to a subscription that was accepted.
func IsSubscribed(text []byte) bool { return bytes.Contains(text, []byte(`subscription_succeeded`)) }

// IsError says whether it is the answer to anything that was refused.
func IsError(text []byte) bool { return bytes.Contains(text, []byte(`error`)) }

// SocketID cuts the id out of the greeting, whose data is JSON within JSON.
func SocketID(text []byte) string {
	_, after, _ := bytes.Cut(text, []byte("socket_id"))
	after = bytes.TrimLeft(after, `\": `)
	end := bytes.IndexAny(after, `\"`)
	return string(after[:max(end, 0)])
}

// AppendHex appends the lower digits of a number, in hexadecimal: what stands in the data of events has the same
// bytes in JSON, and in JSON within JSON.
func AppendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[v>>shift&15])
	}
	return dst
}

// Hex reads what AppendHex wrote. It is not ok if anything else is in b.
func Hex(b []byte) (v uint64, ok bool) {
	for _, digit := range b {
		switch {
		case digit >= '0' && digit <= '9':
			digit -= '0'
		case digit >= 'a' && digit <= 'f':
			digit -= 'a' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(digit)
	}
	return v, true
}
