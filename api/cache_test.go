package api

import (
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

// E139: what a cache channel keeps is shown as the frame that a subscriber
// gets, byte for byte, with the seconds that are left of it.
func TestCacheIsShown(t *testing.T) {
	app := apps.New(testID, testKey, testSecret)
	app.CacheTTL = time.Minute
	n := newNodeOf(t, app)
	start := time.Unix(testTime, 0)
	hub := n.server.o.Hub
	hub.Tick(start)
	show := func(what, channel, query, want string) {
		t.Helper()
		if a := n.call("GET", "/apps/1001/channels/"+channel, query, ""); a.status != 200 || a.body != want {
			t.Errorf("%s: got  %d %s\nwant 200 %s", what, a.status, a.body, want)
		}
	}
	publish := func(channel, more, answer string) {
		t.Helper()
		n.call("POST", testEvents, "", `{"name":"App\\Events\\\u0053aved","data":{"a" : [1.0,"\u00e9\/é"]},"channel":"`+channel+`"`+more+`}`).want(t, 200, answer)
	}
	frame := func(channel string) string {
		return `{"event":"App\\Events\\\u0053aved","data":{"a" : [1.0,"\u00e9\/é"]},"channel":"` + channel + `"}`
	}

	show("nothing kept", "cache-x", "info=cache", `{"occupied":false}`)
	publish("cache-x", `,"info":"cache,subscription_count"`, `{"channels":{"cache-x":{}}}`)
	publish("x", "", `{}`)
	show("nobody there", "cache-x", "info=cache", `{"occupied":false,"cache":`+frame("cache-x")+`,"cache_ttl":60}`)
	show("not asked for", "cache-x", "", `{"occupied":false}`)
	show("no cache channel", "x", "info=cache", `{"occupied":false}`)

	n.join(protocol.SocketID{A: 1, B: 1}, "cache-x", "")
	n.join(protocol.SocketID{A: 2, B: 2}, "presence-cache-y", `{"user_id":7}`)
	n.join(protocol.SocketID{A: 3, B: 3}, "x", "")
	publish("x", "", `{}`)
	hub.Tick(start.Add(25 * time.Second))
	const all = "info=cache,user_count,subscription_count"
	show("later", "cache-x", all, `{"occupied":true,"subscription_count":1,"cache":`+frame("cache-x")+`,"cache_ttl":35}`)
	show("a member, nothing kept", "presence-cache-y", all, `{"occupied":true,"user_count":1}`)
	publish("presence-cache-y", "", `{}`)
	show("a member", "presence-cache-y", all, `{"occupied":true,"user_count":1,"cache":`+frame("presence-cache-y")+`,"cache_ttl":60}`)
	show("no cache channel, with somebody", "x", all, `{"occupied":true,"subscription_count":1}`)

	// Lists, and answers to publishers, have no frames in them.
	n.call("GET", "/apps/1001/channels", all, "").want(t, 200,
		`{"channels":{"cache-x":{"subscription_count":1},"presence-cache-y":{"user_count":1},"x":{"subscription_count":1}}}`)
	n.call("POST", testBatch, "", `{"batch":[{"name":"e","data":"x","channel":"cache-x","info":"cache"}]}`).want(t, 200, `{"batch":{}}`)
	show("the newest", "cache-x", "info=cache", `{"occupied":true,"cache":{"event":"e","data":"x","channel":"cache-x"},"cache_ttl":60}`)

	hub.Tick(start.Add(84 * time.Second))
	show("the last second", "cache-x", "info=cache", `{"occupied":true,"cache":{"event":"e","data":"x","channel":"cache-x"},"cache_ttl":1}`)
	hub.Tick(start.Add(85 * time.Second))
	show("over", "cache-x", "info=cache", `{"occupied":true}`)
}
