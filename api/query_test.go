package api

import (
	"strconv"
	"testing"

	"resound/protocol"
)

func TestQueries(t *testing.T) {
	n := newNode(t)
	const app = "/apps/1001"
	get := func(row, path, query string, status int, body string) {
		t.Helper()
		if a := n.call("GET", app+path, query, ""); a.status != status || a.body != body || string(a.header.ContentType()) != "application/json" {
			t.Errorf("%s: %s?%s is answered %d %s, want %d %s", row, path, query, a.status, a.body, status, body)
		}
	}
	get("E136", "/channels", "", 200, `{"channels":{}}`)
	get("E142", "/connections", "", 200, `{"connections":0}`)
	get("E138", "/channels/one", "info=user_count,subscription_count", 200, `{"occupied":false}`)

	n.join(protocol.SocketID{A: 1, B: 1}, "presence-two", `{"user_id":1,"user_info":{"name":"Ann"}}`)
	n.join(protocol.SocketID{A: 2, B: 2}, "presence-two", `{"user_id":"2"}`)
	n.join(protocol.SocketID{A: 3, B: 3}, "presence-two", `{"user_id":"\u00e9 3"}`)
	n.join(protocol.SocketID{A: 4, B: 4}, "presence-two", `{"user_id":1}`)
	n.join(protocol.SocketID{A: 5, B: 5}, "one", "")
	n.join(protocol.SocketID{A: 6, B: 6}, "one", "")
	if err := n.app.Connect(); err != nil { // and one without a subscription
		t.Fatal(err)
	}

	get("E135", "/channels", "", 200, `{"channels":{"one":{},"presence-two":{}}}`)
	get("E135", "/channels", "info=user_count", 200, `{"channels":{"one":{},"presence-two":{"user_count":3}}}`)
	get("E135", "/channels", "info=user_count%2Csubscription_count", 200, `{"channels":{"one":{"subscription_count":2},"presence-two":{"user_count":3}}}`)
	get("E137", "/channels", "filter_by_prefix=presence-&info=user_count", 200, `{"channels":{"presence-two":{"user_count":3}}}`)
	get("E137", "/channels", "filter_by_prefix=zzz", 200, `{"channels":{}}`)
	get("E138", "/channels/one", "", 200, `{"occupied":true}`)
	get("E138", "/channels/one", "info=user_count,subscription_count,cache", 200, `{"occupied":true,"subscription_count":2}`)
	get("E138", "/channels/presence-two", "info=user_count,subscription_count,cache", 200, `{"occupied":true,"user_count":3}`)
	get("E138", "/channels/presence%2dtwo", "info=user_count", 200, `{"occupied":true,"user_count":3}`)
	get("E140", "/channels/presence-two/users", "", 200, `{"users":[{"id":1},{"id":"2"},{"id":"\u00e9 3"}]}`)
	get("E141", "/channels/one/users", "", 400, `{}`)
	get("E141", "/channels/presence-three/users", "", 404, `{}`)
	get("E142", "/connections", "", 200, `{"connections":7}`)
}

// Who measures gets sizes and counts, and nothing of what was said.
func TestTrafficIsCounted(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "presence-one", `{"user_id":1}`)
	n.join(protocol.SocketID{A: 2, B: 2}, "presence-one", `{"user_id":1}`)
	listener := n.join(protocol.SocketID{A: 3, B: 3}, "two", "")
	want := func(rest string) {
		t.Helper()
		n.call("GET", "/apps/1001/channels", "info=traffic", "").want(t, 200, `{"channels":{"presence-one":{"traffic":{"subscriptions":2,`+
			`"messages":1,"bytes":92}},"two":{"traffic":{"subscriptions":1,`+rest+`}}}}`)
	}
	want(`"messages":0,"bytes":0`)
	for range 3 {
		n.call("POST", testEvents, "", `{"name":"e","data":"x","channels":["two","three"]}`).want(t, 200, `{}`)
	}
	n.run()
	const frame = 42 // bytes of {"event":"e","data":"x","channel":"two"} with its header
	want(`"messages":3,"bytes":` + strconv.Itoa(3*frame))
	n.call("GET", "/apps/1001/channels/two", "info=traffic", "").want(t, 200, `{"occupied":true,"traffic":{"subscriptions":1,"messages":3,"bytes":`+strconv.Itoa(3*frame)+`}}`)
	n.call("GET", "/apps/1001/channels/three", "info=traffic", "").want(t, 200, `{"occupied":false}`)
	if len(listener.got) != 3 {
		t.Errorf("%d events arrived", len(listener.got))
	}
}

func TestTerminate(t *testing.T) {
	n := newNode(t)
	first := n.join(protocol.SocketID{A: 1, B: 1}, "presence-a", `{"user_id":"u 1"}`)
	second := n.join(protocol.SocketID{A: 2, B: 2}, "presence-b", `{"user_id":"u 1"}`)
	other := n.join(protocol.SocketID{A: 3, B: 3}, "presence-b", `{"user_id":"u 2"}`)
	n.join(protocol.SocketID{A: 4, B: 4}, "public", "") // E144: who is nobody disturbs nothing
	n.call("POST", "/apps/1001/users/u%201/terminate_connections", "", "{}").want(t, 200, `{}`)
	n.run()
	if first.closed != protocol.ErrTerminated || second.closed != protocol.ErrTerminated || other.closed != nil {
		t.Errorf("E143: closed with %v, %v and %v", first.closed, second.closed, other.closed)
	}
	n.call("POST", "/apps/1001/users/nobody/terminate_connections", "", "").want(t, 200, `{}`)
}
