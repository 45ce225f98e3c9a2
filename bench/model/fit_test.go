package model

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// truth is the costs that synthetic points are made of.
var truth = Model{
	Memory:   MemoryCost{Start: 24e6, Warm: 5e5, Socket: 680, Subscription: 150, Member: 300, UserInfo: 2.5, Channel: 1500, Kernel: 3700},
	Delivery: DeliveryCost{Send: 2.8, Crowd: 2, Half: 2000, Event: 0.05, First: 0.0008, Bend: 1024, Byte: 0.0002, Wake: 20, Call: 12},
	Publish:  PublishCost{Kept: 9, Fresh: 25, Byte: 0.005, FreshByte: 0.002},
	Connect:  ConnectCost{Connect: 30, Accept: 20},
	Idle:     IdleCost{Second: 900, Socket: 0.01, Ping: 8},
	Log:      LogCost{Append: 6, Byte: 0.003, Message: 120, Written: 1.5},
}

// synthetic makes points of a model, with a relative noise of up to so much.
func synthetic(m Model, noise float64) (p Points) {
	random := rand.New(rand.NewPCG(1, 2))
	wrong := func(v float64) float64 { return v * (1 + noise*(2*random.Float64()-1)) }
	for _, sockets := range []int{100, 1000, 10000} {
		for _, channels := range []int{1, sockets / 10} {
			for _, window := range []int{1, 4, 16} {
				for _, size := range []int{16, 256, 1024, 4096, 16384} {
					for _, logged := range []bool{false, true} {
						d := Delivery{Sockets: sockets, Channels: channels, Window: window, Payload: size, Frame: size + 48, Logged: logged}
						d.CPU = wrong(m.Predict(d))
						p.Deliveries = append(p.Deliveries, d)
					}
				}
			}
		}
	}
	for _, size := range []int{64, 1024, 16384} {
		for _, fresh := range []bool{false, true} {
			for _, logged := range []bool{false, true} {
				d := Publish{Payload: size, Fresh: fresh, Logged: logged}
				d.CPU = wrong(m.PredictPublish(d))
				if logged {
					d.Written = wrong(m.Log.Message + m.Log.Written*float64(size))
				}
				p.Publishes = append(p.Publishes, d)
			}
		}
	}
	for _, sockets := range []int{1000, 9000} {
		for _, d := range []Memory{{Channels: 1}, {Channels: 500}, {Channels: 5, Further: 4}, {Channels: sockets / 10, Presence: true, UserInfo: 100},
			{Channels: sockets / 100, Presence: true, UserInfo: 500}} {
			d.Sockets, d.Start = sockets, m.Memory.Start
			d.Resident = d.Start + wrong(m.PredictMemory(d)-d.Start)
			p.Memory = append(p.Memory, d)
		}
	}
	for _, sockets := range []int{100, 9000} {
		for _, seconds := range []float64{4, 9} {
			n := float64(sockets)
			cpu := m.Idle.Second*seconds + m.Idle.Socket*n*seconds + m.Idle.Ping*n
			p.Idle = append(p.Idle, Idle{Sockets: sockets, Seconds: seconds, Pings: n, CPU: wrong(cpu)})
		}
	}
	p.Connects = []Connect{{Sockets: 4000, CPU: wrong(m.Connect.Connect), Accept: wrong(m.Connect.Accept)}}
	p.Kernel = []Kernel{{7000, wrong(2 * m.Memory.Kernel * 7000)}}
	return p
}

// costs lists all coefficients of a model by name.
func costs(t *testing.T, m *Model) map[string]float64 {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, part := range []string{"memory", "delivery", "publish", "connect", "idle", "log"} {
		var values map[string]float64
		if err := json.Unmarshal(parts[part], &values); err != nil {
			t.Fatal(err)
		}
		for name, v := range values {
			all[part+"."+name] = v
		}
	}
	return all
}

func TestFitFindsTheCosts(t *testing.T) {
	got, err := FitPoints(synthetic(truth, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Missing) > 0 {
		t.Errorf("missing: %q", got.Missing)
	}
	want := costs(t, &truth)
	for name, v := range costs(t, got) {
		if math.Abs(v-want[name]) > 1e-6*want[name] {
			t.Errorf("%s is %v, want %v", name, v, want[name])
		}
	}
	for _, f := range got.Fits {
		if f.Worst > 1e-6 || f.Points == 0 {
			t.Errorf("%s: %v at worst, at %d points", f.Quantity, f.Worst, f.Points)
		}
	}
}

func TestFitWithNoisePredictsWithinIt(t *testing.T) {
	got, err := FitPoints(synthetic(truth, 0.08))
	if err != nil {
		t.Fatal(err)
	}
	// At points that were not fitted, and without the noise.
	for _, d := range []Delivery{{Sockets: 2000, Channels: 20, Window: 2, Payload: 200, Frame: 248}, {Sockets: 5000, Channels: 1, Window: 8, Payload: 1500, Frame: 1548},
		{Sockets: 300, Channels: 100, Window: 1, Payload: 8000, Frame: 8048}} {
		if r := (Residual{Measured: truth.Predict(d), Predicted: got.Predict(d)}); math.Abs(r.Error()) > 0.08 {
			t.Errorf("%+v: %v", d, r)
		}
	}
	for _, p := range []Publish{{Payload: 300}, {Payload: 5000, Fresh: true, Logged: true}} {
		if r := (Residual{Measured: truth.PredictPublish(p), Predicted: got.PredictPublish(p)}); math.Abs(r.Error()) > 0.08 {
			t.Errorf("%+v: %v", p, r)
		}
	}
	for name, v := range costs(t, got) {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Errorf("%s is %v", name, v)
		}
	}
}

