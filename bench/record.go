package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/wire"
)

// Record watches a server that runs, by its API: how many listen to each channel, how often something is said
// there, and how many bytes it has. It sees no payload, and what it keeps has no names either.
//
// The counters are Resound's (info=traffic). Of other servers there are only subscriptions.
type Record struct {
	Target   Target
	Duration time.Duration
	Every    time.Duration // between two looks
	Progress *Progress
}

// Recording is the shape of a server's traffic.
type Recording struct {
	Every       time.Duration     `json:"every_ns"`
	Intervals   int               `json:"intervals"`
	Connections []int             `json:"connections"` // at each look, one more than there are intervals
	Channels    []RecordedChannel `json:"channels"`    // busiest first
	Counted     bool              `json:"counted"`     // the server has counters
	Partial     bool              `json:"partial,omitempty"`
}

// RecordedChannel is one channel, which has no name any more.
type RecordedChannel struct {
	Kind          string   `json:"kind"`          // public, private, presence, cache, encrypted
	Subscriptions float64  `json:"subscriptions"` // the mean while somebody was there
	Messages      []uint32 `json:"messages"`      // in each interval, 0 also before it came and when it had gone
	Bytes         uint64   `json:"bytes"`         // of all of them, as frames on the wire, once for each
}

// apiChannel is what the API says of one channel.
type apiChannel struct {
	Subscriptions *int `json:"subscription_count"`
	Users         *int `json:"user_count"`
	Traffic       *struct {
		Subscriptions int    `json:"subscriptions"`
		Messages      uint64 `json:"messages"`
		Bytes         uint64 `json:"bytes"`
	} `json:"traffic"`
}

// seen is a channel while it is recorded.
type seen struct {
	RecordedChannel
	looks           int // at which somebody was there
	total           int // subscriptions at all of them
	messages, bytes uint64
}

// Run records. When ctx ends it returns what there is, as long as there is one interval.
func (r Record) Run(ctx context.Context) (*Recording, error) {
	result := &Recording{Every: r.Every}
	intervals := max(int(r.Duration/r.Every), 1)
	channels := map[string]*seen{}
	begun := time.Now()
	for look := 0; look <= intervals; look++ {
		r.Progress.Show(float64(look)/float64(intervals), fmt.Sprintf("look %d of %d, %s", look, intervals, plural(len(channels), "channel")))
		if err := r.look(ctx, result, channels, look); err != nil {
			if ctx.Err() == nil {
				return nil, err
			}
			result.Partial = true
			break
		}
		if look < intervals && !sleep(ctx, time.Until(begun.Add(time.Duration(look+1)*r.Every))) {
			result.Partial = true
			break
		}
	}
	if result.Intervals = len(result.Connections) - 1; result.Intervals < 1 {
		return nil, errors.New("it ended before anything could be counted: record for longer")
	}
	for _, c := range channels {
		c.RecordedChannel.Subscriptions = float64(c.total) / float64(c.looks)
		c.Messages = append(c.Messages, make([]uint32, result.Intervals-len(c.Messages))...)
		result.Channels = append(result.Channels, c.RecordedChannel)
	}
	slices.SortFunc(result.Channels, func(a, b RecordedChannel) int {
		if by := b.deliveries() - a.deliveries(); by != 0 {
			return int(math.Copysign(1, by))
		}
		return int(math.Copysign(1, b.Subscriptions-a.Subscriptions))
	})
	if len(result.Channels) == 0 {
		return nil, fmt.Errorf("%s had no channel with somebody on it: record while it is used", r.Target.Name)
	}
	return result, nil
}

// look asks once, and counts what is new since the look before.
func (r Record) look(ctx context.Context, result *Recording, channels map[string]*seen, look int) error {
	var connections struct{ Connections int }
	if err := r.get(ctx, "/connections", "", &connections); err != nil {
		return err
	}
	var list struct{ Channels map[string]apiChannel }
	if err := r.get(ctx, "/channels", "info=subscription_count,traffic,user_count", &list); err != nil {
		return err
	}
	result.Connections = append(result.Connections, connections.Connections)
	for name, now := range list.Channels {
		c := channels[name]
		if c == nil {
			c = &seen{RecordedChannel: RecordedChannel{Kind: kindOf(name)}}
			channels[name] = c
		}
		if c.looks++; now.Traffic == nil {
			c.total += or(now.Subscriptions, now.Users)
			continue
		}
		result.Counted = true
		c.total += now.Traffic.Subscriptions
		messages, bytes := now.Traffic.Messages-c.messages, now.Traffic.Bytes-c.bytes
		if now.Traffic.Messages < c.messages || now.Traffic.Bytes < c.bytes { // everybody had left in between, and it began anew
			messages, bytes = now.Traffic.Messages, now.Traffic.Bytes
		}
		if c.messages, c.bytes = now.Traffic.Messages, now.Traffic.Bytes; look == 0 {
			continue
		}
		c.Messages = append(append(c.Messages, make([]uint32, look-1-len(c.Messages))...), uint32(messages))
		c.Bytes += bytes
	}
	return nil
}

func or(counts ...*int) int {
	for _, n := range counts {
		if n != nil {
			return *n
		}
	}
	return 0
}

// kindOf is the kind of a channel of that name.
func kindOf(name string) string {
	for _, kind := range []struct{ prefix, name string }{
		{"private-encrypted-", "encrypted"}, {"presence-", "presence"}, {"private-", "private"}, {"cache-", "cache"},
	} {
		if strings.HasPrefix(name, kind.prefix) {
			return kind.name
		}
	}
	return "public"
}

// get asks the API. more is one parameter whose name comes behind those that sign.
func (r Record) get(ctx context.Context, resource, more string, into any) error {
	path := r.Target.Path + "/apps/" + r.Target.ID + resource
	query := wire.NewSigner(r.Target.Key, r.Target.Secret).AppendQuestion(nil, path, more)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Target.Address+path+"?"+string(query), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s cannot be asked: %w", r.Target.Address, err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, 256<<20))
	if err != nil {
		return fmt.Errorf("%s cannot be asked: %w", r.Target.Address, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s is answered %d: %s", path, response.StatusCode, strings.TrimSpace(string(body[:min(len(body), 300)])))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s is answered with what is no JSON of the API: %w", path, err)
	}
	return nil
}

// SaveRecording writes a recording for what-if.
func SaveRecording(path string, r *Recording) error {
	b, err := json.Marshal(r) // not indented: there are channels times intervals in it
	if err != nil {
		return err
	}
	return writeWhole(path, append(b, '\n'))
}

// LoadRecording reads a recording, and refuses what is none.
func LoadRecording(path string) (*Recording, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Recording)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s is no recording: %w", path, err)
	}
	if r.Every <= 0 || r.Intervals < 1 || len(r.Channels) == 0 {
		return nil, fmt.Errorf("%s is no recording: it has no channels or no time", path)
	}
	for i, c := range r.Channels {
		if len(c.Messages) != r.Intervals {
			return nil, fmt.Errorf("%s: channel %d has %d of %d intervals", path, i, len(c.Messages), r.Intervals)
		}
	}
	return r, nil
}
