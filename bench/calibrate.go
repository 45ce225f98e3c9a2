package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/model"
)

// Calibrate is the scenario of scenarios: it measures what a server costs on this machine, from all sides but each
// one briefly, and fits a model.Model to it.
type Calibrate struct {
	Plain    Target // that keeps no events
	Logged   Target // the same, that keeps them
	Depth    Depth
	Cores    Cores
	Progress *Progress

	gauge *gauge
}

// Depth is how much is measured. Full and Quick are two that serve.
type Depth struct {
	Name       string
	Bursts     []Burst
	Passes     int // over bursts and publishes: what else happens on the machine does not spoil the same ones each time
	Rounds     int // of each, in a pass
	Deliveries int // in a round, about
	Payloads   []int
	Requests   int // publishes in a round
	Few, Many  int // sockets whose memory is read
	Members    []Members
	Settle     time.Duration
	Storm      int // connections
	Storms     int
	Around     time.Duration // each of them takes less
	Idle       []Idlers
}

// Burst is one point of Fanout.
type Burst struct {
	Sockets, Channels, Window, Payload int
	Logged                             bool
}

// Members is a kind of presence channel.
type Members struct{ Each, UserInfo int }

// Idlers is sockets that are looked at for a while, longer than pingInterval.
type Idlers struct {
	Sockets int
	Watch   time.Duration
}

// Full takes about three minutes.
func Full() Depth {
	d := Depth{
		Name: "full", Passes: 3, Rounds: 3, Deliveries: 30000,
		Payloads: []int{64, 1024, 16384}, Requests: 8000,
		Few: 2000, Many: 9000, Members: []Members{{10, 100}, {100, 400}}, Settle: 6 * time.Second,
		Storm: 4000, Storms: 3, Around: 1500 * time.Millisecond, Idle: []Idlers{{100, 4 * time.Second}, {3000, 4 * time.Second}, {9000, 4 * time.Second}, {9000, 9 * time.Second}},
	}
	for _, size := range []int{16, 256, 1024, 4096, 16384} {
		for _, window := range []int{1, 4, 16} {
			d.Bursts = append(d.Bursts, Burst{Sockets: 1000, Channels: 1, Window: window, Payload: size})
		}
	}
	for _, size := range []int{64, 1024, 4096} {
		for _, window := range []int{1, 16} {
			d.Bursts = append(d.Bursts, Burst{Sockets: 100, Channels: 1, Window: window, Payload: size},
				Burst{Sockets: 10000, Channels: 1, Window: window, Payload: size})
		}
	}
	for _, window := range []int{1, 4, 16} {
		d.Bursts = append(d.Bursts, Burst{Sockets: 1000, Channels: 100, Window: window, Payload: 64},
			Burst{Sockets: 10000, Channels: 1000, Window: window, Payload: 64})
	}
	d.Bursts = append(d.Bursts, Burst{Sockets: 1000, Channels: 20, Window: 1, Payload: 64}, Burst{Sockets: 4000, Channels: 40, Window: 1, Payload: 1024},
		Burst{Sockets: 1000, Channels: 20, Window: 1, Payload: 256, Logged: true}, Burst{Sockets: 1000, Channels: 1, Window: 4, Payload: 1024, Logged: true})
	return d
}

// Quick takes about a minute.
func Quick() Depth {
	d := Depth{
		Name: "quick", Passes: 2, Rounds: 2, Deliveries: 20000,
		Payloads: []int{64, 4096}, Requests: 5000,
		Few: 1000, Many: 5000, Members: []Members{{10, 100}, {50, 400}}, Settle: 4 * time.Second,
		Storm: 2000, Storms: 1, Around: 1200 * time.Millisecond, Idle: []Idlers{{100, 4 * time.Second}, {2000, 4 * time.Second}, {5000, 4 * time.Second}, {5000, 8 * time.Second}},
	}
	for _, size := range []int{16, 1024, 16384} {
		for _, window := range []int{1, 16} {
			d.Bursts = append(d.Bursts, Burst{Sockets: 1000, Channels: 1, Window: window, Payload: size})
		}
	}
	for _, window := range []int{1, 4, 16} {
		d.Bursts = append(d.Bursts, Burst{Sockets: 1000, Channels: 100, Window: window, Payload: 64})
	}
	d.Bursts = append(d.Bursts, Burst{Sockets: 100, Channels: 1, Window: 1, Payload: 64}, Burst{Sockets: 5000, Channels: 1, Window: 1, Payload: 64},
		Burst{Sockets: 5000, Channels: 1, Window: 4, Payload: 1024})
	return d
}

