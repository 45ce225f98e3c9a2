package engine

import (
	"strings"
	"testing"
)

func TestAppKey(t *testing.T) {
	for _, test := range []struct{ prefix, uri, key string }{
		{"", "/app/key", "key"},
		{"", "/app/key?protocol=7&x=/../%zz\x80?", "key"},
		{"", "/app/", ""},
		{"", "/app", ""},
		{"", "/app/key/", ""},
		{"", "/app/key/more", ""},
		{"", "//app/key", ""},
		{"", "/ws/app/key", ""},
		{"", "app/key", ""},
		{"", "/apps/key", ""},
		{"", "*", ""},
		{"", "", ""},
		{"", "/app/k%65y", "key"},
		{"", "/app/100%", "100%"},
		{"", "http://shop.test:8080/app/key?protocol=7", "key"},
		{"", "ws://shop.test/app/key", "key"},
		{"", "http://shop.test", ""},
		{"", "http://shop.test?x=/app/key", ""},
		{"", "/app/key?next=http://other/app/wrong", "key"},
		{"", "/x?y=://app/key", ""},
		{"/ws", "/ws/app/key", "key"},
		{"/ws", "/app/key", "key"},
		{"/ws", "http://shop.test/ws/app/key", "key"},
		{"/ws", "/wsx/app/key", ""},
		{"/ws", "/ws", ""},
		{"/ws", "/ws/ws/app/key", ""},
		{"/app", "/app/app/key", "key"},
		{"/app", "/app/key", "key"},
	} {
		m := manual(t, Options{Loops: 1, PathPrefix: test.prefix})
		key, err := m.appKey([]byte(test.uri))
		if string(key) != test.key || (err == nil) != (test.key != "") {
			t.Errorf("prefix %q, %q: key %q, %v; want %q", test.prefix, test.uri, key, err, test.key)
		}
	}
}

// What two parsers could read differently goes to one of them only: here to the loop, which answers
// and ends the connection, or to the HTTP server with every byte.
func TestHeadsOfTwoMinds(t *testing.T) {
	body := "POST /apps/1/events HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
	with := func(line string) string {
		return strings.Replace(handshake, "Host: x\r\n", "Host: x\r\n"+line+"\r\n", 1)
	}
	for name, test := range map[string]struct {
		head string
		want string // "handed over", or how the answer begins
	}{
		"two upgrades":        {with("Upgrade: h2c"), "HTTP/1.1 4"},
		"a list":              {strings.Replace(handshake, "websocket", "h2c, websocket", 1), "handed over"},
		"folded":              {strings.Replace(handshake, "Upgrade: websocket", "Upgrade:\r\n websocket", 1), "handed over"},
		"a space in front":    {strings.Replace(handshake, "Upgrade: websocket", " Upgrade: websocket", 1), "handed over"},
		"another name":        {strings.Replace(handshake, "Upgrade:", "X-Upgrade:", 1), "handed over"},
		"any case":            {strings.Replace(handshake, "Upgrade: websocket", "uPGRADE:WebSocket  ", 1), "HTTP/1.1 101"},
		"HTTP/1.0":            {strings.Replace(handshake, "HTTP/1.1", "HTTP/1.0", 1), "HTTP/1.1 505"},
		"no connection":       {strings.Replace(handshake, "Connection: Upgrade\r\n", "", 1), "HTTP/1.1 4"},
		"absolute":            {strings.Replace(handshake, "GET ", "GET http://shop.test", 1), "HTTP/1.1 101"},
		"elsewhere":           {strings.Replace(handshake, "/app/key", "/chat", 1), "HTTP/1.1 404"},
		"another method":      {strings.Replace(handshake, "GET ", "PUT ", 1), "handed over"},
		"a line feed alone":   {"GET / HTTP/1.1\nHost: x\n\n" + handshake, "HTTP/1.1 4"},
		"a request behind it": {strings.Replace(handshake, "/app/key", "/chat", 1) + body, "HTTP/1.1 404"},
	} {
		m := manual(t, Options{Loops: 1})
		w := m.Open(0)
		w.Feed([]byte(test.head))
		got := string(w.Take())
		if w.HandedOver != nil {
			if string(w.HandedOver) != test.head {
				t.Errorf("%s: %d bytes of %d were handed over", name, len(w.HandedOver), len(test.head))
			}
			got = "handed over"
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %.60q", name, got)
		}
		if strings.HasPrefix(test.want, "HTTP/1.1 4") && !w.HalfClosed {
			t.Errorf("%s: a refused connection goes on", name)
		}
		if n := strings.Count(got, "HTTP/1.1"); n > 1 {
			t.Errorf("%s: %d answers", name, n)
		}
	}
}
