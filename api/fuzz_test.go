package api

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"resound/protocol"
)

// FuzzEventsBody: whatever a publisher with the right secret sends is answered as the contract says, every
// frame that goes out is one JSON object in valid UTF-8, and of a body that is refused nothing goes out.
func FuzzEventsBody(f *testing.F) {
	for _, body := range []string{
		laravelEvent,
		`{"name":"e","data":"x","channels":["c","presence-p","c"],"info":"user_count,subscription_count,occupied","socket_id":"1.1"}`,
		`{"name":"e","data":{"a":[1.0,null,"\ud800"]},"channels":{"0":"c","2":"presence-p"}}`,
		`{"name":" ","data":null,"channel":7,"channels":"c","socket_id":1,"info":[]}`,
		"{\"name\":\"\xff\",\"data\":\"x\",\"channel\":\"c\"}",
		`{"batch":[{"name":"e","data":"x","channel":"c","info":"subscription_count"},{"name":"e","data":"y","channel":"presence-p","socket_id":"2.2"}]}`,
		`{"batch":{"a":{"name":"e","data":"x","channel":"c"},"b":[]}}`,
		`{"batch":[{},7,null]}`,
		`[]`, ``, `{}`, `{"name":"\u0065","data":"\\","channel":"\u0063"}`,
	} {
		f.Add(body, false)
		f.Add(body, true)
	}
	n := newNode(f)
	listeners := []*subscriber{
		n.join(protocol.SocketID{A: 1, B: 1}, "c", ""),
		n.join(protocol.SocketID{A: 2, B: 2}, "presence-p", `{"user_id":"7"}`),
	}
	f.Fuzz(func(t *testing.T, body string, batch bool) {
		path := testEvents
		if batch {
			path = testBatch
		}
		a := n.call("POST", path, "", body)
		n.run()
		sent := 0
		for _, l := range listeners {
			for _, frame := range l.got {
				checkFrame(t, frame)
			}
			sent += len(l.got)
			l.got = nil
		}
		checkAnswer(t, a)
		switch a.status {
		case 200:
			if !json.Valid([]byte(body)) || !utf8.ValidString(body) {
				t.Errorf("%q was published", body)
			}
		case 400, 422:
			if sent > 0 {
				t.Errorf("%d events of a refused body went out", sent)
			}
		default:
			t.Errorf("answered %d %s", a.status, a.body)
		}
	})
}

// checkFrame checks what pusher-js needs to survive a message.
func checkFrame(t *testing.T, frame string) {
	t.Helper()
	var event struct {
		Event   *string         `json:"event"`
		Channel *string         `json:"channel"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(frame), &event); err != nil || !utf8.ValidString(frame) {
		t.Fatalf("the frame %q is broken: %v", frame, err)
	}
	if event.Event == nil || *event.Event == "" || event.Channel == nil || len(event.Data) == 0 || string(event.Data) == "null" {
		t.Fatalf("the frame %q lacks something", frame)
	}
}

// checkAnswer checks what pusher-http-php needs, and that a line is a line.
func checkAnswer(t *testing.T, a answer) {
	t.Helper()
	if strings.HasPrefix(string(a.header.ContentType()), "text/plain") {
		if a.status == 200 || a.body == "" || strings.ContainsAny(a.body, "\r\n") || !utf8.ValidString(a.body) || len(a.body) > 1000 {
			t.Errorf("answered %d with %q", a.status, a.body)
		}
		return
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &object); err != nil || object == nil {
		t.Errorf("answered %d with %q: %v", a.status, a.body, err)
	}
}

// FuzzPath: any path and query, signed or not, is answered in one line or one JSON object, and publishes nothing.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/up", "/app/app-key", "/apps/1001/events", "/apps/1001/batch_events", "/apps/1001/channels", "/apps/1001/connections",
		"/apps/1001/channels/presence-p", "/apps/1001/channels/presence%2dp/users", "/apps/1001/users/%37/terminate_connections",
		"/ws/apps/1001/channels", "//apps/1001/channels", "/apps/../up", "/apps/%0A/channels", "/%", "", "*", "http://x/up", "/apps/1001/channels/#a",
	} {
		f.Add(path, "info=user_count", uint8(0))
		f.Add(path, "filter_by_prefix=%zz&info[]=a&info[b]=c&a[&]=&=&auth_signature=0", uint8(3))
	}
	n := newNode(f, prefixed)
	n.join(protocol.SocketID{A: 1, B: 1}, "presence-p", `{"user_id":"7"}`)
	methods := []string{"GET", "POST", "HEAD", "PUT"}
	f.Fuzz(func(t *testing.T, path, query string, method uint8) {
		m := methods[int(method)%len(methods)]
		for _, uri := range []string{path + "?" + query, signedBy(n.app.Signer(), testKey, m, path, path, "", "") + "&" + query} {
			a := n.do(m, uri, "")
			if a.status >= 500 {
				t.Errorf("%s %q is answered %d %s", m, uri, a.status, a.body)
			}
			checkAnswer(t, a)
		}
		rt := parseRoute([]byte(path))
		if (rt.kind == unknown) != (rt.app == nil && rt.kind != health) {
			t.Errorf("%q is %+v", path, rt)
		}
	})
}
