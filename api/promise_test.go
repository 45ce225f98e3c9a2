package api

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// Who has not signed a large body gets no room for it; what is as small as most publishes are needs nothing.
func TestBodyOf(t *testing.T) {
	n := newNode(t, func(o *Options) { o.MaxBody = 1 << 20 })
	for _, test := range []struct {
		head string
		want int // 0 is all that there may be
	}{
		{"GET /up HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: 32768\r\n\r\n", 0},
		{"POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: 32769\r\n\r\n", unsignedBody},
		{"POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", unsignedBody},
		{"POST /apps/1001/events?auth_key=app-key&body_md5=0&auth_signature=0 HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n", unsignedBody},
		{"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n", unsignedBody},
		{"POST /apps/1001/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 0}, // refused as too large
	} {
		var head fasthttp.RequestHeader
		if err := head.Read(bufio.NewReader(strings.NewReader(test.head))); err != nil {
			t.Fatal(err)
		}
		if got := n.server.bodyOf(&head).MaxRequestBodySize; got != test.want {
			t.Errorf("%q may have %d bytes, want %d", test.head, got, test.want)
		}
	}
	if none := newNode(t).server.http.HeaderReceived; none != nil {
		t.Error("where no body is large, heads are looked at all the same")
	}
}
