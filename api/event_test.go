package api

import (
	"fmt"
	"strings"
	"testing"

	"resound/internal/apps"
	"resound/protocol"
)

const (
	notObject  = "Bad request. The body has to be one JSON object, nested at most 512 levels deep."
	badName    = " field is not a valid channel name: use 1 to 200 letters, digits and _-=@,.;"
	noChannel  = `"channels":["The channels field is required when channel is not present."],"channel":["The channel field is required when channels is not present."]`
	raise      = ". Raise RESOUND_MAX_BATCH, or max_batch in the configuration file."
	testEvents = "/apps/1001/events"
	testBatch  = "/apps/1001/batch_events"
)

func TestBodies(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		row, body string
		status    int
		answer    string
	}{
		{"E119", `{"name":"e","data":"{}","channel":"c"}`, 200, `{}`},
		{"E119", ` {"data":"[]", "channels":["c","#server-to-user-7"], "name":"e", "unknown":[1,{"a":null}]} `, 200, `{}`},
		{"E122", `{"name":"e","channel":"c"}`, 422, `{"data":["The data field is required."]}`},
		{"E122", `{"name":"e","channel":"c","data":""}`, 422, `{"data":["The data field is required."]}`},
		{"E122", `{"name":"e","channel":"c","data":" \n\t\r "}`, 422, `{"data":["The data field is required."]}`},
		{"E122", `{"name":"e","channel":"c","data":null}`, 422, `{"data":["The data field is required."]}`},
		{"E122", `{"name":"e","channel":"c","data":"\\n"}`, 200, `{}`},
		{"", `{"name":"e","channel":"c","data":{}}`, 200, `{}`},
		{"", `{"name":"e","channel":"c","data":[]}`, 200, `{}`},
		{"", `{"name":"e","channel":"c","data":0}`, 200, `{}`},
		{"", `{"name":"e","channel":"c","data":false}`, 200, `{}`},
		{"", `{}`, 422, `{"name":["The name field is required."],"data":["The data field is required."],` + noChannel + `}`},
		{"", `{"name":7,"data":"x","channel":"c"}`, 422, `{"name":["The name field must be a string."]}`},
		{"", `{"name":" ","data":"x","channel":"c"}`, 422, `{"name":["The name field is required."]}`},
		{"", `{"name":"a","name":7,"data":"x","channel":"c"}`, 422, `{"name":["The name field must be a string."]}`},
		{"E123", `{"name":"e","data":"x","channel":"c","socket_id":1234}`, 422, `{"socket_id":["The socket id field must be a string."]}`},
		{"E123", `{"name":"e","data":"x","channel":"c","info":1234}`, 422, `{"info":["The info field must be a string."]}`},
		{"", `{"name":"e","data":"x","channel":"c","info":null,"socket_id":null,"channels":null}`, 200, `{}`},
		{"E124", `{"name":"e","data":"x"}`, 422, `{` + noChannel + `}`},
		{"E124", `{"name":"e","data":"x","channels":[ ],"channel":""}`, 422, `{` + noChannel + `}`},
		{"E125", `{"name":"e","data":"x","channels":"c"}`, 422, `{"channels":["The channels field must be an array."]}`},
		{"E125", `{"name":"e","data":"x","channels":7,"channel":"c"}`, 422, `{"channels":["The channels field must be an array."]}`},
		{"", `{"name":"e","data":"x","channel":["c"]}`, 422, `{"channel":["The channel field must be a string."]}`},
		{"", `{"name":"e","data":"x","channels":[],"channel":"c"}`, 200, `{}`},
		{"", `{"name":"e","data":"x","channels":["c",7,"d e"]}`, 422,
			`{"channels.1":["The channels.1 field must be a string."],"channels.2":["The channels.2` + badName + `"]}`},
		{"", `{"name":"e","data":"x","channel":"a b"}`, 422, `{"channel":["The channel` + badName + `"]}`},
		{"", `{"name":"e","data":"x","channel":"` + long[:201] + `"}`, 422, `{"channel":["The channel` + badName + `"]}`},
		{"", `{"name":"e","data":"x","channel":"` + long[:200] + `"}`, 200, `{}`},
		{"E126", `null`, 400, notObject},
		{"E126", ``, 400, notObject},
		{"E126", `not JSON`, 400, notObject},
		{"E126", `[]`, 400, notObject},
		{"E126", `{"name":"e","data":"x","channel":"c"} {}`, 400, notObject},
		{"E126", `{"name":"e","data":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `,"channel":"c"}`, 400, notObject},
		{"", `{"name":"e","data":` + strings.Repeat("[", 511) + strings.Repeat("]", 511) + `,"channel":"c"}`, 200, `{}`},
		{"", "{\"name\":\"e\",\"data\":\"\xff\",\"channel\":\"c\"}", 400, "Bad request. The body is not valid UTF-8."},
		{"E132", `{"name":"` + long + `","data":"x","channel":"c"}`, 422, `{"name":["The name field must not be greater than 200 bytes: it has 300."]}`},
		{"", `{"name":"` + strings.Repeat(`\u00e9`, 100) + `","data":"x","channel":"c"}`, 200, `{}`},
		{"", `{"name":"` + strings.Repeat(`\u00e9`, 101) + `","data":"x","channel":"c"}`, 422, `{"name":["The name field must not be greater than 200 bytes: it has 202."]}`},
		{"E132", `{"name":"e","data":"x","channels":[` + names(100) + `]}`, 200, `{}`},
		{"E132", `{"name":"e","data":"x","channels":[` + names(101) + `]}`, 422, `{"channels":["The channels field must not have more than 100 items: it has 101."]}`},
	} {
		n := newNode(t)
		a := n.call("POST", testEvents, "", tc.body)
		if a.status != tc.status || a.body != tc.answer {
			t.Errorf("%s: %.200s\nis answered %d %s\nwant        %d %s", tc.row, tc.body, a.status, a.body, tc.status, tc.answer)
		}
		want := "application/json"
		if tc.status == 400 {
			want = "text/plain; charset=utf-8"
		}
		if got := string(a.header.ContentType()); got != want {
			t.Errorf("%.200s: the answer is %s", tc.body, got)
		}
	}
}

// names returns n channel names as a list in JSON.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"c%d"`, i)
	}
	return b.String()[1:]
}

