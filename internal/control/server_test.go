package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resound/persist"
)

// serve runs an endpoint on the directory until the end of the test.
func serve(t *testing.T, dir string, prepare func(*Server)) *Server {
	t.Helper()
	s := New(dir)
	if prepare != nil {
		prepare(s)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(t.Context()), <-served); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFileIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if host, _, err := net.SplitHostPort(s.place.Address); err != nil || host != "127.0.0.1" {
		t.Errorf("it listens on %s", s.place.Address)
	}
	if len(s.place.Token) < 40 || s.place.PID != os.Getpid() {
		t.Errorf("the file says %+v", s.place)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v is left over, %v", entries, err)
	}
}

// Every route, there or not, answers nothing but 401 without the token.
func TestTokenIsAskedFor(t *testing.T) {
	asked := false
	s := serve(t, t.TempDir(), func(s *Server) {
		s.Handle("GET /secret", func(http.ResponseWriter, *http.Request) error { asked = true; return nil })
	})
	for _, token := range []string{"", "Bearer ", "Bearer x", s.place.Token, "bearer " + s.place.Token, "Bearer " + s.place.Token + "x", "Bearer " + s.place.Token[1:]} {
		for _, path := range []string{"/hello", "/stats", "/secret", "/nope", "/"} {
			req, err := http.NewRequest(http.MethodGet, "http://"+s.place.Address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", token)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusUnauthorized || strings.Contains(string(body), "pid") {
				t.Errorf("%s with %q: %d %s", path, token, res.StatusCode, body)
			}
		}
	}
	if asked {
		t.Error("a handler was called")
	}
}

func TestStatsHaveEveryPart(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, func(s *Server) {
		s.Count("a", func() any { return map[string]int{"n": 1} })
		s.Count("b", func() any { return 2 })
	})
	all, err := dial(t, dir).Stats(t.Context())
	if err != nil || len(all) != 2 || string(all["a"]) != `{"n":1}` || string(all["b"]) != "2" {
		t.Errorf("got %s, %v", all, err)
	}
}

// An error arrives with its text, and as what it is where a caller tells it apart.
func TestErrorsArrive(t *testing.T) {
	dir := t.TempDir()
	var now error
	s := serve(t, dir, func(s *Server) {
		s.Handle("GET /fail", func(http.ResponseWriter, *http.Request) error { return now })
	})
	c := dial(t, dir)
	for _, tc := range []struct {
		err error
		is  error
	}{
		{errors.New("plain \"words\" <&>\nand a line"), nil},
		{errors.Join(errors.New("a channel"), persist.ErrNoStream), persist.ErrNoStream},
		{persist.ErrOff, persist.ErrOff},
		{persist.ErrGap, persist.ErrGap},
	} {
		now = tc.err
		err := c.get(t.Context(), "/fail", nil, nil)
		if err == nil || err.Error() != tc.err.Error() || tc.is != nil && !errors.Is(err, tc.is) {
			t.Errorf("%v arrives as %v", tc.err, err)
		}
	}
	if err := c.get(t.Context(), "/nope", nil, nil); err == nil || err.Error() != "the server says 404 page not found" {
		t.Errorf("a route that is not there: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.get(t.Context(), "/hello", nil, nil); err == nil {
		t.Error("a closed endpoint answers")
	}
}

// A stop does not wait for a request that goes on and on, but for its end; then nothing is left.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	dir := t.TempDir()
	begun, ended := make(chan struct{}), false
	s := serve(t, dir, func(s *Server) {
		s.Handle("GET /long", func(_ http.ResponseWriter, r *http.Request) error {
			close(begun)
			<-r.Context().Done()
			ended = true
			return r.Context().Err()
		})
	})
	c := dial(t, dir)
	answered := make(chan error, 1)
	go func() { answered <- c.get(context.Background(), "/long", nil, nil) }()
	<-begun
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil || !ended {
		t.Errorf("it was answered with %v, ended %v", err, ended)
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the stop: %v", err)
	}
	if err := New(dir).Close(t.Context()); err != nil {
		t.Errorf("closing what never listened: %v", err)
	}
}

// Who comes later has the file, also when the first one goes.
func TestFileOfAnotherServerStays(t *testing.T) {
	dir := t.TempDir()
	first, second := serve(t, dir, nil), serve(t, dir, nil)
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := readPlace(dir); err != nil || p != second.place {
		t.Errorf("the file says %+v, %v", p, err)
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Errorf("without its file: %v", err)
	}
}

func TestListenNeedsTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nope")
	if err := New(dir).Listen(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

// What a killed server leaves behind is not taken for a server.
func TestStaleFile(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	babbler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"pid":1,"log":true}`) }))
	defer babbler.Close()
	for name, address := range map[string]string{
		"nobody": nobody.Addr().String(), "a stranger": stranger.Listener.Addr().String(), "another of us": babbler.Listener.Addr().String(),
	} {
		dir := t.TempDir()
		p := place{Address: address, Token: "token", PID: 4711}
		if err := p.write(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{", "{}", `{"address":"127.0.0.1:1"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(t.Context(), dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A server that hangs is given up soon.
func TestDialGivesUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := t.TempDir()
	if err := (place{Address: silent.Addr().String(), Token: "t", PID: 1}).write(dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, dir); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
