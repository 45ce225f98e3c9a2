package protocol

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// vectors are signatures that pusher-http-php made and two other publishers checked.
type vectors struct {
	Key, Secret string
	Vectors     map[string]vector
}

type vector struct {
	Method, Path    string
	Body            *string
	StringToSign    string `json:"string_to_sign"`
	AuthSignature   string `json:"auth_signature"`
	NodeQueryString string `json:"node_query_string"`

	SocketID    string  `json:"socket_id"`
	Channel     string  `json:"channel"`
	ChannelData *string `json:"channel_data"`
	Auth        string  `json:"auth"`
	UserData    string  `json:"user_data"`
}

func readVectors(t testing.TB) (*Signer, map[string]vector) {
	t.Helper()
	b, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return NewSigner(v.Key, v.Secret), v.Vectors
}

// params reads the query as it is sent, auth_signature and body_md5 included.
func (v vector) params(t testing.TB) (list []Param) {
	t.Helper()
	for pair := range strings.SplitSeq(v.NodeQueryString, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			t.Fatal(errName, errValue)
		}
		list = append(list, Param{[]byte(name), []byte(value)})
	}
	return list
}

func (v vector) body() []byte {
	if v.Body == nil {
		return nil
	}
	return []byte(*v.Body)
}

func (v vector) data() []byte {
	if v.ChannelData == nil {
		return nil
	}
	return []byte(*v.ChannelData)
}

func TestRequestVectors(t *testing.T) {
	s, all := readVectors(t)
	n := 0
	for name, v := range all {
		if v.AuthSignature == "" {
			continue
		}
		n++
		if got := s.Request([]byte(v.Method), []byte(v.Path), v.params(t), v.body()); got != v.AuthSignature {
			t.Errorf("%s: %s, want %s", name, got, v.AuthSignature)
		}
		backwards := v.params(t)
		slices.Reverse(backwards)
		if !s.VerifyRequest([]byte(v.Method), []byte(v.Path), backwards, v.body(), []byte(v.AuthSignature)) {
			t.Errorf("%s: refused when the query is in another order", name)
		}
		refuseChangedRequests(t, name, s, v)
	}
	if n != 7 {
		t.Errorf("%d request vectors, want 7", n)
	}
}

// refuseChangedRequests changes every byte of every part that is signed, one at a time.
func refuseChangedRequests(t *testing.T, name string, s *Signer, v vector) {
	t.Helper()
	method, path, body, given := []byte(v.Method), []byte(v.Path), v.body(), []byte(v.AuthSignature)
	for part, b := range map[string][]byte{"method": method, "path": path, "body": body, "signature": given} {
		for i := range b {
			b[i] ^= 0x20 // the case of a letter
			if s.VerifyRequest(method, path, v.params(t), body, given) {
				t.Errorf("%s: byte %d of the %s does not count", name, i, part)
			}
			b[i] ^= 0x20
		}
	}
	unsigned := []string{"auth_signature", "body_md5"}
	for at, p := range v.params(t) {
		for i := range len(p.Name) + len(p.Value) {
			params := v.params(t)
			if i < len(p.Name) {
				params[at].Name[i] ^= 1
			} else if params[at].Value[i-len(p.Name)] ^= 1; slices.Contains(unsigned, string(p.Name)) {
				// What a query says of itself takes no part: the digest is ours.
				if !s.VerifyRequest(method, path, params, body, given) {
					t.Errorf("%s: refused for its own %s", name, p.Name)
				}
				continue
			}
			if s.VerifyRequest(method, path, params, body, given) {
				t.Errorf("%s: byte %d of the parameter %s does not count", name, i, p.Name)
			}
		}
	}
	extra := append(v.params(t), Param{[]byte("zz"), nil})
	for n := range len(given) {
		if s.VerifyRequest(method, path, v.params(t), body, given[:n]) {
			t.Errorf("%s: %d bytes of the signature are enough", name, n)
		}
	}
	if s.VerifyRequest(method, path, extra, body, given) || s.VerifyRequest(method, path, v.params(t), append(body, ' '), given) ||
		s.VerifyRequest(method, path, v.params(t), body, append(given, '0')) || NewSigner(s.Key(), "other").VerifyRequest(method, path, v.params(t), body, given) {
		t.Errorf("%s: taken with more than was signed, or another secret", name)
	}
}

func TestRequestBodyDigest(t *testing.T) {
	s := NewSigner("key", "secret")
	with := func(body string, params ...Param) string {
		return s.Request([]byte("POST"), []byte("/apps/1/events"), params, []byte(body))
	}
	md5 := Param{[]byte("body_md5"), []byte("x")}
	if with("") != with("", md5) || with("") != s.Request([]byte("POST"), []byte("/apps/1/events"), nil, nil) {
		t.Error("body_md5 of an empty body takes part")
	}
	if with("{}") != with("{}", md5) || with("{}") == with("") {
		t.Error("the digest is the query's and not that of the body")
	}
	// It is sorted among the others.
	a, z := Param{[]byte("a"), []byte("1")}, Param{[]byte("z"), []byte("2")}
	if with("{}", a, z) != with("{}", z, md5, a) {
		t.Error("the order of the query takes part")
	}
	one, two := Param{[]byte("x"), []byte("1")}, Param{[]byte("x"), []byte("2")}
	if with("", one, two) == with("", two, one) {
		t.Error("two of one name have no order")
	}
}

