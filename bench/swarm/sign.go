package swarm

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// signer signs as an application's server does.
type signer struct{ key, secret string }

func newSigner(key, secret string) signer { return signer{key, secret} }

func (s signer) sign(text string) string {
	h := hmac.New(sha256.New, []byte(s.secret))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// query returns the signed query string of an API request.
func (s signer) query(method, path string, body []byte) string {
	sum := md5.Sum(body)
	query := fmt.Sprintf("auth_key=%s&auth_timestamp=%d&auth_version=1.0&body_md5=%x", s.key, time.Now().Unix(), sum)
	return query + "&auth_signature=" + s.sign(method+"\n"+path+"\n"+query)
}

// subscribe returns the command that subscribes a socket. In a presence channel
// each socket is a user of its own, with info bytes of user_info.
func (s signer) subscribe(channel, socketID string, id int32, info int) []byte {
	switch {
	case strings.HasPrefix(channel, "presence-"):
		const wrap = len(`{"name":""}`)
		user := fmt.Sprintf(`{"user_id":"%d","user_info":{"name":"%s"}}`, id, strings.Repeat("n", max(info-wrap, 0)))
		auth := s.sign(socketID + ":" + channel + ":" + user)
		return fmt.Appendf(nil, `{"event":"pusher:subscribe","data":{"channel":"%s","auth":"%s:%s","channel_data":%q}}`, channel, s.key, auth, user)
	case strings.HasPrefix(channel, "private-"):
		auth := s.sign(socketID + ":" + channel)
		return fmt.Appendf(nil, `{"event":"pusher:subscribe","data":{"channel":"%s","auth":"%s:%s"}}`, channel, s.key, auth)
	}
	return fmt.Appendf(nil, `{"event":"pusher:subscribe","data":{"channel":"%s"}}`, channel)
}
