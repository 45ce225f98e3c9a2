package node

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// admin is the port for who runs the server: metrics, profiles, the level of the log. It is apart from the one that browsers
// reach, so that no proxy can give it away by mistake.
type admin struct {
	http     http.Server
	listener net.Listener
}

// adminHeadTimeout is how long a request to it may take to say what it wants.
const adminHeadTimeout = 10 * time.Second

// adminIdleTimeout is how long a connection to it is kept for the next request: longer than Prometheus waits between two.
const adminIdleTimeout = 2 * time.Minute

// maxAdmin is how many connections to it there are at once. They need descriptors of those that the server keeps for
// itself: with none left it can accept nobody, and everybody who is there is dropped.
const maxAdmin = 16

// maxLevel is how many bytes the name of a level may have.
const maxLevel = 32

// levels are those that the setting log-level has. slog would take "error+1000", which logs nothing.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// newAdmin listens.
func newAdmin(n *Node) (*admin, error) {
	listener, err := n.listenAdmin()
	if err != nil {
		return nil, fmt.Errorf("listen for metrics on %s: %w", n.config.AdminAddress, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(newMetrics(n), promhttp.HandlerOpts{Registry: prometheus.NewRegistry()}))
	mux.HandleFunc("GET /ready", n.serveReady)
	mux.HandleFunc("GET /log-level", n.serveLevel)
	mux.HandleFunc("PUT /log-level", n.changeLevel)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	a := &admin{listener: few{listener, make(chan struct{}, maxAdmin)}}
	a.http = http.Server{
		Handler: authorized(n.config.AdminToken, mux), ReadHeaderTimeout: adminHeadTimeout, IdleTimeout: adminIdleTimeout,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	return a, nil
}

// few is a listener that has no more connections than there is room for. The others wait in the kernel.
type few struct {
	net.Listener
	room chan struct{}
}

func (l few) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return one{c, sync.OnceFunc(func() { <-l.room })}, nil
}

// one is a connection of few.
type one struct {
	net.Conn
	leave func()
}

func (c one) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// authorized asks for a token, if there is one, and else for a host that can only be this machine: a page that a browser
// here shows may have a name of its own that leads to 127.0.0.1, and would read all that there is.
func authorized(token string, h http.Handler) http.Handler {
	if token == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isLocal(r.Host) {
				http.Error(w, "without RESOUND_ADMIN_TOKEN this is for requests to 127.0.0.1, [::1] or localhost", http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.Header().Set("Connection", "close") // there are few
			http.Error(w, "this needs the header Authorization: Bearer, with the value of RESOUND_ADMIN_TOKEN", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isLocal reports whether a Host header names this machine.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (n *Node) startAdmin() error {
	if n.config.AdminAddress == "" {
		return nil
	}
	a, err := newAdmin(n)
	if err != nil {
		return err
	}
	n.admin = a
	n.log.Info("metrics and profiles", "url", "http://"+a.listener.Addr().String()+"/metrics")
	n.spawn("admin", func() {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("metrics are not served any more", "error", err)
		}
	})
	return nil
}

// stopAdmin ends what is under way: a profile may take as long as it likes.
func (n *Node) stopAdmin() {
	if n.admin != nil {
		_ = n.admin.http.Close()
	}
}

// AdminAddr returns where metrics are; nil when they are not, or not yet.
func (n *Node) AdminAddr() net.Addr {
	if n.admin == nil {
		return nil
	}
	return n.admin.listener.Addr()
}

// serveReady answers whether more connections should be sent here.
func (n *Node) serveReady(w http.ResponseWriter, _ *http.Request) {
	reasons := n.engine.Unready()
	if len(reasons) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	text := readiness(reasons)
	if n.cluster != nil { // a server that has lost its Redis does better than none
		text += "cluster: " + n.cluster.state() + "\n"
	}
	_, _ = io.WriteString(w, text) // who asked may have gone
}

// readiness is one line for people and scripts.
func readiness(reasons []string) string {
	if len(reasons) == 0 {
		return "ready\n"
	}
	return "not ready: " + strings.Join(reasons, "; ") + "\n"
}

func (n *Node) serveLevel(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, strings.ToLower(n.level.Level().String())) // who asked may have gone
}

// changeLevel sets the level of the log until the server stops.
func (n *Node) changeLevel(w http.ResponseWriter, r *http.Request) {
	name, err := io.ReadAll(io.LimitReader(r.Body, maxLevel))
	level, ok := levels[strings.ToLower(strings.TrimSpace(string(name)))]
	if err != nil || !ok {
		http.Error(w, "the body is one of debug, info, warn and error", http.StatusBadRequest)
		return
	}
	before := n.level.Level()
	n.level.Set(level)
	n.log.Log(context.Background(), max(level, slog.LevelInfo), "the level of the log was changed", "from", before, "to", level)
	n.serveLevel(w, r)
}
