package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"resound/bench/swarm"
)

// Slow is the scenario: sockets that stop reading, beside as many that read.
type Slow struct {
	Targets  []Target // not the baseline, which ends when a socket is full
	Readers  int
	Others   int
	Rate     float64 // events a second
	Payload  int
	Duration time.Duration // of each part
	Settle   time.Duration // before memory is read, and until those that read again have read all
	Cores    Cores
	Progress *Progress
}

// SlowResult has a row for each server.
type SlowResult struct {
	Readers int       `json:"readers"`
	Others  int       `json:"others"`
	Rate    float64   `json:"rate"`
	Payload int       `json:"payload"`
	Seconds float64   `json:"seconds"`
	Rows    []SlowRow `json:"rows"`
	Partial bool      `json:"partial,omitempty"`
}

// SlowRow is one server. The latencies are those of the readers.
type SlowRow struct {
	Target  Target         `json:"target"`
	Alone   Latencies      `json:"alone"`
	Beside  Latencies      `json:"beside"`  // as many others that read
	Stopped Latencies      `json:"stopped"` // as many others that do not
	Before  Memory         `json:"before"`  // when all are connected
	Worst   int64          `json:"worst"`   // resident, while some do not read
	After   Memory         `json:"after"`   // when those are gone
	Closed  map[string]int `json:"closed"`  // how the others were closed: close codes, or the error of a read
	Left    int            `json:"left"`    // others that were not closed
}

const slowChannel = "slow"

