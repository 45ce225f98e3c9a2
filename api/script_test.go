package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"resound/internal/apps"
)

const testScript = "(()=>{/* what pages load */})();\n"

func scripted(o *Options) { o.Script = []byte(testScript) }

func TestScript(t *testing.T) {
	n := newNode(t, prefixed, scripted)
	for _, uri := range []string{"/replay.js", "/app/replay.js", "/app/replay%2Ejs", "/replay.js?v=2"} {
		for _, prefix := range []string{"", "/ws"} {
			a := n.do("GET", prefix+uri, "")
			a.want(t, 200, testScript)
			tag := string(a.header.Peek("ETag"))
			for name, want := range map[string]string{
				"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding",
				"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Content-Encoding": "",
			} {
				if got := string(a.header.Peek(name)); got != want {
					t.Errorf("%s: %s is %q, want %q", uri, name, got, want)
				}
			}
			if len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Errorf("%s has the tag %s", uri, tag)
			}
			for _, method := range []string{"POST", "PUT", "OPTIONS"} {
				a := n.do(method, prefix+uri, "")
				a.want(t, 405, "Method not allowed.")
				if got := string(a.header.Peek("Allow")); got != "GET, HEAD" {
					t.Errorf("%s %s allows %q", method, uri, got)
				}
			}
		}
	}
}

func TestScriptIsCached(t *testing.T) {
	n := newNode(t, scripted)
	tag := string(n.do("GET", "/replay.js", "").header.Peek("ETag"))
	packed := string(n.do("GET", "/replay.js", "", "Accept-Encoding", "gzip, deflate, br").header.Peek("ETag"))
	if tag == packed {
		t.Errorf("%s is the tag of both encodings", tag)
	}
	other := newNode(t, func(o *Options) { o.Script = []byte(testScript + "\n") })
	if got := string(other.do("GET", "/replay.js", "").header.Peek("ETag")); got == tag {
		t.Errorf("%s is the tag of two scripts", tag)
	}
	for _, tc := range []struct {
		list, accept string
		status       int
	}{
		{tag, "", 304}, {"W/" + tag, "", 304}, {`"x", ` + tag + ` , "y"`, "", 304}, {"*", "", 304}, {packed, "gzip", 304},
		{`"x"`, "", 200}, {tag[1 : len(tag)-1], "", 200}, {packed, "", 200}, {tag, "gzip", 200},
	} {
		a := n.do("GET", "/replay.js", "", "If-None-Match", tc.list, "Accept-Encoding", tc.accept)
		if a.status != tc.status || (a.status == 304) != (a.body == "") {
			t.Errorf("who has %s and accepts %q gets %d with %d bytes, want %d", tc.list, tc.accept, a.status, len(a.body), tc.status)
		}
		if len(a.header.Peek("ETag")) == 0 || len(a.header.Peek("Cache-Control")) == 0 || string(a.header.Peek("Vary")) != "Accept-Encoding" {
			t.Errorf("who has %s is not told how long that is good: %s", tc.list, a.header)
		}
	}
}

// On the wire: HEAD has no body and says how long it would be, a 304 has none, and gzip is what it says.
func TestScriptOnTheWire(t *testing.T) {
	n := newNode(t, scripted)
	c := dial(t, n.serve(t))
	request := func(method string, headers ...string) {
		c.send(method + " /replay.js HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n")
	}
	request("HEAD")
	if got := c.want("HEAD", 200, "").ContentLength; got != int64(len(testScript)) {
		t.Errorf("the length is said to be %d", got)
	}
	request("GET")
	tag := c.want("GET", 200, testScript).Header.Get("ETag")
	request("GET", "If-None-Match: "+tag)
	c.want("GET", 304, "")
	request("GET", "Accept-Encoding: gzip")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(res.Body)
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Content-Length") != strconv.Itoa(len(packed)) {
		t.Fatalf("%v, %v", err, res.Header)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != testScript {
		t.Errorf("it unpacks to %q, %v", got, err)
	}
	request("HEAD", "Accept-Encoding: gzip")
	if got := c.want("HEAD", 200, "").ContentLength; got != int64(len(packed)) {
		t.Errorf("the length of what is compressed is said to be %d", got)
	}
}

// Whoever has chosen that key has a WebSocket there, as before; so has whoever asks for one.
func TestScriptGivesWayToAnApplication(t *testing.T) {
	n := newNode(t, scripted)
	n.do("GET", "/app/replay.js", "", "Upgrade", "websocket", "Connection", "Upgrade").want(t, 426, "This is a WebSocket address: the request has to be an upgrade.")
	n.replace(apps.New(testID, "replay.js", testSecret))
	n.do("GET", "/app/replay.js", "").want(t, 426, "This is a WebSocket address: the request has to be an upgrade.")
	n.do("POST", "/app/replay.js", "").want(t, 405, "Method not allowed.")
	n.do("GET", "/replay.js", "").want(t, 200, testScript)
	n.do("GET", "/replay.js/", "").want(t, 404, "Not found.")
	n.do("GET", "/app/replay.js/x", "").want(t, 404, "Not found.")
	newNode(t).do("GET", "/replay.js", "").want(t, 404, "Not found.")
	newNode(t).do("GET", "/app/replay.js", "").want(t, 426, "This is a WebSocket address: the request has to be an upgrade.")
}
