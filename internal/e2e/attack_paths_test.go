package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAttackPaths: a path is what it says. Nothing in it is resolved, decoded twice or taken for a file, so what a proxy has let through
// under one name is not served under another; and what is for who runs the server is not on the port of browsers.
func TestAttackPaths(t *testing.T) {
	t.Parallel()
	v := attacked(t, "--path=/ws")
	a := v.audience(t)
	events := "/apps/" + appID + "/events"
	body := event("never")
	paths := []string{
		"/apps/1001/events/..;/", "/apps/1001/events/.", "/apps/1001/./events", "/apps/1001/x/../events", "/x/../apps/1001/events", "/apps/1001/%2e/events",
		"/apps/%2e%2e/apps/1001/events", "//apps/1001/events", "/apps//1001/events", "/apps/1001//events", "/apps/1001/events//", "/apps/1001/events%00", "/apps/1001/events%20",
		"/apps/1001%2fevents", "/apps/1001%252fevents", "/apps%2f1001/events", "/%61pps/1001/events", "/apps/1001/%65vents", "/APPS/1001/events", "/apps/1001/Events", "/apps\\1001\\events",
		"/apps/1001/events;a=b", "/apps/1001/events.json", "/ws/ws/apps/1001/events", "/ws/../apps/1001/events", "/wsapps/1001/events", "/ws//apps/1001/events",
		"/apps/01001/events", "/apps/1001%20/events", "/apps/%001001/events", "/apps/1001\xff/events", "/apps/１００１/events", "/apps/*/events",
		"/" + strings.Repeat("a/", 7000), "/apps/" + strings.Repeat("1", 15_000) + "/events", "/apps/1001/events" + strings.Repeat("/", 1000),
	}
	for _, path := range paths {
		// Signed as it stands, and signed as what it wants to be taken for.
		for _, target := range []string{
			signedBy(appKey, appSecret, "POST", path, body, time.Now()),
			strings.Replace(signedBy(appKey, appSecret, "POST", events, body, time.Now()), events, path, 1),
		} {
			answer := string(shove(t, v.dial(t), []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body))))
			if got := statuses([]byte(answer)); got != "404" && got != "401" && got != "400" && got != "431" {
				t.Errorf("%.60s: %.200s", path, answer)
			}
		}
	}
	for _, path := range []string{
		"/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/log-level", "/control.json", "/.env", "/resound.yaml", "/hello", "/stats", "/log", "/storage/resound/control.json",
		"/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/replay.js/../../etc/passwd", "/ws/metrics", "/app/../metrics", "/replay.js%00", "/replay.js/x",
	} {
		if status, text := v.status(t, "GET", path, ""); status != http.StatusNotFound || text != "Not found." {
			t.Errorf("%s: %d %.100s", path, status, text)
		}
	}
	for target, want := range map[string]string{
		"http://elsewhere/up": "200", "http://elsewhere/metrics": "404", "http://elsewhere" + events: "405", "https://a@b:c/up": "200 400 404", "http:///up": "200 400 404",
		"file:///etc/passwd": "404 400", "*": "404 400", "elsewhere:443": "404 400", "?": "404 400", "/up?../../x": "200", "/up#x": "404 200 400", "http://\x00/up": "200 400 404",
	} {
		for _, method := range []string{"GET", "CONNECT", "OPTIONS"} {
			c := v.dial(t)
			answer := shove(t, c, []byte(method+" "+target+" HTTP/1.1\r\nHost: a\r\n\r\n"))
			if got := statuses(answer); method == "GET" && !strings.Contains(want, got) || method != "GET" && strings.HasPrefix(got, "2") {
				t.Errorf("%s %q: %q, want %s", method, target, answer, want)
			}
		}
	}
	// Keys of sockets: a decoding of one is the key, and nothing beside it.
	for path, in := range map[string]bool{
		"/app/" + appKey: true, "/ws/app/" + appKey: true, "/app/%61pp-key": true, "/app/%2561pp-key": false, "/app/" + appKey + "%00": false, "/app/" + appKey + "/": false,
		"/app/" + appKey + "%2f": false, "/app/x/../" + appKey: false, "//app/" + appKey: false, "/app/" + appKey + ";x": false, "/app/APP-KEY": false, "/app/" + appKey + "%20": false,
	} {
		answer := shove(t, v.dial(t), []byte(strings.Replace(head, "/app/"+appKey, path, 1)))
		if got := strings.Contains(string(answer), "connection_established"); got != in {
			t.Errorf("%s: %q", path, answer)
		}
	}
	a.want(t)
	v.report(t, fmt.Sprintf("%d tricks with paths", len(paths)))
}

// TestAttackSlowHeads: a thousand connections that send a byte now and then are gone after ten seconds, and nobody has to wait for them. Those that
// are slow in other ways are TestSlowClients and TestAttackSlowHandshakes.
func TestAttackSlowHeads(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	n := fewer(1000)
	slow, _, _ := strings.Cut(publish("never"), "\r\n\r\n")
	before := v.cost(t)
	var conns []*caller
	for _, begin := range []string{head, "GET /up HTTP/1.1\r\nX: x", slow} {
		for range n {
			c := v.call(t)
			c.send(begin[:5])
			conns = append(conns, c)
		}
	}
	stop := make(chan struct{})
	trickling := make(chan struct{})
	go func() {
		defer close(trickling)
		for {
			for _, c := range conns {
				_, _ = c.Write([]byte{'x'}) // the reader sees how it ended
			}
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	eventually(t, "all of them to be there", func() bool { return v.open(t) >= before.sockets+len(conns) })
	t.Logf("%d bytes of heap each", (v.cost(t).heap-before.heap)/len(conns))
	if err := v.connect(t).trySubscribe("meanwhile"); err != nil {
		t.Fatal(err)
	}
	each(len(conns), len(conns), func(i int) {
		answer := drainConn(t, conns[i])
		if got := statuses(answer); got != "" && got != "408" && got != "400" {
			t.Errorf("a head that does not come: %q", answer)
		}
	})
	close(stop)
	<-trickling
	hangUp(conns)
	eventually(t, "none to be left", func() bool { return v.open(t) <= v.before.sockets+1 })
	v.report(t, fmt.Sprintf("%d heads that do not come", len(conns)))
}