func TestPublishReachesSubscribers(t *testing.T) {
	n := newNode(t)
	me := n.join(protocol.SocketID{A: 1, B: 1}, "orders", "")
	other := n.join(protocol.SocketID{A: 2, B: 2}, "orders", "")
	there := n.join(protocol.SocketID{A: 3, B: 3}, "chat", "")
	// E129: the values go out byte for byte, escapes and spaces inside them too.
	const name, data = `"App\\Events\\Order\u0053hipped"`, `"{\"order\":{\"id\":1,\"note\":\"\\u00e9\\\/é<\"}}"`
	orders := `{"event":` + name + `,"data":` + data + `,"channel":"orders"}`
	chat := strings.Replace(orders, "orders", "chat", 1)
	for _, tc := range []struct {
		row, rest       string
		me, other, chat []string
	}{
		{"E128", `"channel":"orders","socket_id":"1.1"`, nil, []string{orders}, nil},
		{"E127", `"channel":"orders","socket_id":"9.9"`, []string{orders}, []string{orders}, nil},
		{"E127", `"channel":"orders","socket_id":"nonsense"`, []string{orders}, []string{orders}, nil},
		{"E131", `"channels":["orders","chat","orders"]`, []string{orders}, []string{orders}, []string{chat}},
		{"E124", `"channels":["chat"],"channel":"orders"`, nil, nil, []string{chat}},
		{"E124", `"channels":{"0":"chat","2":"orders"},"socket_id":"2.2"`, []string{orders}, nil, []string{chat}},
		{"E119", `"channel":"elsewhere"`, nil, nil, nil},
	} {
		n.call("POST", testEvents, "", `{"name":`+name+`,"data": `+data+` ,`+tc.rest+`}`).want(t, 200, `{}`)
		n.run()
		wantFrames(t, tc.row+" me", me.got, tc.me...)
		wantFrames(t, tc.row+" the other", other.got, tc.other...)
		wantFrames(t, tc.row+" the one on chat", there.got, tc.chat...)
		me.got, other.got, there.got = nil, nil, nil
	}
	// What is no string goes out as it is too.
	n.call("POST", testEvents, "", `{"name":"e","data":{"a" : [1.0,{}]},"channel":"chat"}`).want(t, 200, `{}`)
	n.run()
	wantFrames(t, "the one on chat", there.got, `{"event":"e","data":{"a" : [1.0,{}]},"channel":"chat"}`)
}