// TestSlowTimesDoNotSpoilTheFit: where the machine is slower for a while, so is the baseline.
func TestSlowTimesDoNotSpoilTheFit(t *testing.T) {
	p := synthetic(truth, 0)
	p.Baseline = 3.2
	random := rand.New(rand.NewPCG(5, 6))
	slower := func(cpu, ratio *float64) {
		*ratio = *cpu / p.Baseline
		*cpu *= 1 + random.Float64()
	}
	for i := range p.Deliveries {
		slower(&p.Deliveries[i].CPU, &p.Deliveries[i].Ratio)
	}
	for i := range p.Publishes {
		slower(&p.Publishes[i].CPU, &p.Publishes[i].Ratio)
	}
	for i := range p.Connects {
		c := &p.Connects[i]
		before := c.CPU
		slower(&c.CPU, &c.Ratio)
		c.Accept *= c.CPU / before
	}
	got, err := FitPoints(p)
	if err != nil {
		t.Fatal(err)
	}
	want := costs(t, &truth)
	for name, v := range costs(t, got) {
		if math.Abs(v-want[name]) > 1e-6*want[name] {
			t.Errorf("%s is %v, want %v", name, v, want[name])
		}
	}
}

func TestMissingPointsAreNamed(t *testing.T) {
	p := synthetic(truth, 0)
	p.Idle, p.Connects = nil, nil
	p.Memory = slices.DeleteFunc(p.Memory, func(d Memory) bool { return d.Presence })
	p.Publishes = slices.DeleteFunc(p.Publishes, func(d Publish) bool { return d.Logged })
	p.Deliveries = slices.DeleteFunc(p.Deliveries, func(d Delivery) bool { return d.Logged })
	got, err := FitPoints(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"idle sockets", "connects", "memory of presence members", "memory of user_info", "the log's CPU", "the log's bytes"} {
		if !slices.Contains(got.Missing, want) {
			t.Errorf("%q is not among %q", want, got.Missing)
		}
	}
	if r := got.Delivery.Send / truth.Delivery.Send; math.Abs(r-1) > 1e-6 {
		t.Errorf("a send is %v of what it is", r)
	}
}

func TestDegeneratePointsAreAnError(t *testing.T) {
	for name, spoil := range map[string]func(*Points){
		"none":                  func(p *Points) { *p = Points{} },
		"no deliveries":         func(p *Points) { p.Deliveries = nil },
		"no publishes":          func(p *Points) { p.Publishes = nil },
		"no memory":             func(p *Points) { p.Memory = nil },
		"a delivery of NaN":     func(p *Points) { p.Deliveries[3].CPU = math.NaN() },
		"a publish for free":    func(p *Points) { p.Publishes[0].CPU = 0 },
		"infinite memory":       func(p *Points) { p.Memory[1].Resident = math.Inf(1) },
		"idle for no time":      func(p *Points) { p.Idle[0].Seconds = 0 },
		"less than at start":    func(p *Points) { p.Memory[0].Resident = p.Memory[0].Start },
		"sockets of no channel": func(p *Points) { p.Deliveries[0].Channels = 0 },
	} {
		p := synthetic(truth, 0)
		spoil(&p)
		if m, err := FitPoints(p); err == nil {
			t.Errorf("%s: %+v", name, m.Delivery)
		} else if !strings.Contains(err.Error(), ": ") {
			t.Errorf("%s: %v does not say of what", name, err)
		}
	}
}

func TestOnePointTellsOneCost(t *testing.T) {
	p := synthetic(truth, 0)
	p.Deliveries = p.Deliveries[:1]
	got, err := FitPoints(p)
	if err != nil {
		t.Fatal(err)
	}
	if r := got.Predict(p.Deliveries[0]) / p.Deliveries[0].CPU; math.Abs(r-1) > 1e-6 {
		t.Errorf("its own point is predicted %v times", r)
	}
	if !slices.Contains(got.Missing, "bytes") {
		t.Errorf("%q are missing", got.Missing)
	}
}

func TestNNLS(t *testing.T) {
	// y = 2 a - b has its best with b >= 0 at b = 0: the slope of y on a alone.
	a := [][]float64{{1, 0}, {1, 1}, {2, 1}}
	b := []float64{2, 1, 3}
	x, err := nnls(a, b, false)
	if err != nil || math.Abs(x[0]-1.5) > 1e-9 || x[1] != 0 {
		t.Errorf("%v, %v; want 1.5 and 0", x, err)
	}
	if _, err := nnls([][]float64{{1, 2}, {2, 4}, {3, 6}}, b, false); err == nil {
		t.Error("columns that are the same were told from each other")
	}
}