// Limited leaves out, or makes smaller, what needs more sockets than a process may open.
func (d Depth) Limited(sockets int) Depth {
	var bursts []Burst
	for _, b := range d.Bursts {
		if b.Sockets <= sockets {
			bursts = append(bursts, b)
		}
	}
	d.Bursts = bursts
	d.Many = min(d.Many, sockets)
	d.Few = min(d.Few, d.Many/2)
	d.Storm = min(d.Storm, sockets/2)
	var idle []Idlers
	for _, i := range d.Idle {
		idle = append(idle, Idlers{min(i.Sockets, sockets), i.Watch})
	}
	d.Idle = idle
	return d
}

// step is one part of a calibration.
type step struct {
	what string
	run  func(context.Context, *CalibrateResult) error
}

// Run measures. When ctx ends it fits what it has; when that is too little it says so.
func (c Calibrate) Run(ctx context.Context) (*CalibrateResult, error) {
	r := &CalibrateResult{Target: c.Plain, Depth: c.Depth.Name, Cores: c.Cores}
	begun := time.Now()
	if err := c.measure(ctx, r); err != nil {
		return nil, err
	}
	r.Partial = ctx.Err() != nil
	r.Took = time.Since(begun).Seconds()
	m, err := model.FitPoints(r.Points)
	if err != nil {
		if r.Partial {
			return nil, fmt.Errorf("interrupted after %.0f s, with too little for a model: %w", r.Took, err)
		}
		return nil, fmt.Errorf("the model does not fit: %w", err)
	}
	r.Model = m
	return r, nil
}

// measure carries all steps out, or those until ctx ends.
func (c Calibrate) measure(ctx context.Context, r *CalibrateResult) (err error) {
	if ctx.Err() != nil {
		return nil
	}
	c.Progress.Show(0, "the baseline")
	if c.gauge, err = startGauge(c.Cores); err != nil {
		return fmt.Errorf("the baseline: %w", err)
	}
	defer c.gauge.stop()
	steps := c.steps()
	begun := time.Now()
	for i, s := range steps {
		if ctx.Err() != nil {
			break
		}
		what := fmt.Sprintf("%d of %d: %s", i+1, len(steps), s.what)
		if i > 2 {
			left := time.Since(begun) / time.Duration(i) * time.Duration(len(steps)-i)
			what += fmt.Sprintf("; about %v left", left.Round(time.Second))
		}
		c.Progress.Show(float64(i)/float64(len(steps)), what)
		if err := s.run(ctx, r); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	if len(c.gauge.readings) > 0 {
		r.Baseline = spreadOf(c.gauge.readings)
		r.Points.Baseline = r.Baseline.Low
	}
	return nil
}

// steps lists what is measured.
func (c Calibrate) steps() []step {
	var all []step
	for pass := range c.Depth.Passes {
		for i := range c.Depth.Bursts {
			b := c.Depth.Bursts[i]
			if pass%2 == 1 { // the other way round, so that a machine that gets slower does not look like a cost of the last ones
				b = c.Depth.Bursts[len(c.Depth.Bursts)-1-i]
			}
			all = append(all, step{b.String(), func(ctx context.Context, r *CalibrateResult) error { return c.burst(ctx, b, r) }})
		}
		for _, size := range c.Depth.Payloads {
			all = append(all, step{"publishes of " + byteCount(size), func(ctx context.Context, r *CalibrateResult) error { return c.publishes(ctx, size, r) }})
		}
		if pass == 0 {
			all = append(all, c.others()...)
		}
	}
	return all
}

// others is what one pass is enough for.
func (c Calibrate) others() []step {
	all := []step{{"memory of the kernel", c.kernel}, {"memory", c.memory}, {"connects", c.connects}}
	for _, i := range c.Depth.Idle {
		all = append(all, step{fmt.Sprintf("%s idle sockets", thousands(float64(i.Sockets))), func(ctx context.Context, r *CalibrateResult) error { return c.idle(ctx, i, r) }})
	}
	return all
}

// String says what a burst is.
func (b Burst) String() string {
	text := fmt.Sprintf("%s sockets on %s, %d of %s at once", thousands(float64(b.Sockets)), plural(b.Channels, "channel"), b.Window, byteCount(b.Payload))
	if b.Logged {
		text += ", kept"
	}
	return text
}

func byteCount(n int) string { return thousands(float64(n)) + " bytes" }
