package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/swarm"
)

// Idle is the scenario: sockets that do nothing but answer pings.
type Idle struct {
	Targets  []Target
	Sockets  int
	Warm     time.Duration // before it counts
	Duration time.Duration
	Cores    Cores
	Progress *Progress
}

// IdleResult has a row for each server.
type IdleResult struct {
	Sockets int       `json:"sockets"`
	Rows    []IdleRow `json:"rows"`
}

// IdleRow is one server.
type IdleRow struct {
	Target  Target  `json:"target"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_s"`
	Pings   int64   `json:"pings"`
}

// Run measures. A server that sends no ping in the time fails: nothing was measured then.
// When ctx ends, a server that is being measured counts up to then.
func (i Idle) Run(ctx context.Context) (*IdleResult, error) {
	if err := needProcesses("CPU", i.Targets); err != nil {
		return nil, err
	}
	r := &IdleResult{Sockets: i.Sockets}
	for n, t := range i.Targets {
		row, err := i.row(ctx, t, func(done float64, what string) {
			i.Progress.Show((float64(n)+done)/float64(len(i.Targets)), t.Name+": "+what)
		})
		if err != nil {
			return r, fmt.Errorf("%s: %w", t.Name, err)
		}
		if row.Seconds > 0 {
			r.Rows = append(r.Rows, row)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, nil
}

func (i Idle) row(ctx context.Context, t Target, progress func(float64, string)) (IdleRow, error) {
	row := IdleRow{Target: t}
	progress(0, "connecting")
	p, err := startPair(t, i.Cores, swarm.Options{Channels: []string{"idle"}})
	if err != nil {
		return row, err
	}
	defer p.stop()
	if err := p.connect(i.Sockets); err != nil {
		return row, err
	}
	total := i.Warm + i.Duration
	wait := func(from, d time.Duration) bool {
		for done := time.Duration(0); done < d; done += time.Second {
			progress(float64(from+done)/float64(total), "idle")
			if !sleep(ctx, min(time.Second, d-done)) {
				return false
			}
		}
		return true
	}
	if !wait(0, i.Warm) {
		return row, nil
	}
	first, err := p.load.do(order{Op: "counts"})
	if err != nil {
		return row, err
	}
	before, err := p.cpu()
	if err != nil {
		return row, err
	}
	start := time.Now()
	whole := wait(i.Warm, i.Duration)
	row.Seconds = time.Since(start).Seconds()
	after, err := p.cpu()
	if err != nil {
		return row, err
	}
	last, err := p.load.do(order{Op: "counts"})
	row.CPU, row.Pings = (after - before).Seconds(), last.Counts.Pings-first.Counts.Pings
	switch {
	case err != nil:
	case last.Counts.Ready != i.Sockets:
		err = fmt.Errorf("%d of %d sockets are left: %v", last.Counts.Ready, i.Sockets, last.Counts.Closed)
	case row.Pings == 0 && whole:
		err = fmt.Errorf("no socket was pinged within %v: wait longer", i.Duration)
	}
	return row, err
}

// Table has a row for each server.
func (r *IdleResult) Table() Table {
	t := Table{
		Title:  fmt.Sprintf("CPU of %s idle sockets", thousands(float64(r.Sockets))),
		Header: []string{"", "percent of a core", "seconds", "pings answered", "CPU µs per ping"},
	}
	for _, row := range r.Rows {
		t.Rows = append(t.Rows, []string{row.Target.Name, number(row.CPU / row.Seconds * 100), number(row.Seconds), thousands(float64(row.Pings)),
			number(row.CPU / float64(row.Pings) * 1e6)})
	}
	t.Notes = append(t.Notes, "All of the server's CPU is counted, also what it takes without any socket.")
	return t
}

// Servers implements Result.
func (r *IdleResult) Servers() (list []Target) {
	for _, row := range r.Rows {
		list = append(list, row.Target)
	}
	return list
}

// Figures is the CPU, where there are servers to compare.
func (r *IdleResult) Figures() []Figure {
	if len(r.Rows) < 2 {
		return nil
	}
	f := Figure{Name: "cpu", Title: r.Table().Title, Y: "percent of a core"}
	line := Line{Name: "all of the server's CPU", Dots: true}
	for i, row := range r.Rows {
		f.Ticks = append(f.Ticks, row.Target.Name)
		line.add(float64(i+1), row.CPU/row.Seconds*100)
	}
	f.Lines = []Line{line}
	return []Figure{f}
}
