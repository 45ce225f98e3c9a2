package api

import (
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"resound/internal/invariants"
	"resound/protocol"
)

// laravelEvent is a publish as Laravel sends it.
const laravelEvent = `{"name":"App\\Events\\OrderShipped","data":"{\"order\":{\"id\":1,\"note\":\"\\u00e9\\\/x\",\"total\":1250,\"items\":[1,2,3,4,5,6,7,8]}}","channel":"private-orders.1","socket_id":"123.456"}`

// prepared returns a function that hands the same signed publish to the handler again and again,
// on one context, as on a kept connection.
func (n *node) prepared(body string) func() int {
	uri := n.signed("POST", testEvents, testEvents, "body_md5=156a&x=y", body)
	var req fasthttp.Request
	req.Header.SetMethod("POST")
	req.Header.SetHost("localhost")
	req.SetBodyString(body)
	ctx := new(fasthttp.RequestCtx)
	ctx.Init(&req, nil, nil)
	return func() int {
		ctx.Request.SetRequestURI(uri) // and forget how it was parsed
		copy(ctx.Request.Body(), body) // test builds overwrite it
		ctx.Response.Reset()
		n.server.Handler(ctx)
		return ctx.Response.StatusCode()
	}
}

func TestPublishAllocates(t *testing.T) {
	if invariants.Enabled {
		t.Skip("test builds allocate for their checks")
	}
	n := newNode(t, prefixed)
	for _, tc := range []struct {
		what, body string
		max        float64
	}{
		{"one channel", laravelEvent, 0},
		{"a hundred channels", `{"name":"e","data":"x","channels":[` + names(100) + `]}`, 0},
		{"a large one", `{"name":"e","data":"` + strings.Repeat("x", 9000) + `","channel":"c"}`, 0},
		{"escapes in the channel and the socket id", strings.NewReplacer("private-", `private\u002d`, "123", `12\u0033`).Replace(laravelEvent), 2},
		{"info", `{"name":"e","data":"x","channel":"c","info":"user_count"}`, 1},
	} {
		call := n.prepared(tc.body)
		call() // the pools fill
		if got := testing.AllocsPerRun(200, func() {
			if status := call(); status != 200 {
				t.Fatalf("%s is answered %d", tc.what, status)
			}
		}); got > tc.max {
			t.Errorf("%s: %v allocations, want at most %v", tc.what, got, tc.max)
		}
	}
}

// BenchmarkPublish is the handler alone: no socket, and nobody listens.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{0, 1000, 9000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			body := laravelEvent
			if size > 0 {
				body = `{"name":"e","data":"` + strings.Repeat("x", size) + `","channel":"c"}`
			}
			call := newNode(b).prepared(body)
			b.ReportAllocs()
			for b.Loop() {
				if status := call(); status != 200 {
					b.Fatalf("answered %d", status)
				}
			}
		})
	}
}

// BenchmarkPublishToOne is the same with a subscriber, up to the mailbox of its loop.
func BenchmarkPublishToOne(b *testing.B) {
	n := newNode(b)
	n.join(protocol.SocketID{A: 1, B: 1}, "private-orders.1", "")
	call := n.prepared(laravelEvent)
	b.ReportAllocs()
	for b.Loop() {
		if call() != 200 || n.posted() != 1 {
			b.Fatal("not published")
		}
	}
}
