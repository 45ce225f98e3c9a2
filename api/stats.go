package api

import (
	"sync/atomic"
	"time"

	"resound/internal/measure"
)

// Requests is how many requests of a kind were answered with a status.
type Requests struct {
	Kind   string // events, batch_events, channels, … or other
	Status int
	Count  uint64
}

// Stats is what the API has done since the start.
type Stats struct {
	Requests []Requests
	Took     map[string]measure.Counts // by kind, from the whole request to its answer, without the wait for either
}

// statuses are all that are answered, by the pages of the fallback too; what is none of them counts as the last.
var statuses = [...]int{200, 304, 308, 400, 401, 403, 404, 405, 408, 413, 415, 422, 426, 429, 431, 502, 503, 500}

// names of kinds, as metrics have them.
var kindNames = [kinds]string{
	unknown: "other", health: "up", socket: "app", events: "events", batchEvents: "batch_events", channelList: "channels",
	channelInfo: "channel", channelUsers: "users", connections: "connections", terminate: "terminate_connections", script: "replay.js", ready: "ready",
}

// counts are the counters of Stats. Any goroutine may write to them.
type counts struct {
	requests [kinds][len(statuses)]atomic.Uint64
	took     [kinds]measure.Histogram
}

func (c *counts) answered(k kind, status int, took time.Duration) {
	i := 0
	for i < len(statuses)-1 && statuses[i] != status {
		i++
	}
	c.requests[k][i].Add(1)
	c.took[k].Observe(took)
}

// Stats may be called by any goroutine.
func (s *Server) Stats() Stats {
	all := Stats{Took: make(map[string]measure.Counts)}
	for k := range s.counts.requests {
		for i := range s.counts.requests[k] {
			if n := s.counts.requests[k][i].Load(); n > 0 {
				all.Requests = append(all.Requests, Requests{kindNames[k], statuses[i], n})
			}
		}
		if took := s.counts.took[k].Counts(); took.Count > 0 {
			all.Took[kindNames[k]] = took
		}
	}
	return all
}
