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

	// Of one publish in sampled.
	Parsed    measure.Counts // from the whole request until its events are checked and ready to go out
	Published measure.Counts // from there until they are posted to the loops, and as safe in the log as durability says
}

// statuses are all that are answered, by the pages of the fallback too; what is none of them counts as the last.
var statuses = [...]int{200, 304, 308, 400, 401, 403, 404, 405, 408, 413, 415, 422, 426, 429, 431, 502, 503, 500}

// names of kinds, as metrics have them.
var kindNames = [kinds]string{
	unknown: "other", health: "up", socket: "app", events: "events", batchEvents: "batch_events", channelList: "channels",
	channelInfo: "channel", channelUsers: "users", connections: "connections", terminate: "terminate_connections", script: "replay.js", ready: "ready",
}

// counts are the counters of Stats. Any goroutine may write to them. Each loop that answers itself has its own, and the HTTP
// server has one more: loops that write to the same memory would wait for each other.
type counts struct {
	_ [measure.CacheLine]byte

	requests          [kinds][len(statuses)]atomic.Uint64
	took              [kinds]measure.Histogram
	parsed, published measure.Histogram

	_ [measure.CacheLine]byte
}

// sampled is how many publishes there are for one whose stages are timed: a look at the clock is a hundredth of what the
// smallest takes.
const sampled = 8

// sample returns the beginning of a request whose stages are timed, and 0 of all others. The clock's last digits are as good as
// dice, and cost nothing.
func sample(begun time.Duration) time.Duration {
	if begun%sampled != 0 {
		return 0
	}
	return begun
}

func (c *counts) answered(k kind, status int, took time.Duration) {
	i := 0
	for i < len(statuses)-1 && statuses[i] != status {
		i++
	}
	c.requests[k][i].Add(1)
	c.took[k].Observe(took)
}

// parsed is called when the events of a publish are about to go out.
func (r *request) parsed() {
	if r.begun != 0 {
		now := measure.Now()
		r.counts.parsed.Observe(now - r.begun)
		r.begun = now
	}
}

// published is called when they have.
func (r *request) published() {
	if r.begun != 0 {
		r.counts.published.Observe(measure.Now() - r.begun)
	}
}

// newCounts returns counters for one who answers.
func (s *Server) newCounts() *counts {
	c := new(counts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
	return c
}

// Stats may be called by any goroutine.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	list := s.all
	s.mu.Unlock()
	all := Stats{Took: make(map[string]measure.Counts)}
	for k, name := range kindNames {
		for i, status := range statuses {
			n := uint64(0)
			for _, c := range list {
				n += c.requests[k][i].Load()
			}
			if n > 0 {
				all.Requests = append(all.Requests, Requests{name, status, n})
			}
		}
		var took measure.Counts
		for _, c := range list {
			took.Add(c.took[k].Counts())
		}
		if took.Count > 0 {
			all.Took[name] = took
		}
	}
	for _, c := range list {
		all.Parsed.Add(c.parsed.Counts())
		all.Published.Add(c.published.Counts())
	}
	return all
}
