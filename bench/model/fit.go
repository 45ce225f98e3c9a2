package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The forms that are tried: how many sockets fill half of the caches, and how many bytes of a send
// cost more than those behind them. The one with the least error is taken.
var (
	halves = []float64{500, 1000, 2000, 4000, 8000}
	bends  = []float64{512, 1024, 1500, 2048, 4096}
)

// FitPoints fits a Model. Deliveries, publishes and memory are needed; what else is missing is named in
// Model.Missing. Points that tell nothing are an error.
func FitPoints(p Points) (*Model, error) {
	m := &Model{Range: p.ranges()}
	for _, part := range []func(Points) error{m.fitPublishes, m.fitDeliveries, m.fitMemory, m.fitIdle} {
		if err := part(p); err != nil {
			return nil, err
		}
	}
	var connects, accepts []float64
	for _, c := range p.Connects {
		connects = append(connects, p.Cost(c.CPU, c.Ratio))
		if c.Accept > 0 {
			accepts = append(accepts, c.Accept/c.CPU*p.Cost(c.CPU, c.Ratio))
		}
	}
	m.Connect = ConnectCost{median(connects), min(median(accepts), median(connects))}
	if len(connects) == 0 {
		m.Missing = append(m.Missing, "connects")
		return m, nil
	}
	fit := Fit{Quantity: "a connect", Unit: "µs"}
	for i, c := range p.Connects {
		fit.Each = append(fit.Each, Residual{fmt.Sprintf("%d at once", c.Sockets), connects[i], m.Connect.Connect})
	}
	fit.summarise()
	m.Fits = append(m.Fits, fit)
	return m, nil
}

// take keeps what a regression said beside its coefficients.
func (m *Model) take(s solution) {
	m.Fits = append(m.Fits, s.fit)
	m.Missing = append(m.Missing, s.missing...)
}

func (m *Model) fitPublishes(p Points) error {
	cpu := regression{quantity: "a publish", unit: "µs", columns: []string{
		"publishes", "publishes over new connections", "the size of a publish", "the log's CPU", "the log's CPU by size",
		"the size of a publish over a new connection"}}
	disk := regression{quantity: "a message on disk", unit: "bytes", columns: []string{"the log's bytes", "the log's bytes by size"}}
	for _, d := range p.Publishes {
		size, fresh, logged := float64(d.Payload), 0.0, 0.0
		if d.Fresh {
			fresh = 1
		}
		if d.Logged {
			logged = 1
		}
		cpu.add(d.Name(), p.Cost(d.CPU, d.Ratio), 0, 1, fresh, size, logged, logged*size, fresh*size)
		if d.Logged && d.Written > 0 {
			disk.add(d.Name(), d.Written, 0, 1, size)
		}
	}
	s, err := cpu.solve()
	if err != nil {
		return err
	}
	m.Publish = PublishCost{Kept: s.x[0], Fresh: s.x[1], Byte: s.x[2], FreshByte: s.x[5]}
	m.Log.Append, m.Log.Byte = s.x[3], s.x[4]
	m.take(s)
	if len(disk.rows) == 0 {
		m.Missing = append(m.Missing, disk.columns...)
		return nil
	}
	if s, err = disk.solve(); err != nil {
		return err
	}
	m.Log.Message, m.Log.Written = s.x[0], s.x[1]
	m.take(s)
	return nil
}

// fitDeliveries needs the cost of a publish.
func (m *Model) fitDeliveries(p Points) error {
	for _, d := range p.Deliveries {
		if d.Sockets < 1 || d.Channels < 1 || d.Window < 1 || d.Frame < 1 {
			return fmt.Errorf("a delivery: %s of %d bytes on the wire cannot be", d.Name(), d.Frame)
		}
	}
	best := solution{loss: math.Inf(1)}
	var first error
	for _, half := range halves {
		for _, bend := range bends {
			r := regression{quantity: "a delivery", unit: "µs", columns: []string{
				"sends", "wake-ups", "bytes", "events of a send", "the number of sockets", "the first bytes", "publishes with readers"}}
			for _, d := range p.Deliveries {
				k, readers, frame := d.events(), d.readers(), float64(d.Frame)
				known := m.Publish.Kept + m.Publish.Byte*float64(d.Payload)
				if d.Logged {
					known += m.Log.Append + m.Log.Byte*float64(d.Payload)
				}
				r.add(d.Name(), p.Cost(d.CPU, d.Ratio), known/readers, 1/k, 1/(float64(d.Window)*readers), frame, 1,
					crowded(float64(d.Sockets), half)/k, min(k*frame, bend)/k, 1/readers)
			}
			s, err := r.solve()
			if err != nil {
				first = err
				continue
			}
			if s.loss < best.loss*0.999 {
				best = s
				m.Delivery = DeliveryCost{Send: s.x[0], Wake: s.x[1], Byte: s.x[2], Event: s.x[3], Crowd: s.x[4], Half: half,
					First: s.x[5], Bend: bend, Call: m.Publish.Kept + s.x[6]}
			}
		}
	}
	if math.IsInf(best.loss, 1) {
		return errors.Join(errors.New("deliveries: nothing can be fitted"), first)
	}
	m.take(best)
	return nil
}

