package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/pusher/pusher-http-go/v5"

	"resound/internal/apps"
)

// pace is how the publisher spends its time.
type pace struct {
	tick       time.Duration // one order changes
	perMetrics int           // ticks from one set of figures to the next
	perHistory int           // ticks from one history to the next
	retry      time.Duration // first pause while the server does not answer; doubles
	retryMax   time.Duration
	limit      time.Duration // of one request
}

var normalPace = pace{
	tick: 250 * time.Millisecond, perMetrics: 4, perHistory: 12,
	retry: 250 * time.Millisecond, retryMax: 5 * time.Second, limit: requestTimeout,
}

// Run publishes the demo's events to the HTTP API at baseURL, for example
// http://127.0.0.1:8080, path prefix included, until ctx ends. It waits for the
// server to answer /up first, and again whenever a publish fails; each outage
// after the start is logged once. It returns nil when ctx ends, and an error only for a baseURL
// that cannot be used. It runs on the caller's goroutine.
func Run(ctx context.Context, app *apps.App, baseURL string, log *slog.Logger) error {
	return run(ctx, app, baseURL, log, normalPace)
}

// publisher is the state of one Run.
type publisher struct {
	base   string
	client *http.Client
	out    *pusher.Client
	shop   *shop
	log    *slog.Logger
	pace   pace
	ticks  int
	seen   bool          // the server has answered once
	pause  time.Duration // before the next try while the server refuses; 0 while it takes events
}

func run(ctx context.Context, app *apps.App, baseURL string, log *slog.Logger, pc pace) error {
	u, err := parseBase(baseURL)
	if err != nil {
		return err
	}
	client := newHTTPClient(ctx, pc.limit)
	defer client.CloseIdleConnections()
	p := &publisher{
		base: u.String(), client: client, out: newPublisher(app, u, client),
		shop: newShop(rand.Uint64(), time.Now()), log: log, pace: pc,
	}
	for {
		err := p.up()
		if err == nil {
			if !p.seen {
				p.seen, p.pause = true, 0
			}
			err = p.publish(ctx)
		}
		if ctx.Err() != nil || !p.backOff(ctx, err) {
			return nil
		}
	}
}

// backOff waits before the next try, longer each time, and returns false when
// ctx ends first. A server that is up and refuses is waited for just the same.
func (p *publisher) backOff(ctx context.Context, err error) bool {
	level := slog.LevelWarn
	if !p.seen {
		level = slog.LevelDebug // the server has not started yet: nothing is wrong
	}
	if p.pause == 0 {
		p.log.Log(ctx, level, "the demo publisher waits for the server", "error", cause(err))
	}
	p.pause = min(max(2*p.pause, p.pace.retry), p.pace.retryMax)
	t := time.NewTimer(p.pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// publish sends events until one of them fails or ctx ends.
func (p *publisher) publish(ctx context.Context) error {
	t := time.NewTicker(p.pace.tick) // drops ticks when the server is slow
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		if err := p.step(); err != nil {
			return err
		}
		if p.pause > 0 {
			p.pause = 0
			p.log.Info("the demo publisher goes on")
		}
	}
}

// step sends what is due at this tick.
func (p *publisher) step() error {
	if err := p.out.Trigger("demo-orders", "order.updated", p.shop.change()); err != nil {
		return err
	}
	now := p.ticks
	p.ticks++
	if now%p.pace.perMetrics == 0 {
		if err := p.out.Trigger("demo-metrics", "metrics.updated", p.shop.measure(time.Now())); err != nil {
			return err
		}
	}
	if now%p.pace.perHistory == 0 {
		return p.out.Trigger("demo-metrics", "metrics.history", p.shop.history())
	}
	return nil
}

// up asks for the health of the server.
func (p *publisher) up() error {
	resp, err := p.client.Get(p.base + "/up")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	// Read to the end, so that the connection can be used again.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/up answers %s", resp.Status)
	}
	return nil
}
