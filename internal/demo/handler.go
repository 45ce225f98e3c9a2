package demo

import (
	"log/slog"
	"net/http"
	"strings"

	"resound/internal/apps"
)

// Options of the handler.
type Options struct {
	// Prefix is the path prefix of the server, "" or for example "/ws". Every
	// route is there with and without it.
	Prefix string
	// BaseURL says where the server's own HTTP API answers, prefix included. It
	// is asked at each message, because the port may be known only after the
	// handler was made; "" means not yet.
	BaseURL func() string
	// Log gets the publishes that failed; required.
	Log *slog.Logger
}

// handler serves the demo. Any number of goroutines may use it.
type handler struct {
	prefix string
	routes map[string]route
	log    *slog.Logger
}

// route is the methods of one path; HEAD goes where GET goes.
type route struct{ get, post http.HandlerFunc }

// Handler serves the page and its helper routes:
//
//	GET  /, /demo        the page
//	GET  /demo/config    {"id","key"} of the demo application
//	GET  /demo/FILE      the page's style sheet, scripts and icon
//	POST /demo/auth      socket_id, channel_name[, user_id, name] as a form or as JSON;
//	                     {"auth"[,"channel_data"]}, or 400, 403
//	POST /demo/publish   {"text"[,"name","socket_id"]}; {} once the server took it, or 400, 429, 502, 503
//
// Anything else is answered with the 404 and 405 of the HTTP API. Every error
// is one line of plain text.
func Handler(app *apps.App, o Options) http.Handler {
	h := &handler{prefix: strings.TrimRight(o.Prefix, "/"), log: o.Log}
	index := pageFile("index.html")
	h.routes = map[string]route{
		"/":             {get: index},
		"/demo":         {get: index},
		"/demo/config":  {get: serveConfig(app)},
		"/demo/auth":    {post: newAuthorizer(app).serve},
		"/demo/publish": {post: newRelay(app, o.BaseURL, o.Log).serve},
	}
	for _, name := range assets {
		h.routes["/demo/"+name] = route{get: pageFile(name)}
	}
	// A form on another site could otherwise speak through a visitor's browser.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		setHeaders(w.Header())
		fail(w, http.StatusForbidden, "Only the demo page itself may send this.")
	}))
	return guard.Handler(h)
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	path := h.strip(r.URL.Path)
	if to := slashed(path, h.prefix); to != "" {
		// Relative, so that it holds behind a proxy that adds a prefix of its own.
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	rt, ok := h.routes[path]
	if !ok {
		fail(w, http.StatusNotFound, "Not found.")
		return
	}
	rt.serve(w, r)
}

// strip takes the prefix off a path. The prefix alone becomes "".
func (h *handler) strip(path string) string {
	rest, ok := strings.CutPrefix(path, h.prefix)
	if ok && (rest == "" || rest[0] == '/') {
		return rest
	}
	return path
}

// slashed says where a path leads whose last slash is missing or too many, or
// "". The page's URLs are relative, so they need the one right place.
func slashed(path, prefix string) string {
	switch path {
	case "":
		return prefix[strings.LastIndexByte(prefix, '/')+1:] + "/"
	case "/demo/":
		return "../demo"
	}
	return ""
}

func (rt route) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case rt.get != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		rt.get(w, r)
	case rt.post != nil && r.Method == http.MethodPost:
		rt.post(w, r)
	default:
		allow := "GET, HEAD"
		if rt.get == nil {
			allow = "POST"
		}
		w.Header().Set("Allow", allow)
		fail(w, http.StatusMethodNotAllowed, "Method not allowed.")
	}
}

// setHeaders makes every answer safe to show: own scripts and styles only, no
// framing, no guessing of types.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
		"connect-src 'self' ws: wss:; img-src data: 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// fail answers with one line of plain text.
func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// answer sends a JSON object.
func answer(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw)
}
