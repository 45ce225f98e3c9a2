package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/swarm"
)

// Publish is the scenario: requests to the HTTP API while nobody listens.
type Publish struct {
	Targets     []Target
	Connections int // at once
	Payload     int
	Rounds      int
	Requests    int // in a round over kept-alive connections
	Fresh       int // in a round with a connection for each
	Batch       int // events of a request; 0 is 1
	Cores       Cores
	Progress    *Progress

	gauge *gauge // read around each round, if there is one
}

// PublishResult is every round of every column.
type PublishResult struct {
	Connections int             `json:"connections"`
	Payload     int             `json:"payload"`
	Batch       int             `json:"batch,omitempty"` // events of a request; 0 is 1
	Columns     []PublishColumn `json:"columns"`
	Cores       Cores           `json:"cores"`
	Partial     bool            `json:"partial,omitempty"`
}

// PublishColumn is one server and one kind of connection.
type PublishColumn struct {
	Target Target         `json:"target"`
	Fresh  bool           `json:"fresh"` // a connection for each request
	Rounds []PublishRound `json:"rounds"`
}

// PublishRound is one turn of a column.
type PublishRound struct {
	Requests int     `json:"requests"`
	CPU      float64 `json:"cpu_s"` // of the server
	Seconds  float64 `json:"seconds"`
	Hangups  int64   `json:"hangups,omitempty"`  // connections that the server closed
	Written  int64   `json:"written,omitempty"`  // bytes of write(2), which is answers and files
	Gauge    float64 `json:"gauge_us,omitempty"` // what a delivery of the baseline took, before and behind
}

// Run measures. It returns what it has when ctx ends.
func (s Publish) Run(ctx context.Context) (*PublishResult, error) {
	r := &PublishResult{Connections: s.Connections, Payload: s.Payload, Batch: s.Batch, Cores: s.Cores}
	var pairs []*pair
	defer func() {
		for _, p := range pairs {
			p.stop()
		}
	}()
	for _, fresh := range []bool{false, true} {
		for _, t := range s.Targets {
			r.Columns = append(r.Columns, PublishColumn{Target: t, Fresh: fresh})
		}
	}
	for _, t := range s.Targets {
		if t.Self == BareHTTP.Self {
			t.ID, t.Key, t.Secret = "bench", "bench-key", "bench-secret" // it does not look at them
		}
		p, err := startPair(t, s.Cores, swarm.Options{Payload: s.Payload})
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	for i := -1; i < s.Rounds; i++ { // the first is not counted
		for j := range r.Columns {
			if ctx.Err() != nil {
				r.Partial = true
				return r, nil
			}
			c := &r.Columns[j]
			s.Progress.Show(float64(max(i, 0)*len(r.Columns)+j)/float64(s.Rounds*len(r.Columns)),
				fmt.Sprintf("round %d of %d, %s", max(i, 0)+1, s.Rounds, c.name()))
			round, err := s.round(pairs[j%len(pairs)], c.Fresh)
			if err != nil {
				return r, fmt.Errorf("%s: %w", c.name(), err)
			}
			if i >= 0 {
				c.Rounds = append(c.Rounds, round)
			}
		}
	}
	return r, nil
}

func (s Publish) round(p *pair, fresh bool) (PublishRound, error) {
	o := order{Op: "requests", Messages: s.Requests, Window: s.Connections, Batch: s.Batch, Fresh: fresh}
	if fresh {
		o.Messages = s.Fresh
	}
	wrote := written(p.pid())
	before, err := p.load.do(order{Op: "counts"})
	if err != nil {
		return PublishRound{}, err
	}
	var answer report
	used, speed, err := s.gauge.around(p.server, func() (err error) {
		answer, err = p.load.do(o)
		return err
	})
	if err != nil {
		return PublishRound{}, err
	}
	return PublishRound{o.Messages, used.ran.Seconds(), time.Duration(answer.Took[0]).Seconds(), answer.Counts.Hangups - before.Counts.Hangups, written(p.pid()) - wrote, speed}, nil
}

func (c PublishColumn) name() string {
	if c.Fresh {
		return c.Target.Name + ", a connection each"
	}
	return c.Target.Name + ", kept alive"
}

// Table compares each column with the first of its kind.
func (r *PublishResult) Table() Table {
	what := "Publishes"
	if r.Batch > 1 {
		what = fmt.Sprintf("Batches of %d events", r.Batch)
	}
	t := Table{
		Title:  fmt.Sprintf(what+" of %d bytes over %s at once, nobody listening", r.Payload, plural(r.Connections, "connection")),
		Header: []string{"", "requests/s", "ratio", "CPU s per 100,000", "ratio", "server busy"},
	}
	for i, c := range r.Columns {
		first := r.Columns[0]
		if c.Fresh {
			first = r.Columns[len(r.Columns)/2]
		}
		var rate, rates, cost, costs, busy []float64
		for j, round := range r.Columns[i].Rounds {
			n := float64(round.Requests)
			rate = append(rate, n/round.Seconds)
			cost = append(cost, c.Target.ofProcess(round.CPU/n*1e5))
			busy = append(busy, c.Target.ofProcess(round.CPU/round.Seconds))
			if j < len(first.Rounds) {
				f := first.Rounds[j]
				rates = append(rates, n/round.Seconds/(float64(f.Requests)/f.Seconds))
				costs = append(costs, c.Target.ofProcess(round.CPU/n)/first.Target.ofProcess(f.CPU/float64(f.Requests)))
			}
		}
		if !c.Fresh && len(c.Rounds) > 0 && c.Rounds[0].Hangups > 0 {
			t.Notes = append(t.Notes, c.Target.Name+" closes connections after an answer, whether or not they are to be kept alive.")
		}
		t.Rows = append(t.Rows, []string{c.name(), thousands(quantile(rate, 0.5)), spreadOf(rates).String(), spreadOf(cost).String(), spreadOf(costs).String(),
			percent(quantile(busy, 0.5))})
	}
	t.Notes = append(t.Notes, "Medians of the rounds, with the quartiles in brackets; ratios are to the first row of the same kind, round by round. Every publish was answered with 200.")
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rounds that had finished.")
	}
	return t
}

// Servers implements Result.
func (r *PublishResult) Servers() (list []Target) {
	for _, c := range r.Columns {
		list = append(list, c.Target)
	}
	return list
}

// Figures are the requests a second and the CPU of each round.
func (r *PublishResult) Figures() []Figure {
	rate := Figure{Name: "rate", Title: "Requests of each turn", X: "turn", Y: "requests a second"}
	cpu := Figure{Name: "cpu", Title: "CPU of each turn", X: "turn", Y: "CPU seconds per 100,000 requests"}
	for _, c := range r.Columns {
		rates, costs := Line{Name: c.name(), Dots: true}, Line{Name: c.name(), Dots: true}
		for i, round := range c.Rounds {
			rates.add(float64(i+1), float64(round.Requests)/round.Seconds)
			costs.add(float64(i+1), round.CPU/float64(round.Requests)*1e5)
		}
		rate.Lines, cpu.Lines = append(rate.Lines, rates), append(cpu.Lines, costs)
	}
	return []Figure{rate, cpu}
}
