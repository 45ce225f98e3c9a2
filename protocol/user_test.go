package protocol

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestUserSignature(t *testing.T) {
	signer, vectors := readVectors(t)
	v := vectors["auth_user"]
	id, ok := ParseSocketID(v.SocketID)
	if !ok || v.UserData == "" {
		t.Fatal("the vector is not there")
	}
	if got := signer.User(id, []byte(v.UserData)); got != v.Auth {
		t.Errorf("got %s, want %s", got, v.Auth)
	}
	if !signer.VerifyUser(id, []byte(v.UserData), []byte(v.Auth)) {
		t.Error("the official signature is refused")
	}
	for i := range v.Auth {
		wrong := []byte(v.Auth)
		wrong[i] ^= 1
		if signer.VerifyUser(id, []byte(v.UserData), wrong) {
			t.Errorf("accepted with byte %d changed", i)
		}
	}
	for i := range v.UserData {
		wrong := []byte(v.UserData)
		wrong[i] ^= 1
		if signer.VerifyUser(id, wrong, []byte(v.Auth)) {
			t.Errorf("accepted other data at byte %d", i)
		}
	}
	// "id::user::data" could be the signature of a channel ":user:" with data, if there were one.
	if ValidChannel(":user:") || ValidPublishChannel(":user:") {
		t.Error("signatures of channels and users can be swapped")
	}
}

func TestParseUser(t *testing.T) {
	many := func(n int) string { return `["u"` + strings.Repeat(`,"ux"`, n-1) + `]` }
	for data, want := range map[string]User{
		`{"id":"12345","user_info":{"name":"Ann"},"watchlist":["u2","u3"]}`: {"12345", []string{"u2", "u3"}},
		`{"id":"Zo\u00eb"}`:                        {"Zoë", nil},
		`{"id":7,"watchlist":null}`:                {"7", nil},
		`{"id":"a","watchlist":["b","b","a"]}`:     {"a", []string{"b", "a"}},
		`{"id":"a","watchlist":` + many(500) + `}`: {"a", []string{"u", "ux"}}, // two users, however often
	} {
		got, err := ParseUser([]byte(data))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.60s: %+v, %v", data, got, err)
		}
	}
	for _, data := range []string{``, `{}`, `[]`, `"a"`, `{"id":null}`, `{"id":""}`, `{"id":["a"]}`, `{"id":"a","watchlist":{}}`,
		`{"id":"a","watchlist":["b",{}]}`, `{"id":"a","watchlist":["b",""]}`, `{"id":"` + strings.Repeat("x", MaxUserID+1) + `"}`} {
		if got, err := ParseUser([]byte(data)); err != ErrInvalidFormat || got.ID != "" {
			t.Errorf("%.60s: %+v, %v", data, got, err)
		}
	}
}

func TestIsCache(t *testing.T) {
	for name, want := range map[string]bool{
		"cache-": true, "cache-a": true, "private-cache-a": true, "presence-cache-a": true, "private-encrypted-cache-a": true,
		"cache": false, "cacheX": false, "a-cache-": false, "private-a-cache-b": false, "presence-encrypted-cache-a": false,
		"private-private-cache-a": false, "private-encrypted-a": false, "#server-to-user-cache-": false, "": false,
	} {
		if IsCache(name) != want || IsCache([]byte(name)) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
	name := []byte("private-encrypted-cache-orders.12345678901234567890")
	if n := testing.AllocsPerRun(100, func() { IsCache(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFramesOfUsersAndCaches(t *testing.T) {
	hostile := `a"\b</script>` + "\n" + `é`
	for _, f := range []struct {
		frame *Frame
		event string
		inner bool // data is a string that holds JSON
	}{
		{CacheMiss("cache-a"), EventCacheMiss, false},
		{SubscriptionCount("a", 12), EventSubscriptionCount, true},
		{SigninSuccess([]byte(`{"id":"` + `x"}`)), EventSigninSuccess, false},
		{Watchlist([]string{hostile, "b"}, nil), EventWatchlist, true},
		{Watchlist(nil, []string{hostile}), EventWatchlist, true},
		{Watchlist([]string{"a"}, []string{"b", hostile}), EventWatchlist, true},
	} {
		var m struct {
			Event string
			Data  any
		}
		if err := json.Unmarshal(f.frame.Payload(), &m); err != nil || m.Event != f.event {
			t.Errorf("%s: %v", f.frame.Payload(), err)
			continue
		}
		if text, ok := m.Data.(string); ok != f.inner || ok && !json.Valid([]byte(text)) {
			t.Errorf("%s: data is %T", f.frame.Payload(), m.Data)
		}
	}
	if got, want := string(Watchlist([]string{"a"}, []string{"b"}).Payload()),
		`{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"a\"]},{\"name\":\"offline\",\"user_ids\":[\"b\"]}]}"}`; got != want {
		t.Errorf("got %s", got)
	}
}
