package bench

import (
	"context"
	"fmt"
	"time"

	"resound/bench/swarm"
)

// MemoryScenario is the scenario: what an idle socket takes, as the slope between two
// numbers of them, so that what the server needs for itself does not count.
type MemoryScenario struct {
	Targets  []Target
	Kinds    []string // the baseline has plain sockets only
	Few      int      // sockets at the first point
	Many     int      // and at the second
	Members  int      // of a presence channel
	UserInfo int      // bytes of a member's user_info
	Payload  int      // bytes of the events that busy sockets get
	Channels int      // that plain and busy sockets are spread over; 0 is 1
	Further  int      // subscriptions of each socket beyond the first
	Brief    bool     // not whether memory comes back when all leave
	Settle   time.Duration
	Repeat   int // of all of it, each time with a server that has just started
	Cores    Cores
	Progress *Progress
}

// The kinds of sockets: what one may be, or have done before it became idle.
const (
	Plain    = "plain"
	Presence = "presence"
	Busy     = "busy"
)

// busyEvents is how many events a busy socket gets, in bursts of busyWindow.
const (
	busyEvents = 100
	busyWindow = 10
)

// MemoryResult is every point of every server.
type MemoryResult struct {
	Few      int         `json:"few"`
	Many     int         `json:"many"`
	Members  int         `json:"members"`
	UserInfo int         `json:"user_info"`
	Rows     []MemoryRow `json:"rows"`
	Partial  bool        `json:"partial,omitempty"`
}

// MemoryRow is one life of a server.
type MemoryRow struct {
	Target Target `json:"target"`
	Kind   string `json:"kind"`
	Start  Memory `json:"start"` // before the first socket
	Few    Memory `json:"few"`
	Many   Memory `json:"many"`
	Left   Memory `json:"left"`  // after all had left
	Again  Memory `json:"again"` // after as many had come again
}

// Run measures. When ctx ends it returns the rows that are whole.
func (m MemoryScenario) Run(ctx context.Context) (*MemoryResult, error) {
	if err := needProcesses("memory", m.Targets); err != nil {
		return nil, err
	}
	r := &MemoryResult{Few: m.Few, Many: m.Many, Members: m.Members, UserInfo: m.UserInfo}
	total := float64(m.Repeat * len(m.Targets) * len(m.Kinds))
	for repeat := range m.Repeat {
		for i, t := range m.Targets {
			for j, kind := range m.Kinds {
				if t.raw() && kind != Plain {
					continue
				}
				done := float64((repeat*len(m.Targets)+i)*len(m.Kinds)+j) / total
				row, err := m.row(ctx, t, kind, func(part float64, what string) {
					m.Progress.Show(done+part/total, t.Name+", "+kind+": "+what)
				})
				if ctx.Err() != nil {
					r.Partial = true
					return r, nil
				}
				if err != nil {
					return r, fmt.Errorf("%s, %s: %w", t.Name, kind, err)
				}
				r.Rows = append(r.Rows, row)
			}
		}
	}
	return r, nil
}

// row is one life of a server.
func (m MemoryScenario) row(ctx context.Context, t Target, kind string, progress func(float64, string)) (MemoryRow, error) {
	row := MemoryRow{Target: t, Kind: kind}
	o := swarm.Options{Payload: m.Payload, Further: m.Further}
	for i := range max(m.Channels, 1) {
		o.Channels = append(o.Channels, fmt.Sprintf("memory-%d", i))
	}
	if kind == Presence {
		o.Channels, o.Members, o.UserInfo = nil, m.Members, m.UserInfo
		for i := range (m.Many + m.Members - 1) / m.Members {
			o.Channels = append(o.Channels, fmt.Sprintf("presence-memory-%d", i))
		}
	}
	p, err := startPair(t, m.Cores, o)
	if err != nil {
		return row, err
	}
	defer p.stop()
	for i, step := range []struct {
		what string
		add  int // sockets; negative: all leave
		into *Memory
	}{
		{"starting", 0, &row.Start}, {"connecting", m.Few, &row.Few}, {"connecting", m.Many - m.Few, &row.Many},
		{"leaving", -1, &row.Left}, {"coming again", m.Many, &row.Again},
	} {
		if m.Brief && i > 2 {
			break
		}
		progress(float64(i)/5, step.what)
		switch {
		case step.add > 0:
			if err = p.connect(step.add); err == nil && kind == Busy {
				err = p.keepBusy()
			}
		case step.add < 0:
			_, err = p.load.do(order{Op: "leave"})
		}
		if err == nil {
			*step.into, err = settled(ctx, p.pid(), m.Settle)
		}
		if err != nil {
			return row, err
		}
	}
	return row, nil
}