func TestChannelVectors(t *testing.T) {
	s, all := readVectors(t)
	n := 0
	for name, v := range all {
		if v.Auth == "" || v.Channel == "" {
			continue
		}
		n++
		id, ok := ParseSocketID(v.SocketID)
		if !ok {
			t.Fatalf("%s: socket id %q", name, v.SocketID)
		}
		if got := s.Channel(id, []byte(v.Channel), v.data()); got != v.Auth {
			t.Errorf("%s: %s, want %s", name, got, v.Auth)
		}
		if !s.VerifyChannel(id, []byte(v.Channel), v.data(), []byte(v.Auth)) {
			t.Errorf("%s is refused", name)
		}
		refuseChangedChannels(t, name, s, id, v)
	}
	if id, channel := (SocketID{1, 1}), []byte("private-a"); s.Channel(id, channel, []byte{}) != s.Channel(id, channel, nil) {
		t.Error("empty data is signed")
	}
	if n != 4 {
		t.Errorf("%d channel vectors, want 4", n)
	}
}

func refuseChangedChannels(t *testing.T, name string, s *Signer, id SocketID, v vector) {
	t.Helper()
	channel, data, auth := []byte(v.Channel), v.data(), []byte(v.Auth)
	for part, b := range map[string][]byte{"channel": channel, "data": data, "auth": auth} {
		for i := range b {
			for _, bit := range []byte{0x01, 0x20} {
				b[i] ^= bit
				if s.VerifyChannel(id, channel, data, auth) {
					t.Errorf("%s: byte %d of the %s does not count", name, i, part)
				}
				b[i] ^= bit
			}
		}
	}
	for n := range len(auth) {
		if s.VerifyChannel(id, channel, data, auth[:n]) {
			t.Errorf("%s: %d bytes of auth are enough", name, n)
		}
	}
	for _, other := range []SocketID{{id.A + 1, id.B}, {id.A, id.B + 1}, {id.B + 2, id.A}, {}} {
		if s.VerifyChannel(other, channel, data, auth) {
			t.Errorf("%s: good for %v too", name, other)
		}
	}
	if s.VerifyChannel(id, channel, append(data, ' '), auth) || s.VerifyChannel(id, append(channel, 'x'), data, auth) || s.VerifyChannel(id, channel, data, append(auth, '0')) {
		t.Errorf("%s: taken with more than was signed", name)
	}
	if data != nil && s.VerifyChannel(id, channel, nil, auth) {
		t.Errorf("%s: taken without its data", name)
	}
	if NewSigner(s.Key(), "other").VerifyChannel(id, channel, data, auth) {
		t.Errorf("%s: taken with another secret", name)
	}
}

// Reverb takes any text before the first colon, and even a bare signature (E61, E62).
func TestVerifyChannelNeedsTheKey(t *testing.T) {
	s := NewSigner("app-key", "secret")
	id, channel := SocketID{1234, 1234}, []byte("private-a")
	key, signature, _ := strings.Cut(s.Channel(id, channel, nil), ":")
	if key != "app-key" || s.Key() != "app-key" || len(signature) != signatureLen || !s.VerifyChannel(id, channel, nil, []byte("app-key:"+signature)) {
		t.Fatalf("%s:%s is refused", key, signature)
	}
	for _, auth := range []string{
		"", ":", "app-key", "app-key:", signature, ":" + signature, "anything:" + signature, "App-key:" + signature, "app-key :" + signature, "app-ke:" + signature, "app-key2:" + signature,
		"app-key::" + signature, "app-key:app-key:" + signature, " app-key:" + signature, "app-key:" + strings.ToUpper(signature), "app-key: " + signature[1:], "app-key:" + signature + "\n",
	} {
		if s.VerifyChannel(id, channel, nil, []byte(auth)) {
			t.Errorf("%q is taken", auth)
		}
	}
}

// One signer serves all loops and all requests at once.
func TestSignerIsShared(t *testing.T) {
	s, all := readVectors(t)
	v, r := all["auth_presence"], all["http_post_events_laravel"]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if !s.VerifyChannel(SocketID{1234, 1234}, []byte(v.Channel), v.data(), []byte(v.Auth)) ||
					!s.VerifyRequest([]byte(r.Method), []byte(r.Path), r.params(t), r.body(), []byte(r.AuthSignature)) ||
					s.Channel(SocketID{1234, 1234}, []byte(v.Channel), v.data()) != v.Auth {
					t.Error("refused while others sign")
					return
				}
			}
		})
	}
	wg.Wait()
}

// api reads the signature out of the query that it hands over.
func TestVerifyRequestLeavesBytesAlone(t *testing.T) {
	s, all := readVectors(t)
	v := all["http_get_channels_info"]
	params := v.params(t)
	kept := slices.Clone(params)
	var given []byte
	for _, p := range params {
		if string(p.Name) == "auth_signature" {
			given = p.Value
		}
	}
	if !s.VerifyRequest([]byte(v.Method), []byte(v.Path), params, nil, given) {
		t.Fatal("refused")
	}
	for i, p := range v.params(t) {
		if !bytes.Equal(kept[i].Name, p.Name) || !bytes.Equal(kept[i].Value, p.Value) {
			t.Errorf("%s=%s became %s=%s", p.Name, p.Value, kept[i].Name, kept[i].Value)
		}
	}
}
