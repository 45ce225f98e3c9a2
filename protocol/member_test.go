package protocol

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseMember(t *testing.T) {
	accents := func(n int) string { return `"` + strings.Repeat(`\u00e9`, n) + `"` } // two bytes each
	for _, tc := range []struct{ in, id, info, key string }{
		{`{"user_id":1}`, `1`, ``, "1"},
		{`{"user_id":0,"user_info":null}`, `0`, `null`, "0"},
		{`{"user_id":-7,"user_info":{}}`, `-7`, `{}`, "-7"},
		{`{"user_id":"10","user_info":{"name":"Mr. Channels"}}`, `"10"`, `{"name":"Mr. Channels"}`, "10"},
		{`{"user_id":"u-\u00e9","user_info":[1.0]}`, `"u-\u00e9"`, `[1.0]`, "u-é"},
		{" \n{ \"user_id\" : \"a\\\"b\" }\t", `"a\"b"`, ``, `a"b`},
		{`{"user_id":1,"user_id":2}`, `2`, ``, "2"},
		{`{"user\u005fid":3,"\"":4}`, `3`, ``, "3"},
		{`{"user_id":` + accents(MaxUserID/2) + `}`, accents(MaxUserID / 2), ``, strings.Repeat("é", MaxUserID/2)},
		{`{"user_id":"` + strings.Repeat("x", MaxUserID) + `"}`, `"` + strings.Repeat("x", MaxUserID) + `"`, ``, strings.Repeat("x", MaxUserID)},
	} {
		in := []byte(tc.in)
		m, err := ParseMember(in)
		if err != nil || string(m.ID) != tc.id || string(m.Info) != tc.info || m.IsZero() {
			t.Errorf("%s: %v, id %s, info %s", tc.in, err, m.ID, m.Info)
			continue
		}
		if got := m.Key(); got != tc.key {
			t.Errorf("%s: key %q, want %q", tc.in, got, tc.key)
		}
		if string(in) != tc.in {
			t.Errorf("%s was changed to %s", tc.in, in)
		}
	}
}

// Such users could be announced, but never leave: pusher-js and Reverb both lose them.
func TestMemberNobody(t *testing.T) {
	for _, in := range []string{
		`{}`, `[]`, `[1,2]`, " [ ]\n", `{"user_info":{"name":"x"}}`, `{"User_Id":1}`,
		`{"user_id":null}`, `{"user_id":"","user_info":{}}`, `{"user_id":true}`, `{"user_id":false}`, `{"user_id":[1]}`, `{"user_id":{"id":1}}`, `{"user_id":1,"user_id":null}`,
		`{"user_id":"` + strings.Repeat("x", MaxUserID+1) + `"}`, `{"user_id":"` + strings.Repeat(`\u00e9`, MaxUserID/2+1) + `"}`, `{"user_id":` + strings.Repeat("1", MaxUserID+1) + `}`,
	} {
		m, err := ParseMember([]byte(in))
		if err != nil || !m.IsZero() || len(m.Info) != 0 || m.Key() != "" {
			t.Errorf("%s: %v, %s", in, err, m.ID)
		}
	}
	for _, in := range []string{"", " ", "1", `"x"`, "null", "true", "{", "[", "[1", `{"user_id":1}x`, `{"user_id":1,}`, "\ufeff{}", "\u00a0[]", "\v{}"} {
		if m, err := ParseMember([]byte(in)); err != ErrInvalidFormat || !m.IsZero() {
			t.Errorf("%q: %v, %s", in, err, m.ID)
		}
	}
}

func TestMemberKeyIsThatOfPusherJS(t *testing.T) {
	number, text := Member{ID: Raw("1")}, Member{ID: Raw(`"\u0031"`)}
	if number.Key() != "1" || text.Key() != "1" {
		t.Errorf("%q and %q are two users", number.Key(), text.Key())
	}
	if string(text.ID) != `"\u0031"` {
		t.Errorf("Key changed the id to %s", text.ID)
	}
}

func TestMemberClone(t *testing.T) {
	for _, m := range []Member{{}, {ID: Raw("1")}, {Raw(`"u"`), Raw(`{"a":1}`)}, {Info: Raw("[]")}} {
		was := Member{bytes.Clone(m.ID), bytes.Clone(m.Info)}
		c := m.Clone()
		clear(m.ID)
		clear(m.Info)
		if !bytes.Equal(c.ID, was.ID) || !bytes.Equal(c.Info, was.Info) {
			t.Errorf("%s %s became %s %s", was.ID, was.Info, c.ID, c.Info)
		}
		// An append to one of them must not run over into the other.
		if _ = append(c.ID, "xxxx"...); !bytes.Equal(c.Info, was.Info) {
			t.Errorf("the id %s reaches into the info", c.ID)
		}
	}
}
