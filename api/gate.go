package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// gate is where requests wait while another process takes over. Any goroutine may use it.
type gate struct {
	closed atomic.Bool // requests wait or are passed on; loops look at it without the lock

	mu     sync.Mutex
	some   sync.Cond // on mu: the gate has opened, the last request has left, or a context has ended
	held   bool      // guarded by mu
	inside int       // guarded by mu: requests that are being answered
	next   Dial      // guarded by mu: nil is that this server answers
}

// Dial connects to the process that has taken over.
type Dial func() (net.Conn, error)

func newGate() *gate {
	g := new(gate)
	g.some.L = &g.mu
	return g
}

// enter waits while the gate is held. It returns who is to answer; for nil leave has to be called.
func (g *gate) enter() Dial {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.held {
		g.some.Wait()
	}
	if g.next == nil {
		g.inside++
	}
	return g.next
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 {
		g.some.Broadcast()
	}
}

// Hold makes new requests wait, and returns when those under way are answered, or with the error of ctx. They wait then, too.
func (s *Server) Hold(ctx context.Context) error {
	g := s.gate
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.some.Broadcast()
	})
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed.Store(true)
	g.held = true
	for g.inside > 0 && ctx.Err() == nil {
		g.some.Wait()
	}
	return ctx.Err()
}

// Release lets requests go on: those that wait, and those to come. next leads to the server that they are passed on to; nil is
// that this one answers them.
func (s *Server) Release(next Dial) {
	g := s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.next = false, next
	g.closed.Store(next != nil)
	g.some.Broadcast()
}

// gated answers a request when the gate lets it, or has it answered. An upgrade is the reactor's to answer.
func (s *Server) gated(ctx *fasthttp.RequestCtx) {
	if ctx.IsGet() && wantsUpgrade(ctx) {
		s.Handler(ctx)
		return
	}
	next := s.gate.enter()
	if next == nil {
		defer s.gate.leave()
		s.Handler(ctx)
		return
	}
	if err := exchange(ctx, next); err != nil {
		s.o.Log.Warn("a request could not be passed on to the process that has taken over", "error", err)
		ctx.Response.Reset()
		writeText(ctx, fasthttp.StatusServiceUnavailable, "Service unavailable. Another process has taken over: try again.")
	}
	ctx.SetConnectionClose() // the next connection leads there
}

// exchange sends the request as it came, so that its signature holds, and reads the answer.
func exchange(ctx *fasthttp.RequestCtx, next Dial) error {
	c, err := next()
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(passTimeout)) // a connection that is broken shows in the write
	h := &ctx.Request.Header
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", h.Method(), h.RequestURI(), h.Host())
	for key, value := range h.All() {
		if !hopByHop(key) {
			fmt.Fprintf(&head, "%s: %s\r\n", key, value)
		}
	}
	body := ctx.Request.Body()
	fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
	if _, err := c.Write(append(head.Bytes(), body...)); err != nil {
		return err
	}
	ctx.Response.SkipBody = ctx.IsHead()
	if err := ctx.Response.Read(bufio.NewReader(c)); err != nil {
		return err
	}
	ctx.Response.Header.Del(fasthttp.HeaderConnection)
	return nil
}

// hopByHop reports whether a header is of the connection, or one that exchange writes itself.
func hopByHop(key []byte) bool {
	for _, name := range []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Expect", "Upgrade"} {
		if bytes.EqualFold(key, []byte(name)) {
			return true
		}
	}
	return false
}
