package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	const ws = "websocket"
	for _, tc := range []struct {
		row, method, uri, upgrade string
		status                    int
		body, header, value       string
	}{
		{"E145", "GET", "/up", "", 200, `{"health":"OK"}`, "Content-Type", "application/json"},
		{"E145", "HEAD", "/up", "", 200, `{"health":"OK"}`, "", ""}, // the server leaves the body out
		{"", "GET", "/ready", "", 200, `{"ready":true}`, "Content-Type", "application/json"},
		{"", "POST", "/ready", "", 405, "Method not allowed.", "Allow", "GET, HEAD"},
		{"E106", "GET", "/", "", 404, "Not found.", "Content-Type", "text/plain; charset=utf-8"},
		{"E106", "GET", "/nothing", "", 404, "Not found.", "", ""},
		{"E106", "POST", "/apps/1001/events/", "", 404, "Not found.", "", ""},
		{"E106", "GET", "/up/", "", 404, "Not found.", "", ""},
		{"E106", "GET", "//up", "", 404, "Not found.", "", ""},
		{"E106", "GET", "/x/../up", "", 404, "Not found.", "", ""},
		{"E106", "POST", "/apps//events", "", 404, "Not found.", "", ""},
		{"E106", "GET", "/apps/1001/channels//users", "", 404, "Not found.", "", ""},
		{"E106", "GET", "/apps/1001/channels/a/members", "", 404, "Not found.", "", ""},
		{"E106", "POST", "/apps/1001/users/7", "", 404, "Not found.", "", ""},
		{"E107", "GET", "/apps/1001/events", "", 405, "Method not allowed.", "Allow", "POST"},
		{"E107", "HEAD", "/apps/1001/batch_events", "", 405, "Method not allowed.", "Allow", "POST"},
		{"E107", "DELETE", "/apps/1001/users/7/terminate_connections", "", 405, "Method not allowed.", "Allow", "POST"},
		{"E107", "POST", "/apps/1001/channels", "", 405, "Method not allowed.", "Allow", "GET, HEAD"},
		{"E107", "PUT", "/apps/1001/channels/a", "", 405, "Method not allowed.", "Allow", "GET, HEAD"},
		{"E107", "OPTIONS", "/apps/1001/connections", "", 405, "Method not allowed.", "Allow", "GET, HEAD"},
		{"E107", "POST", "/up", "", 405, "Method not allowed.", "Allow", "GET, HEAD"},
		{"E16", "GET", "/app/app-key", "", 426, "This is a WebSocket address: the request has to be an upgrade.", "Upgrade", ws},
		{"E17", "GET", "/app/app-key", "h2c", 426, "This is a WebSocket address: the request has to be an upgrade.", "Upgrade", ws},
		{"E21", "POST", "/app/app-key", "", 405, "Method not allowed.", "Allow", "GET"},
		{"E23", "GET", "/apps/1001/channels", "WebSocket", 400, "Bad request. A WebSocket connects to /app/{key}, not here.", "", ""},
		{"E110", "GET", "/apps/invalid-app-id/channels", "", 404, "No matching application for ID [invalid-app-id].", "", ""},
		{"E110", "POST", "/apps/%0A%3Cb%3E%C3%A9/events", "", 404, `No matching application for ID [\n<b>\u00e9].`, "", ""},
		{"E110", "POST", "/apps/" + strings.Repeat("x", 300) + "/events", "", 404,
			"No matching application for ID [" + strings.Repeat("x", maxEcho) + "…].", "", ""},
		{"E150", "GET", "/apps/01001/channels", "", 404, "No matching application for ID [01001].", "", ""},
		{"E112", "POST", "/apps/1002/events", "", 404, "No matching application for ID [1002].", "", ""},
	} {
		for _, prefix := range []string{"", "/ws"} {
			n := newNode(t, prefixed)
			var headers []string
			if tc.upgrade != "" {
				headers = []string{"Upgrade", tc.upgrade, "Connection", "Upgrade"}
			}
			a := n.do(tc.method, prefix+tc.uri, "", headers...)
			if a.status != tc.status || a.body != tc.body || tc.header != "" && string(a.header.Peek(tc.header)) != tc.value {
				t.Errorf("%s: %s %s%s is answered %d %q, %s: %q", tc.row, tc.method, prefix, tc.uri, a.status, a.body, tc.header, a.header.Peek(tc.header))
			}
		}
	}
}

// A prefix that is also the name of a route hides no route.
func TestPrefixThatIsARoute(t *testing.T) {
	n := newNode(t, func(o *Options) { o.PathPrefix = "app" })
	for uri, status := range map[string]int{"/app/app/app-key": 426, "/app/app-key": 426, "/app/up": 200, "/up": 200, "/application/up": 404} {
		if a := n.do("GET", uri, ""); a.status != status {
			t.Errorf("%s is answered %d, want %d", uri, a.status, status)
		}
	}
}

func TestSegmentsAreUnescaped(t *testing.T) {
	for path, want := range map[string]string{
		"/apps/1/channels/presence-a@b;c=d,e_f.g-1":  "presence-a@b;c=d,e_f.g-1",
		"/apps/1/channels/%23server-to-user-%2f7":    "#server-to-user-/7",
		"/apps/1/channels/a+b%":                      "a+b%",
		"/apps/1/channels/%zz%4":                     "%zz%4",
		"/apps/1/users/%C3%A9/terminate_connections": "é",
	} {
		if rt := parseRoute([]byte(path)); string(rt.name) != want || string(rt.app) != "1" {
			t.Errorf("%s names %q of %q, want %q", path, rt.name, rt.app, want)
		}
	}
}

func TestFallbackHasWhatTheAPIDoesNotKnow(t *testing.T) {
	n := newNode(t, func(o *Options) {
		o.Fallback = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte(r.Method + " " + r.URL.Path))
		})
	})
	a := n.do("PUT", "/demo/page.html", "x")
	a.want(t, http.StatusTeapot, "PUT /demo/page.html")
	if got := string(a.header.ContentType()); got != "text/html" {
		t.Errorf("the page is %q", got)
	}
	n.do("GET", "/up", "").want(t, 200, `{"health":"OK"}`)
	n.do("GET", "/apps/7/channels", "").want(t, 404, "No matching application for ID [7].")
}

// One request that meets a mistake of ours must not end everybody's connections.
func TestPanicIsAnswered(t *testing.T) {
	n := newNode(t, func(o *Options) { o.Hub = nil })
	a := n.call("GET", "/apps/1001/channels", "", "")
	a.want(t, 500, "Internal server error.")
	if !a.header.ConnectionClose() {
		t.Error("the connection is kept")
	}
}

func TestReadySaysWhyNot(t *testing.T) {
	reasons := []string{}
	n := newNode(t, func(o *Options) { o.Unready = func() []string { return reasons } })
	n.do("GET", "/ready", "").want(t, 200, `{"ready":true}`)
	reasons = []string{"the server stops", `a "loop" is late`}
	n.do("GET", "/ready", "").want(t, 503, `{"ready":false,"reasons":["the server stops","a \"loop\" is late"]}`)
}