func TestInfo(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "presence-one", `{"user_id":7}`)
	n.join(protocol.SocketID{A: 2, B: 2}, "presence-one", `{"user_id":"7"}`)
	n.join(protocol.SocketID{A: 3, B: 3}, "two", "")
	for _, tc := range []struct{ row, info, answer string }{
		{"E120", `user_count`, `{"channels":{"presence-one":{"user_count":1},"two":{},"three":{}}}`},
		{"E121", `subscription_count`, `{"channels":{"presence-one":{},"two":{"subscription_count":1},"three":{}}}`},
		{"E120", `subscription_count,user_count,cache,x`, `{"channels":{"presence-one":{"user_count":1},"two":{"subscription_count":1},"three":{}}}`},
		{"E120", `occupied`, `{"channels":{"presence-one":{"occupied":true},"two":{"occupied":true},"three":{"occupied":false}}}`},
		{"E120", ``, `{"channels":{"presence-one":{},"two":{},"three":{}}}`},
	} {
		body := `{"name":"e","data":"x","channels":["presence-one","two","three","two"],"info":"` + tc.info + `"}`
		a := n.call("POST", testEvents, "", body)
		if a.status != 200 || a.body != tc.answer {
			t.Errorf("%s: info %q is answered %d %s, want %s", tc.row, tc.info, a.status, a.body, tc.answer)
		}
	}
}

func TestBatch(t *testing.T) {
	n := newNode(t)
	one := n.join(protocol.SocketID{A: 1, B: 1}, "presence-one", `{"user_id":7}`)
	two := n.join(protocol.SocketID{A: 2, B: 2}, "two", "")
	const a, b = `{"name":"a","data":"1","channel":"presence-one"`, `{"name":"b","data":"2","channel":"two"`
	for _, tc := range []struct{ row, body, answer string }{
		{"E133", a + `},` + b + `}`, `{"batch":{}}`},
		{"E134", a + `,"info":"user_count"},` + b + `}`, `{"batch":[{"user_count":1},{}]}`},
		{"E134", a + `},` + b + `,"info":"subscription_count,user_count"}`, `{"batch":[{},{"subscription_count":1}]}`},
		{"E133", a + `,"info":"subscription_count"},` + b + `,"info":"user_count"}`, `{"batch":{}}`},
	} {
		n.call("POST", testBatch, "", `{"batch":[`+tc.body+`]}`).want(t, 200, tc.answer)
		n.run()
		// The order of the members is one, not two as in E130: clients do not see it.
		wantFrames(t, tc.row+" one", one.got, `{"event":"a","data":"1","channel":"presence-one"}`)
		wantFrames(t, tc.row+" two", two.got, `{"event":"b","data":"2","channel":"two"}`)
		one.got, two.got = nil, nil
	}
	n.call("POST", testBatch, "", `{"batch":{"1":`+b+`,"socket_id":"1.1"},"7":`+b+`,"socket_id":"2.2"}}}`).want(t, 200, `{"batch":{}}`)
	n.run()
	wantFrames(t, "two", two.got, `{"event":"b","data":"2","channel":"two"}`)
}

