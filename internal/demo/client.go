package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/apps"
)

// requestTimeout bounds one call to the server's own HTTP API, answer included.
const requestTimeout = 5 * time.Second

// newHTTPClient returns a client for calls to this server, each of which ends
// with ctx or after limit. It keeps two connections open and knows no proxy: the
// calls do not leave the machine.
func newHTTPClient(ctx context.Context, limit time.Duration) *http.Client {
	return &http.Client{Transport: bound{ctx, limit, &http.Transport{
		MaxConnsPerHost:     2,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     time.Minute,
		// The certificate is made out to the public name, not to the address that
		// the server is reached at from inside. parseBase lets only loopback
		// addresses use it, and the requests carry signatures, never the secret.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}}
}

// bound ends every request with ctx or after limit. The official client makes its
// requests without a context, and a shutdown must not wait for them.
type bound struct {
	ctx   context.Context
	limit time.Duration
	next  *http.Transport
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.limit)
	resp, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = boundBody{resp.Body, cancel}
	return resp, nil
}

// CloseIdleConnections is what http.Client looks for.
func (b bound) CloseIdleConnections() { b.next.CloseIdleConnections() }

// boundBody keeps the time limit until the answer has been read.
type boundBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b boundBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// parseBase reads the base URL of the HTTP API, for example
// http://127.0.0.1:8080 or https://127.0.0.1:6001/ws.
func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("demo: base URL %q: %w", base, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("demo: base URL %q is not of the form http://HOST:PORT", base)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "https" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("demo: base URL %q is https on something else than a loopback address", base)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// newPublisher returns the official client for the server at u. A path prefix
// rides on the host: the library signs the path without it, as the server checks it.
func newPublisher(app *apps.App, u *url.URL, c *http.Client) *pusher.Client {
	return &pusher.Client{
		AppID: app.ID, Key: app.Key, Secret: app.Secret,
		Host: u.Host + u.Path, Secure: u.Scheme == "https",
		HTTPClient: c,
	}
}

// cause takes the URL off an error of net/http: with its signature it is long
// and says nothing that helps.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
