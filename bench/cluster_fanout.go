package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"resound/bench/swarm"
)

// ClusterFanout is the scenario: one publisher and many sockets, which several nodes share.
type ClusterFanout struct {
	Node       Target
	Redis      string // the program
	Nodes      int    // beside one that has all sockets itself
	Sockets    int    // of each node
	Channels   []int  // to which events go by turns; each number is measured with servers of its own
	Window     int    // events published at once; the next ones when every socket has them
	Payload    int
	Rounds     int
	Deliveries int  // in a round, about
	Awake      bool // each round begins with events that are not counted, so that no socket was silent for long
	Cores      Cores
	Progress   *Progress
}

// ClusterFanoutResult is every round of every column.
type ClusterFanoutResult struct {
	Node    Target                `json:"node"`
	Redis   string                `json:"redis"`   // version
	Sockets int                   `json:"sockets"` // in all
	Window  int                   `json:"window"`
	Payload int                   `json:"payload"`
	Awake   bool                  `json:"awake,omitempty"` // no socket had been silent when a round began
	Cores   Cores                 `json:"cores"`
	Columns []ClusterFanoutColumn `json:"columns"`
	Partial bool                  `json:"partial,omitempty"`
}

// ClusterFanoutColumn is a number of nodes and of channels.
type ClusterFanoutColumn struct {
	ClusterShape
	Channels int                  `json:"channels"`
	Rounds   []ClusterFanoutRound `json:"rounds"`
}

// ClusterFanoutRound is one turn of a column.
type ClusterFanoutRound struct {
	Deliveries int64 `json:"deliveries"`
	ClusterCPU
	Bursts []int64 `json:"burst_ns"` // of each burst, from its publish to the last socket
}

// fanRun is a column that runs.
type fanRun struct {
	*nodeSet
	column *ClusterFanoutColumn
	load   *load
}

func (r *fanRun) stop() {
	if r.load != nil {
		r.load.stop()
	}
	r.nodeSet.stop()
}

// Run measures. It returns what it has when ctx ends.
func (f ClusterFanout) Run(ctx context.Context) (*ClusterFanoutResult, error) {
	version, err := FindRedis(f.Redis)
	if err != nil {
		return nil, err
	}
	r := &ClusterFanoutResult{Node: f.Node, Redis: version, Sockets: f.Sockets * f.Nodes, Window: f.Window, Payload: f.Payload, Awake: f.Awake, Cores: f.Cores}
	for _, channels := range f.Channels {
		for _, shape := range []ClusterShape{{Nodes: 1}, {Nodes: 1, Redis: true}, {Nodes: f.Nodes, Redis: true}} {
			r.Columns = append(r.Columns, ClusterFanoutColumn{ClusterShape: shape, Channels: channels})
		}
	}
	each := len(r.Columns) / len(f.Channels)
	for i := range f.Channels {
		show := func(done float64, what string) {
			f.Progress.Show((float64(i)+done)/float64(len(f.Channels)), plural(f.Channels[i], "channel")+", "+what)
		}
		if err := f.turns(ctx, r.Columns[i*each:(i+1)*each], show); err != nil {
			return r, err
		}
	}
	r.Partial = ctx.Err() != nil
	return r, nil
}

// turns lets columns take turns, all of which have the same channels.
func (f ClusterFanout) turns(ctx context.Context, columns []ClusterFanoutColumn, show func(float64, string)) error {
	var runs []*fanRun
	defer func() {
		for _, run := range runs {
			run.stop()
		}
	}()
	for i := range columns {
		if ctx.Err() != nil {
			return nil
		}
		show(0, "connecting to "+columns[i].name())
		run, err := f.start(&columns[i])
		if err != nil {
			return fmt.Errorf("%s: %w", columns[i].name(), err)
		}
		runs = append(runs, run)
	}
	for i := -1; i < f.Rounds; i++ { // the first is not counted
		for j, run := range runs {
			if ctx.Err() != nil {
				return nil
			}
			show(float64(max(i, 0)*len(runs)+j)/float64(f.Rounds*len(runs)), fmt.Sprintf("round %d of %d, %s", max(i, 0)+1, f.Rounds, run.column.name()))
			round, err := f.round(run)
			if err != nil {
				return fmt.Errorf("%s: %w", run.column.name(), err)
			}
			if i >= 0 {
				run.column.Rounds = append(run.column.Rounds, round)
			}
		}
	}
	return nil
}

// start starts the nodes of a column with all sockets; the first one is published to.
func (f ClusterFanout) start(column *ClusterFanoutColumn) (run *fanRun, err error) {
	run = &fanRun{column: column}
	if run.nodeSet, err = startNodes(f.Node, column.program(f.Redis), column.Nodes, f.Cores.server()); err != nil {
		return nil, err
	}
	o := swarm.Options{Payload: f.Payload}
	for i := range column.Channels {
		o.Channels = append(o.Channels, fmt.Sprintf("fan-%04d", i))
	}
	for _, s := range run.nodes[1:] {
		o.Others = append(o.Others, s.addr)
	}
	if run.load, err = run.nodes[0].load(f.Cores.load(), o); err == nil {
		err = run.load.connect(f.Sockets * f.Nodes)
	}
	if err != nil {
		run.stop()
		return nil, err
	}
	return run, nil
}