func TestBatchIsAllOrNothing(t *testing.T) {
	n := newNode(t)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	const good = `{"name":"e","data":"x","channel":"c"}`
	for _, tc := range []struct {
		row, body string
		status    int
		answer    string
	}{
		{"E126", `[` + good + `]`, 400, notObject},
		{"", `{}`, 422, `{"batch":["The batch field is required."]}`},
		{"", `{"batch":[]}`, 422, `{"batch":["The batch field is required."]}`},
		{"", `{"batch":"x"}`, 422, `{"batch":["The batch field must be an array."]}`},
		{"", `{"batch":[` + good + `,7]}`, 422, `{"batch.1.name":["The batch.1.name field is required."],"batch.1.data":["The batch.1.data field is required."],"batch.1.channel":["The batch.1.channel field is required when channels is not present."]}`},
		{"E122", `{"batch":[` + good + `,{"name":"e","channel":"c"}]}`, 422, `{"batch.1.data":["The batch.1.data field is required."]}`},
		{"E123", `{"batch":[` + good + `,{"name":"e","data":"x","channel":"c","socket_id":7}]}`, 422, `{"batch.1.socket_id":["The batch.1.socket id field must be a string."]}`},
		{"", `{"batch":[` + good + `,{"name":"e","data":"x","channel":7}]}`, 422, `{"batch.1.channel":["The batch.1.channel field must be a string."]}`},
		{"", `{"batch":[` + good + `,{"name":"e","data":"x","channel":"c d"}]}`, 422, `{"batch.1.channel":["The batch.1.channel` + badName + `"]}`},
		{"E132", `{"batch":[` + strings.Repeat(good+`,`, 10) + good + `]}`, 422, `{"batch":["The batch field must not have more than 10 items: it has 11` + raise + `"]}`},
	} {
		a := n.call("POST", testBatch, "", tc.body)
		if a.status != tc.status || a.body != tc.answer {
			t.Errorf("%s: %.200s\nis answered %d %s\nwant        %d %s", tc.row, tc.body, a.status, a.body, tc.status, tc.answer)
		}
		if got := n.posted(); got != 0 {
			t.Errorf("%s: %.200s: %d events went out", tc.row, tc.body, got)
		}
	}
	n.call("POST", testBatch, "", batchOf(good, 10)).want(t, 200, `{"batch":{}}`)
	if got := n.posted(); got != 10 {
		t.Errorf("%d events of a batch of 10 went out", got)
	}
}

// batchOf returns a batch with n times that event.
func batchOf(event string, n int) string {
	return `{"batch":[` + strings.Repeat(event+",", n-1) + event + `]}`
}

func TestBatchLimitIsTheApps(t *testing.T) {
	app := apps.New(testID, testKey, testSecret)
	app.MaxBatch = 3
	n := newNodeOf(t, app)
	n.join(protocol.SocketID{A: 1, B: 1}, "c", "")
	const good = `{"name":"e","data":"x","channel":"c"}`
	n.call("POST", testBatch, "", batchOf(good, 3)).want(t, 200, `{"batch":{}}`)
	n.call("POST", testBatch, "", batchOf(good, 4)).want(t, 422, `{"batch":["The batch field must not have more than 3 items: it has 4`+raise+`"]}`)
	if got := n.posted(); got != 3 {
		t.Errorf("%d events went out, want 3", got)
	}
	larger := *app
	larger.MaxBatch = 1000
	n.replace(&larger)
	n.call("POST", testBatch, "", batchOf(good, 1000)).want(t, 200, `{"batch":{}}`)
	if got := n.posted(); got != 1000 {
		t.Errorf("%d events of a batch of 1000 went out", got)
	}
}

func TestComplaintsHaveAnEnd(t *testing.T) {
	app := apps.New(testID, testKey, testSecret)
	app.MaxBatch = 1000
	a := newNodeOf(t, app).call("POST", testBatch, "", batchOf("0", 1000))
	if got := strings.Count(a.body, " field is required"); a.status != 422 || got != maxMessages {
		t.Errorf("answered %d with %d messages, want %d", a.status, got, maxMessages)
	}
}
