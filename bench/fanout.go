package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"resound/bench/raw"
	"resound/bench/swarm"
)

// Fanout is the scenario: one publisher, many sockets.
type Fanout struct {
	Targets    []Target
	Channels   []int // channels, to which events go by turns; each number is measured on a server of its own
	Sockets    int   // in all, spread evenly over the channels
	Window     int   // events published at once; the next ones when every socket has them
	Payload    int   // bytes of an event's data
	Publishers int   // kept-alive HTTP connections that a window is spread over
	Rounds     int
	Deliveries int  // in a round, about
	Awake      bool // each round begins with events that are not counted, so that no socket was silent for long
	Cores      Cores
	Progress   *Progress

	gauge *gauge // read around each round, if there is one
}

// FanoutResult is every round of every column.
type FanoutResult struct {
	Sockets    int            `json:"sockets"`
	Window     int            `json:"window"`
	Payload    int            `json:"payload"`
	Frame      int            `json:"frame"` // bytes of an event on the wire, as the first server sends it, and the baseline
	Publishers int            `json:"publishers"`
	Awake      bool           `json:"awake,omitempty"` // no socket had been silent when a round began
	Cores      Cores          `json:"cores"`
	Columns    []FanoutColumn `json:"columns"`
	Partial    bool           `json:"partial,omitempty"` // it was interrupted
}

// FanoutColumn is one server, or one way of the baseline.
type FanoutColumn struct {
	Target   Target        `json:"target"`
	Name     string        `json:"name"`
	Channels int           `json:"channels"`
	Frame    int           `json:"frame,omitempty"` // bytes of an event on the wire
	Rounds   []FanoutRound `json:"rounds"`
}

// FanoutRound is one turn of a column.
type FanoutRound struct {
	Deliveries int64   `json:"deliveries"`
	CPU        float64 `json:"cpu_s"`              // of the server, in seconds; 0 if its process is not known
	Waited     float64 `json:"waited_s"`           // its threads were ready and did not run
	Bursts     []int64 `json:"burst_ns"`           // of each burst, from its publish to the last socket
	Gauge      float64 `json:"gauge_us,omitempty"` // what a delivery of the baseline took, before and behind
}

// fanoutRun is a column that runs.
type fanoutRun struct {
	*pair
	how    uint32 // of the baseline
	column *FanoutColumn
}

// Run measures. It returns what it has when ctx ends, as long as each column has a round.
func (f Fanout) Run(ctx context.Context) (*FanoutResult, error) {
	r := &FanoutResult{Sockets: f.Sockets, Window: f.Window, Payload: f.Payload, Publishers: f.Publishers, Awake: f.Awake, Cores: f.Cores}
	var runs []*fanoutRun
	defer func() {
		for _, run := range runs {
			run.stop()
		}
	}()
	for i, t := range f.Targets {
		f.Progress.Show(float64(i)/float64(len(f.Targets)), "connecting to "+t.Name)
		channels := f.Channels
		if t.raw() {
			channels = []int{1} // it knows none
		}
		for _, n := range channels {
			p, err := f.connect(t, n)
			if err != nil {
				return nil, err
			}
			run := &fanoutRun{pair: p, column: &FanoutColumn{Target: t, Name: t.Name, Channels: n}}
			if len(channels) > 1 {
				run.column.Name += ", " + plural(n, "channel")
			}
			if runs = append(runs, run); !t.raw() {
				continue
			}
			if run.how = raw.Write; f.Window > 1 {
				c := FanoutColumn{Target: t, Name: fmt.Sprintf("%s, %d per writev", t.Name, f.Window), Channels: n}
				runs = append(runs, &fanoutRun{pair: p, how: raw.Writev, column: &c})
			}
		}
	}
	err := f.rounds(ctx, r, runs)
	for _, run := range runs {
		r.Columns = append(r.Columns, *run.column)
	}
	return r, err
}