// Run measures. It returns the rows that are whole when ctx ends.
func (s Slow) Run(ctx context.Context) (*SlowResult, error) {
	if err := needProcesses("memory", s.Targets); err != nil {
		return nil, err
	}
	r := &SlowResult{Readers: s.Readers, Others: s.Others, Rate: s.Rate, Payload: s.Payload, Seconds: s.Duration.Seconds()}
	for i, t := range s.Targets {
		row, err := s.row(ctx, t, func(done float64, what string) {
			s.Progress.Show((float64(i)+done)/float64(len(s.Targets)), t.Name+": "+what)
		})
		if ctx.Err() != nil {
			r.Partial = true
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", t.Name, err)
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

func (s Slow) row(ctx context.Context, t Target, progress func(float64, string)) (SlowRow, error) {
	row := SlowRow{Target: t}
	p, err := startPair(t, s.Cores, swarm.Options{Channels: []string{slowChannel}, Payload: s.Payload})
	if err != nil {
		return row, err
	}
	defer p.stop()
	if err := p.connect(s.Readers); err != nil {
		return row, err
	}
	if _, err := p.load.do(order{Op: "broadcast", Messages: int(s.Rate), Rate: s.Rate}); err != nil { // caches fill
		return row, err
	}
	progress(0, "the readers alone")
	if row.Alone, err = s.broadcast(ctx, p); err != nil {
		return row, err
	}
	progress(0.3, "beside others that read")
	others, err := s.others(p, 0)
	if err != nil {
		return row, err
	}
	row.Beside, err = s.broadcast(ctx, p)
	others.stop()
	if err != nil {
		return row, err
	}
	progress(0.6, "beside others that stopped reading")
	// New ones, with a small buffer: the kernel then keeps little for them, and the server has to.
	if others, err = s.others(p, 4096); err != nil {
		return row, err
	}
	defer others.stop()
	if row.Before, err = settled(ctx, p.pid(), s.Settle); err != nil {
		return row, err
	}
	if _, err := others.do(order{Op: "pause", Sockets: s.Others}); err != nil {
		return row, err
	}
	worst := watchMemory(p.pid())
	row.Stopped, err = s.broadcast(ctx, p)
	row.Worst = worst()
	if err != nil {
		return row, err
	}
	progress(0.9, "the rest is read")
	if _, err := others.do(order{Op: "resume", Sockets: s.Others}); err != nil {
		return row, err
	}
	end, err := others.drained(s.Settle)
	if err != nil {
		return row, err
	}
	row.Closed, row.Left = end.Counts.Closed, end.Counts.Ready
	if row.Left == s.Others {
		return row, fmt.Errorf("no socket was closed: the others have to leave more unread (more events, or larger ones)")
	}
	if _, err := others.do(order{Op: "leave"}); err != nil {
		return row, err
	}
	row.After, err = settled(ctx, p.pid(), s.Settle)
	return row, err
}

// others connects a second load to the readers' channel.
func (s Slow) others(p *pair, buffer int) (*load, error) {
	l, err := p.server.load(s.Cores.crowd(), swarm.Options{Channels: []string{slowChannel}, Foreign: true, ReceiveBuffer: buffer})
	if err != nil {
		return nil, err
	}
	if err := l.connect(s.Others); err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// drained waits until no more of the sockets are closed from one look to the next.
func (l *load) drained(wait time.Duration) (report, error) {
	last, err := l.do(order{Op: "wait", Wait: wait})
	for ready := -1; err == nil && last.Counts.Ready != ready; {
		ready = last.Counts.Ready
		last, err = l.do(order{Op: "wait", Wait: wait})
	}
	return last, err
}

// broadcast is one part; the latencies are those of every delivery to a reader.
func (s Slow) broadcast(ctx context.Context, p *pair) (Latencies, error) {
	if ctx.Err() != nil {
		return Latencies{}, ctx.Err()
	}
	r, err := p.load.do(order{Op: "broadcast", Messages: int(s.Rate * s.Duration.Seconds()), Rate: s.Rate})
	return latenciesOf(deliveries(r.Broadcasts, 0, r.Done)), err
}

// watchMemory looks at the resident memory of a process ten times a second,
// until the function that it returns is called: that tells the most there was.
func watchMemory(pid int) (worst func() int64) {
	end := make(chan struct{})
	most := int64(0)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			if m, err := memoryOf(pid); err == nil {
				most = max(most, m.Resident)
			}
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() int64 {
		close(end)
		group.Wait()
		return most
	}
}

// Table has a row for each server.
func (r *SlowResult) Table() Table {
	t := Table{
		Title: fmt.Sprintf("%s readers, and %s others that stop reading: %s events of %s bytes a second for %s s",
			thousands(float64(r.Readers)), thousands(float64(r.Others)), number(r.Rate), thousands(float64(r.Payload)), number(r.Seconds)),
		Header: []string{"", "readers alone p99, ms", "beside others that read", "beside others that stopped", "stopped/read", "MB before", "at worst", "after", "closed", "left open"},
	}
	for _, row := range r.Rows {
		mb := func(bytes int64) string { return number(float64(bytes) / (1 << 20)) }
		t.Rows = append(t.Rows, []string{row.Target.Name, number(row.Alone.P99), number(row.Beside.P99), number(row.Stopped.P99),
			number(row.Stopped.P99 / row.Beside.P99), mb(row.Before.Resident), mb(row.Worst), mb(row.After.Resident), reasons(row.Closed), fmt.Sprint(row.Left)})
	}
	t.Notes = append(t.Notes, "The p99 of all deliveries to the readers, each of which got every event. Closed: how the others found themselves closed once they read again, by close code or by the error of the read.")
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rows that had finished.")
	}
	return t
}

// reasons lists how sockets were closed.
func reasons(closed map[string]int) string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(closed)) {
		list = append(list, fmt.Sprintf("%d: %s", closed[reason], reason))
	}
	return strings.Join(list, ", ")
}

// Servers implements Result.
func (r *SlowResult) Servers() (list []Target) {
	for _, row := range r.Rows {
		list = append(list, row.Target)
	}
	return list
}

// Figures are the readers' latency in the three parts, and the memory.
func (r *SlowResult) Figures() []Figure {
	latency := Figure{Name: "latency", Title: "Latency of those that read", Y: "p99, ms", Ticks: []string{"alone", "beside others that read", "beside others that stopped"}}
	memory := Figure{Name: "memory", Title: "Resident memory while some do not read", Y: "MB", Ticks: []string{"before", "at worst", "after"}}
	for _, row := range r.Rows {
		p99, mb := Line{Name: row.Target.Name, Dots: true}, Line{Name: row.Target.Name, Dots: true}
		for i, l := range []Latencies{row.Alone, row.Beside, row.Stopped} {
			p99.add(float64(i+1), l.P99)
		}
		for i, bytes := range []int64{row.Before.Resident, row.Worst, row.After.Resident} {
			mb.add(float64(i+1), float64(bytes)/(1<<20))
		}
		latency.Lines, memory.Lines = append(latency.Lines, p99), append(memory.Lines, mb)
	}
	return []Figure{latency, memory}
}
