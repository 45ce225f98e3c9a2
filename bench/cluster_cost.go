package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/swarm"
)

// ClusterCost is the scenario: what it costs that an event goes through Redis. A socket on one node hears what is published at another.
type ClusterCost struct {
	Node     Target
	Redis    string  // the program
	Rate     float64 // publishes a second, for their latency
	Seconds  float64 // of them, in a round
	Single   int     // publishes of a round with one in flight
	Many     int     // and with Flight in flight
	Flight   int
	Payload  int
	Rounds   int
	Cores    Cores
	Progress *Progress
}

// ClusterCostResult is every round of every column.
type ClusterCostResult struct {
	Node    Target              `json:"node"`
	Redis   string              `json:"redis"` // version
	Rate    float64             `json:"rate"`
	Flight  int                 `json:"flight"`
	Payload int                 `json:"payload"`
	Cores   Cores               `json:"cores"`
	Columns []ClusterCostColumn `json:"columns"`
	Partial bool                `json:"partial,omitempty"`
}

// ClusterCostColumn is a number of nodes, with Redis or without.
type ClusterCostColumn struct {
	ClusterShape
	Rounds []ClusterCostRound `json:"rounds"`
}

// ClusterCostRound is one turn of a column.
type ClusterCostRound struct {
	Rated   ClusterTurn `json:"rated"` // at the rate
	Single  ClusterTurn `json:"single"`
	Many    ClusterTurn `json:"many"`
	Arrival Latencies   `json:"arrival"` // at the rate, from when a publish was due to the socket
}

// ClusterTurn is publishes of one kind.
type ClusterTurn struct {
	Publishes int     `json:"publishes"`
	Seconds   float64 `json:"seconds"` // until the last answer
	ClusterCPU
}

// per100k is CPU seconds for 100,000 publishes.
func (t ClusterTurn) per100k(cpu float64) float64 { return cpu / float64(t.Publishes) * 1e5 }

// costRun is a column that runs.
type costRun struct {
	*nodeSet
	column      *ClusterCostColumn
	rated, busy *load // a socket each
}

// The channels of the sockets.
const (
	ratedChannel = "rated"
	busyChannel  = "busy"
)

// Run measures. It returns what it has when ctx ends.
func (s ClusterCost) Run(ctx context.Context) (*ClusterCostResult, error) {
	version, err := FindRedis(s.Redis)
	if err != nil {
		return nil, err
	}
	r := &ClusterCostResult{Node: s.Node, Redis: version, Rate: s.Rate, Flight: s.Flight, Payload: s.Payload, Cores: s.Cores,
		Columns: []ClusterCostColumn{{ClusterShape: ClusterShape{Nodes: 1}}, {ClusterShape: ClusterShape{Nodes: 1, Log: true}}, {ClusterShape: ClusterShape{Nodes: 1, Redis: true}}, {ClusterShape: ClusterShape{Nodes: 2, Redis: true}}}}
	var runs []*costRun
	defer func() {
		for _, run := range runs {
			run.stop()
		}
	}()
	for i := range r.Columns {
		s.Progress.Show(0, "starting "+r.Columns[i].name())
		run, err := s.start(&r.Columns[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Columns[i].name(), err)
		}
		runs = append(runs, run)
	}
	for i := -1; i < s.Rounds; i++ { // the first is not counted
		for j, run := range runs {
			if ctx.Err() != nil {
				r.Partial = true
				return r, nil
			}
			s.Progress.Show(float64(max(i, 0)*len(runs)+j)/float64(s.Rounds*len(runs)), fmt.Sprintf("round %d of %d, %s", max(i, 0)+1, s.Rounds, run.column.name()))
			round, err := s.round(run)
			if err != nil {
				return r, fmt.Errorf("%s: %w", run.column.name(), err)
			}
			if i >= 0 {
				run.column.Rounds = append(run.column.Rounds, round)
			}
		}
	}
	return r, nil
}

// start starts the nodes of a column, and a socket for each way of publishing, on the last of them; the first one is published to.
func (s ClusterCost) start(column *ClusterCostColumn) (run *costRun, err error) {
	run = &costRun{column: column}
	if run.nodeSet, err = startNodes(column.node(s.Node), column.program(s.Redis), column.Nodes, s.Cores.server()); err != nil {
		return nil, err
	}
	last := run.nodes[column.Nodes-1]
	last.api = run.nodes[0].addr
	for _, l := range []struct {
		load **load
		o    swarm.Options
	}{
		{&run.rated, swarm.Options{Channels: []string{ratedChannel}, Payload: s.Payload}},
		{&run.busy, busyOptions(s.Payload, s.Flight)},
	} {
		if *l.load, err = last.load(s.Cores.load(), l.o); err == nil {
			err = (*l.load).connect(1)
		}
		if err != nil {
			run.stop()
			return nil, err
		}
	}
	return run, nil
}

// busyOptions are those of a load with so many publishes in flight, which have no order among them.
func busyOptions(payload, flight int) swarm.Options {
	return swarm.Options{Channels: []string{busyChannel}, Payload: payload, Publishers: max(flight, 2)}
}

func (r *costRun) stop() {
	for _, l := range []*load{r.rated, r.busy} {
		if l != nil {
			l.stop()
		}
	}
	r.nodeSet.stop()
}

