package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Top is what a server did over a short time. Rates are for a second.
type Top struct {
	Took float64 `json:"took_s"` // how long it was watched

	Sockets  int     `json:"sockets"`
	Slow     int     `json:"slow"`          // of those, that do not take what they get
	Backlog  int64   `json:"backlog_bytes"` // that those leave
	Lag      float64 `json:"loop_lag_ms"`   // of the loop that is latest
	Draining bool    `json:"draining,omitempty"`

	Level       string  `json:"overload"`         // calm, closed, thinned or guarded
	Reason      string  `json:"reason,omitempty"` // of a level that is not calm
	Memory      float64 `json:"memory"`           // part of its bound that is used; 0 without a bound
	MemoryUsed  uint64  `json:"memory_used_bytes"`
	MemoryBound uint64  `json:"memory_bound_bytes"`
	Refused     float64 `json:"refused"` // sockets, publishes and client events, to keep the server well

	Accepted  float64 `json:"accepted"`
	Messages  float64 `json:"messages"` // of clients
	Sent      float64 `json:"sent_bytes"`
	Requests  float64 `json:"requests"`
	Published float64 `json:"published"`
	Delivered float64 `json:"delivered"`
	Processor float64 `json:"processor"` // cores that it kept busy; 0 where that is not known

	Cluster *TopCluster `json:"cluster,omitempty"` // nil without scaling

	Apps     []TopApp     `json:"apps"`     // by what they deliver
	Channels []TopChannel `json:"channels"` // by the bytes that they make the server send
	Others   int          `json:"others"`   // channels that are not among these
	Events   []TopEvent   `json:"events"`   // by the same
}

// TopCluster is how it goes with the other servers.
type TopCluster struct {
	Redis     string  `json:"redis"` // where they meet, without a password
	Prefix    string  `json:"prefix"`
	Joined    bool    `json:"joined"`
	Others    int     `json:"other_servers"`
	RoundTrip float64 `json:"round_trip_ms"` // of a publish, the mean; 0 when there was none
	Alone     float64 `json:"alone"`         // events that reached this server's sockets only
	Fetched   float64 `json:"fetched"`       // events that were not heard, and fetched
	Lost      float64 `json:"lost"`          // and that were gone
}

// TopApp is one application.
type TopApp struct {
	ID            string  `json:"id"`
	Connections   int     `json:"connections"`
	Channels      int     `json:"channels"`
	Subscriptions int     `json:"subscriptions"`
	Published     float64 `json:"published"`
	Delivered     float64 `json:"delivered"`
	Sent          float64 `json:"sent_bytes"`
}

// TopChannel is one channel.
type TopChannel struct {
	App           string  `json:"app"`
	Name          string  `json:"name"`
	Subscriptions int     `json:"subscriptions"`
	Messages      float64 `json:"messages"`
	Size          float64 `json:"size"`       // bytes of a message, the mean
	Sent          float64 `json:"sent_bytes"` // subscriptions × messages × size
}

// TopEvent is one event name of one application.
type TopEvent struct {
	App       string  `json:"app"`
	Name      string  `json:"name"`
	Messages  float64 `json:"messages"`
	Size      float64 `json:"size"` // bytes of a message, the mean
	Delivered float64 `json:"delivered"`
	Sent      float64 `json:"sent_bytes"` // of all messages, bytes × subscriptions
}

// maxWatch is how long one question may take.
const maxWatch = time.Minute

// HandleTop answers GET /top?for=1s&channels=20. watch is called for each question and returns when it is answered.
func (s *Server) HandleTop(watch func(ctx context.Context, d time.Duration, channels int) (Top, error)) {
	s.Handle("GET /top", func(w http.ResponseWriter, r *http.Request) error {
		d, err := time.ParseDuration(r.FormValue("for"))
		n, failed := strconv.Atoi(r.FormValue("channels"))
		if err != nil || failed != nil || d <= 0 || d > maxWatch || n < 0 {
			return fmt.Errorf("for has to be a time up to %v, and channels a number", maxWatch)
		}
		top, err := watch(r.Context(), d, n)
		if err != nil {
			return err
		}
		return answer(w, top)
	})
}

// Top watches the server for a time, and returns the busiest n channels.
func (c *Client) Top(ctx context.Context, d time.Duration, n int) (top Top, err error) {
	err = c.get(ctx, "/top", url.Values{"for": {d.String()}, "channels": {strconv.Itoa(n)}}, &top)
	return top, err
}
