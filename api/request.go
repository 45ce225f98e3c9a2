package api

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"resound/channels"
	"resound/internal/invariants"
	"resound/internal/overload"
	"resound/protocol"
)

// request is one signed request under way. It belongs to the goroutine that answers it.
type request struct {
	*Server
	ctx    *fasthttp.RequestCtx
	app    *channels.App
	name   []byte // channel or user of the path
	path   []byte // as it came, without the prefix
	body   []byte
	digest []byte // of a body that is still to come; nil when it is there

	counts *counts       // of who answers
	begun  time.Duration // of the stage that is timed; 0 for none

	args     []arg            // the query
	params   []protocol.Param // the query once more, for one try of the signature
	channels [][]byte         // of the event
	receipts []channels.Receipt
	told     []channels.Info // of channels, for the answer
}

// requests are reused for the memory of their slices.
var requests = sync.Pool{New: func() any { return new(request) }}

// serve answers a request to one of an application's resources.
func (s *Server) serve(ctx *fasthttp.RequestCtx, rt route, path []byte, c *counts, begun time.Duration) {
	if s.o.Governor.Level() >= overload.Guarded && (rt.kind == events || rt.kind == batchEvents) {
		s.o.Governor.Count(overload.Publish)
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, publishRetry)
		s.fail(ctx, errGuarded)
		return
	}
	settings := s.o.Registry.ByID(rt.app)
	if settings == nil {
		s.fail(ctx, protocol.ErrNotFound.With("No matching application for ID [%s].", printable(rt.app)))
		return
	}
	r := requests.Get().(*request)
	r.Server, r.ctx, r.app, r.counts, r.begun = s, ctx, s.o.Hub.App(settings), c, begun
	r.name, r.path, r.body = rt.name, path, ctx.PostBody()
	if err := r.verify(); err != nil {
		s.fail(ctx, err)
	} else {
		r.answer(rt.kind)
	}
	invariants.Scribble(r.body)
	r.release()
}

// answer calls what the route asks for.
func (r *request) answer(k kind) {
	switch k {
	case events:
		r.publish()
	case batchEvents:
		r.publishBatch()
	case channelList:
		r.listChannels()
	case channelInfo:
		r.showChannel()
	case channelUsers:
		r.listUsers()
	case connections:
		r.countConnections()
	case terminate:
		_, silent := r.app.Everywhere().Terminate(string(r.name))
		r.silent(silent)
		r.ok(emptyObject)
	}
}

// release gives the request back, without what it points to.
func (r *request) release() {
	clear(r.args)
	clear(r.params)
	clear(r.channels)
	clear(r.receipts)
	clear(r.told)
	*r = request{args: r.args[:0], params: r.params[:0], channels: r.channels[:0], receipts: r.receipts[:0], told: r.told[:0]}
	requests.Put(r)
}

// emptyObject is the answer when there is nothing to tell.
var emptyObject = []byte(`{}`)

// ok answers 200 with a JSON object.
func (r *request) ok(body []byte) { writeJSON(r.ctx, fasthttp.StatusOK, body) }

// writeJSON answers with JSON. body is not copied and may not change.
func writeJSON(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyRaw(body)
}

func writeText(ctx *fasthttp.RequestCtx, status int, line string) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.Response.SetBodyString(line)
}

// fail answers with the status and the line of an error. Headers that are set already stay.
func (s *Server) fail(ctx *fasthttp.RequestCtx, err *protocol.Error) {
	writeText(ctx, err.Status, err.Text)
	if s.o.Log.Enabled(context.Background(), slog.LevelDebug) {
		s.o.Log.Debug("request refused", "status", err.Status, "reason", err.Text)
	}
}

// printable returns what somebody sent so that it can stand in one line of an answer: plain ASCII, escaped, and not too long.
func printable(b []byte) string {
	more := ""
	if len(b) > maxEcho {
		b, more = b[:maxEcho], "…"
	}
	quoted := strconv.QuoteToASCII(string(b))
	return quoted[1:len(quoted)-1] + more
}
