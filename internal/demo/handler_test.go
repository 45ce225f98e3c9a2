package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"resound/internal/apps"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func testApp() *apps.App { return apps.New("123456", "demo-key", "demo-secret") }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// testHandler returns a handler whose HTTP API is at base.
func testHandler(prefix, base string) http.Handler {
	return Handler(testApp(), Options{Prefix: prefix, BaseURL: func() string { return base }, Log: quiet()})
}

// send makes one request and returns the answer and its body.
func send(t *testing.T, h http.Handler, method, target, contentType, body string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}

func TestPageIsServedWithStrictHeaders(t *testing.T) {
	h := testHandler("", "")
	for path, want := range map[string]string{
		"/":               "text/html; charset=utf-8",
		"/demo":           "text/html; charset=utf-8",
		"/demo/main.js":   "text/javascript; charset=utf-8",
		"/demo/style.css": "text/css; charset=utf-8",
		"/demo/icon.svg":  "image/svg+xml",
		"/demo/config":    jsonType,
	} {
		resp, body := send(t, h, "GET", path, "", "")
		if resp.StatusCode != 200 || body == "" {
			t.Errorf("%s: status %d, %d bytes", path, resp.StatusCode, len(body))
		}
		if got := resp.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: type %q, want %q", path, got, want)
		}
		csp := resp.Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self' ws: wss:", "img-src data: 'self'"} {
			if !strings.Contains(csp+";", rule+";") {
				t.Errorf("%s: the policy %q lacks %q", path, csp, rule)
			}
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the browser may guess the type", path)
		}
		if strings.Contains(body, "demo-secret") {
			t.Errorf("%s tells the secret", path)
		}
	}
}

func TestConfigNamesTheApplication(t *testing.T) {
	_, body := send(t, testHandler("", ""), "GET", "/demo/config", "", "")
	if want := `{"id":"123456","key":"demo-key"}`; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	h := testHandler("", "")
	resp, _ := send(t, h, "GET", "/demo/main.js", "", "")
	r := httptest.NewRequest("GET", "/demo/main.js", nil)
	r.Header.Set("If-None-Match", resp.Header.Get("ETag"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("status %d with %d bytes, want 304 without", w.Code, w.Body.Len())
	}
}

func TestMethodsAndUnknownPaths(t *testing.T) {
	h := testHandler("", "")
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/", 405, "GET, HEAD"},
		{"DELETE", "/demo/config", 405, "GET, HEAD"},
		{"POST", "/demo/main.js", 405, "GET, HEAD"},
		{"GET", "/demo/auth", 405, "POST"},
		{"PUT", "/demo/publish", 405, "POST"},
		{"HEAD", "/demo", 200, ""},
		{"GET", "/demo/none.js", 404, ""},
		{"GET", "/demo/index.html", 404, ""},
		{"GET", "/demo/../demo/config", 404, ""},
		{"GET", "/elsewhere", 404, ""},
		{"POST", "/elsewhere", 404, ""},
	} {
		resp, body := send(t, h, tc.method, tc.path, "", "")
		if resp.StatusCode != tc.status || resp.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", tc.method, tc.path, resp.StatusCode, resp.Header.Get("Allow"), tc.status, tc.allow)
		}
		if tc.status >= 400 && (body == "" || strings.Contains(body, "\n")) {
			t.Errorf("%s %s: %q is not one line", tc.method, tc.path, body)
		}
	}
}

func TestPrefixIsOptional(t *testing.T) {
	h := testHandler("/ws/live/", "")
	for path, want := range map[string]int{
		"/":                     200,
		"/demo/config":          200,
		"/ws/live/":             200,
		"/ws/live/demo":         200,
		"/ws/live/demo/main.js": 200,
		"/ws/lively/demo":       404,
		"/ws/live/ws/live/demo": 404,
	} {
		if resp, _ := send(t, h, "GET", path, "", ""); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	// The page's URLs are relative, so a slash too few or too many would break them.
	for path, want := range map[string]string{"/ws/live": "live/", "/ws/live/demo/": "../demo", "/demo/": "../demo"} {
		resp, _ := send(t, h, "GET", path, "", "")
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || got != want {
			t.Errorf("%s: %d to %q, want 308 to %q", path, resp.StatusCode, got, want)
		}
	}
}

func TestOtherSitesCannotSpeakForAVisitor(t *testing.T) {
	h := testHandler("", "")
	for _, tc := range []struct {
		header, value string
		status        int
	}{
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Origin", "https://elsewhere.test", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Origin", "http://example.com", 200}, // what httptest takes as the host
	} {
		r := httptest.NewRequest("POST", "/demo/auth", strings.NewReader("socket_id=1.2&channel_name=private-demo"))
		r.Header.Set("Content-Type", formType)
		r.Header.Set(tc.header, tc.value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.status {
			t.Errorf("%s %s: %d, want %d", tc.header, tc.value, w.Code, tc.status)
		}
	}
}

func TestPageAsksForNothingThatIsNotServed(t *testing.T) {
	h := testHandler("", "")
	_, page := send(t, h, "GET", "/", "", "")
	found := 0
	for _, attr := range []string{`src="`, `href="`} {
		for _, part := range strings.Split(page, attr)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			found++
			if resp, _ := send(t, h, "GET", "/"+name, "", ""); resp.StatusCode != 200 {
				t.Errorf("the page asks for %q: %d", name, resp.StatusCode)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d links found in the page", found)
	}
	for _, banned := range []string{"<style", " style=", " onclick=", "http://", "https://", "javascript:"} {
		if strings.Contains(page, banned) {
			t.Errorf("the page holds %q, which its own policy forbids", banned)
		}
	}
	entries, err := files.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(assets)+1 {
		t.Errorf("%d files embedded, %d served: one is not used", len(entries), len(assets)+1)
	}
	for _, name := range assets {
		raw, err := files.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(string(raw), banned) {
				t.Errorf("%s uses %s: text of others belongs into text nodes", name, banned)
			}
		}
	}
}

func TestScriptsParse(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	scripts := map[string]string{}
	for _, name := range assets {
		if strings.HasSuffix(name, ".js") {
			raw, err := files.ReadFile("page/" + name)
			if err != nil {
				t.Fatal(err)
			}
			scripts[name] = string(raw)
		}
	}
	in, err := json.Marshal(scripts)
	if err != nil {
		t.Fatal(err)
	}
	// Making a module parses it and runs nothing; one process for all of them.
	cmd := exec.Command(node, "--no-warnings", "--experimental-vm-modules", "-e", `
		const scripts = JSON.parse(require("fs").readFileSync(0));
		for (const [identifier, text] of Object.entries(scripts)) new (require("vm").SourceTextModule)(text, { identifier });
		process.stdout.write("parsed " + Object.keys(scripts).length);`)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("parsed %d", len(scripts)); err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}
