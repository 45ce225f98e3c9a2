package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"resound/bench/crowd"
)

// Workload is what a Play plays; package crowd has its documentation.
type (
	Workload    = crowd.Workload
	Group       = crowd.Group
	PublishRate = crowd.Publish
	WhisperRate = crowd.Whisper
	Drop        = crowd.Drop
	Rows        = crowd.Table
)

// The kinds of a group's channels.
const (
	PublicChannels   = crowd.Public
	PrivateChannels  = crowd.Private
	PresenceChannels = crowd.Presence
	CacheChannels    = crowd.Cache
)

// Play is the scenario of all open-loop scenarios: a workload at a rate that does not ask whether the server keeps up.
type Play struct {
	Targets    []Target // not the baseline, which knows no channels
	Name       string   // what the workload is, for the title
	Workload   Workload
	Loads      int           // load processes that share it; 0 is one for each 19,000 sockets
	Publishers int           // kept-alive HTTP connections of each of them
	Rounds     int           // of each target, by turns; a server lives for one
	Patience   time.Duration // how long to wait for what is on its way
	Cores      Cores
	Progress   *Progress
}

// PlayResult is every round of every target.
type PlayResult struct {
	Name       string        `json:"name"`
	Workload   Workload      `json:"workload"`
	Loads      int           `json:"loads"`
	Publishers int           `json:"publishers"`
	Patience   time.Duration `json:"patience_ns"`
	Cores      Cores         `json:"cores"`
	Columns    []PlayColumn  `json:"columns"`
	Partial    bool          `json:"partial,omitempty"` // it was interrupted
}

// PlayColumn is one target.
type PlayColumn struct {
	Target Target      `json:"target"`
	Rounds []PlayRound `json:"rounds"`
}

// PlayRound is one life of a server.
type PlayRound struct {
	Result  *crowd.Result `json:"result"`
	Seconds float64       `json:"seconds"` // of the steady window

	CPU         float64   `json:"cpu_s"`          // of the server in the window; 0 if its process is not known, or one of its processes has ended
	Waited      float64   `json:"waited_s"`       // its threads were ready and did not run
	Loads       []float64 `json:"loads_s"`        // of each load process
	LoadsWaited []float64 `json:"loads_waited_s"` // of each load process
	LoadCores   int       `json:"load_cores"`     // that they share
	Before      Memory    `json:"before"`         // of the server, when all were connected
	After       Memory    `json:"after"`          // at the end of the window
	Largest     int64     `json:"resident"`       // the most of a second

	Timeline []PlaySecond `json:"timeline"`
}

// PlaySecond is one second of the play, the warm-up included, by when things happened. What is left of a second at the
// end is none.
type PlaySecond struct {
	Second     int     `json:"second"`
	Deliveries int64   `json:"deliveries"`
	Published  int64   `json:"published"`
	Open       int     `json:"open"`
	Missing    int64   `json:"missing"`
	P50        float64 `json:"p50_ms"` // to a few per cent
	P99        float64 `json:"p99_ms"`
	CPU        float64 `json:"cpu_s"`
	LoadCPU    float64 `json:"load_cpu_s"`
	Resident   int64   `json:"resident"`
}

// socketsEach is how many sockets one load process has at most, if nobody says how many processes there are: a process
// may often have no more than 20,000 descriptors.
const socketsEach = 19_000

