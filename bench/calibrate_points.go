package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"resound/bench/model"
)

// burst measures one point of deliveries.
func (c Calibrate) burst(ctx context.Context, b Burst, r *CalibrateResult) error {
	target := c.Plain
	if b.Logged {
		target = c.Logged
	}
	each := max(b.Sockets/b.Channels*b.Window, c.Depth.Deliveries)
	got, err := Fanout{Targets: []Target{target}, Channels: []int{b.Channels}, Sockets: b.Sockets, Window: b.Window, Payload: b.Payload,
		Publishers: 1, Rounds: c.Depth.Rounds, Deliveries: each, Cores: c.Cores, Progress: &Progress{}, gauge: c.gauge}.Run(ctx)
	if err != nil || len(got.Columns[0].Rounds) == 0 {
		return err
	}
	p := deliveryPoint(b, got)
	r.Points.Deliveries = append(r.Points.Deliveries, p)
	return nil
}

// deliveryPoint is the medians of the first column.
func deliveryPoint(b Burst, got *FanoutResult) model.Delivery {
	var cpu, gauges, bursts []float64
	for _, round := range got.Columns[0].Rounds {
		cpu, gauges = append(cpu, round.perMillion()), append(gauges, round.Gauge)
		bursts = append(bursts, millis(round.Bursts)...)
	}
	s := spreadOf(cpu)
	_, ratio := costs(cpu, gauges)
	return model.Delivery{Sockets: b.Sockets, Channels: b.Channels, Window: b.Window, Payload: b.Payload, Frame: got.Frame, Logged: b.Logged,
		CPU: s.Median, Ratio: ratio, Low: s.Low, High: s.High, Burst: quantile(bursts, 0.5), Rounds: len(cpu)}
}

// publishes measures requests of one size, in all four ways.
func (c Calibrate) publishes(ctx context.Context, size int, r *CalibrateResult) error {
	points, err := c.publishPoints(ctx, size)
	r.Points.Publishes = append(r.Points.Publishes, points...)
	return err
}

// publishPoints measures the target that keeps nothing, and the one that does.
func (c Calibrate) publishPoints(ctx context.Context, size int) ([]model.Publish, error) {
	got, err := Publish{Targets: []Target{c.Plain, c.Logged}, Connections: 32, Payload: size, Rounds: c.Depth.Rounds, Requests: c.Depth.Requests,
		Fresh: c.Depth.Requests / 4, Cores: c.Cores, Progress: &Progress{}, gauge: c.gauge}.Run(ctx)
	if err != nil || got.Partial {
		return nil, err
	}
	var points []model.Publish
	for i, column := range got.Columns {
		var cpu, gauges, wrote []float64
		for j, round := range column.Rounds {
			n := float64(round.Requests)
			cpu, gauges = append(cpu, round.CPU/n*1e6), append(gauges, round.Gauge)
			// What the other one writes is answers, if anything.
			if answers := got.Columns[i/2*2].Rounds; j < len(answers) && round.Written > 0 {
				wrote = append(wrote, float64(round.Written-answers[j].Written)/n)
			}
		}
		middle, ratio := costs(cpu, gauges)
		p := model.Publish{Payload: size, Fresh: column.Fresh, Logged: i%2 == 1, CPU: middle, Ratio: ratio, Rounds: len(cpu)}
		if p.Logged && len(wrote) > 0 {
			p.Written = max(quantile(wrote, 0.5), 0)
		}
		points = append(points, p)
	}
	return points, nil
}

func (c Calibrate) scenario(kind string) MemoryScenario {
	return MemoryScenario{Targets: []Target{c.Plain}, Kinds: []string{kind}, Few: c.Depth.Few, Many: c.Depth.Many, Members: 1, Payload: 64,
		Brief: true, Settle: c.Depth.Settle, Repeat: 1, Cores: c.Cores, Progress: &Progress{}}
}

