package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
	"time"
)

// Signer signs as an application's server does. It is for one goroutine.
type Signer struct {
	key  string
	mac  hash.Hash
	sum  []byte
	text []byte
}

// NewSigner makes one for an application.
func NewSigner(key, secret string) *Signer {
	return &Signer{key: key, mac: hmac.New(sha256.New, []byte(secret))}
}

// appendSignature appends that of a text, in hexadecimal.
func (s *Signer) appendSignature(dst, text []byte) []byte {
	s.mac.Reset()
	s.mac.Write(text)
	s.sum = s.mac.Sum(s.sum[:0])
	return hex.AppendEncode(dst, s.sum)
}

// AppendQuery appends the signed query string of an API request with a body.
func (s *Signer) AppendQuery(dst []byte, method, path string, body []byte) []byte {
	sum := md5.Sum(body)
	start := s.begin(method, path)
	s.text = hex.AppendEncode(append(s.text, "&body_md5="...), sum[:])
	return s.end(dst, start)
}

// AppendQuestion appends the signed query string of a GET request. more is its parameters as they are signed: in order, with
// names behind those of the signature; or nothing.
func (s *Signer) AppendQuestion(dst []byte, path, more string) []byte {
	start := s.begin("GET", path)
	if more != "" {
		s.text = append(append(s.text, '&'), more...)
	}
	return s.end(dst, start)
}

// begin begins the text to sign, and returns where the query is in it.
func (s *Signer) begin(method, path string) (start int) {
	s.text = append(append(append(append(s.text[:0], method...), '\n'), path...), '\n')
	start = len(s.text)
	s.text = append(append(s.text, "auth_key="...), s.key...)
	s.text = strconv.AppendInt(append(s.text, "&auth_timestamp="...), time.Now().Unix(), 10)
	s.text = append(s.text, "&auth_version=1.0"...)
	return start
}

// end appends the query and its signature.
func (s *Signer) end(dst []byte, start int) []byte {
	return s.appendSignature(append(append(dst, s.text[start:]...), "&auth_signature="...), s.text)
}

// Member is the channel_data of a presence channel's member.
func Member(user, name string) string {
	return `{"user_id":"` + user + `","user_info":{"name":"` + name + `"}}`
}

// MemberSize is the bytes of user_info in a Member with an empty name.
const MemberSize = len(`{"name":""}`)

// Subscription is what a socket asks for.
type Subscription struct {
	Channel  string
	SocketID string
	Member   string // channel_data, for a presence channel
	Replay   string // the member "replay" as JSON; "" leaves it out
}

// AppendSubscribe appends the command, signed if the channel wants it.
func (s *Signer) AppendSubscribe(dst []byte, sub Subscription) []byte {
	dst = append(append(append(dst, `{"event":"pusher:subscribe","data":{"channel":"`...), sub.Channel...), '"')
	if presence := strings.HasPrefix(sub.Channel, "presence-"); presence || strings.HasPrefix(sub.Channel, "private-") {
		s.text = append(append(append(s.text[:0], sub.SocketID...), ':'), sub.Channel...)
		if presence {
			s.text = append(append(s.text, ':'), sub.Member...)
		}
		dst = append(append(append(dst, `,"auth":"`...), s.key...), ':')
		dst = append(s.appendSignature(dst, s.text), '"')
		if presence {
			dst = strconv.AppendQuote(append(dst, `,"channel_data":`...), sub.Member)
		}
	}
	if sub.Replay != "" {
		dst = append(append(dst, `,"replay":`...), sub.Replay...)
	}
	return append(dst, "}}"...)
}

// AppendUnsubscribe appends the command that leaves a channel.
func AppendUnsubscribe(dst []byte, channel string) []byte {
	return append(append(append(dst, `{"event":"pusher:unsubscribe","data":{"channel":"`...), channel...), `"}}`...)
}