func (s ClusterCost) round(run *costRun) (round ClusterCostRound, err error) {
	n := max(int(s.Rate*s.Seconds), 1)
	var answer report
	round.Rated = ClusterTurn{Publishes: n, Seconds: float64(n) / s.Rate}
	round.Rated.ClusterCPU, err = run.spent(func() (err error) {
		answer, err = run.rated.do(order{Op: "broadcast", Messages: n, Rate: s.Rate})
		return err
	})
	if err != nil {
		return round, err
	}
	round.Arrival = latenciesOf(deliveries(answer.Broadcasts, 0, answer.Done))
	if round.Single, err = run.requests(s.Single, 1); err != nil {
		return round, err
	}
	round.Many, err = run.requests(s.Many, s.Flight)
	return round, err
}

// requests publishes as fast as it goes, with so many in flight, until the socket has all of it.
func (r *costRun) requests(n, flight int) (t ClusterTurn, err error) {
	t.Publishes = n
	t.ClusterCPU, err = r.spent(func() error {
		before, err := r.busy.do(order{Op: "counts"})
		if err != nil {
			return err
		}
		answer, err := r.busy.do(order{Op: "requests", Messages: n, Window: flight, Channel: busyChannel})
		if err != nil {
			return err
		}
		t.Seconds = time.Duration(answer.Took[0]).Seconds()
		return r.busy.delivered(before.Counts.Delivered + int64(n))
	})
	return t, err
}

// arrivalPatience is how long events may take that were answered.
var arrivalPatience = 10 * time.Second

// delivered waits until the sockets have had so many events.
func (l *load) delivered(want int64) error {
	for end := time.Now().Add(arrivalPatience); ; {
		r, err := l.do(order{Op: "wait", Wait: time.Millisecond})
		switch {
		case err != nil:
			return err
		case r.Counts.Delivered == want:
			return nil
		case r.Counts.Delivered > want:
			return fmt.Errorf("%d deliveries more than there should be", r.Counts.Delivered-want)
		case time.Now().After(end):
			return fmt.Errorf("%d deliveries are missing after %v", want-r.Counts.Delivered, arrivalPatience)
		}
	}
}

// Table has three rows for each column.
func (r *ClusterCostResult) Table() Table {
	t := Table{
		Title:  fmt.Sprintf("Publishes of %s bytes, each to one socket, which is on the other node where there are two", thousands(float64(r.Payload))),
		Header: []string{"", "", "publishes/s", "ratio", "CPU s per 100,000: nodes", "Redis", "together, ratio", "to the socket p50, ms", "p99, ms"},
	}
	kinds := []struct {
		name string
		of   func(ClusterCostRound) ClusterTurn
	}{
		{fmt.Sprintf("%s a second", number(r.Rate)), func(c ClusterCostRound) ClusterTurn { return c.Rated }},
		{"1 in flight", func(c ClusterCostRound) ClusterTurn { return c.Single }},
		{fmt.Sprintf("%d in flight", r.Flight), func(c ClusterCostRound) ClusterTurn { return c.Many }},
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		for k, kind := range kinds {
			var rate, rates, nodes, redis, together, p50, p99 []float64
			for j, round := range c.Rounds {
				turn := kind.of(round)
				rate = append(rate, float64(turn.Publishes)/turn.Seconds)
				nodes, redis = append(nodes, turn.per100k(turn.all())), append(redis, turn.per100k(turn.Redis))
				p50, p99 = append(p50, round.Arrival.P50), append(p99, round.Arrival.P99)
				if j < len(r.Columns[0].Rounds) {
					first := kind.of(r.Columns[0].Rounds[j])
					rates = append(rates, float64(turn.Publishes)/turn.Seconds/(float64(first.Publishes)/first.Seconds))
					together = append(together, turn.per100k(turn.all()+turn.Redis)/first.per100k(first.all()))
				}
			}
			row := []string{c.name(), kind.name, thousands(quantile(rate, 0.5)), spreadOf(rates).String(), spreadOf(nodes).String(), "", spreadOf(together).String(), "", ""}
			if c.Redis {
				row[5] = spreadOf(redis).String()
			}
			if k == 0 {
				row[3], row[7], row[8] = "", spreadOf(p50).String(), spreadOf(p99).String()
			}
			t.Rows = append(t.Rows, row)
		}
	}
	t.Notes = append(t.Notes, "Medians of the rounds, with the quartiles in brackets; ratios are to the same row of one node without Redis, round by round. Nodes and Redis share one core, the publisher has the other. "+
		"Every publish was answered with 200 and arrived once. To the socket counts from when a publish was due.")
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rounds that had finished.")
	}
	return t
}

// Servers implements Result.
func (r *ClusterCostResult) Servers() []Target { return clusterServers(r.Node) }

// Figures are the CPU of each turn, and how long events took.
func (r *ClusterCostResult) Figures() []Figure {
	cpu := Figure{Name: "cpu", Title: fmt.Sprintf("CPU of nodes and Redis, %d publishes in flight", r.Flight), X: "turn", Y: "CPU seconds per 100,000 publishes"}
	latency := Figure{Name: "latency", Title: fmt.Sprintf("From a publish to the socket, %s a second", number(r.Rate)), X: "turn", Y: "p99, ms"}
	for i := range r.Columns {
		c := &r.Columns[i]
		costs, p99 := Line{Name: c.name(), Dots: true}, Line{Name: c.name(), Dots: true}
		for j, round := range c.Rounds {
			costs.add(float64(j+1), round.Many.per100k(round.Many.all()+round.Many.Redis))
			p99.add(float64(j+1), round.Arrival.P99)
		}
		cpu.Lines, latency.Lines = append(cpu.Lines, costs), append(latency.Lines, p99)
	}
	return []Figure{cpu, latency}
}
