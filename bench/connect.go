package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/swarm"
)

// Connect is the scenario: many connect at once, while others are served.
type Connect struct {
	Targets  []Target
	Storm    int     // connections
	Parallel int     // of them at the same time
	Ramp     float64 // dials a second; 0 is a storm
	Running  int     // sockets that get a broadcast
	Rate     float64
	Payload  int
	Quiet    time.Duration // how long the broadcast runs before the storms
	Around   time.Duration // and how long in each: longer than the storm takes
	Storms   int
	Cores    Cores
	Progress *Progress

	gauge *gauge // read around each storm, if there is one
}

// ConnectResult is every storm on every server.
type ConnectResult struct {
	Storm    int             `json:"storm"`
	Parallel int             `json:"parallel"`
	Ramp     float64         `json:"ramp,omitempty"` // dials a second; 0 is as many as can be
	Running  int             `json:"running"`
	Rate     float64         `json:"rate"`
	Around   float64         `json:"around_s,omitempty"` // how long the broadcast of a storm lasts; 0 is not known
	Columns  []ConnectColumn `json:"columns"`
	Partial  bool            `json:"partial,omitempty"`
}

// ConnectColumn is one server.
type ConnectColumn struct {
	Target Target         `json:"target"`
	Before Latencies      `json:"before"` // of the broadcast
	Idle   float64        `json:"cpu_before"`
	Storms []ConnectStorm `json:"storms"`
}

// ConnectStorm is one storm.
type ConnectStorm struct {
	Ready     int            `json:"ready"`
	Refused   int            `json:"refused"`
	Reasons   map[string]int `json:"reasons,omitempty"`
	Overflows int64          `json:"overflows"` // connections that the system dropped
	Seconds   float64        `json:"seconds"`
	CPU       float64        `json:"cpu_s"` // of the server, without the broadcast
	Connects  Latencies      `json:"connects"`
	Broadcast Latencies      `json:"broadcast"`
	Gauge     float64        `json:"gauge_us,omitempty"` // what a delivery of the baseline took, before and behind
}

// Run measures. It returns what it has when ctx ends.
func (c Connect) Run(ctx context.Context) (*ConnectResult, error) {
	r := &ConnectResult{Storm: c.Storm, Parallel: c.Parallel, Ramp: c.Ramp, Running: c.Running, Rate: c.Rate, Around: c.Around.Seconds()}
	for i, t := range c.Targets {
		r.Columns = append(r.Columns, ConnectColumn{Target: t})
		part := func(done float64, what string) {
			c.Progress.Show((float64(i)+done)/float64(len(c.Targets)), t.Name+": "+what)
		}
		if err := c.column(ctx, &r.Columns[i], part); err != nil {
			return r, fmt.Errorf("%s: %w", t.Name, err)
		}
		if ctx.Err() != nil {
			r.Partial = true
			break
		}
	}
	return r, nil
}

func (c Connect) column(ctx context.Context, col *ConnectColumn, progress func(float64, string)) error {
	p, err := startPair(col.Target, c.Cores, swarm.Options{Channels: []string{"running"}, Payload: c.Payload})
	if err != nil {
		return err
	}
	defer p.stop()
	storm, err := p.server.load(c.Cores.crowd(), swarm.Options{Channels: []string{"storm"}, Parallel: c.Parallel, Ramp: c.Ramp})
	if err != nil {
		return err
	}
	defer storm.stop()
	if err := p.connect(c.Running); err != nil {
		return err
	}
	progress(0, "broadcast alone")
	before, err := p.cpu()
	if err != nil {
		return err
	}
	quiet, err := p.load.do(c.broadcast(c.Quiet))
	if err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	col.Before = latenciesOf(deliveries(quiet.Broadcasts, 0, quiet.Done))
	col.Idle = (after - before).Seconds() / c.Quiet.Seconds()
	for i := 0; i < c.Storms && ctx.Err() == nil; i++ {
		progress(float64(1+i)/float64(1+c.Storms), fmt.Sprintf("storm %d of %d", i+1, c.Storms))
		s, err := c.storm(p, storm, col.Idle)
		if err != nil {
			return err
		}
		col.Storms = append(col.Storms, s)
	}
	return nil
}

func (c Connect) broadcast(d time.Duration) order {
	return order{Op: "broadcast", Messages: int(c.Rate * d.Seconds()), Rate: c.Rate, Size: c.Payload + 48}
}

