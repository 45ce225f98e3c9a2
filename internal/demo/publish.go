package demo

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/apps"
)

// Messages of all visitors together: a burst, then so many a second. Enough for
// a room full of people, too little to be a load.
const (
	publishBurst = 20
	publishRate  = 5
)

// relay publishes what visitors type. Any number of goroutines may use it.
type relay struct {
	app     *apps.App
	baseURL func() string
	client  *http.Client
	log     *slog.Logger
	limit   *bucket
}

func newRelay(app *apps.App, baseURL func() string, log *slog.Logger) *relay {
	return &relay{app, baseURL, newHTTPClient(context.Background(), requestTimeout), log, newBucket(publishBurst, publishRate, time.Now())}
}

type publishRequest struct {
	Text     string `json:"text"`
	Name     string `json:"name"`
	SocketID string `json:"socket_id"` // this socket does not get the event
}

// message is the data of demo.message.
type message struct {
	Text string `json:"text"`
	Name string `json:"name"`
	At   int64  `json:"at"` // Unix milliseconds
}

func (p *relay) serve(w http.ResponseWriter, r *http.Request) {
	var req publishRequest
	if !read(w, r, maxPublishBody, &req, func(v url.Values) {
		req = publishRequest{v.Get("text"), v.Get("name"), v.Get("socket_id")}
	}) {
		return
	}
	now := time.Now()
	msg, params, err := req.check(now)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if !p.limit.take(now) {
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusTooManyRequests, "The demo takes 5 messages a second. Wait a moment and send it again.")
		return
	}
	base := p.baseURL()
	if base == "" {
		fail(w, http.StatusServiceUnavailable, "The server is still starting. Send it again in a moment.")
		return
	}
	u, err := parseBase(base)
	if err == nil {
		_, err = newPublisher(p.app, u, p.client).TriggerWithParams("demo", "demo.message", msg, params)
	}
	if err != nil {
		p.log.Warn("a message of the demo page could not be published", "error", cause(err))
		fail(w, http.StatusBadGateway, "The HTTP API did not take the message. The server's log says why.")
		return
	}
	answer(w, []byte("{}"))
}

// check turns a request into the event to publish.
func (req publishRequest) check(now time.Time) (msg message, params pusher.TriggerParams, err error) {
	msg.At = now.UnixMilli()
	if msg.Text, err = line("text", req.Text, maxText); err != nil {
		return msg, params, err
	}
	if msg.Text == "" {
		return msg, params, errors.New("text is empty")
	}
	if msg.Name, err = line("name", req.Name, maxName); err != nil {
		return msg, params, err
	}
	if msg.Name == "" {
		msg.Name = "Guest"
	}
	if req.SocketID != "" {
		if !socketID.MatchString(req.SocketID) {
			return msg, params, errors.New("socket_id must be of the form 123.456")
		}
		params.SocketID = &req.SocketID
	}
	return msg, params, nil
}

// bucket is a token bucket. Any number of goroutines may use it.
type bucket struct {
	mu     sync.Mutex // guards the rest
	tokens float64
	burst  float64
	rate   float64 // tokens a second
	last   time.Time
}

func newBucket(burst, rate float64, now time.Time) *bucket {
	return &bucket{tokens: burst, burst: burst, rate: rate, last: now}
}

// take reports whether there was a token left at now.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := now.Sub(b.last); d > 0 { // goroutines may come in another order than their clocks
		b.tokens = min(b.burst, b.tokens+d.Seconds()*b.rate)
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