// Run measures. It returns what it has when ctx ends, or a round fails.
func (p Play) Run(ctx context.Context) (*PlayResult, error) {
	if err := p.Workload.Complete(); err != nil {
		return nil, err
	}
	p.Rounds, p.Publishers = max(p.Rounds, 1), max(p.Publishers, 1)
	if p.Loads <= 0 {
		p.Loads = max((p.Workload.Sockets()+socketsEach-1)/socketsEach, 1)
	}
	if p.Patience <= 0 {
		p.Patience = 5 * time.Second
	}
	r := &PlayResult{Name: p.Name, Workload: p.Workload, Loads: p.Loads, Publishers: p.Publishers, Patience: p.Patience, Cores: p.Cores}
	for _, t := range p.Targets {
		if t.raw() {
			return nil, fmt.Errorf("%s has no channels, and cannot play a workload", t.Name)
		}
		r.Columns = append(r.Columns, PlayColumn{Target: t})
	}
	for i := range p.Rounds {
		for turn := range p.Targets {
			j := turn
			if i%2 == 1 { // there and back, so that what changes slowly is nobody's advantage
				j = len(p.Targets) - 1 - turn
			}
			t := p.Targets[j]
			show := func(done float64, what string) {
				name := t.Name
				if p.Rounds > 1 {
					name += fmt.Sprintf(", round %d of %d", i+1, p.Rounds)
				}
				p.Progress.Show((float64(i*len(p.Targets)+turn)+done)/float64(p.Rounds*len(p.Targets)), name+": "+what)
			}
			round, err := p.round(ctx, t, show)
			if round != nil {
				r.Columns[j].Rounds = append(r.Columns[j].Rounds, *round)
			}
			if ctx.Err() != nil {
				r.Partial = true
				return r, nil
			}
			if err == nil {
				err = exercised(p.Workload, round.Result)
			}
			if err != nil {
				return r, fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	return r, nil
}

// round is one life of a server. It returns no round if nothing was measured.
func (p Play) round(ctx context.Context, t Target, show func(float64, string)) (*PlayRound, error) {
	s, err := startServer(t, p.Cores.server())
	if err != nil {
		return nil, err
	}
	defer s.stop()
	o := crowd.Options{Server: s.addr, API: s.api, Host: s.Address, APIHost: s.Target.API, ID: s.ID, Key: s.Key, Secret: s.Secret, Path: s.Path, Workload: p.Workload,
		Parts: p.Loads, Publishers: p.Publishers, Patience: p.Patience}
	show(0, "connecting")
	c, err := startCast(p.Cores, o)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.ready(ctx, p.Workload, show); err != nil {
		return nil, err
	}
	return c.play(ctx, s, p.Workload, show)
}

// exercised says what a workload names and a play did not have: figures of something else would be shown under its name.
func exercised(w Workload, r *crowd.Result) error {
	var errs []error
	for i := range w.Groups {
		g, got := &w.Groups[i], &r.Groups[i]
		for _, need := range []struct {
			named bool
			had   int64
			what  string
		}{
			{g.Publish.Rate > 0, got.Events.Sent, "no publish was acknowledged"},
			{g.Publish.Rate > 0 && g.Sockets > 0, got.Events.Delivered, "nothing was delivered"},
			{g.Whisper.Rate > 0, got.Whispers.Delivered, "no whisper arrived"},
			{g.Churn > 0, got.Left, "no socket left"},
			{g.Churn > 0, got.Latency.Subscribe.Count(), "no socket took the place of one that left"},
			{g.Churn > 0 && g.Kind == PresenceChannels && g.Sockets*g.Subscribe > g.Channels, got.Joined, "no member was told of another that joined"},
			{g.Drop.Rate > 0, got.Dropped, "no connection was cut"},
			{g.Drop.Rate > 0, got.Returned, "no socket came back"},
			{g.Drop.Replay && g.Drop.Rate > 0, got.Replayed, "nothing was replayed: does the server keep a history (--durability=process)?"},
		} {
			if need.named && need.had == 0 {
				errs = append(errs, fmt.Errorf("group %q: %s%s", g.Name, need.what, troubles(got)))
			}
		}
	}
	return errors.Join(errs...)
}

// troubles is what went wrong in a group, the most frequent first.
func troubles(g *crowd.GroupResult) string {
	type reason struct {
		text  string
		count int64
	}
	var list []reason
	for text, n := range g.Errors {
		list = append(list, reason{text, n})
	}
	for text, n := range g.Closed {
		list = append(list, reason{"a socket ended: " + text, n})
	}
	if len(list) == 0 {
		return ""
	}
	slices.SortFunc(list, func(a, b reason) int { return int(b.count - a.count) })
	var texts []string
	for _, r := range list[:min(len(list), 3)] {
		texts = append(texts, fmt.Sprintf("%d times %s", r.count, r.text))
	}
	return " (" + strings.Join(texts, "; ") + ")"
}
