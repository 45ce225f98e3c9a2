package engine

import (
	"strings"

	"resound/protocol"
)

// deflateAnswer agrees to permessage-deflate. No context is kept from message to message in either direction: one
// compressed message is then the same for all, and a connection needs no memory of its own for it.
const deflateAnswer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// negotiate returns the header line that agrees to the first of a list of offers that can be kept to, or "". A list that
// is none by RFC 6455 is no offer, and no reason to refuse who connects: before compression was turned on nobody read it.
func negotiate(list []byte) (answer string) {
	s := scanner{string(list)}
	for !s.end() {
		o, ok := s.offer()
		if !ok {
			return ""
		}
		if answer == "" {
			answer = o.answer()
		}
	}
	return answer
}

// offer is one element of the list.
type offer struct {
	name string
	seen []string // its parameters
	wide bool     // says how large our window may be
	bad  bool     // has a parameter that cannot be kept to, is unknown, of a wrong value, or there twice
}

// param notes one parameter, with "" for no value.
func (o *offer) param(name, value string) {
	if o.bad {
		return
	}
	for _, s := range o.seen { // four at most: a fifth is unknown or there twice
		o.bad = o.bad || s == name
	}
	o.seen = append(o.seen, name)
	switch name {
	case "server_no_context_takeover", "client_no_context_takeover":
		o.bad = o.bad || value != ""
	case "client_max_window_bits": // how small its window may be; we read any
		o.bad = o.bad || value != "" && !windowBits(value)
	case "server_max_window_bits":
		// What is compressed once for all has a window of 15 bits.
		o.wide = true
		o.bad = o.bad || value != "15"
	default:
		o.bad = true
	}
}

// windowBits reports whether s is 8 to 15, in one way to write it only.
func windowBits(s string) bool {
	return s == "8" || s == "9" || len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5'
}

// answer returns what agrees to the offer, or "".
func (o *offer) answer() string {
	switch {
	case o.name != "permessage-deflate" || o.bad:
		return ""
	case o.wide: // RFC 7692 wants it to be told
		return deflateAnswer + "; server_max_window_bits=15\r\n"
	default:
		return deflateAnswer + "\r\n"
	}
}

// scanner reads the list of section 9.1 of RFC 6455.
type scanner struct{ rest string }

// space skips what may stand between any two parts.
func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

// take skips the byte if it is next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// end reports whether no element follows. An element may be empty.
func (s *scanner) end() bool {
	for s.take(',') {
	}
	return s.rest == ""
}

// token returns the token that is next, or "".
func (s *scanner) token() string {
	s.space()
	n := 0
	for n < len(s.rest) && tokenByte(s.rest[n]) {
		n++
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

func tokenByte(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, rune(c))
}

// value returns the value of a parameter, or "". In quotes it has to be a token as well.
func (s *scanner) value() string {
	if !s.take('"') {
		return s.token()
	}
	var b []byte
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.rest = s.rest[i+1:]
			return string(b)
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		if !tokenByte(c) {
			break
		}
		b = append(b, c)
	}
	return ""
}

// offer reads one element; ok is false where it is none.
func (s *scanner) offer() (o offer, ok bool) {
	if o.name = s.token(); o.name == "" {
		return o, false
	}
	for s.take(';') {
		name, value := s.token(), ""
		if name == "" {
			return o, false
		}
		if s.take('=') {
			if value = s.value(); value == "" {
				return o, false
			}
		}
		o.param(name, value)
	}
	s.space()
	return o, s.rest == "" || s.rest[0] == ','
}

// compressed returns a frame as a connection gets it that has negotiated compression.
func (c *conn) compressed(f *protocol.Frame) *protocol.Frame {
	if c.app == nil {
		return f
	}
	settings := c.app.Settings()
	if !settings.Compression {
		return f // it was turned off meanwhile, and who has negotiated it takes plain messages too
	}
	return f.Deflated(settings.CompressionMinSize)
}
