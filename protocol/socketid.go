package protocol

import (
	"math/rand/v2"
	"strconv"
)

// SocketID names one connection: "A.B" on the wire. The zero value names none.
type SocketID struct{ A, B uint32 }

// NewSocketID returns a random id, both halves from 1 to MaxSocketIDPart.
func NewSocketID() SocketID {
	return SocketID{1 + rand.Uint32N(MaxSocketIDPart), 1 + rand.Uint32N(MaxSocketIDPart)}
}

// ParseSocketID reads "A.B". An id that no connection of ours can have is not
// an error: ok is false, and the publisher's exclusion then excludes nobody.
func ParseSocketID[S ~string | ~[]byte](s S) (id SocketID, ok bool) {
	dot := -1
	for i := range len(s) {
		if s[i] == '.' {
			dot = i
			break
		}
	}
	if dot < 0 {
		return SocketID{}, false
	}
	a, okA := parsePart(s[:dot])
	b, okB := parsePart(s[dot+1:])
	if !okA || !okB {
		return SocketID{}, false
	}
	return SocketID{a, b}, true
}

// parsePart reads one half: decimal digits, no leading zero, at most MaxSocketIDPart.
func parsePart[S ~string | ~[]byte](s S) (uint32, bool) {
	if len(s) == 0 || len(s) > 10 || s[0] == '0' {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), n <= MaxSocketIDPart
}

// Append appends the wire form to dst.
func (id SocketID) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(id.A), 10)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(id.B), 10)
}

// String returns the wire form.
func (id SocketID) String() string { return string(id.Append(make([]byte, 0, 21))) }

// IsZero reports whether id names no connection.
func (id SocketID) IsZero() bool { return id == SocketID{} }
