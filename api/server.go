package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"resound/channels"
	"resound/internal/apps"
	"resound/internal/measure"
	"resound/internal/overload"
	"resound/protocol"
)

// Options of a Server. Registry, Hub, MaxBody and Log are required.
type Options struct {
	Registry *apps.Registry
	Hub      *channels.Hub

	// PathPrefix is "" or for example "/ws". Every route is there with and without it.
	PathPrefix string
	// MaxBody is how many bytes the body of one request may have.
	MaxBody int
	// Upgrader takes WebSocket upgrades that arrive on a kept-alive connection;
	// nil when there is none, and they are told to open a new connection.
	Upgrader Upgrader
	// Fallback has the pages for all paths that the API does not know; nil is 404 for all of them.
	Fallback http.Handler
	// Script is what pages get at /replay.js; nil is none, and the path is as unknown as any other.
	Script []byte
	// Unready tells why no more connections should be sent to this node; nil is that nothing speaks against it.
	Unready func() []string
	// Governor says when publishing is to be refused; nil is never.
	Governor *overload.Governor
	// Draining tells that the server stops; nil is that it does not.
	Draining func() bool
	// Now tells the time, for auth_timestamp; nil is time.Now.
	Now func() time.Time
	// Log gets refusals at level debug, clocks that are wrong, and panics of a handler.
	Log *slog.Logger
}

// Server is the HTTP API of a node.
type Server struct {
	o        Options
	prefix   []byte
	fallback fasthttp.RequestHandler // nil when there is none
	script   []variant               // what /replay.js can be answered with; nil when there is none
	http     *fasthttp.Server
	open     *connSet
	counts   *counts // of the HTTP server
	gate     *gate
	warned   sync.Map // application id → *atomic.Int64: when its clock was warned of last, in seconds of Unix time

	mu  sync.Mutex
	all []*counts // guarded by mu
}

// New returns a server that does not listen yet.
func New(o Options) *Server {
	s := &Server{o: o, open: newConnSet(maxConnections), gate: newGate()}
	s.counts = s.newCounts()
	if o.Now == nil {
		s.o.Now = time.Now
	}
	if p := strings.Trim(o.PathPrefix, "/"); p != "" {
		s.prefix = []byte("/" + p)
	}
	if o.Fallback != nil {
		s.fallback = fasthttpadaptor.NewFastHTTPHandler(o.Fallback)
	}
	if o.Script != nil {
		s.script = variants(o.Script)
	}
	s.http = s.plain(s.gated)
	s.http.ConnState = track
	s.http.Concurrency = 2 * maxConnections // never reached: listener counts, and says why
	s.http.ReadTimeout = readTimeout
	s.http.WriteTimeout = writeTimeout
	s.http.IdleTimeout = idleTimeout
	s.http.CloseOnShutdown = true
	if o.MaxBody > unsignedBody {
		s.http.HeaderReceived = s.bodyOf
	}
	return s
}

// plain returns an HTTP server that knows of no time and of no connections.
func (s *Server) plain(h fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      h,
		ErrorHandler:                 s.refuse,
		Logger:                       logger{s.o.Log},
		ReadBufferSize:               maxHead,
		MaxRequestBodySize:           s.o.MaxBody,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		LazyRequestTime:              true,
		SecureErrorLogMessage:        true, // an error would otherwise quote the head, signature included
	}
}

// Serve answers the connections that ln gives until ln or the server is
// closed, and returns nil then. ln's connections may be of any type; one that
// has CloseWrite lets refused publishers read why.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(listener{ln, s}); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return nil
}

// Shutdown closes the listener and all connections that have no request under
// way, silent ones too. It returns when the answers under way are finished or
// ctx is done, with ctx's error then. The server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.open.end() // fasthttp alone would wait five seconds for a connection that has sent nothing
	return s.http.ShutdownWithContext(ctx)
}

// Vacated returns when there is no connection any more, or when ctx has ended. Where requests are passed on each answer says that it is
// the last of its connection, so that nobody loses one.
func (s *Server) Vacated(ctx context.Context) {
	for s.open.count() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(vacatedPoll):
		}
	}
}

// Handler answers one request. It is what Serve calls, where the gate is open; ctx need not have a connection.
func (s *Server) Handler(ctx *fasthttp.RequestCtx) { s.handle(ctx, s.counts) }

func (s *Server) handle(ctx *fasthttp.RequestCtx, c *counts) {
	begun := measure.Now()
	var rt route
	var path []byte
	// fasthttp lets a panic end the process, and with it every WebSocket.
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("a request panicked", "panic", p, "stack", string(debug.Stack()))
			ctx.Response.Reset()
			writeText(ctx, fasthttp.StatusInternalServerError, "Internal server error.")
			ctx.SetConnectionClose()
		}
		c.answered(rt.kind, ctx.Response.StatusCode(), measure.Now()-begun)
	}()
	rt, path = s.route(ctx.URI().PathOriginal())
	if rt.kind == socket && s.isScript(ctx, rt.app) {
		rt = route{kind: script}
	}
	switch {
	case bareLF(ctx.Request.Header.RawHeaders()):
		s.fail(ctx, errBareLF)
		ctx.SetConnectionClose() // what comes behind it may be part of this head to somebody else
	case rt.kind == unknown && s.fallback != nil:
		s.fallback(ctx)
	case rt.kind == unknown:
		s.fail(ctx, protocol.ErrNotFound)
	case rt.kind.post() != ctx.IsPost() || !ctx.IsPost() && !ctx.IsGet() && !ctx.IsHead():
		ctx.Response.Header.Set(fasthttp.HeaderAllow, rt.kind.allow())
		s.fail(ctx, protocol.ErrMethodNotAllowed)
	case rt.kind == socket:
		s.socket(ctx)
	case ctx.IsGet() && wantsUpgrade(ctx):
		s.fail(ctx, errUpgradeHere)
	case rt.kind == health && s.o.Draining != nil && s.o.Draining():
		writeJSON(ctx, fasthttp.StatusServiceUnavailable, []byte(`{"health":"DRAINING"}`))
	case rt.kind == health:
		writeJSON(ctx, fasthttp.StatusOK, []byte(`{"health":"OK"}`))
	case rt.kind == ready:
		s.serveReady(ctx)
	case rt.kind == script:
		s.serveScript(ctx)
	default:
		s.serve(ctx, rt, path, c, sample(begun))
	}
}

