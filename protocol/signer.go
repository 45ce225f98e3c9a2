package protocol

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the protocol's digest of a body; the HMAC over it is SHA-256
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"slices"
	"sync"
)

// Signer makes and checks the signatures of one application. Any goroutine may use it.
//
// Keyed hashes are kept in a pool: making one from the secret costs two hash
// blocks and six allocations, and a deploy brings one check per channel and browser.
type Signer struct {
	key  string
	pool sync.Pool // of *keyed
}

type keyed struct {
	mac hash.Hash
	buf []byte // what is signed, then the signature
}

// signatureLen is the length of a signature: SHA-256 in lower-case hexadecimal.
const signatureLen = 2 * sha256.Size

// NewSigner returns the signer of an application.
func NewSigner(key, secret string) *Signer {
	s := &Signer{key: key}
	s.pool.New = func() any {
		return &keyed{mac: hmac.New(sha256.New, []byte(secret))}
	}
	return s
}

// sign appends the signature of what build appends to buf[:0] and returns both.
func (s *Signer) sign(build func(dst []byte) []byte, use func(signature []byte)) {
	k := s.pool.Get().(*keyed)
	k.buf = build(k.buf[:0])
	k.mac.Reset()
	k.mac.Write(k.buf)
	n := len(k.buf)
	k.buf = k.mac.Sum(k.buf)
	k.buf = hex.AppendEncode(k.buf, k.buf[n:])
	use(k.buf[n+sha256.Size:])
	s.pool.Put(k)
}

// Channel returns the auth value "key:signature" of one socket's subscription.
// channelData is the very string that goes with it, nil when none does.
func (s *Signer) Channel(id SocketID, channel, channelData []byte) string {
	var auth []byte
	s.sign(channelString(id, channel, channelData), func(signature []byte) {
		auth = append(append(append(auth, s.key...), ':'), signature...)
	})
	return string(auth)
}

// VerifyChannel reports whether auth is what Channel returns for the rest.
func (s *Signer) VerifyChannel(id SocketID, channel, channelData, auth []byte) bool {
	key, given, ok := bytes.Cut(auth, []byte{':'})
	if !ok || string(key) != s.key || len(given) != signatureLen {
		return false
	}
	valid := false
	s.sign(channelString(id, channel, channelData), func(signature []byte) {
		valid = subtle.ConstantTimeCompare(signature, given) == 1
	})
	return valid
}

func channelString(id SocketID, channel, channelData []byte) func([]byte) []byte {
	return func(dst []byte) []byte {
		dst = append(id.Append(dst), ':')
		dst = append(dst, channel...)
		if channelData != nil {
			dst = append(append(dst, ':'), channelData...)
		}
		return dst
	}
}

// Param is one query parameter, percent-decoded.
type Param struct{ Name, Value []byte }

// Request returns the auth_signature of an HTTP request. path has no prefix and no query; params
// are sorted in place. The body's digest takes part exactly when there is a body, whatever the query says of it.
func (s *Signer) Request(method, path []byte, params []Param, body []byte) string {
	var out string
	s.sign(requestString(method, path, params, body), func(signature []byte) { out = string(signature) })
	return out
}

// VerifyRequest reports whether given is what Request returns for the rest.
func (s *Signer) VerifyRequest(method, path []byte, params []Param, body, given []byte) bool {
	valid := false
	s.sign(requestString(method, path, params, body), func(signature []byte) {
		valid = subtle.ConstantTimeCompare(signature, given) == 1
	})
	return valid
}

func requestString(method, path []byte, params []Param, body []byte) func([]byte) []byte {
	var digest [2 * md5.Size]byte
	params = slices.DeleteFunc(params, func(p Param) bool {
		return string(p.Name) == "auth_signature" || string(p.Name) == "body_md5"
	})
	if len(body) > 0 {
		sum := md5.Sum(body)
		hex.Encode(digest[:], sum[:])
		params = append(params, Param{[]byte("body_md5"), digest[:]})
	}
	slices.SortStableFunc(params, func(a, b Param) int { return bytes.Compare(a.Name, b.Name) })
	return func(dst []byte) []byte {
		dst = append(append(dst, method...), '\n')
		dst = append(append(dst, path...), '\n')
		for i, p := range params {
			if i > 0 {
				dst = append(dst, '&')
			}
			dst = append(append(append(dst, p.Name...), '='), p.Value...)
		}
		return dst
	}
}

// Key returns the application's key.
func (s *Signer) Key() string { return s.key }