// memory measures all kinds at once: they do not compete for anything that is counted of a process.
func (c Calibrate) memory(ctx context.Context, r *CalibrateResult) error {
	channels, further := c.scenario(Plain), c.scenario(Plain)
	channels.Channels, further.Further = max(c.Depth.Few/4, 1), 4
	list := []MemoryScenario{c.scenario(Plain), channels, further}
	for _, m := range c.Depth.Members {
		s := c.scenario(Presence)
		s.Members, s.UserInfo = m.Each, m.UserInfo
		list = append(list, s)
	}
	points, failures := make([][]model.Memory, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for i, s := range list {
		all.Go(func() { points[i], failures[i] = memoryPoints(ctx, s) })
	}
	all.Wait()
	for _, p := range points {
		r.Points.Memory = append(r.Points.Memory, p...)
	}
	return errors.Join(failures...)
}

// kernel measures what sockets take of the kernel, apart: that is counted for the whole system.
func (c Calibrate) kernel(ctx context.Context, r *CalibrateResult) error {
	s := c.scenario(Plain)
	s.Settle = min(s.Settle, time.Second)
	got, err := s.Run(ctx)
	if err != nil || len(got.Rows) == 0 || got.Rows[0].Start.Kernel == 0 {
		return err
	}
	row := got.Rows[0]
	r.Points.Kernel = append(r.Points.Kernel, model.Kernel{Sockets: s.Many - s.Few, Bytes: float64(row.Many.Kernel - row.Few.Kernel)})
	return nil
}

// memoryPoints is two points of one server.
func memoryPoints(ctx context.Context, s MemoryScenario) ([]model.Memory, error) {
	got, err := s.Run(ctx)
	if err != nil || len(got.Rows) == 0 {
		return nil, err
	}
	row := got.Rows[0]
	var points []model.Memory
	for _, at := range []struct {
		sockets int
		memory  Memory
	}{{s.Few, row.Few}, {s.Many, row.Many}} {
		p := model.Memory{Sockets: at.sockets, Channels: min(max(s.Channels, 1), at.sockets) + s.Further, Further: s.Further,
			Start: float64(row.Start.Resident), Resident: float64(at.memory.Resident)}
		if row.Kind == Presence {
			p.Presence, p.UserInfo, p.Channels = true, s.UserInfo, (at.sockets+s.Members-1)/s.Members
		}
		points = append(points, p)
	}
	return points, nil
}

// connects measures storms, of the baseline as well: it accepts and does no more.
func (c Calibrate) connects(ctx context.Context, r *CalibrateResult) error {
	got, err := Connect{Targets: []Target{Baseline, c.Plain}, Storm: c.Depth.Storm, Parallel: max(c.Depth.Storm/8, 1), Running: 50, Rate: 20, Payload: 64,
		Quiet: c.Depth.Around, Around: c.Depth.Around, Storms: c.Depth.Storms, Cores: c.Cores, Progress: &Progress{}, gauge: c.gauge}.Run(ctx)
	if err != nil || got.Partial || len(got.Columns) < 2 {
		return err
	}
	for i, s := range got.Columns[1].Storms {
		each := func(s ConnectStorm) float64 { return s.CPU / float64(s.Ready) * 1e6 }
		p := model.Connect{Sockets: s.Ready, CPU: each(s)}
		if s.Gauge > 0 {
			p.Ratio = p.CPU / s.Gauge
		}
		if accepts := got.Columns[0].Storms; i < len(accepts) {
			p.Accept = each(accepts[i])
			if g := accepts[i].Gauge; g > 0 {
				p.Accept *= s.Gauge / g // at the speed that the machine had in the other storm
			}
		}
		r.Points.Connects = append(r.Points.Connects, p)
	}
	return nil
}

// pingInterval, in seconds, has every socket pinged once soon after it came, so that it does not take minutes. The next
// ping comes half a minute later: how long the sockets are looked at tells a ping from a socket that does nothing.
const pingInterval = 2

// idle measures sockets that are pinged once.
func (c Calibrate) idle(ctx context.Context, i Idlers, r *CalibrateResult) error {
	target := c.Plain
	target.Args = append(append([]string(nil), target.Args...), fmt.Sprintf("--ping-interval=%d", pingInterval))
	got, err := Idle{Targets: []Target{target}, Sockets: i.Sockets, Duration: i.Watch, Cores: c.Cores, Progress: &Progress{}}.Run(ctx)
	if err != nil || len(got.Rows) == 0 || ctx.Err() != nil {
		return err
	}
	row := got.Rows[0]
	r.Points.Idle = append(r.Points.Idle, model.Idle{Sockets: i.Sockets, Seconds: row.Seconds, Pings: float64(row.Pings), CPU: row.CPU * 1e6})
	return nil
}
