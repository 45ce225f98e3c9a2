package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"resound/bench/crowd"
	"resound/bench/hist"
)

// A load that used more of its core, or was later than this with one event in a hundred, was the bottleneck, and the
// latencies are its own. Where threads waited longer than this for a core, the cores were not theirs alone.
const (
	busyLoad = 0.9
	lateLoad = 5 * time.Millisecond

	waitedMuch = 0.05 // seconds in a second
)

// merged is all rounds of a column as one.
func (c *PlayColumn) merged() *crowd.Result {
	var r crowd.Result
	for _, round := range c.Rounds {
		r.Merge(round.Result)
	}
	return &r
}

// seconds is how long the column was measured.
func (c *PlayColumn) seconds() (sum float64) {
	for _, round := range c.Rounds {
		sum += round.Seconds
	}
	return sum
}

// perMillion is the CPU seconds of the server for a million deliveries, whispers included; NaN if its process is not known.
func (r *PlayRound) perMillion() float64 {
	if r.CPU == 0 {
		return math.NaN()
	}
	t := r.Result.Total()
	return r.CPU / float64(t.Events.Delivered+t.Whispers.Delivered) * 1e6
}

// p99 is that of the deliveries in ms; of a workload of whispers, theirs.
func (r *PlayRound) p99() float64 {
	t := r.Result.Total()
	if t.Latency.Delivery.Count() == 0 {
		return hist.Millis(t.Latency.Whisper.Quantile(0.99))
	}
	return hist.Millis(t.Latency.Delivery.Quantile(0.99))
}

// each is a figure of all rounds.
func (c *PlayColumn) each(f func(*PlayRound) float64) (list []float64) {
	for i := range c.Rounds {
		list = append(list, f(&c.Rounds[i]))
	}
	return list
}

// over is a figure of all rounds, as its ratio to that of the same round of another column.
func (c *PlayColumn) over(first *PlayColumn, f func(*PlayRound) float64) (list []float64) {
	for i := range min(len(c.Rounds), len(first.Rounds)) {
		list = append(list, f(&c.Rounds[i])/f(&first.Rounds[i]))
	}
	return list
}

// Table has rows for each target: the server, then what it did and how long that took.
func (r *PlayResult) Table() Table {
	t := Table{Title: r.title(), Header: []string{"", "", "a second", "p50, ms", "p99, ms", "p99.9, ms", "max, ms", "lost", "twice", "out of order",
		"CPU s per million deliveries", "server busy", "server MB", "load busy"}}
	compared := len(r.Columns) > 1
	if compared {
		t.Header = append(t.Header, "CPU ratio", "p99 ratio")
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		if len(c.Rounds) == 0 {
			continue
		}
		m := c.merged()
		rows := c.rows(m)
		for j, row := range rows {
			row = append([]string{""}, row...)
			server := make([]string, len(t.Header)-len(row))
			if j == 0 {
				row[0] = c.Target.Name
				copy(server, c.server(&r.Columns[0], compared))
			}
			t.Rows = append(t.Rows, append(row, server...))
		}
		t.Notes = append(t.Notes, c.notes(m)...)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Latency counts from when an event was due, of %v after a warm-up of %v; what did not come within %v counts as lost. "+
		"One CPU busy is 100 %%; the load's is that of its busiest process, or of the cores that its processes share.", r.Workload.Duration, r.Workload.Warmup, r.Patience))
	if compared {
		t.Notes = append(t.Notes, "Medians of the rounds, with the quartiles in brackets; ratios are to the first target, round by round. Latencies are of all rounds together.")
	}
	if r.Cores.Server < 0 {
		t.Notes = append(t.Notes, "Server and load were not pinned to cores of their own.")
	}
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the rounds, and the seconds, that there were.")
	}
	return t
}

// title says what was played.
func (r *PlayResult) title() string {
	var groups []string
	for _, g := range r.Workload.Groups {
		text := fmt.Sprintf("%s sockets on %s", thousands(float64(g.Sockets)), plural(g.Channels, g.Kind+" channel"))
		if g.Subscribe > 1 {
			text += fmt.Sprintf(", %d each", g.Subscribe)
		}
		if g.Publish.Rate > 0 {
			text += fmt.Sprintf(", %s events of %d bytes a second", number(g.Publish.Rate*float64(g.Channels)), g.Publish.Size)
			if g.Publish.Batch > 1 {
				text += fmt.Sprintf(" in batches of %d", g.Publish.Batch)
			}
		}
		if g.Table.Rows > 0 {
			text += fmt.Sprintf(", each for one of %s rows", thousands(float64(g.Table.Rows)))
		}
		if g.Whisper.Rate > 0 {
			text += fmt.Sprintf(", %s whispers a second", number(g.Whisper.Rate*float64(g.Channels)))
		}
		if g.Churn > 0 {
			text += fmt.Sprintf(", %s sockets a second replaced", number(g.Churn))
		}
		if g.Drop.Rate > 0 {
			text += fmt.Sprintf(", %s a second cut off for %v", number(g.Drop.Rate), g.Drop.Away)
		}
		groups = append(groups, text)
	}
	return fmt.Sprintf("%s: %s", r.Name, strings.Join(groups, "; "))
}

