package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// fanouts picks the fan-out results, in order of their sockets.
func fanouts(list []*Saved) (picked []*FanoutResult) {
	for _, s := range list {
		if r, ok := s.Result.(*FanoutResult); ok && len(r.Columns) > 0 {
			picked = append(picked, r)
		}
	}
	slices.SortStableFunc(picked, func(a, b *FanoutResult) int { return a.Sockets - b.Sockets })
	return picked
}

// way is what else than the number of sockets tells two fan-outs apart.
func (r *FanoutResult) way() string {
	how := "one at a time"
	if r.Window > 1 {
		how = fmt.Sprintf("%d at once", r.Window)
	}
	if r.Payload != 64 {
		how += fmt.Sprintf(", %s bytes", thousands(float64(r.Payload)))
	}
	return how
}

// costs are the CPU seconds per million deliveries of each round, and their ratios to the first column's.
func (r *FanoutResult) costs(c FanoutColumn) (cost, ratio []float64) {
	for i, round := range c.Rounds {
		cost = append(cost, c.Target.ofProcess(round.perMillion()))
		if first := r.Columns[0]; i < len(first.Rounds) {
			ratio = append(ratio, c.Target.ofProcess(round.perMillion())/first.Target.ofProcess(first.Rounds[i].perMillion()))
		}
	}
	return cost, ratio
}

// bursts are all times of a column, in milliseconds.
func (c FanoutColumn) bursts() (list []float64) {
	for _, round := range c.Rounds {
		list = append(list, millis(round.Bursts)...)
	}
	return list
}

// CompareFanouts is one table of several fan-outs: a row for each run, and columns for each server.
func CompareFanouts(list []*Saved) (Table, error) {
	picked := fanouts(list)
	if len(picked) == 0 {
		return Table{}, fmt.Errorf("none of these results is a fan-out")
	}
	t := Table{Title: "CPU seconds per million deliveries", Header: []string{"sockets"}}
	var names, few []string
	for _, c := range picked[0].Columns {
		names = append(names, c.Name)
	}
	t.Header = append(t.Header, names...)
	for _, name := range names[1:] {
		t.Header = append(t.Header, name+" to "+names[0])
	}
	t.Header = append(t.Header, "last socket p50 and p99, ms: "+names[len(names)-1], "of "+names[0])
	for _, r := range picked {
		row := []string{thousands(float64(r.Sockets))}
		var ratios []string
		var have []string
		for i, c := range r.Columns {
			cost, ratio := r.costs(c)
			row, have = append(row, spreadOf(cost).String()), append(have, c.Name)
			if i > 0 {
				ratios = append(ratios, spreadOf(ratio).String())
			}
		}
		if !slices.Equal(have, names) {
			return Table{}, fmt.Errorf("the fan-outs measured different servers: %s, and %s", strings.Join(names, ", "), strings.Join(have, ", "))
		}
		row = append(row, ratios...)
		for _, c := range []FanoutColumn{r.Columns[len(r.Columns)-1], r.Columns[0]} {
			times := c.bursts()
			row = append(row, number(quantile(times, 0.5))+", "+number(quantile(times, 0.99)))
		}
		t.Rows = append(t.Rows, row)
		if n := r.fewest(); n < fewForP99 {
			few = append(few, fmt.Sprintf("%d to %s sockets", n, thousands(float64(r.Sockets))))
		}
	}
	if len(few) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("A p99 of less than %d publishes is close to the worst of them: these were %s.", fewForP99, strings.Join(few, ", ")))
	}
	return t, nil
}

// fewForP99: of fewer values, the p99 lies between the worst and the one before it.
const fewForP99 = 101

// fewest is the publishes of the column that has the fewest.
func (r *FanoutResult) fewest() int {
	least := math.MaxInt
	for _, c := range r.Columns {
		least = min(least, len(c.bursts()))
	}
	return least
}

// Compare makes figures of several results: what changes with the number of sockets on one channel. There are
// none of results that do not differ in it.
func Compare(list []*Saved) []Figure {
	ratio := Figure{Name: "fanout-ratio", Title: "CPU of a delivery, as a multiple of the baseline's", X: "sockets", Y: "ratio", LogX: true}
	cost := Figure{Name: "fanout-cpu", Title: "CPU of a million deliveries", X: "sockets", Y: "CPU seconds", LogX: true}
	rate := Figure{Name: "fanout-rate", Title: "Deliveries for each second of CPU", X: "sockets", Y: "deliveries", LogX: true}
	last := Figure{Name: "fanout-latency", Title: "Median time until the last socket has an event", X: "sockets", Y: "ms", LogX: true, LogY: true}
	points, ways := map[int]bool{}, map[string]bool{}
	picked := slices.DeleteFunc(fanouts(list), func(r *FanoutResult) bool { return r.channels() != "1 channel" })
	for _, r := range picked {
		points[r.Sockets], ways[r.way()] = true, true
	}
	for _, r := range picked {
		for i, c := range r.Columns {
			costs, ratios := r.costs(c)
			name := c.Name
			if len(ways) > 1 {
				name += ", " + r.way()
			}
			median := quantile(costs, 0.5)
			x := float64(r.Sockets)
			cost.line(name).add(x, median)
			rate.line(name).add(x, 1e6/median)
			last.line(name).add(x, quantile(c.bursts(), 0.5))
			if i > 0 {
				ratio.line(name).add(x, quantile(ratios, 0.5))
			}
		}
	}
	if len(points) < 2 {
		return nil
	}
	var figures []Figure
	for _, f := range []Figure{ratio, cost, rate, last} {
		if len(f.Lines) > 0 {
			figures = append(figures, f)
		}
	}
	return figures
}

// line finds a line by its name, or begins it.
func (f *Figure) line(name string) *Line {
	for i := range f.Lines {
		if f.Lines[i].Name == name {
			return &f.Lines[i]
		}
	}
	f.Lines = append(f.Lines, Line{Name: name})
	return &f.Lines[len(f.Lines)-1]
}
