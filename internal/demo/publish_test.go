package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestPublishGoesThroughTheHTTPAPI(t *testing.T) {
	server := newAPI(t)
	for _, tc := range []struct{ kind, body, text, name, socket string }{
		{jsonType, `{"text":" Hello <b>you</b> ","name":"Amber Otter"}`, "Hello <b>you</b>", "Amber Otter", ""},
		{jsonType, `{"text":"to others","socket_id":"12.34"}`, "to others", "Guest", "12.34"},
		{formType, "text=h%C3%A9%20%F0%9F%91%8B&name=N&socket_id=1.2", "hé 👋", "N", "1.2"},
	} {
		before := time.Now().UnixMilli()
		resp, body := send(t, testHandler("", server.URL), "POST", "/demo/publish", tc.kind, tc.body)
		if resp.StatusCode != 200 || body != "{}" {
			t.Fatalf("%s: %d %q", tc.body, resp.StatusCode, body)
		}
		e := <-server.events
		if e.Name != "demo.message" || len(e.Channels) != 1 || e.Channels[0] != "demo" || e.SocketID != tc.socket {
			t.Errorf("%s: published %+v", tc.body, e)
		}
		var got message
		if err := json.Unmarshal([]byte(e.Data), &got); err != nil {
			t.Fatal(err)
		}
		if got.Text != tc.text || got.Name != tc.name || got.At < before {
			t.Errorf("%s: data %+v, want %q from %q", tc.body, got, tc.text, tc.name)
		}
	}
}

func TestPublishKeepsThePathPrefix(t *testing.T) {
	server := newAPI(t)
	server.prefix = "/ws"
	resp, body := send(t, testHandler("/ws", server.URL+"/ws/"), "POST", "/ws/demo/publish", jsonType, `{"text":"hi"}`)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	if e := <-server.events; e.Name != "demo.message" {
		t.Errorf("published %+v", e)
	}
}

func TestPublishWorksOverTLS(t *testing.T) {
	server := newAPI(t)
	secure := httptest.NewTLSServer(server.Config.Handler)
	defer secure.Close()
	resp, body := send(t, testHandler("", secure.URL), "POST", "/demo/publish", jsonType, `{"text":"hi"}`)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	<-server.events
}

func TestPublishRefusesWhatIsTooMuch(t *testing.T) {
	server := newAPI(t)
	h := testHandler("", server.URL)
	for why, body := range map[string]string{
		"no text":       `{}`,
		"blank":         `{"text":" \n "}`,
		"too long":      `{"text":"` + strings.Repeat("ä", maxText+1) + `"}`,
		"control":       `{"text":"a\u0007b"}`,
		"long name":     `{"text":"a","name":"` + strings.Repeat("n", maxName+1) + `"}`,
		"forged socket": `{"text":"a","socket_id":"1.2,3.4"}`,
	} {
		resp, text := send(t, h, "POST", "/demo/publish", jsonType, body)
		if resp.StatusCode != 400 || text == "" || strings.Contains(text, "\n") {
			t.Errorf("%s: %d %q, want 400 and one line", why, resp.StatusCode, text)
		}
	}
	longest := `{"text":"` + strings.Repeat(`\ud83d\udc4b`, maxText) + `"}`
	if resp, text := send(t, h, "POST", "/demo/publish", jsonType, longest); resp.StatusCode != 200 {
		t.Errorf("the longest message: %d %q", resp.StatusCode, text)
	}
	if n := len(server.events); n != 1 {
		t.Errorf("%d events published, want the last one only", n)
	}
}

func TestPublishIsLimitedInRate(t *testing.T) {
	server := newAPI(t)
	p := newRelay(testApp(), func() string { return server.URL }, quiet())
	p.limit = newBucket(2, 0, time.Now()) // no refill, so that no clock decides
	for i, want := range []int{200, 200, http.StatusTooManyRequests, http.StatusTooManyRequests} {
		resp, body := send(t, http.HandlerFunc(p.serve), "POST", "/demo/publish", jsonType, `{"text":"again"}`)
		if resp.StatusCode != want {
			t.Errorf("message %d: %d %q, want %d", i, resp.StatusCode, body, want)
		}
		if (resp.Header.Get("Retry-After") != "") != (want == http.StatusTooManyRequests) {
			t.Errorf("message %d: Retry-After %q", i, resp.Header.Get("Retry-After"))
		}
	}
	if n := len(server.events); n != 2 {
		t.Errorf("%d events published, want 2", n)
	}
}

func TestBucket(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := newBucket(3, 2, now)
	take := func(after time.Duration, want bool) {
		t.Helper()
		now = now.Add(after)
		if got := b.take(now); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	take(0, true)
	take(0, true)
	take(0, true)
	take(0, false)
	take(400*time.Millisecond, false)
	take(100*time.Millisecond, true)
	take(0, false)
	take(-time.Hour, false) // a clock that goes back gives nothing
	take(2*time.Hour, true) // and a long pause no more than the burst
	take(0, true)
	take(0, true)
	take(0, false)
}

func TestPublishSaysWhenTheServerCannot(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	wrong := newAPI(t)
	wrong.status = http.StatusUnauthorized
	for base, want := range map[string]int{
		"":                          503,
		down.URL:                    502,
		wrong.URL:                   502,
		"127.0.0.1:8080":            502,
		"https://example.test:8443": 502, // refused before it is dialled: only loopback goes without a check of names
	} {
		resp, body := send(t, testHandler("", base), "POST", "/demo/publish", jsonType, `{"text":"hi"}`)
		if resp.StatusCode != want || strings.Contains(body, "auth_signature") {
			t.Errorf("base %q: %d %q, want %d", base, resp.StatusCode, body, want)
		}
	}
}
