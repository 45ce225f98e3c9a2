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
	mac    hash.Hash
	buf    []byte // what is signed, then the signature
	digest [2 * md5.Size]byte
}

// signatureLen is the length of a signature: SHA-256 in lower-case hexadecimal.
const signatureLen = 2 * sha256.Size

var bodyMD5 = []byte("body_md5")

// NewSigner returns the signer of an application.
func NewSigner(key, secret string) *Signer {
	s := &Signer{key: key}
	s.pool.New = func() any {
		return &keyed{mac: hmac.New(sha256.New, []byte(secret))}
	}
	return s
}

func (s *Signer) get() *keyed  { return s.pool.Get().(*keyed) }
func (s *Signer) put(k *keyed) { s.pool.Put(k) }

// sign returns the signature of buf. It is good until k is put back.
func (k *keyed) sign() []byte {
	k.mac.Reset()
	k.mac.Write(k.buf)
	n := len(k.buf)
	k.buf = k.mac.Sum(k.buf)
	k.buf = hex.AppendEncode(k.buf, k.buf[n:])
	return k.buf[n+sha256.Size:]
}

// Channel returns the auth value "key:signature" of one socket's subscription.
// channelData is the very string that goes with it, empty when none does.
func (s *Signer) Channel(id SocketID, channel, channelData []byte) string {
	k := s.get()
	defer s.put(k)
	k.channel(id, channel, channelData)
	return s.key + ":" + string(k.sign())
}

// VerifyChannel reports whether auth is what Channel returns for the rest.
func (s *Signer) VerifyChannel(id SocketID, channel, channelData, auth []byte) bool {
	given, ok := s.given(auth)
	if !ok {
		return false
	}
	k := s.get()
	defer s.put(k)
	k.channel(id, channel, channelData)
	return subtle.ConstantTimeCompare(k.sign(), given) == 1
}

// given returns the signature of an auth value, if the key in front of it is the application's.
func (s *Signer) given(auth []byte) (signature []byte, ok bool) {
	key, signature, ok := bytes.Cut(auth, []byte{':'})
	return signature, ok && string(key) == s.key && len(signature) == signatureLen
}

// User returns the auth value "key:signature" of one socket's sign-in.
func (s *Signer) User(id SocketID, userData []byte) string {
	k := s.get()
	defer s.put(k)
	k.user(id, userData)
	return s.key + ":" + string(k.sign())
}

// VerifyUser reports whether auth is what User returns for the rest.
func (s *Signer) VerifyUser(id SocketID, userData, auth []byte) bool {
	given, ok := s.given(auth)
	if !ok {
		return false
	}
	k := s.get()
	defer s.put(k)
	k.user(id, userData)
	return subtle.ConstantTimeCompare(k.sign(), given) == 1
}

// user fills buf with what is signed for a sign-in.
func (k *keyed) user(id SocketID, userData []byte) {
	k.buf = append(id.Append(k.buf[:0]), "::user::"...)
	k.buf = append(k.buf, userData...)
}

// channel fills buf with what is signed for a subscription.
func (k *keyed) channel(id SocketID, channel, channelData []byte) {
	k.buf = append(id.Append(k.buf[:0]), ':')
	k.buf = append(k.buf, channel...)
	if len(channelData) > 0 {
		k.buf = append(append(k.buf, ':'), channelData...)
	}
}

// Param is one query parameter, percent-decoded.
type Param struct{ Name, Value []byte }

// Request returns the auth_signature of an HTTP request. path has no prefix and no query; the
// elements of params are used up, the bytes that they point to are not. The body's digest takes part exactly when there is a body, whatever the query says of it.
func (s *Signer) Request(method, path []byte, params []Param, body []byte) string {
	k := s.get()
	defer s.put(k)
	k.request(method, path, params, k.digestOf(body))
	return string(k.sign())
}

// VerifyRequest reports whether given is what Request returns for the rest.
func (s *Signer) VerifyRequest(method, path []byte, params []Param, body, given []byte) bool {
	k := s.get()
	defer s.put(k)
	k.request(method, path, params, k.digestOf(body))
	return subtle.ConstantTimeCompare(k.sign(), given) == 1
}

// VerifyPromise is VerifyRequest for a body that is still to come, by its digest in lower-case hexadecimal.
func (s *Signer) VerifyPromise(method, path []byte, params []Param, digest, given []byte) bool {
	k := s.get()
	defer s.put(k)
	k.request(method, path, params, digest)
	return subtle.ConstantTimeCompare(k.sign(), given) == 1
}

// digestOf returns the digest of a body, which is good until k is put back; nil of no body.
func (k *keyed) digestOf(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	sum := md5.Sum(body)
	hex.Encode(k.digest[:], sum[:])
	return k.digest[:]
}

// request fills buf with what is signed for an HTTP request.
func (k *keyed) request(method, path []byte, params []Param, digest []byte) {
	params = slices.DeleteFunc(params, func(p Param) bool {
		return string(p.Name) == "auth_signature" || bytes.Equal(p.Name, bodyMD5)
	})
	if len(digest) > 0 {
		params = append(params, Param{bodyMD5, digest})
	}
	slices.SortStableFunc(params, func(a, b Param) int { return bytes.Compare(a.Name, b.Name) })
	k.buf = append(append(k.buf[:0], method...), '\n')
	k.buf = append(append(k.buf, path...), '\n')
	for i, p := range params {
		if i > 0 {
			k.buf = append(k.buf, '&')
		}
		k.buf = append(append(append(k.buf, p.Name...), '='), p.Value...)
	}
}

// Key returns the application's key.
func (s *Signer) Key() string { return s.key }