func (m *Model) fitMemory(p Points) error {
	r := regression{quantity: "memory of sockets", unit: "bytes", columns: []string{
		"memory of a socket", "memory of the first sockets", "memory of further subscriptions", "memory of presence members", "memory of user_info", "memory of channels"}}
	var starts, kernel []float64
	for _, d := range p.Memory {
		n, member := float64(d.Sockets), 0.0
		if d.Presence {
			member = n
		}
		r.add(d.Name(), d.Resident-d.Start, 0, n, 1, n*float64(d.Further), member, member*float64(d.UserInfo), float64(d.Channels))
		starts = append(starts, d.Start)
	}
	for _, d := range p.Kernel {
		if d.Bytes > 0 && d.Sockets > 0 {
			kernel = append(kernel, d.Bytes/float64(d.Sockets)/2)
		}
	}
	s, err := r.solve()
	if err != nil {
		return err
	}
	m.Memory = MemoryCost{Start: median(starts), Socket: s.x[0], Warm: s.x[1], Subscription: s.x[2], Member: s.x[3], UserInfo: s.x[4], Channel: s.x[5], Kernel: median(kernel)}
	if len(kernel) == 0 {
		m.Missing = append(m.Missing, "memory of the kernel")
	}
	m.take(s)
	return nil
}

func (m *Model) fitIdle(p Points) error {
	if len(p.Idle) == 0 {
		m.Missing = append(m.Missing, "idle sockets")
		return nil
	}
	r := regression{quantity: "idle sockets", unit: "µs a second", columns: []string{"pings", "an idle process", "idle sockets"}}
	for _, d := range p.Idle {
		r.add(fmt.Sprintf("%d sockets, %.0f pings a second", d.Sockets, d.Pings/d.Seconds), d.CPU/d.Seconds, 0, d.Pings/d.Seconds, 1, float64(d.Sockets))
	}
	s, err := r.solve()
	if err != nil {
		return err
	}
	m.Idle = IdleCost{Ping: s.x[0], Second: s.x[1], Socket: s.x[2]}
	m.take(s)
	return nil
}

func (p Points) ranges() (r Range) {
	r.Cores = 1
	for _, d := range p.Deliveries {
		r.Sockets.take(float64(d.Sockets))
		r.Frame.take(float64(d.Frame))
		r.Together.take(d.events())
		r.Sent.take(d.events() * float64(d.Frame))
	}
	for _, d := range p.Publishes {
		r.Payload.take(float64(d.Payload))
	}
	for _, d := range p.Memory {
		if r.Held.take(float64(d.Sockets)); d.Presence {
			r.UserInfo.take(float64(d.UserInfo))
		}
	}
	return r
}

func (s *Span) take(v float64) {
	if len(s.At) == 0 {
		s.Low, s.High = v, v
	}
	s.Low, s.High = min(s.Low, v), max(s.High, v)
	if !slices.Contains(s.At, v) {
		s.At = append(s.At, v)
	}
}

// Name says what the point is.
func (d Delivery) Name() string {
	text := fmt.Sprintf("%d sockets, %d channels, %d at once, %d bytes", d.Sockets, d.Channels, d.Window, d.Payload)
	if d.Logged {
		text += ", kept"
	}
	return text
}

// Name says what the point is.
func (d Publish) Name() string {
	text := fmt.Sprintf("%d bytes", d.Payload)
	if d.Fresh {
		text += ", a connection each"
	}
	if d.Logged {
		text += ", kept"
	}
	return text
}

// Name says what the point is.
func (d Memory) Name() string {
	text := fmt.Sprintf("%d sockets, %d channels", d.Sockets, d.Channels)
	if d.Further > 0 {
		text += fmt.Sprintf(", %d further subscriptions", d.Further)
	}
	if d.Presence {
		text += fmt.Sprintf(", members with %d bytes", d.UserInfo)
	}
	return text
}
