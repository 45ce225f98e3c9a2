package api

import (
	"github.com/valyala/fasthttp"

	"resound/protocol"
)

// bodyOf says how many bytes the body of a request may have, when its head is there. More than a little is for who has
// signed them: otherwise a stranger would get a megabyte of memory for a line. What is signed has the digest of the body, and
// publishers send that in the query, so the signature can be checked before the body has come.
func (s *Server) bodyOf(head *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if n := head.ContentLength(); n == noBody || 0 <= n && n <= unsignedBody || n > s.o.MaxBody || s.promised(head) == nil {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: unsignedBody}
}

// noBody is fasthttp's length of a request that has neither a length nor chunks.
const noBody = -2

// promised says what is wrong with the signature of a request whose body is still to come.
func (s *Server) promised(head *fasthttp.RequestHeader) *protocol.Error {
	var ctx fasthttp.RequestCtx
	head.CopyTo(&ctx.Request.Header)
	rt, path := s.route(ctx.URI().PathOriginal())
	settings := s.o.Registry.ByID(rt.app)
	if !rt.kind.post() || settings == nil {
		return protocol.ErrNotFound
	}
	r := request{Server: s, ctx: &ctx, app: s.o.Hub.App(settings), path: path, digest: ctx.QueryArgs().Peek("body_md5")}
	if len(r.digest) == 0 {
		return errNoDigest
	}
	return r.verify()
}

// refusedBody returns the error of a request with a body that bodyOf did not take. fasthttp has forgotten the head of one
// that came in chunks.
func (s *Server) refusedBody(head *fasthttp.RequestHeader) *protocol.Error {
	n := head.ContentLength()
	err := s.tooLarge(n)
	switch {
	case s.o.MaxBody <= unsignedBody || n > s.o.MaxBody:
		return err
	case n <= 0:
		return err.With("%s In chunks it is %d where the digest of the body, body_md5, is not in a signed query.", err.Text, unsignedBody)
	}
	if promise := s.promised(head); promise != nil {
		return promise
	}
	return err
}
