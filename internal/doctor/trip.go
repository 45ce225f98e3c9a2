package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-json"

	"resound/internal/apps"
	"resound/protocol"
)

// trip is one event on its way: who listens, who publishes, and how long it took.
type trip struct {
	sockets, api *endpoint
	app          *apps.App
	origin       string // of the page, or ""
	private      bool

	channel                     string
	connect, subscribe, deliver time.Duration
	upgrade, publish            *answer // what the server said, as far as it came
}

// The steps of a trip.
const (
	connecting  = "connecting"
	subscribing = "subscribing"
	publishing  = "publishing"
	receiving   = "receiving"
)

// broken says where a trip ended.
type broken struct {
	step string
	err  error
}

func (e broken) Error() string { return fmt.Sprintf("%s: %v", e.step, e.err) }
func (e broken) Unwrap() error { return e.err }

// run makes the trip. Its error is a broken.
func (t *trip) run(ctx context.Context) error {
	begun := time.Now()
	s, upgrade, err := t.sockets.dial(ctx, t.app.Key, t.origin)
	t.upgrade = upgrade
	if err != nil {
		return broken{connecting, cause(err)}
	}
	defer s.close()
	t.connect = time.Since(begun)
	begun = time.Now()
	if err := t.listen(ctx, s); err != nil {
		return broken{subscribing, err}
	}
	t.subscribe = time.Since(begun)
	return t.send(ctx, s)
}

// listen subscribes to a channel that nobody else has.
func (t *trip) listen(ctx context.Context, s *socket) error {
	signer := protocol.NewSigner(t.app.Key, t.app.Secret)
	t.channel = "resound-doctor-" + token()
	data := map[string]string{}
	if t.private {
		t.channel = "private-" + t.channel
		data["auth"] = signer.Channel(s.id, []byte(t.channel), nil)
	}
	data["channel"] = t.channel
	if err := s.send("pusher:subscribe", data); err != nil {
		return err
	}
	_, err := s.await(ctx, "pusher_internal:subscription_succeeded", t.channel)
	return err
}

// send publishes there, and waits for the event.
func (t *trip) send(ctx context.Context, s *socket) error {
	const name = "resound-doctor"
	mark := token()
	data, _ := json.Marshal(map[string]string{"mark": mark}) // texts always have a form
	body, _ := json.Marshal(map[string]string{"name": name, "channel": t.channel, "data": string(data)})
	begun := time.Now()
	said, err := t.api.signed(ctx, t.app, http.MethodPost, "/apps/"+t.app.ID+"/events", body)
	if err != nil {
		return broken{publishing, cause(err)}
	}
	if t.publish = said; said.status != http.StatusOK {
		return broken{publishing, refusal{said}}
	}
	var object map[string]any
	if json.Unmarshal([]byte(said.body), &object) != nil {
		return broken{publishing, notAPI{said}}
	}
	e, err := s.await(ctx, name, t.channel)
	if err != nil {
		return broken{receiving, err}
	}
	if !strings.Contains(e.text(), mark) {
		return broken{receiving, fmt.Errorf("the event has other data than was published: %s", brief(e.text()))}
	}
	t.deliver = e.at.Sub(begun)
	return nil
}

// token is text that nobody guesses.
func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// refusal is an answer of the HTTP API that is no success.
type refusal struct{ *answer }

func (e refusal) Error() string { return "the answer is " + e.String() }

// notAPI is a 200 of something else than the HTTP API.
type notAPI struct{ *answer }

func (e notAPI) Error() string { return "the answer is no JSON object: " + e.String() }

// advice says what to do about a broken trip.
func advice(err error) string {
	if why, ok := errors.AsType[refused](err); ok {
		return adviceRefused(why)
	}
	if why, ok := errors.AsType[refusal](err); ok {
		return adviceStatus(why.answer)
	}
	if _, ok := errors.AsType[notAPI](err); ok {
		return "something else answers there: let the proxy pass /apps/ on to the server"
	}
	if why, ok := errors.AsType[notUpgraded](err); ok {
		return adviceUpgrade(why.answer)
	}
	switch {
	case errors.Is(err, errSilent):
		return "what the server sends does not come through: turn off buffering in what is between, and look at the server's log"
	case errors.Is(err, errAccept):
		return "what answers does not speak WebSocket: look at what listens there"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "start the server, or correct the host and the port"
	}
	return adviceNetwork(err)
}