// keepBusy sends the events that make a socket a busy one.
func (p *pair) keepBusy() error {
	_, err := p.load.do(order{Op: "bursts", Messages: busyEvents, Window: busyWindow})
	return err
}

// perSocket is the slope between the two points, in bytes.
func (r *MemoryResult) perSocket(few, many int64) float64 {
	return float64(many-few) / float64(r.Many-r.Few)
}

// Table has a row for each kind of socket of each target.
func (r *MemoryResult) Table() Table {
	t := Table{
		Title: fmt.Sprintf("Memory of idle sockets, one channel each: slope between %s and %s", thousands(float64(r.Few)), thousands(float64(r.Many))),
		Header: []string{"", "sockets", "resident bytes per socket", "anonymous bytes per socket", "MB at start", fmt.Sprintf("at %s", thousands(float64(r.Few))),
			fmt.Sprintf("at %s", thousands(float64(r.Many))), "all left", "all again"},
	}
	order, rows := r.kinds()
	for _, k := range order {
		median := func(f func(MemoryRow) float64) Spread {
			var list []float64
			for _, row := range rows[k] {
				list = append(list, f(row))
			}
			return spreadOf(list)
		}
		mb := func(f func(MemoryRow) Memory) string {
			return number(median(func(row MemoryRow) float64 { return float64(f(row).Resident) / (1 << 20) }).Median)
		}
		t.Rows = append(t.Rows, []string{
			k.name, k.kind,
			median(func(row MemoryRow) float64 { return r.perSocket(row.Few.Resident, row.Many.Resident) }).String(),
			median(func(row MemoryRow) float64 { return r.perSocket(row.Few.Anonymous, row.Many.Anonymous) }).String(),
			mb(func(row MemoryRow) Memory { return row.Start }), mb(func(row MemoryRow) Memory { return row.Few }),
			mb(func(row MemoryRow) Memory { return row.Many }), mb(func(row MemoryRow) Memory { return row.Left }),
			mb(func(row MemoryRow) Memory { return row.Again }),
		})
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Presence members have %d bytes of user_info and are %d to a channel; busy sockets got %d events before they became idle. The kernel's memory for sockets is not counted.",
		r.UserInfo, r.Members, busyEvents))
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rows that had finished.")
	}
	return t
}

// Servers implements Result.
func (r *MemoryResult) Servers() (list []Target) {
	for _, row := range r.Rows {
		list = append(list, row.Target)
	}
	return list
}

// Figures is the resident memory against the sockets, the median of all lives of a server.
func (r *MemoryResult) Figures() []Figure {
	f := Figure{Name: "resident", Title: "Resident memory of the server", X: "idle sockets", Y: "MB"}
	order, rows := r.kinds()
	for _, k := range order {
		line := Line{Name: k.name + ", " + k.kind}
		for _, point := range []struct {
			sockets int
			of      func(MemoryRow) Memory
		}{
			{0, func(row MemoryRow) Memory { return row.Start }}, {r.Few, func(row MemoryRow) Memory { return row.Few }},
			{r.Many, func(row MemoryRow) Memory { return row.Many }},
		} {
			var list []float64
			for _, row := range rows[k] {
				list = append(list, float64(point.of(row).Resident)/(1<<20))
			}
			line.add(float64(point.sockets), quantile(list, 0.5))
		}
		f.Lines = append(f.Lines, line)
	}
	return []Figure{f}
}

// socketKind is a kind of socket of one server.
type socketKind struct{ name, kind string }

// kinds sorts the rows by kind of socket, in the order of the first of each.
func (r *MemoryResult) kinds() (order []socketKind, rows map[socketKind][]MemoryRow) {
	rows = map[socketKind][]MemoryRow{}
	for _, row := range r.Rows {
		k := socketKind{row.Target.Name, row.Kind}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], row)
	}
	return order, rows
}
