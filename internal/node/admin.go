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
	"strings"
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

// maxLevel is how many bytes the name of a level may have.
const maxLevel = 32

// newAdmin listens.
func newAdmin(n *Node) (*admin, error) {
	listener, err := net.Listen("tcp", n.config.AdminAddress)
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
	a := &admin{listener: listener}
	a.http = http.Server{Handler: authorized(n.config.AdminToken, mux), ReadHeaderTimeout: adminHeadTimeout, ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
	return a, nil
}

// authorized asks for a token, if there is one.
func authorized(token string, h http.Handler) http.Handler {
	if token == "" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this needs the header Authorization: Bearer, with the value of RESOUND_ADMIN_TOKEN", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
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
	_, _ = io.WriteString(w, readiness(reasons)) // who asked may have gone
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
	var level slog.Level
	if err == nil {
		err = level.UnmarshalText([]byte(strings.TrimSpace(string(name))))
	}
	if err != nil {
		http.Error(w, "the body is one of debug, info, warn and error", http.StatusBadRequest)
		return
	}
	before := n.level.Level()
	n.level.Set(level)
	n.log.Log(context.Background(), max(level, slog.LevelInfo), "the level of the log was changed", "from", before, "to", level)
	n.serveLevel(w, r)
}