// round is one turn of a column.
func (f ClusterFanout) round(run *fanRun) (round ClusterFanoutRound, err error) {
	each := max(f.Sockets*f.Nodes/run.column.Channels, 1) // deliveries of an event
	o := order{Op: "bursts", Messages: max(f.Deliveries/each/f.Window, 1) * f.Window, Window: f.Window}
	if f.Awake {
		if err := run.load.wake(o, run.column.Channels); err != nil {
			return round, err
		}
	}
	round.ClusterCPU, err = run.spent(func() error {
		answer, err := run.load.do(o)
		round.Deliveries, round.Bursts = answer.Deliveries, answer.Took
		return err
	})
	return round, err
}

// perMillion is CPU seconds for a million deliveries.
func (r ClusterFanoutRound) perMillion(cpu float64) float64 { return cpu / float64(r.Deliveries) * 1e6 }

// rate is deliveries a second.
func (r ClusterFanoutRound) rate() float64 {
	total := int64(0)
	for _, ns := range r.Bursts {
		total += ns
	}
	return float64(r.Deliveries) / (float64(total) / 1e9)
}

// first is the column without Redis that has as many channels.
func (r *ClusterFanoutResult) first(of *ClusterFanoutColumn) *ClusterFanoutColumn {
	for i := range r.Columns {
		if c := &r.Columns[i]; c.Channels == of.Channels && !c.Redis {
			return c
		}
	}
	return of
}

// Table has a row for each column.
func (r *ClusterFanoutResult) Table() Table {
	t := Table{
		Title:  fmt.Sprintf("Fan-out of %d-byte payloads to %s sockets, which the nodes share, %d in flight", r.Payload, thousands(float64(r.Sockets)), r.Window),
		Header: []string{"", "", "deliveries/s", "ratio", "CPU s per million deliveries: nodes", "Redis", "together, ratio", "last socket p50, ms", "p99, ms"},
	}
	laps := make([]lap, len(r.Columns))
	for i := range r.Columns {
		c := &r.Columns[i]
		first := r.first(c)
		var rate, rates, nodes, redis, together, bursts []float64
		for j, round := range c.Rounds {
			rate = append(rate, round.rate())
			nodes, redis = append(nodes, round.perMillion(round.all())), append(redis, round.perMillion(round.Redis))
			bursts = append(bursts, millis(round.Bursts)...)
			if j < len(first.Rounds) {
				f := first.Rounds[j]
				rates = append(rates, round.rate()/f.rate())
				together = append(together, round.perMillion(round.all()+round.Redis)/f.perMillion(f.all()))
			}
		}
		row := []string{c.name(), plural(c.Channels, "channel"), thousands(quantile(rate, 0.5)), spreadOf(rates).String(), spreadOf(nodes).String(), "", spreadOf(together).String(),
			number(quantile(bursts, 0.5)), number(quantile(bursts, 0.99))}
		if c.Redis {
			row[5] = spreadOf(redis).String()
		}
		t.Rows = append(t.Rows, row)
		laps[i] = lap{c.name() + " and " + plural(c.Channels, "channel"), c.Channels, bursts}
	}
	t.Notes = append(t.Notes, "Medians of the rounds, with the quartiles in brackets; ratios are to one node without Redis and with as many channels, round by round. Nodes and Redis share one core, the load has the other. "+
		"Every socket got every event, once and in order.")
	t.Notes = append(t.Notes, silences(r.Awake, r.Window, laps)...)
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rounds that had finished.")
	}
	return t
}

// Servers implements Result.
func (r *ClusterFanoutResult) Servers() []Target { return slices.Delete(clusterServers(r.Node), 1, 2) }

// Figures are the CPU of each round and the distribution of the bursts' times, for each number of channels.
func (r *ClusterFanoutResult) Figures() (list []Figure) {
	var counts []string
	for i := range r.Columns {
		c := &r.Columns[i]
		n := plural(c.Channels, "channel")
		if at := len(counts) - 1; at < 0 || counts[at] != n {
			counts = append(counts, n)
			name := "-" + strings.Fields(n)[0]
			list = append(list, Figure{Name: "cpu" + name, Title: "CPU of nodes and Redis, " + n, X: "turn", Y: "CPU seconds per million deliveries"},
				Figure{Name: "bursts" + name, Title: "From a publish to the last socket, " + n, X: "part of the publishes", Y: "ms", Quantiles: true})
		}
		cpu, times := &list[len(list)-2], &list[len(list)-1]
		dots := Line{Name: c.name(), Dots: true}
		var bursts []float64
		for j, round := range c.Rounds {
			dots.add(float64(j+1), round.perMillion(round.all()+round.Redis))
			bursts = append(bursts, millis(round.Bursts)...)
		}
		cpu.Lines, times.Lines = append(cpu.Lines, dots), append(times.Lines, quantiles(c.name(), bursts))
	}
	return list
}