// server is the columns of a target's first row that are of the processes.
func (c *PlayColumn) server(first *PlayColumn, compared bool) []string {
	median := func(f func(*PlayRound) float64) string {
		if compared {
			return spreadOf(c.each(f)).String()
		}
		return number(quantile(c.each(f), 0.5))
	}
	cells := []string{"–", "–", "–", "", "", ""}
	if c.Rounds[0].CPU > 0 {
		cells[0] = median((*PlayRound).perMillion)
		cells[1] = number(quantile(c.each(func(r *PlayRound) float64 { return r.CPU / r.Seconds * 100 }), 0.5)) + " %"
		cells[2] = number(quantile(c.each(func(r *PlayRound) float64 { return float64(r.Largest) / (1 << 20) }), 0.5))
	}
	cells[3] = number(quantile(c.each((*PlayRound).loadBusy), 0.5)*100) + " %"
	if compared {
		cells[4] = spreadOf(c.over(first, (*PlayRound).perMillion)).String()
		cells[5] = spreadOf(c.over(first, (*PlayRound).p99)).String()
	}
	return cells
}

// loadBusy is the part of a core that the busiest load process used, or that all used of the cores that they share.
func (r *PlayRound) loadBusy() float64 {
	sum, most := 0.0, 0.0
	for _, s := range r.Loads {
		sum, most = sum+s, max(most, s)
	}
	return max(most, sum/float64(max(r.LoadCores, 1))) / r.Seconds
}

// rows is what happened.
func (c *PlayColumn) rows(m *crowd.Result) (rows [][]string) {
	seconds := c.seconds()
	add := func(what string, n int64, h *hist.Histogram, t *crowd.Tally) {
		row := []string{what, thousands(float64(n) / seconds), "", "", "", "", "", "", ""}
		if float64(n) < 10*seconds {
			row[1] = number(float64(n) / seconds)
		}
		if h.Count() > 0 {
			for i, q := range []float64{0.5, 0.99, 0.999, 1} {
				row[2+i] = number(hist.Millis(h.Quantile(q)))
			}
		}
		if t != nil {
			for i, n := range []int64{t.Lost, t.Duplicates, t.Disorder} {
				row[6+i] = thousands(float64(n))
			}
		}
		rows = append(rows, row)
	}
	some := func(what string, h *hist.Histogram) {
		if h.Count() > 0 {
			add(what, h.Count(), h, nil)
		}
	}
	tally := func(what string, t *crowd.Tally, h *hist.Histogram) {
		if t.Sent+t.Delivered+t.Lost > 0 {
			add(what, t.Delivered, h, t)
		}
	}
	total := m.Total()
	tally("deliveries", &total.Events, total.Latency.Delivery)
	if len(m.Groups) > 1 {
		for i := range m.Groups {
			g := &m.Groups[i]
			tally("of "+g.Group, &g.Events, g.Latency.Delivery)
		}
	}
	if total.Events.Sent > 0 {
		add("publishes answered", total.Events.Sent, total.Latency.Publish, nil)
	}
	tally("whispers delivered", &total.Whispers, total.Latency.Whisper)
	some("subscriptions", total.Latency.Subscribe)
	some("members told of one that joined", total.Latency.Joined)
	some("came back and caught up", total.Latency.CatchUp)
	if len(rows) == 0 {
		add("nothing", 0, total.Latency.Delivery, nil)
	}
	return rows
}

