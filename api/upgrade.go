package api

import (
	"bytes"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"resound/protocol"
)

// Upgrader takes over connections that want to be WebSockets.
type Upgrader interface {
	// Adopt continues with a connection whose peer has sent head: a whole
	// request head and whatever came behind it. The caller closes conn as soon
	// as Adopt returns, so what lives on has to be a duplicate. conn is what
	// the listener gave, without deadlines.
	Adopt(conn net.Conn, head []byte)
}

// socket answers GET /app/{key}. A connection's first request comes here only when it is no
// upgrade; a later one may be one, when a proxy keeps its connections to us.
func (s *Server) socket(ctx *fasthttp.RequestCtx) {
	if !ctx.IsGet() || !wantsUpgrade(ctx) || s.o.Upgrader == nil {
		ctx.Response.Header.Set(fasthttp.HeaderUpgrade, "websocket")
		s.fail(ctx, protocol.ErrUpgradeRequired)
		return
	}
	head := requestHead(ctx)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		s.o.Upgrader.Adopt(unwrap(c), appendBuffered(head, c))
	})
}

// wantsUpgrade reports whether the request asks for WebSocket. Whether it asks correctly is the reactor's to say.
func wantsUpgrade(ctx *fasthttp.RequestCtx) bool {
	upgrade := ctx.Request.Header.Peek(fasthttp.HeaderUpgrade)
	for part := range bytes.SplitSeq(upgrade, []byte{','}) {
		if bytes.EqualFold(bytes.TrimSpace(part), []byte("websocket")) {
			return true
		}
	}
	return false
}

// requestHead returns the head of the request as it came, but for the case of header names.
func requestHead(ctx *fasthttp.RequestCtx) []byte {
	h := &ctx.Request.Header
	raw := h.RawHeaders()
	head := make([]byte, 0, len(h.Method())+len(h.RequestURI())+len(h.Protocol())+len(raw)+maxHead/4)
	head = append(append(head, h.Method()...), ' ')
	head = append(append(head, h.RequestURI()...), ' ')
	head = append(append(head, h.Protocol()...), '\r', '\n')
	return append(head, raw...)
}

// appendBuffered appends what has been read from c already. A deadline in the past keeps the read
// from touching the socket.
func appendBuffered(head []byte, c net.Conn) []byte {
	if c.SetReadDeadline(time.Unix(1, 0)) != nil {
		return head // closed: whoever adopts it will see
	}
	for {
		if len(head) == cap(head) {
			head = append(head, make([]byte, maxHead/4)...)[:len(head)]
		}
		n, err := c.Read(head[len(head):cap(head)])
		if head = head[:len(head)+n]; err != nil {
			break
		}
	}
	_ = c.SetDeadline(time.Time{}) // closed: whoever adopts it will see
	return head
}

// unwrap returns the connection that the listener gave.
func unwrap(c net.Conn) net.Conn {
	if hijacked, ok := c.(interface{ UnsafeConn() net.Conn }); ok {
		c = hijacked.UnsafeConn()
	}
	if own, ok := c.(*conn); ok {
		c = own.Conn
	}
	return c
}
