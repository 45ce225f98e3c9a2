package demo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// sign is the protocol's signature, written here a second time.
func sign(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

type authAnswer struct {
	Auth        string  `json:"auth"`
	ChannelData *string `json:"channel_data"`
}

// authorize posts a form and returns the answer, which must be a 200.
func authorize(t *testing.T, fields url.Values) authAnswer {
	t.Helper()
	resp, body := send(t, testHandler("", ""), "POST", "/demo/auth", formType, fields.Encode())
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != jsonType {
		t.Fatalf("%v: %d %q", fields, resp.StatusCode, body)
	}
	var a authAnswer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthSignsPrivateChannels(t *testing.T) {
	for _, channel := range []string{"private-demo", "private-demo-orders.7"} {
		a := authorize(t, url.Values{"socket_id": {"12.34"}, "channel_name": {channel}})
		if want := "demo-key:" + sign("demo-secret", "12.34:"+channel); a.Auth != want {
			t.Errorf("%s: %q, want %q", channel, a.Auth, want)
		}
		if a.ChannelData != nil {
			t.Errorf("%s has channel data %q", channel, *a.ChannelData)
		}
	}
}

func TestAuthSignsPresenceChannels(t *testing.T) {
	for _, tc := range []struct{ id, name, wantID, wantName string }{
		{"v-17", "  Amber Otter ", "v-17", "Amber Otter"},
		{"v-18", `Zoë "Z" <b>`, "v-18", `Zoë "Z" <b>`},
		{"", "", "socket-12-34", "Guest"}, // a stock client sends neither
	} {
		a := authorize(t, url.Values{"socket_id": {"12.34"}, "channel_name": {"presence-demo"}, "user_id": {tc.id}, "name": {tc.name}})
		if a.ChannelData == nil {
			t.Fatal("no channel data")
		}
		if want := "demo-key:" + sign("demo-secret", "12.34:presence-demo:"+*a.ChannelData); a.Auth != want {
			t.Errorf("%q, want %q", a.Auth, want)
		}
		var member struct {
			UserID   string `json:"user_id"`
			UserInfo struct {
				Name string `json:"name"`
			} `json:"user_info"`
		}
		if err := json.Unmarshal([]byte(*a.ChannelData), &member); err != nil {
			t.Fatal(err)
		}
		if member.UserID != tc.wantID || member.UserInfo.Name != tc.wantName {
			t.Errorf("got %+v, want %q and %q", member, tc.wantID, tc.wantName)
		}
	}
}

func TestAuthTakesJSONToo(t *testing.T) {
	resp, body := send(t, testHandler("", ""), "POST", "/demo/auth", "application/json; charset=utf-8",
		`{"socket_id":"1.2","channel_name":"private-demo"}`)
	if want := sign("demo-secret", "1.2:private-demo"); resp.StatusCode != 200 || !strings.Contains(body, want) {
		t.Errorf("%d %s, want the signature %s", resp.StatusCode, body, want)
	}
}

func TestAuthRefusesWhatIsNotTheDemos(t *testing.T) {
	h := testHandler("", "")
	for _, tc := range []struct {
		why, socket, channel, user, name string
		status                           int
	}{
		{"another channel", "1.2", "private-orders.1", "", "", 403},
		{"another presence channel", "1.2", "presence-chat", "u", "", 403},
		{"public", "1.2", "demo", "", "", 403},
		{"encrypted", "1.2", "private-encrypted-demo", "", "", 403},
		{"a user's own channel", "1.2", "#server-to-user-1", "", "", 403},
		{"none", "1.2", "", "", "", 403},
		// A colon would let one signature be read as that of another channel.
		{"a colon", "1.2", "private-demo:x", "", "", 403},
		{"a line break", "1.2", "private-demo\n", "", "", 403},
		{"a long name", "1.2", "private-demo" + strings.Repeat("x", 200), "", "", 403},
		{"no socket", "", "private-demo", "", "", 400},
		{"a forged socket", "1.2:presence-other", "private-demo", "", "", 400},
		{"a bad user", "1.2", "presence-demo", "a b", "", 400},
		{"a long user", "1.2", "presence-demo", strings.Repeat("a", 37), "", 400},
		{"a long visitor's name", "1.2", "presence-demo", "u", strings.Repeat("ä", maxName+1), 400},
		{"control characters", "1.2", "presence-demo", "u", "a\x00b", 400},
		{"bad UTF-8", "1.2", "presence-demo", "u", "a\xffb", 400},
	} {
		form := url.Values{"socket_id": {tc.socket}, "channel_name": {tc.channel}, "user_id": {tc.user}, "name": {tc.name}}
		resp, body := send(t, h, "POST", "/demo/auth", formType, form.Encode())
		if resp.StatusCode != tc.status {
			t.Errorf("%s: %d, want %d", tc.why, resp.StatusCode, tc.status)
		}
		if strings.Contains(body, "demo-key:") || body == "" || strings.Contains(body, "\n") {
			t.Errorf("%s: %q is not one helpful line", tc.why, body)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	h := testHandler("", "")
	for _, tc := range []struct {
		path, kind, body string
		status           int
	}{
		{"/demo/auth", formType, "name=" + strings.Repeat("x", maxAuthBody), 413},
		{"/demo/publish", jsonType, `{"text":"` + strings.Repeat("x", maxPublishBody) + `"}`, 413},
		{"/demo/auth", "text/plain", "socket_id=1.2", 415},
		{"/demo/publish", "", "text=a", 415},
		{"/demo/publish", jsonType, `{"text":`, 400},
		{"/demo/publish", jsonType, `{"text":7}`, 400},
		{"/demo/auth", formType, "socket_id=%zz", 400},
	} {
		if resp, body := send(t, h, "POST", tc.path, tc.kind, tc.body); resp.StatusCode != tc.status || body == "" {
			t.Errorf("%s %s %.20q: %d %q, want %d", tc.path, tc.kind, tc.body, resp.StatusCode, body, tc.status)
		}
	}
}
