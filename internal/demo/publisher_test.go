package demo

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// quick has the proportions of normalPace and none of its patience.
var quick = pace{
	tick: time.Millisecond, perMetrics: 4, perHistory: 12,
	retry: time.Millisecond, retryMax: 4 * time.Millisecond, limit: time.Hour,
}

// lines is what was logged, line by line.
type lines struct {
	mu  sync.Mutex // guards buf
	buf strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

// start runs a publisher. The function it returns ends it and gives its error.
func start(t *testing.T, base string) (l *lines, stop func() error) {
	t.Helper()
	l = new(lines)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, testApp(), base, slog.New(slog.NewTextHandler(l, nil)), quick) }()
	return l, func() error { cancel(); return <-done }
}

func TestRunPublishesTheShop(t *testing.T) {
	server := newAPI(t)
	server.prefix = "/live"
	l, stop := start(t, server.URL+"/live")
	count := map[string]int{}
	for range 240 {
		e := <-server.events
		count[strings.Join(e.Channels, ",")+" "+e.Name]++
		if len(e.Data) > 4<<10 || !json.Valid([]byte(e.Data)) {
			t.Fatalf("%s: %d bytes of data: %.100s", e.Name, len(e.Data), e.Data)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	// Twelve ticks are twelve orders, three figures and one history: 240 events are fifteen of these.
	for what, want := range map[string]int{
		"demo-orders order.updated": 180, "demo-metrics metrics.updated": 45, "demo-metrics metrics.history": 15,
	} {
		if got := count[what]; got != want {
			t.Errorf("%d of %s, want %d", got, what, want)
		}
	}
	if l.count("\n") != 0 {
		t.Errorf("a server that works was logged: %s", &l.buf)
	}
}

func TestRunWaitsForTheServer(t *testing.T) {
	var asked atomic.Int32
	server := newAPI(t)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case n <= 3 && r.URL.Path != "/up":
			t.Errorf("%s before the server was up", r.URL.Path)
		case n <= 3:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		server.serve(t, w, r)
	}))
	defer gate.Close()
	l, stop := start(t, gate.URL)
	<-server.events
	if err := stop(); err != nil {
		t.Error(err)
	}
	if l.count("level=WARN") != 0 {
		t.Errorf("waiting for the start is not worth a warning: %s", &l.buf)
	}
}

func TestRunWaitsForThePort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, stop := start(t, "http://"+ln.Addr().String())
	for range 3 { // closed without an answer, as by a server that is going down
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	server := newAPI(t)
	late := &httptest.Server{Listener: ln, Config: &http.Server{Handler: server.Config.Handler}}
	late.Start()
	defer late.Close()
	<-server.events
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestRunLogsAnOutageOnceAndGoesOn(t *testing.T) {
	server := newAPI(t)
	var refused atomic.Int32
	refuse := make(chan struct{})
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-refuse:
			if r.URL.Path != "/up" && refused.Add(1) <= 4 {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte("Authentication signature invalid."))
				return
			}
		default:
		}
		server.serve(t, w, r)
	}))
	defer gate.Close()
	l, stop := start(t, gate.URL)
	<-server.events
	close(refuse)
	// More than can be on the way already: the last of them came after the outage.
	for refused.Load() <= 4 {
		<-server.events
	}
	for range 3 {
		<-server.events
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if warned, back := l.count("level=WARN"), l.count("goes on"); warned != 1 || back != 1 {
		t.Errorf("%d warnings and %d recoveries logged, want one each: %s", warned, back, &l.buf)
	}
	if l.count("signature invalid") != 1 || l.count("auth_signature") != 0 || l.count("demo-secret") != 0 {
		t.Errorf("the log says too little or too much: %s", &l.buf)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	hung := make(chan struct{}, 1)
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case hung <- struct{}{}:
		default:
		}
		// The request ends when the publisher gives it up, not when the server answers.
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}))
	defer server.Close()
	defer close(released)
	_, stop := start(t, server.URL)
	<-hung
	if err := stop(); err != nil { // quick has a limit of an hour: only the context can end this
		t.Error(err)
	}
}

func TestRunRefusesABaseURLThatCannotWork(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "https://example.test", "http://[::1"} {
		if err := Run(t.Context(), testApp(), base, quiet()); err == nil || !strings.Contains(err.Error(), "base URL") {
			t.Errorf("%q: %v, want an error about the base URL", base, err)
		}
	}
}