func adviceRefused(why refused) string {
	switch why.Code {
	case 4001:
		return "the running server does not know this key: restart it with these settings, and compare REVERB_APP_KEY"
	case 4004:
		return "raise REVERB_APP_MAX_CONNECTIONS, or leave it empty"
	case 4009:
		if strings.Contains(why.Message, "Origin") {
			return "add the host of the page to the allowed origins"
		}
		return "the running server has another secret than these settings: restart it, and compare REVERB_APP_SECRET"
	case 4100:
		return "the server has no descriptors left: raise its limit (LimitNOFILE of systemd, minfds of Supervisor)"
	}
	return "look at the server's log"
}

func adviceStatus(a *answer) string {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the running server has other credentials than these settings: restart it, compare REVERB_APP_KEY and REVERB_APP_SECRET, and run php artisan config:clear"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		if strings.Contains(a.body, "No matching application") {
			return "the running server does not know this application: restart it with these settings, and compare REVERB_APP_ID"
		}
		return "let the proxy pass /apps/ on to the server, as deploy/nginx.conf does; with a prefix, compare REVERB_SERVER_PATH"
	case http.StatusRequestEntityTooLarge:
		return "raise client_max_body_size of nginx, or what your proxy calls it"
	case http.StatusTooManyRequests:
		if strings.Contains(a.body, "from this address") {
			return "raise --connection-rate or --connections-per-address; behind a proxy --trusted-proxies has to name it, else all sockets count as its own"
		}
		return "the proxy limits requests: raise that for /app/ and /apps/"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if strings.Contains(a.body, "overloaded") || strings.Contains(a.body, "short of memory") {
			return "the server is overloaded: resound top and its log say of what"
		}
		return "the proxy does not reach the server: is it running, and on the port that the proxy passes on to?"
	}
	if a.status/100 == 3 {
		return "publish to where the redirect leads: " + redirect(a)
	}
	return "look at the server's log, and at the proxy's"
}

func adviceUpgrade(a *answer) string {
	switch a.status {
	case http.StatusUpgradeRequired:
		return "the proxy leaves out the Upgrade header: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection \"upgrade\" in nginx"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusOK:
		return "let the proxy pass /app/ on to the server, as deploy/nginx.conf does; with a prefix, compare REVERB_SERVER_PATH"
	case http.StatusInternalServerError:
		return "Reverb answers so when the proxy leaves out the Upgrade header; else look at its log"
	case http.StatusBadRequest:
		if strings.Contains(a.body, "HTTPS") {
			return "that port speaks TLS: REVERB_SCHEME=https, and build the page again"
		}
		return "look at how the proxy passes on the headers Upgrade, Connection and Sec-WebSocket-*"
	}
	if a.status/100 == 3 {
		return "a browser follows no redirect with a WebSocket: send it to " + redirect(a) + " with REVERB_HOST, REVERB_PORT and REVERB_SCHEME, and build the page again"
	}
	return adviceStatus(a)
}

// redirect is where an answer leads, without the query: it may be signed.
func redirect(a *answer) string {
	to, _, _ := strings.Cut(a.header.Get("Location"), "?")
	return brief(to)
}

func adviceNetwork(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "x509") || strings.Contains(text, "certificate"):
		return "browsers refuse this certificate, too: renew it, or let it name this host; one of your own has to be trusted on this machine"
	case strings.Contains(text, "first record does not look like a TLS handshake") || strings.Contains(text, "HTTP response to HTTPS client"):
		return "that port does not speak TLS: REVERB_SCHEME=http for development, and a proxy with TLS for production"
	case strings.Contains(text, "malformed HTTP response"):
		return "that port does not speak HTTP: if it speaks TLS, REVERB_SCHEME=https"
	case strings.Contains(text, "no such host"):
		return "the name cannot be resolved from here: correct it, or its DNS entry"
	case strings.Contains(text, "no answer within"), strings.Contains(text, "timeout"):
		return "a firewall may drop the packets, or the proxy may not reach the server"
	}
	return "look at what listens there"
}
