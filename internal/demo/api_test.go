package demo

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// event is the body of POST /apps/ID/events.
type event struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels"`
	Data     string   `json:"data"`
	SocketID string   `json:"socket_id"`
}

// api is a small HTTP API that checks every signature by the documented rule.
type api struct {
	*httptest.Server
	prefix string     // in front of every path, but not part of what is signed
	status int        // answered to events if not 0
	events chan event // what was accepted
}

func newAPI(t *testing.T) *api {
	a := &api{events: make(chan event, 1000)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(t, w, r) }))
	t.Cleanup(a.Close)
	return a
}

func (a *api) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, a.prefix)
	switch {
	case ok && path == "/up" && r.Method == "GET":
		_, _ = io.WriteString(w, `{"health":"OK"}`)
	case ok && path == "/apps/123456/events" && r.Method == "POST":
		a.publish(t, w, r, path)
	default:
		t.Errorf("unexpected %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

func (a *api) publish(t *testing.T, w http.ResponseWriter, r *http.Request, path string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	q := r.URL.Query()
	sum := md5.Sum(body)
	if got, want := q.Get("body_md5"), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("body_md5 %s, want %s", got, want)
	}
	var pairs []string
	for k := range q {
		if k != "auth_signature" {
			pairs = append(pairs, k+"="+q.Get(k))
		}
	}
	slices.Sort(pairs)
	want := sign("demo-secret", "POST\n"+path+"\n"+strings.Join(pairs, "&"))
	if got := q.Get("auth_signature"); got != want || q.Get("auth_key") != "demo-key" {
		t.Errorf("signature %s with key %s, want %s", got, q.Get("auth_key"), want)
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		t.Errorf("the body is not JSON: %v", err)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
		return
	}
	a.events <- e
	_, _ = io.WriteString(w, "{}")
}
