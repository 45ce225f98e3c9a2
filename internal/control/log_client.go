package control

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/goccy/go-json"

	"resound/persist"
)

// ErrNoLog says that the server keeps no log.
var ErrNoLog = errors.New("control: this server keeps no log")

// Log returns the log of the server, or ErrNoLog.
func (c *Client) Log() (Log, error) {
	if !c.log {
		return nil, ErrNoLog
	}
	return remote{c}, nil
}

// remote is the log of another process.
type remote struct{ *Client }

func of(app, channel string) url.Values { return url.Values{"app": {app}, "channel": {channel}} }

func (r remote) Streams(ctx context.Context, app, prefix string) ([]persist.StreamInfo, error) {
	return readLines[persist.StreamInfo](ctx, r.Client, "/log/streams", url.Values{"app": {app}, "prefix": {prefix}})
}

func (r remote) Info(ctx context.Context, app, channel string) (info persist.StreamInfo, err error) {
	err = r.get(ctx, "/log/stream", of(app, channel), &info)
	return info, err
}

func (r remote) Newest(ctx context.Context, app, channel string, n int) (after uint64, err error) {
	q := of(app, channel)
	q.Set("n", strconv.Itoa(n))
	err = r.get(ctx, "/log/newest", q, &after)
	return after, err
}

func (r remote) Records(ctx context.Context, app, channel string, after, upto uint64, yield func(persist.Record) bool) error {
	q := of(app, channel)
	q.Set("upto", strconv.FormatUint(upto, 10))
	return inChunks(after, upto, yield, func(after uint64) ([]persist.Record, error) {
		q.Set("after", strconv.FormatUint(after, 10))
		return readLines[persist.Record](ctx, r.Client, "/log/records", q)
	})
}

func (r remote) Truncate(ctx context.Context, app, channel string, upto uint64) error {
	q := of(app, channel)
	q.Set("upto", strconv.FormatUint(upto, 10))
	return r.call(ctx, http.MethodPost, "/log/truncate", q, nil)
}

func (r remote) Compact(ctx context.Context) error {
	return r.call(ctx, http.MethodPost, "/log/compact", nil, nil)
}

func (r remote) LogStats(ctx context.Context) (s persist.Stats, err error) {
	all, err := r.Stats(ctx)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(all["log"], &s)
}

// readLines reads an answer that has a value in each line.
func readLines[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var list []T
	err := c.each(ctx, path, query, func(line []byte) error {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		list = append(list, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