// connect starts a target with all sockets, spread over so many channels.
func (f Fanout) connect(t Target, channels int) (*pair, error) {
	o := swarm.Options{Payload: f.Payload, Publishers: f.Publishers}
	for i := range channels {
		o.Channels = append(o.Channels, fmt.Sprintf("fan-%04d", i))
	}
	p, err := startPair(t, f.Cores, o)
	if err != nil {
		return nil, err
	}
	if err := p.connect(f.Sockets); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// rounds lets the columns take turns.
func (f Fanout) rounds(ctx context.Context, r *FanoutResult, runs []*fanoutRun) error {
	for _, run := range runs { // caches fill, and the size of an event comes out
		if run.how != 0 {
			continue
		}
		answer, err := run.load.do(order{Op: "bursts", Messages: 2 * f.Window, Window: f.Window})
		if err != nil {
			return fmt.Errorf("%s: %w", run.Name, err)
		}
		run.column.Frame = answer.Frame
		if r.Frame == 0 {
			r.Frame = run.column.Frame
		}
	}
	if r.Frame == 0 {
		r.Frame = f.Payload + 48 // what the protocol puts around the data of a short event
	}
	for i := -1; i < f.Rounds; i++ { // the first is not counted
		for j, run := range runs {
			if ctx.Err() != nil {
				r.Partial = true
				return nil
			}
			f.Progress.Show(float64(max(i, 0)*len(runs)+j)/float64(f.Rounds*len(runs)),
				fmt.Sprintf("round %d of %d, %s", max(i, 0)+1, f.Rounds, run.column.Name))
			round, err := f.round(run, r.Frame)
			if err != nil {
				return fmt.Errorf("%s: %w", run.column.Name, err)
			}
			if i >= 0 {
				run.column.Rounds = append(run.column.Rounds, round)
			}
		}
	}
	return nil
}

// round is one turn of a column.
func (f Fanout) round(run *fanoutRun, frame int) (FanoutRound, error) {
	each := f.Sockets / run.column.Channels // deliveries of an event
	o := order{Op: "bursts", Messages: max(f.Deliveries/each/f.Window, 1) * f.Window, Window: f.Window, How: run.how, Size: frame}
	if f.Awake {
		if err := run.load.wake(o, run.column.Channels); err != nil {
			return FanoutRound{}, err
		}
	}
	var answer report
	used, speed, err := f.gauge.around(run.server, func() (err error) {
		answer, err = run.load.do(o)
		return err
	})
	return FanoutRound{answer.Deliveries, used.ran.Seconds(), used.waited.Seconds(), answer.Took, speed}, err
}

// perMillion is the CPU seconds of the server for a million deliveries.
func (r FanoutRound) perMillion() float64 { return r.CPU / float64(r.Deliveries) * 1e6 }

// seconds is the time of all bursts.
func (r FanoutRound) seconds() float64 {
	total := int64(0)
	for _, ns := range r.Bursts {
		total += ns
	}
	return float64(total) / 1e9
}

// Table compares the columns with the first, which is the baseline if there is one: round by round.
func (r *FanoutResult) Table() Table {
	t := Table{
		Title: fmt.Sprintf("Fan-out of %d-byte payloads (%d bytes on the wire) to %s sockets in %s, %d in flight",
			r.Payload, r.Frame, thousands(float64(r.Sockets)), r.channels(), r.Window),
		Header: []string{"", "CPU s per million deliveries", "ratio", "last socket p50, ms", "p99, ms", "p99 ratio", "deliveries/s", "server ran", "threads waited"},
	}
	base99, laps := 0.0, make([]lap, len(r.Columns))
	for i, c := range r.Columns {
		var rate, ran, waited []float64
		for _, round := range c.Rounds {
			rate = append(rate, float64(round.Deliveries)/round.seconds())
			ran = append(ran, c.Target.ofProcess(round.CPU/round.seconds()))
			waited = append(waited, c.Target.ofProcess(round.Waited/round.seconds()))
		}
		cost, ratio := r.costs(c)
		bursts := c.bursts()
		laps[i] = lap{c.Name, c.Channels, bursts}
		p99 := quantile(bursts, 0.99)
		if i == 0 {
			base99 = p99
		}
		t.Rows = append(t.Rows, []string{c.Name, spreadOf(cost).String(), spreadOf(ratio).String(), number(quantile(bursts, 0.5)), number(p99),
			number(p99 / base99), thousands(quantile(rate, 0.5)), percent(quantile(ran, 0.5)), percent(quantile(waited, 0.5))})
		if c.Frame != 0 && c.Frame != r.Frame {
			t.Notes = append(t.Notes, fmt.Sprintf("An event of %s has %d bytes on the wire.", c.Name, c.Frame))
		}
	}
	t.Notes = append(t.Notes, "Medians of the rounds, with the quartiles in brackets; ratios are to the first row, round by round. Every socket got every event. "+
		"The last two columns are parts of the bursts' time; threads that are ready to run wait for each other, or for other processes on the core.")
	t.Notes = append(t.Notes, silences(r.Awake, r.Window, laps)...)
	if n := r.fewest(); n > 0 && n < fewForP99 {
		t.Notes = append(t.Notes, fmt.Sprintf("The p99 is of %d publishes, and close to the worst of them.", n))
	}
	if r.Cores.Server < 0 {
		t.Notes = append(t.Notes, "Server and load were not pinned to cores of their own.")
	}
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rounds that had finished.")
	}
	return t
}

// channels says over how many the sockets of the servers are spread.
func (r *FanoutResult) channels() string {
	var counts []string
	for _, c := range r.Columns {
		if n := strconv.Itoa(c.Channels); !c.Target.raw() && !slices.Contains(counts, n) {
			counts = append(counts, n)
		}
	}
	if len(counts) < 2 {
		return plural(r.Columns[len(r.Columns)-1].Channels, "channel")
	}
	return strings.Join(counts, " or ") + " channels"
}

// Servers implements Result.
func (r *FanoutResult) Servers() (list []Target) {
	for _, c := range r.Columns {
		list = append(list, c.Target)
	}
	return list
}

// Figures are the CPU of each round and the distribution of the bursts' times.
func (r *FanoutResult) Figures() []Figure {
	cpu := Figure{Name: "cpu", Title: "CPU of each turn", X: "turn", Y: "CPU seconds per million deliveries"}
	bursts := Figure{Name: "bursts", Title: "Time from a publish to the last socket", X: "part of the publishes", Y: "ms", Quantiles: true}
	for _, c := range r.Columns {
		dots := Line{Name: c.Name, Dots: true}
		for i, round := range c.Rounds {
			dots.add(float64(i+1), round.perMillion())
		}
		cpu.Lines, bursts.Lines = append(cpu.Lines, dots), append(bursts.Lines, quantiles(c.Name, c.bursts()))
	}
	return []Figure{cpu, bursts}
}
