package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/goccy/go-json"
)

// helloTimeout is how long a server may take to say that it is there.
const helloTimeout = 5 * time.Second

var (
	// ErrNotRunning says that no server has written where it is.
	ErrNotRunning = errors.New("control: no server runs on this data directory")
	// ErrUnreachable says that a server has, and that it is not there, or does not answer.
	ErrUnreachable = errors.New("control: the server does not answer")
)

// Client talks to a running server. Any goroutine may use it.
type Client struct {
	place place
	http  http.Client
	log   bool   // that server has a log
	other string // where it is, when it is elsewhere
}

// Dial finds the server that runs on the data directory. Its errors are ErrNotRunning and
// ErrUnreachable, wrapped in what is known, or what keeps this process from reading the file.
func Dial(ctx context.Context, dir string) (*Client, error) {
	p, err := readPlace(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotRunning
	case err != nil:
		return nil, err
	}
	// No proxy of the environment is asked for what is on this machine.
	c := &Client{place: p, http: http.Client{Transport: &http.Transport{Proxy: nil}}}
	brief, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	var h hello
	if err := c.get(brief, "/hello", nil, &h); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: process %d on %s: %w", ErrUnreachable, p.PID, p.Address, err)
	}
	if h.PID != p.PID {
		c.Close()
		return nil, fmt.Errorf("%w: process %d is gone, and another has its port %s", ErrUnreachable, p.PID, p.Address)
	}
	c.log, c.other = h.Log, h.Elsewhere
	return c, nil
}

// PID is the process of the server.
func (c *Client) PID() int { return c.place.PID }

// Close gives up the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stats returns the parts of GET /stats by name, each as JSON.
func (c *Client) Stats(ctx context.Context) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	err := c.get(ctx, "/stats", nil, &all)
	return all, err
}

// get reads an answer into a value, or nothing into nil.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, into)
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, into any) error {
	r, err := c.do(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// each reads an answer line by line.
func (c *Client) each(ctx context.Context, path string, query url.Values, yield func(line []byte) error) error {
	r, err := c.do(ctx, http.MethodGet, path, query)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	lines := bufio.NewReader(r.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the answer of the server ended too early: %w", err)
		}
		if bytes.Equal(line, lastLine) {
			return nil
		}
		if err := yield(line); err != nil {
			return err
		}
	}
}

// do sends a request; an answer that is no success is an error.
func (c *Client) do(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: c.place.Address, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.place.Token)
	r, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if r.StatusCode == http.StatusOK {
		return r, nil
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	return nil, toError(text)
}