// storm lets all of them connect, and leave.
func (c Connect) storm(p *pair, crowd *load, idle float64) (ConnectStorm, error) {
	type outcome struct {
		report
		error
	}
	speed, err := c.gauge.steady()
	if err != nil {
		return ConnectStorm{}, err
	}
	running := make(chan outcome, 1)
	go func() {
		r, err := p.load.do(c.broadcast(c.Around))
		running <- outcome{r, err}
	}()
	time.Sleep(c.Around / 16)
	before, err := p.cpu()
	if err != nil {
		return ConnectStorm{}, err
	}
	dropped := overflows()
	counts, err := crowd.do(order{Op: "counts"})
	if err != nil {
		return ConnectStorm{}, err
	}
	started := time.Now()
	r, err := crowd.do(order{Op: "connect", Sockets: c.Storm})
	if err != nil {
		return ConnectStorm{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return ConnectStorm{}, err
	}
	elapsed := time.Since(started).Seconds()
	behind, err := c.gauge.steady()
	if err != nil {
		return ConnectStorm{}, err
	}
	s := ConnectStorm{
		Ready: r.Counts.Ready, Refused: r.Counts.Refused - counts.Counts.Refused, Reasons: r.Counts.Closed, Overflows: overflows() - dropped,
		Seconds: float64(r.Done-r.Began) / 1e9, CPU: (after - before).Seconds() - idle*elapsed, Connects: latenciesOf(millis(r.Took)), Gauge: (speed + behind) / 2,
	}
	b := <-running
	if b.error != nil {
		return s, fmt.Errorf("the broadcast: %w", b.error)
	}
	s.Broadcast = latenciesOf(deliveries(b.Broadcasts, r.Began, r.Done))
	_, err = crowd.do(order{Op: "leave"})
	time.Sleep(c.Around / 4) // the server clears away
	return s, err
}

// Table has a row for each server.
func (r *ConnectResult) Table() Table {
	pace := thousands(float64(r.Parallel)) + " at once"
	if r.Ramp > 0 {
		pace = number(r.Ramp) + " dials a second"
	}
	t := Table{
		Title: fmt.Sprintf("%s connections, %s, while %s get %s messages a second",
			thousands(float64(r.Storm)), pace, thousands(float64(r.Running)), number(r.Rate)),
		Header: []string{"", "connects/s", "CPU µs per connect", "refused", "dropped by the system", "connect p50, ms", "p99, ms", "max, ms",
			"broadcast p50 before, ms", "during, ms", "p99 before, ms", "during, ms"},
	}
	for _, c := range r.Columns {
		median := func(f func(ConnectStorm) float64) float64 {
			var list []float64
			for _, s := range c.Storms {
				list = append(list, f(s))
			}
			return quantile(list, 0.5)
		}
		refused, dropped, longer := 0, int64(0), 0
		for _, s := range c.Storms {
			refused += s.Refused
			dropped += s.Overflows
			if r.Around > 0 && s.Seconds > r.Around*15/16 { // it begins a sixteenth after the broadcast
				longer++
			}
		}
		if longer > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("%s: %s lasted longer than the broadcast, whose latency is of the time before: give a longer --around.", c.Target.Name, plural(longer, "storm")))
		}
		t.Rows = append(t.Rows, []string{
			c.Target.Name,
			thousands(median(func(s ConnectStorm) float64 { return float64(s.Ready) / s.Seconds })),
			number(c.Target.ofProcess(median(func(s ConnectStorm) float64 { return s.CPU / float64(s.Ready) * 1e6 }))),
			fmt.Sprint(refused), fmt.Sprint(dropped),
			number(median(func(s ConnectStorm) float64 { return s.Connects.P50 })), number(median(func(s ConnectStorm) float64 { return s.Connects.P99 })),
			number(median(func(s ConnectStorm) float64 { return s.Connects.Max })),
			number(c.Before.P50), number(median(func(s ConnectStorm) float64 { return s.Broadcast.P50 })),
			number(c.Before.P99), number(median(func(s ConnectStorm) float64 { return s.Broadcast.P99 })),
		})
	}
	t.Notes = append(t.Notes, "Medians of the storms; refused and dropped are of all of them. A connect lasts from its dial to the answer to its subscription; the baseline only accepts. "+
		"Latency counts from when a message was due to each delivery. What the broadcast takes of the server's CPU is not counted.")
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the storms that had finished.")
	}
	return t
}

// Servers implements Result.
func (r *ConnectResult) Servers() (list []Target) {
	for _, c := range r.Columns {
		list = append(list, c.Target)
	}
	return list
}

// Figures are the broadcast's latency before and in the storms, and how fast those were.
func (r *ConnectResult) Figures() []Figure {
	latency := Figure{Name: "broadcast", Title: "The broadcast before and in the storms", Y: "p99 of the latency, ms", Ticks: []string{"before"}}
	rate := Figure{Name: "rate", Title: "Connections of each storm", Y: "connections a second"}
	for _, c := range r.Columns {
		p99, rates := Line{Name: c.Target.Name, Dots: true}, Line{Name: c.Target.Name, Dots: true}
		p99.add(1, c.Before.P99)
		for i, s := range c.Storms {
			p99.add(float64(i+2), s.Broadcast.P99)
			rates.add(float64(i+1), float64(s.Ready)/s.Seconds)
			if i == len(rate.Ticks) {
				rate.Ticks = append(rate.Ticks, fmt.Sprintf("storm %d", i+1))
			}
		}
		latency.Lines, rate.Lines = append(latency.Lines, p99), append(rate.Lines, rates)
	}
	latency.Ticks = append(latency.Ticks, rate.Ticks...)
	return []Figure{latency, rate}
}