// notes is what a reader has to know of a target's figures.
func (c *PlayColumn) notes(m *crowd.Result) (notes []string) {
	note := func(format string, args ...any) {
		notes = append(notes, c.Target.Name+": "+fmt.Sprintf(format, args...))
	}
	t := m.Total()
	busy, late := slices.Max(c.each((*PlayRound).loadBusy)), m.Late.Quantile(0.99)
	if busy > busyLoad {
		note("the load was the bottleneck, it used %.0f %% of a core: latencies are its own; take more --loads, on more cores.", busy*100)
	}
	if late > lateLoad {
		note("the load was late itself, p99 %s ms, at worst %s ms: this is in the latencies.", number(hist.Millis(late)), number(hist.Millis(m.Late.Max())))
	}
	if busy <= busyLoad && late <= lateLoad && m.Late.Count() > 0 {
		note("the load published on time: p99 %s ms late, at worst %s ms.", number(hist.Millis(late)), number(hist.Millis(m.Late.Max())))
	}
	waited := slices.Max(c.each(func(r *PlayRound) float64 { return r.Waited / r.Seconds }))
	loads := slices.Max(c.each(func(r *PlayRound) float64 { return slices.Max(append([]float64{0}, r.LoadsWaited...)) / r.Seconds }))
	if max(waited, loads) > waitedMuch {
		server := "those of the server are not known"
		if c.Rounds[0].CPU > 0 {
			server = "those of the server " + number(waited) + " s"
		}
		note("other processes were in the way: in a second, threads of a load process waited %s s for a core, %s.", number(loads), server)
	}
	if n := t.Events.Failed + t.Whispers.Failed; n > 0 {
		note("%s events were refused or had nobody to send them; that nobody got them counts as lost%s.", thousands(float64(n)), troubles(&t))
	}
	if n := t.Events.Excused + t.Whispers.Excused; n > 0 {
		note("%s deliveries were not due, because the sockets were cut off or had been told of a gap.", thousands(float64(n)))
	}
	if t.Replayed+t.Gaps > 0 {
		note("%s deliveries were replayed; %s times the server told of a gap.", thousands(float64(t.Replayed)), thousands(float64(t.Gaps)))
	}
	if t.NoHistory > 0 {
		note("%s subscriptions asked for replay and were given no position.", thousands(float64(t.NoHistory)))
	}
	if t.Stray > 0 {
		note("%s messages were for channels that the socket was not on.", thousands(float64(t.Stray)))
	}
	if len(t.Closed) > 0 && t.Events.Failed == 0 {
		note("sockets came to an end that they did not want%s.", troubles(&t))
	}
	return notes
}

// Servers are those that it was played to.
func (r *PlayResult) Servers() (list []Target) {
	for _, c := range r.Columns {
		list = append(list, c.Target)
	}
	return list
}

// Figures are the latency distribution, and what happened second by second in the last round of each target.
func (r *PlayResult) Figures() []Figure {
	latency := Figure{Name: "latency", Title: "Latency of deliveries", X: "part of all deliveries", Y: "ms", Quantiles: true, LogY: true}
	var list []Figure
	for _, f := range []struct {
		name, title, y string
		value          func(PlaySecond) float64
	}{
		{"throughput", "Deliveries", "deliveries a second", func(s PlaySecond) float64 { return float64(s.Deliveries) }},
		{"p99", "Latency of deliveries over time", "p99, ms", func(s PlaySecond) float64 { return s.P99 }},
		{"cpu", "CPU of the server", "% of a core", func(s PlaySecond) float64 { return s.CPU * 100 }},
		{"memory", "Memory of the server", "MB resident", func(s PlaySecond) float64 { return float64(s.Resident) / (1 << 20) }},
	} {
		fig := Figure{Name: f.name, Title: f.title, X: "seconds, the warm-up included", Y: f.y}
		for _, c := range r.Columns {
			if len(c.Rounds) == 0 {
				continue
			}
			l := Line{Name: c.Target.Name}
			for _, s := range c.Rounds[len(c.Rounds)-1].Timeline {
				l.X, l.Y = append(l.X, float64(s.Second)), append(l.Y, f.value(s))
			}
			fig.Lines = append(fig.Lines, l)
		}
		list = append(list, fig)
	}
	against := Figure{Name: "throughput-cpu", Title: "CPU of the server against deliveries, a dot for each second", X: "deliveries a second", Y: "% of a core"}
	for _, c := range r.Columns {
		l := Line{Name: c.Target.Name, Dots: true}
		for _, round := range c.Rounds {
			for _, s := range round.Timeline {
				if s.CPU > 0 {
					l.X, l.Y = append(l.X, float64(s.Deliveries)), append(l.Y, s.CPU*100)
				}
			}
		}
		if len(l.X) > 0 {
			against.Lines = append(against.Lines, l)
		}
	}
	if len(against.Lines) > 0 {
		list = append(list, against)
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		if len(c.Rounds) == 0 {
			continue
		}
		t := c.merged().Total()
		h, name := t.Latency.Delivery, c.Target.Name
		if h.Count() == 0 {
			h, name = t.Latency.Whisper, name+", whispers"
		}
		l := Line{Name: name}
		for _, p := range h.Points() {
			if p.Q < 1 {
				l.X, l.Y = append(l.X, 1/(1-p.Q)), append(l.Y, hist.Millis(p.Value))
			}
		}
		latency.Lines = append(latency.Lines, l)
	}
	return append([]Figure{latency}, list...)
}