// serveReady answers whether more connections should be sent here. A load balancer looks at the status.
func (s *Server) serveReady(ctx *fasthttp.RequestCtx) {
	var reasons []string
	if s.o.Unready != nil {
		reasons = s.o.Unready()
	}
	if len(reasons) == 0 {
		writeJSON(ctx, fasthttp.StatusOK, []byte(`{"ready":true}`))
		return
	}
	dst := []byte(`{"ready":false,"reasons":[`)
	for i, reason := range reasons {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = protocol.AppendString(dst, reason)
	}
	writeJSON(ctx, fasthttp.StatusServiceUnavailable, append(dst, `]}`...))
}

// route finds what a request asks for, with or without the prefix, and returns the path without it.
func (s *Server) route(path []byte) (route, []byte) {
	rt, bare := route{}, path
	if len(s.prefix) > 0 && bytes.HasPrefix(path, s.prefix) {
		bare = path[len(s.prefix):]
		rt = parseRoute(bare)
	}
	if rt.kind == unknown {
		rt, bare = parseRoute(path), path
	}
	if rt.kind == script && s.script == nil {
		rt = route{}
	}
	return rt, bare
}

// bareLF reports whether a line of the head ends without CR. fasthttp takes that for an end of the
// head, and a proxy may not: what is a second request to us would be a part of the first to it.
func bareLF(head []byte) bool {
	for len(head) > 0 {
		i := bytes.IndexByte(head, '\n')
		switch {
		case i < 0:
			return false
		case i == 0 || head[i-1] != '\r':
			return true
		}
		head = head[i+1:]
	}
	return false
}

func (k kind) allow() string {
	switch {
	case k.post():
		return "POST"
	case k == socket:
		return "GET"
	default:
		return "GET, HEAD"
	}
}

// refuse answers what could not be read as a request. fasthttp closes the connection afterwards.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	defer func() { s.counts.answered(unknown, ctx.Response.StatusCode(), 0) }()
	if c, ok := ctx.Conn().(*conn); ok {
		c.linger.Store(true)
	}
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.fail(ctx, s.refusedBody(&ctx.Request.Header))
	case errors.As(err, &small):
		s.fail(ctx, errHeadTooLarge)
	case errors.As(err, &timeout) && timeout.Timeout():
		s.fail(ctx, errTimeout)
	default:
		s.fail(ctx, protocol.ErrBadRequest)
	}
}

// tooLarge returns the 413 for a body of n bytes. A chunked body did not say how many it has.
func (s *Server) tooLarge(n int) *protocol.Error {
	const format = "Payload too large. The request body has %s, the limit is %d: raise REVERB_MAX_REQUEST_SIZE."
	size := fmt.Sprintf("%d bytes", n)
	if n <= s.o.MaxBody {
		size = fmt.Sprintf("more than %d bytes", s.o.MaxBody)
	}
	return protocol.ErrPayloadTooLarge.With(format, size, s.o.MaxBody)
}

// Refusals that have no row in protocol's table: only HTTP itself knows them.
var (
	errUpgradeHere  = protocol.ErrBadRequest.With("Bad request. A WebSocket connects to /app/{key}, not here.")
	errNoDigest     = protocol.ErrSignature.With("%s A body of more than %d bytes has to have its digest, body_md5, in the query.", protocol.ErrSignature.Text, unsignedBody)
	errBareLF       = protocol.ErrBadRequest.With("Bad request. A header line has to end in CR LF.")
	errHeadTooLarge = &protocol.Error{Status: fasthttp.StatusRequestHeaderFieldsTooLarge,
		Text: fmt.Sprintf("Request header fields too large. The limit is %d bytes, cookies included.", maxHead)}
	errBusy = &protocol.Error{Status: fasthttp.StatusServiceUnavailable,
		Text: fmt.Sprintf("Service unavailable. There are %d HTTP connections, which is the limit: keep fewer, and use them again.", maxConnections)}
	errGuarded = &protocol.Error{Status: fasthttp.StatusServiceUnavailable,
		Text: "Service unavailable. The server is short of memory and takes no events: publish again in a few seconds."}
	errTimeout = &protocol.Error{Status: fasthttp.StatusRequestTimeout,
		Text: fmt.Sprintf("Request timeout. The request did not arrive completely within %d seconds.", readTimeout/time.Second)}
)

// logger brings fasthttp's messages to slog. They tell of clients' faults, so they stay at debug.
type logger struct{ log *slog.Logger }

func (l logger) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("http", "message", fmt.Sprintf(format, args...))
	}
}
