package control

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// headTimeout is how long a request may take to say what it wants.
const headTimeout = 10 * time.Second

// Server is the control endpoint of a running server. Handle and Count are for before Listen.
type Server struct {
	dir    string
	mux    *http.ServeMux
	counts map[string]func() any
	log    bool   // the routes of a log are there
	other  string // where a log is that has no routes, for people; "" is nowhere

	http     http.Server
	listener net.Listener
	place    place
	context  context.Context // of every request
	cancel   context.CancelFunc
}

// New returns an endpoint for the server that runs on the data directory.
func New(dir string) *Server {
	s := &Server{dir: dir, mux: http.NewServeMux(), counts: make(map[string]func() any)}
	s.context, s.cancel = context.WithCancel(context.Background())
	s.http = http.Server{
		Handler: s, ReadHeaderTimeout: headTimeout,
		BaseContext: func(net.Listener) context.Context { return s.context },
	}
	s.Handle("GET /hello", func(w http.ResponseWriter, _ *http.Request) error {
		return answer(w, hello{PID: os.Getpid(), Log: s.log, Elsewhere: s.other})
	})
	s.Handle("GET /stats", func(w http.ResponseWriter, _ *http.Request) error {
		all := make(map[string]any)
		for name, count := range s.counts {
			all[name] = count()
		}
		return answer(w, all)
	})
	return s
}

// hello is the answer that tells a server of ours from anybody else who has its old port.
type hello struct {
	PID int  `json:"pid"`
	Log bool `json:"log"`

	Elsewhere string `json:"elsewhere,omitempty"`
}

// Handle serves what the pattern of net/http says, for those who know the token. An error of
// the handler is told to the client, unless the answer has begun.
func (s *Server) Handle(pattern string, handler func(http.ResponseWriter, *http.Request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := handler(w, r); err != nil {
			refuse(w, err)
		}
	})
}

// Count adds a part to GET /stats: whatever count returns, as JSON, under the name.
func (s *Server) Count(name string, count func() any) { s.counts[name] = count }

// KeptElsewhere says to who asks for the log that there is none here, and where it is.
func (s *Server) KeptElsewhere(where string) { s.other = where }

// ServeHTTP looks at the token before anything else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.place.Token)) != 1 {
		http.Error(w, "this is for who can read the data directory of this server", http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Listen takes a port of this machine and says in the data directory which. Then Serve has to be called.
func (s *Server) Listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for control: %w", err)
	}
	s.place = place{Address: listener.Addr().String(), Token: rand.Text() + rand.Text(), PID: os.Getpid()}
	if err := s.place.write(s.dir); err != nil {
		return errors.Join(fmt.Errorf("saying where control listens: %w", err), listener.Close())
	}
	s.listener = listener
	return nil
}

// Announce says again where the endpoint is: a process that was to follow may have said where its own was.
func (s *Server) Announce() error {
	if s.listener == nil {
		return nil
	}
	return s.place.write(s.dir)
}

// Serve answers until Close. It returns nil after that.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close removes the file, ends what is under way and returns when nothing is any more, or when
// ctx has ended. It may be called without Listen, and again.
func (s *Server) Close(ctx context.Context) error {
	s.cancel()
	if s.listener == nil {
		return nil
	}
	err := errors.Join(s.place.remove(s.dir), s.http.Shutdown(ctx))
	return errors.Join(err, s.http.Close())
}
