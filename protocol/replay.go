package protocol

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strconv"
)

// Replay is what a client says of replay when it subscribes: the member "replay" of the data.
type Replay struct {
	Opted  bool       // it wants events with their serials
	Epoch  []byte     // the token that came with its last subscription; empty on a fresh one
	Serial uint64     // newest event that it has; with Epoch only
	Except []SocketID // earlier ids of the page, at most MaxExcept: what was not for them is not for it
}

// IsZero reports whether the client has not opted in.
func (r Replay) IsZero() bool { return !r.Opted }

// Fresh reports whether the client has no position to go on from.
func (r Replay) Fresh() bool { return len(r.Epoch) == 0 }

// parseReplay reads the member. Whatever it does not understand counts as {}: the client wants
// replay, and an error would keep it off the channel.
func parseReplay(v Raw) (r Replay) {
	if v.IsNull() {
		return r
	}
	r.Opted = true
	var epoch, serial, except Raw
	ok := ScanObject(v, func(key []byte, v Raw) bool {
		switch string(key) {
		case "epoch":
			epoch = v
		case "serial":
			serial = v
		case "except":
			except = v
		}
		return true
	})
	n, isNumber := parseSerial(serial)
	if !ok || !isNumber || !epoch.IsString() || len(epoch) == 2 {
		return r
	}
	r.Epoch, r.Serial = epoch.Unquote(), n
	ScanArray(except, func(v Raw) bool {
		if v.IsString() && len(r.Except) < MaxExcept {
			if id, ok := ParseSocketID(v.Text()); ok {
				r.Except = append(r.Except, id)
			}
		}
		return true
	})
	return r
}

// parseSerial reads a whole number from 0 to MaxSerial.
func parseSerial(v Raw) (n uint64, ok bool) {
	if len(v) == 0 || len(v) > len("9007199254740991") {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, n <= MaxSerial
}

// Grant is what a subscription may ask for later: the events of one channel behind First. Clients hold
// it as a token that they cannot make, so that nobody reads what was said before he was let in.
type Grant struct {
	Log    [8]byte // which log the serials are of
	Epoch  uint32
	First  uint64 // serial behind which the client may read
	Issued uint32 // when the token was given, in seconds of Unix time
}

// grantMAC is how many bytes of the HMAC are in a token: 2^64 tries over the network are out of reach.
const grantMAC = 8

// GrantToken returns the token of a grant for a channel.
func (s *Signer) GrantToken(channel string, g Grant) string {
	b := append(make([]byte, 0, 40), g.Log[:]...)
	b = binary.AppendUvarint(b, uint64(g.Epoch))
	b = binary.AppendUvarint(b, g.First)
	b = binary.BigEndian.AppendUint32(b, g.Issued)
	k := s.get()
	defer s.put(k)
	return base64.RawURLEncoding.EncodeToString(append(b, k.grant(s.key, channel, b)...))
}

// ParseGrant returns the grant of a token for a channel, if it is one that GrantToken made.
func (s *Signer) ParseGrant(channel string, token []byte) (g Grant, ok bool) {
	b, err := base64.RawURLEncoding.AppendDecode(make([]byte, 0, 40), token)
	if err != nil || len(b) < len(g.Log)+grantMAC {
		return g, false
	}
	b, mac := b[:len(b)-grantMAC], b[len(b)-grantMAC:]
	k := s.get()
	defer s.put(k)
	if subtle.ConstantTimeCompare(k.grant(s.key, channel, b), mac) != 1 {
		return g, false
	}
	rest := b[copy(g.Log[:], b):]
	epoch, n := binary.Uvarint(rest)
	first, m := binary.Uvarint(rest[max(n, 0):])
	if n <= 0 || m <= 0 || len(rest) != n+m+4 {
		return g, false
	}
	g.Epoch, g.First, g.Issued = uint32(epoch), first, binary.BigEndian.Uint32(rest[n+m:])
	return g, true
}

// grant returns the MAC of a token. It is good until k is put back. The lines in front keep it from
// being a signature of anything else.
func (k *keyed) grant(key, channel string, token []byte) []byte {
	k.buf = append(k.buf[:0], "resound replay\n"...)
	k.buf = append(append(k.buf, key...), '\n')
	k.buf = append(append(k.buf, channel...), '\n')
	k.buf = append(k.buf, token...)
	k.mac.Reset()
	k.mac.Write(k.buf)
	k.buf = k.mac.Sum(k.buf[:0])
	return k.buf[:grantMAC]
}

// Positioned returns the event of f with its serial as the last member, for who has opted in.
func (f *Frame) Positioned(serial uint64) *Frame {
	return f.extended(32, func(dst []byte) []byte { return appendSerial(dst, serial) })
}

// Granted returns a frame that sets a client's position, as its last members: the answer to a subscription,
// with where it stands before anything is replayed, and the notice of a gap, with where it stands behind that.
func (f *Frame) Granted(token string, serial uint64) *Frame {
	return f.extended(48+len(token), func(dst []byte) []byte {
		dst = AppendString(append(dst, `,"epoch":`...), token)
		return appendSerial(dst, serial)
	})
}

// extended returns the object of f with more members.
func (f *Frame) extended(size int, more func(dst []byte) []byte) *Frame {
	payload := f.Payload()
	return newFrame(len(payload)+size, func(dst []byte) []byte {
		dst = append(dst, payload[:len(payload)-1]...)
		return append(more(dst), '}')
	})
}

func appendSerial(dst []byte, serial uint64) []byte {
	return strconv.AppendUint(append(dst, `,"serial":`...), serial, 10)
}

// FrameOf returns the frame of a stored event, whose JSON is payload.
func FrameOf(payload []byte) *Frame {
	return newFrame(len(payload), func(dst []byte) []byte { return append(dst, payload...) })
}

// Notice is what a page is told before events that it has missed.
type Notice struct {
	Gap    GapReason
	Missed uint64 // events that are surely lost; 0 is unknown
	Count  int    // events that follow
}

// GapReason says why not everything that was missed follows; "" is that all does.
type GapReason string

const (
	GapExpired GapReason = "expired" // the history does not reach back so far
	GapLimit   GapReason = "limit"   // it is more than one replay may have
	GapEpoch   GapReason = "epoch"   // the server cannot prove that it has everything
)

// ReplayNotice tells the application on the page what follows, or that something is missing.
func ReplayNotice(channel string, n Notice) *Frame {
	return newFrame(160+len(channel), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventReplay+`","channel":`...)
		dst = AppendString(dst, channel)
		dst = append(dst, `,"data":"{\"status\":\"`...)
		if n.Gap == "" {
			dst = append(dst, `recovered`...)
		} else {
			dst = append(append(dst, `gap\",\"reason\":\"`...), n.Gap...)
		}
		if n.Missed > 0 {
			dst = strconv.AppendUint(append(dst, `\",\"missed\":`...), n.Missed, 10)
			dst = append(dst, `,\"count\":`...)
		} else {
			dst = append(dst, `\",\"count\":`...)
		}
		return append(strconv.AppendInt(dst, int64(n.Count), 10), `}"}`...)
	})
}

// ReplayMarker moves a client's position over events that are not for it. pusher-js does not pass it on.
func ReplayMarker(channel string, serial uint64) *Frame {
	return newFrame(72+len(channel), func(dst []byte) []byte {
		dst = AppendString(append(dst, `{"event":"`+EventReplayMarker+`","channel":`...), channel)
		return append(appendSerial(dst, serial), '}')
	})
}
