package redisbroker

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"resound/channels"
	"resound/persist"
	"resound/protocol"
)

// kind says what an envelope is.
type kind byte

const (
	kindEvent  kind = 1 + iota
	kindBreak       // an entry of a stream that is no event
	kindSay         // id is the inbox of the broker that says it
	kindLoose       // an event that could not be kept
	kindRecord      // id is the node's, the payload is the key's length in two bytes, key and value
	kindAsk         // id is the question's, except the inbox for answers
	kindAnswer      // id is the question's, except the node that answers
	kinds
)

// An envelope is what a node says of a topic. Integers are big-endian.
//
//	 0  kind
//	 1  id, 8 bytes
//	 9  except, 2 × 4 bytes
//	17  MAC of all the rest, 16 bytes
//	33  app: length in 2 bytes, bytes
//	    topic: length in 2 bytes, bytes
//	    payload
type envelope struct {
	kind       kind
	id         uint64
	except     protocol.SocketID
	app, topic string
	payload    []byte // aliases what it was parsed from
}

const (
	macAt      = 17
	macSize    = 16
	nameAt     = macAt + macSize
	keyContext = "resound bus 1"
)

// A message on the bus is version, form and a head that depends on the form, which Redis writes; then an envelope, or nothing.
// An entry of a stream is a message of the form formPlaced. Of a name's bytes and of the head's nothing is covered by a MAC.
const version = 1

const (
	formPlain  byte = iota // no head
	formPlaced             // log 8, epoch 4, serial 8, Unix ms 8, bytes of all earlier events of the channel 8
	formNoted              // version 8, whether the record is gone 1
	formLog                // log 8, no envelope: a log begins
	formNode               // node 8, what it was before 8, no envelope: a node has come
	formBye                // node 8, no envelope
	formAlive              // node 8, no envelope
)

const (
	placedHead = 2 + 8 + 4 + 8 + 8 + 8
	notedHead  = 2 + 8 + 1
)

// sealer makes and checks MACs of one app. Its methods are for any goroutine.
type sealer struct {
	secret string
	macs   sync.Pool // of hash.Hash

	before *sealer   // of the secret that the app had before; nil when it has had no other
	until  time.Time // when that is believed no more
}

func newSealer(secret string) *sealer {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(keyContext))
	key := h.Sum(nil)
	s := &sealer{secret: secret}
	s.macs.New = func() any { return hmac.New(sha256.New, key) }
	return s
}

func (s *sealer) mac(envelope []byte, sum *[sha256.Size]byte) {
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(envelope[:macAt])
	h.Write(envelope[nameAt:])
	h.Sum(sum[:0])
	s.macs.Put(h)
}

// seal encodes e. Names are at most maxName long.
func (s *sealer) seal(e *envelope) []byte {
	size := nameAt + 2 + len(e.app) + 2 + len(e.topic) + len(e.payload)
	b := make([]byte, nameAt, size)
	b[0] = byte(e.kind)
	binary.BigEndian.PutUint64(b[1:], e.id)
	binary.BigEndian.PutUint32(b[9:], e.except.A)
	binary.BigEndian.PutUint32(b[13:], e.except.B)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.app)))
	b = append(b, e.app...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.topic)))
	b = append(b, e.topic...)
	b = append(b, e.payload...)
	var sum [sha256.Size]byte
	s.mac(b, &sum)
	copy(b[macAt:], sum[:macSize])
	return b
}

// parseEnvelope cuts b if it is an envelope of that app and topic, and does not check its MAC.
func parseEnvelope(b []byte, app, topic string) (e envelope, ok bool) {
	if len(b) < nameAt || b[0] == 0 || kind(b[0]) >= kinds {
		return envelope{}, false
	}
	a, rest, ok := cut(b[nameAt:])
	if !ok || string(a) != app {
		return envelope{}, false
	}
	t, rest, ok := cut(rest)
	if !ok || string(t) != topic {
		return envelope{}, false
	}
	return envelope{
		kind:    kind(b[0]),
		id:      binary.BigEndian.Uint64(b[1:]),
		except:  protocol.SocketID{A: binary.BigEndian.Uint32(b[9:]), B: binary.BigEndian.Uint32(b[13:])},
		app:     app,
		topic:   topic,
		payload: rest,
	}, true
}

// cut takes what has its length in two bytes in front.
func cut(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// sealers has one for each app, made anew when its secret is another.
type sealers struct {
	secret func(app string) (string, bool)
	byApp  sync.Map // string: *sealer
}

func (s *sealers) of(app string) *sealer {
	secret, known := s.secret(app)
	if !known {
		s.byApp.Delete(app)
		return nil
	}
	if v, ok := s.byApp.Load(app); ok && v.(*sealer).secret == secret {
		return v.(*sealer)
	}
	n := newSealer(secret)
	if v, ok := s.byApp.Load(app); ok {
		was := v.(*sealer)
		n.before, n.until = &sealer{secret: was.secret}, time.Now().Add(oldSecret)
		n.before.macs.New = was.macs.New
	}
	s.byApp.Store(app, n)
	return n
}

// open parses an envelope that has to be one of that app and topic, and checks its MAC.
func (s *sealers) open(b []byte, app, topic string) (envelope, bool) {
	e, ok := parseEnvelope(b, app, topic)
	if !ok {
		return envelope{}, false
	}
	key := s.of(app)
	if key == nil {
		return envelope{}, false
	}
	return e, key.fits(b) || key.before != nil && time.Now().Before(key.until) && key.before.fits(b)
}

// fits reports whether an envelope has the MAC of this key.
func (s *sealer) fits(envelope []byte) bool {
	var sum [sha256.Size]byte
	s.mac(envelope, &sum)
	return subtle.ConstantTimeCompare(sum[:macSize], envelope[macAt:nameAt]) == 1
}

// parsePlaced cuts a message of the form formPlaced.
func parsePlaced(b []byte) (at channels.Place, when time.Time, envelope []byte, ok bool) {
	if len(b) < placedHead || b[0] != version || b[1] != formPlaced {
		return channels.Place{}, time.Time{}, nil, false
	}
	at.Log = persist.LogID(b[2:10])
	at.Epoch = binary.BigEndian.Uint32(b[10:])
	at.Serial = binary.BigEndian.Uint64(b[14:])
	return at, time.UnixMilli(int64(binary.BigEndian.Uint64(b[22:]))), b[placedHead:], true
}

// parseNoted cuts a message of the form formNoted.
func parseNoted(b []byte) (version uint64, gone bool, envelope []byte, ok bool) {
	if len(b) < notedHead {
		return 0, false, nil, false
	}
	return binary.BigEndian.Uint64(b[2:]), b[10] != 0, b[notedHead:], true
}

// appendRecord is the payload of a kindRecord.
func appendRecord(b []byte, key string, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = append(b, key...)
	return append(b, value...)
}

// recordOf is the inverse of appendRecord. The value is a copy.
func recordOf(e *envelope) (r channels.Record, ok bool) {
	key, value, ok := cut(e.payload)
	if !ok || e.kind != kindRecord || e.id == 0 {
		return channels.Record{}, false
	}
	return channels.Record{Node: channels.NodeID(e.id), Key: string(key), Value: append([]byte{}, value...)}, true
}

// asSocket puts a number where an envelope has a socket's id.
func asSocket(n uint64) protocol.SocketID { return protocol.SocketID{A: uint32(n >> 32), B: uint32(n)} }

func ofSocket(s protocol.SocketID) uint64 { return uint64(s.A)<<32 | uint64(s.B) }
