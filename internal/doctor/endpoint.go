package doctor

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// endpoint is one way to a server.
type endpoint struct {
	base      url.URL // scheme, host and the prefix before /app
	transport *http.Transport
}

// newEndpoint knows no proxy of the environment and follows no redirect: what answers is what is looked at.
func newEndpoint(base url.URL) *endpoint {
	return &endpoint{base: base, transport: &http.Transport{MaxIdleConnsPerHost: 2, DisableCompression: true}}
}

func (e *endpoint) close() { e.transport.CloseIdleConnections() }

// String is the address for people.
func (e *endpoint) String() string { return e.base.String() }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	clock  time.Duration // how far the other's clock is ahead, good to a second
	dated  bool          // it said the time
}

// String is for people.
func (a *answer) String() string {
	text := strconv.Itoa(a.status) + " " + http.StatusText(a.status)
	if server := a.header.Get("Server"); server != "" {
		text += " of " + brief(server)
	}
	if a.body != "" {
		text += ": " + brief(a.body)
	}
	return text
}

// get asks for a path below the prefix.
func (e *endpoint) get(ctx context.Context, path string) (*answer, error) {
	return e.do(ctx, http.MethodGet, path, nil, nil)
}

// signed makes a request of the HTTP API as Laravel does.
func (e *endpoint) signed(ctx context.Context, app *apps.App, method, path string, body []byte) (*answer, error) {
	query := url.Values{
		"auth_key": {app.Key}, "auth_timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}, "auth_version": {"1.0"},
	}
	if len(body) > 0 {
		sum := md5.Sum(body)
		query.Set("body_md5", hex.EncodeToString(sum[:]))
	}
	var params []protocol.Param
	for name := range query {
		params = append(params, protocol.Param{Name: []byte(name), Value: []byte(query.Get(name))})
	}
	// The prefix is not signed: a proxy may have taken it off.
	query.Set("auth_signature", protocol.NewSigner(app.Key, app.Secret).Request([]byte(method), []byte(path), params, body))
	return e.do(ctx, method, path, query, body)
}

func (e *endpoint) do(ctx context.Context, method, path string, query url.Values, body []byte) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := e.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	begun := time.Now()
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return readAnswer(resp, begun)
}

func (e *endpoint) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := e.base
	u.Path += path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "resound-doctor")
	return req, nil
}

func readAnswer(resp *http.Response, begun time.Time) (*answer, error) {
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: string(text), took: time.Since(begun)}
	a.readClock(begun)
	return a, nil
}

// readClock compares the Date header with the middle of the request.
func (a *answer) readClock(begun time.Time) {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return
	}
	// Half a second is what the header leaves out on average.
	a.clock, a.dated = date.Add(time.Second/2).Sub(begun.Add(time.Since(begun)/2)), true
}

// notUpgraded is the answer of who did not take the upgrade.
type notUpgraded struct{ *answer }

func (e notUpgraded) Error() string { return "no upgrade: " + e.String() }

// errAccept says that a 101 came from something that does not speak WebSocket.
var errAccept = errors.New("the answer to the upgrade has no right Sec-WebSocket-Accept")

// dial connects a socket as pusher-js does; origin is "" for none. The answer is there after a 101.
// Its errors are notUpgraded, refused, and those of the network.
func (e *endpoint) dial(ctx context.Context, key, origin string) (*socket, *answer, error) {
	brief, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	query := url.Values{"protocol": {"7"}, "client": {"resound-doctor"}, "version": {"1.0"}, "flash": {"false"}}
	req, err := e.request(brief, http.MethodGet, "/app/"+key, query, nil)
	if err != nil {
		return nil, nil, err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	secret := base64.StdEncoding.EncodeToString(nonce[:])
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": secret} {
		req.Header.Set(name, value)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	begun := time.Now()
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	stream, ok := resp.Body.(io.ReadWriteCloser)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		a, err := readAnswer(resp, begun)
		if err != nil {
			return nil, nil, err
		}
		return nil, a, notUpgraded{a}
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, took: time.Since(begun)}
	a.readClock(begun)
	sum := sha1.Sum([]byte(secret + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, section 1.3
	if resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		_ = stream.Close()
		return nil, a, errAccept
	}
	s := newSocket(stream)
	if err := s.greet(ctx); err != nil {
		s.close()
		return nil, a, err
	}
	return s, a, nil
}

// cause takes the address off an error of net/http: with its signature it is long and says nothing that helps.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", patience)
	}
	return err
}

// trustAnybody takes any certificate, for a connection that does not leave this machine, and asks for that host.
func (e *endpoint) trustAnybody(host string) {
	e.transport.TLSClientConfig = &tls.Config{ServerName: host, InsecureSkipVerify: true}
}
