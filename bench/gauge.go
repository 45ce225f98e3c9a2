package bench

import (
	"resound/bench/raw"
	"resound/bench/swarm"
)

// gauge is a baseline that runs beside a calibration, and is asked again and again how fast the machine is. Shared machines
// change by a third within seconds; a server's cost in deliveries of the baseline, just before, changes by a few percent.
type gauge struct {
	*pair
	readings []float64
}

const (
	gaugeSockets  = 500
	gaugeMessages = 12 // of a reading: some 20 ms
	gaugeFrame    = 112
)

// startGauge starts it where the servers run.
func startGauge(c Cores) (*gauge, error) {
	p, err := startPair(Baseline, c, swarm.Options{})
	if err != nil {
		return nil, err
	}
	if err := p.connect(gaugeSockets); err != nil {
		p.stop()
		return nil, err
	}
	g := &gauge{pair: p}
	_, err = g.read() // caches fill
	g.readings = nil
	return g, err
}

// read returns what the baseline takes for a delivery now, in µs; 0 of no gauge.
func (g *gauge) read() (float64, error) {
	if g == nil {
		return 0, nil
	}
	before, err := g.cpu()
	if err != nil {
		return 0, err
	}
	r, err := g.load.do(order{Op: "bursts", Messages: gaugeMessages, Window: 1, How: raw.Write, Size: gaugeFrame})
	if err != nil {
		return 0, err
	}
	after, err := g.cpu()
	us := (after - before).Seconds() / float64(r.Deliveries) * 1e6
	g.readings = append(g.readings, us)
	return us, err
}

// steady is the middle of several readings, for what is measured only once.
func (g *gauge) steady() (float64, error) {
	if g == nil {
		return 0, nil
	}
	var list []float64
	for range 5 {
		us, err := g.read()
		if err != nil {
			return 0, err
		}
		list = append(list, us)
	}
	return quantile(list, 0.5), nil
}

// around lets a server carry f out, and returns what it spent and the middle of what the gauge reads before and behind.
func (g *gauge) around(s *server, f func() error) (used usage, us float64, err error) {
	before, err := g.read()
	if err != nil {
		return used, 0, err
	}
	if used, err = s.spent(f); err != nil {
		return used, 0, err
	}
	after, err := g.read()
	return used, (before + after) / 2, err
}

// costs is the middle of some CPU costs in µs, and of their ratios to what the gauge read around each; that is 0 without a gauge.
func costs(cpu, gauges []float64) (middle, ratio float64) {
	var ratios []float64
	for i, us := range cpu {
		if gauges[i] > 0 {
			ratios = append(ratios, us/gauges[i])
		}
	}
	if len(ratios) > 0 {
		ratio = quantile(ratios, 0.5)
	}
	return quantile(cpu, 0.5), ratio
}
