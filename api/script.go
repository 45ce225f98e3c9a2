package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"

	"github.com/valyala/fasthttp"
)

// scriptName is the script's path, without the slash.
const scriptName = "replay.js"

// scriptCaching lets a visitor ask once an hour, and not for each page. The address has no version in it,
// so it cannot be for ever: a newer script is everywhere an hour after the server got it. Until then pages
// have the older one, which a newer server understands as well.
const scriptCaching = "public, max-age=3600"

// variant is the script in one encoding.
type variant struct {
	encoding string // "" is none
	etag     string
	body     []byte
}

// variants returns the script as it is, and compressed. They have different tags, so that no cache
// takes the bytes of one for those of the other.
func variants(script []byte) []variant {
	var packed bytes.Buffer
	// Neither a write to a buffer nor a level that exists can fail.
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(script)
	_ = w.Close()
	sum := sha256.Sum256(script)
	tag := hex.EncodeToString(sum[:8])
	return []variant{
		{"", `"` + tag + `"`, script},
		{"gzip", `"` + tag + `-gzip"`, packed.Bytes()},
	}
}

// isScript reports whether a request for /app/{key} wants the script. Proxies that were set up for
// Reverb pass on /app and /apps, and nothing else; the address is the script's only while it can be
// nobody's WebSocket.
func (s *Server) isScript(ctx *fasthttp.RequestCtx, key []byte) bool {
	return s.script != nil && string(key) == scriptName && s.o.Registry.ByKey(key) == nil && !wantsUpgrade(ctx)
}

// serveScript answers GET /replay.js. Pages of every origin may load it, also with the attribute
// crossorigin and a checksum: there is nothing in it that is not public.
func (s *Server) serveScript(ctx *fasthttp.RequestCtx) {
	v := s.script[0]
	if ctx.Request.Header.HasAcceptEncoding("gzip") {
		v = s.script[1]
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderETag, v.etag)
	h.Set(fasthttp.HeaderCacheControl, scriptCaching)
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
	if namesTag(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch), v.etag) {
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	if v.encoding != "" {
		h.Set(fasthttp.HeaderContentEncoding, v.encoding)
	}
	ctx.SetContentType("text/javascript; charset=utf-8")
	ctx.Response.SetBodyRaw(v.body)
}

// namesTag reports whether a list as in If-None-Match has the tag. A proxy that compresses makes our
// tag a weak one, which is the same to who asks whether anything is new.
func namesTag(list []byte, tag string) bool {
	for item := range bytes.SplitSeq(list, []byte{','}) {
		item = bytes.TrimPrefix(bytes.TrimSpace(item), []byte("W/"))
		if string(item) == tag || string(item) == "*" {
			return true
		}
	}
	return false
}
