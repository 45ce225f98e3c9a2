package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/crowd"
	"resound/bench/hist"
)

// ahead is how long before its time all load processes are told of the beginning, or of an early end.
const ahead = 300 * time.Millisecond

// cast is the load processes of a play.
type cast struct {
	loads []*child
	cores map[int]bool // that they run on; empty if they are not pinned
	said  chan line
	over  chan struct{}
	parts int // processes that are not done
}

// line is a report of one of the processes.
type line struct {
	from int
	report
	err error
}

// startCast starts o.Parts processes, which begin to connect.
func startCast(cores Cores, o crowd.Options) (*cast, error) {
	var parts []crowd.Options
	for range o.Parts {
		parts = append(parts, o)
	}
	return startParts(cores, parts)
}

// startParts starts a process for each of the options, which are numbered here.
func startParts(cores Cores, parts []crowd.Options) (*cast, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &cast{cores: map[int]bool{}, said: make(chan line, 64), over: make(chan struct{}), parts: len(parts)}
	for _, o := range parts {
		o.Part, o.Parts = len(c.loads), len(parts)
		at := cores.part(o.Part)
		if at.core >= 0 {
			c.cores[at.core] = true
		}
		load, err := startChild(at, nil, self, "load")
		if err != nil {
			c.stop()
			return nil, err
		}
		c.loads = append(c.loads, load)
		if err := c.order(o.Part, order{Op: "crowd", Crowd: &o}); err != nil {
			c.stop()
			return nil, err
		}
		go c.listen(o.Part, load)
	}
	return c, nil
}

// listen passes on what a process says, until it ends.
func (c *cast) listen(from int, load *child) {
	for {
		text, err := load.out.ReadBytes('\n')
		l := line{from: from}
		if err == nil {
			l.err = json.Unmarshal(text, &l.report)
		} else {
			l.err = fmt.Errorf("load process %d has ended: %s", from, load.stop())
		}
		if l.err == nil && l.Error != "" {
			l.err = errors.New(l.Error)
		}
		select {
		case c.said <- l:
		case <-c.over:
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *cast) order(to int, o order) error {
	text, err := json.Marshal(o)
	if err == nil {
		_, err = c.loads[to].in.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("load process %d has ended: %w", to, err)
	}
	return nil
}

// all gives all processes an order.
func (c *cast) all(o order) error {
	var errs []error
	for i := range c.loads {
		errs = append(errs, c.order(i, o))
	}
	return errors.Join(errs...)
}

// ready returns when all sockets are subscribed.
func (c *cast) ready(ctx context.Context, w Workload, show func(float64, string)) error {
	open, all := make([]int, len(c.loads)), w.Sockets()
	for waits := c.parts; waits > 0; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-c.said:
			if l.err != nil {
				return l.err
			}
			if l.Ready {
				waits--
				continue
			}
			open[l.from] = l.Open
			sum := 0
			for _, n := range open {
				sum += n
			}
			show(0, fmt.Sprintf("%s of %s sockets are connected", thousands(float64(sum)), thousands(float64(all))))
		}
	}
	return nil
}

// stop ends the processes.
func (c *cast) stop() {
	close(c.over)
	for _, l := range c.loads {
		l.stop()
	}
}

// score is what a play has brought so far.
type score struct {
	*PlayRound
	w       Workload
	seconds []crowd.Second // of all processes together
	told    []int          // how many have told of each
	sofar   crowd.Rough
	merged  crowd.Result
	samples []sample // the first is of the beginning, one more for each second
	end     *sample
}

// sample is what processes have used at a time.
type sample struct {
	server   usage
	loads    []usage
	resident int64
}

// play plays, and returns what was measured, also if it was cut short.
func (c *cast) play(ctx context.Context, s *server, w Workload, show func(float64, string)) (*PlayRound, error) {
	begin := time.Now().Add(ahead)
	from, end := begin.Add(w.Warmup), begin.Add(w.Warmup+w.Duration)
	if err := c.all(order{Op: "begin", At: begin.UnixNano()}); err != nil {
		return nil, err
	}
	r := &score{PlayRound: &PlayRound{LoadCores: len(c.cores)}, w: w}
	if r.LoadCores == 0 {
		r.LoadCores = len(c.loads)
	}
	if s.measurable() {
		r.Before, _ = memoryOf(s.pid())
	}
	var first, last sample
	fromTimer, endTimer, second := time.NewTimer(time.Until(from)), time.NewTimer(time.Until(end)), time.NewTimer(time.Until(begin))
	defer fromTimer.Stop()
	defer endTimer.Stop()
	defer second.Stop()
	done := ctx.Done()
	for c.parts > 0 {
		select {
		case <-done:
			done = nil
			stop := time.Now().Add(ahead)
			if err := c.all(order{Op: "stop", At: stop.UnixNano()}); err != nil {
				return nil, err
			}
			if stop.Before(end) {
				end = stop
				endTimer.Reset(ahead)
			}
		case <-second.C:
			r.samples = append(r.samples, c.sample(s))
			if next := begin.Add(time.Duration(len(r.samples)) * time.Second); !next.After(end) {
				second.Reset(time.Until(next))
			}
		case <-fromTimer.C:
			first = c.sample(s)
		case <-endTimer.C:
			last = r.atEnd(c, s)
			show(1, "waiting for what is still on its way")
		case l := <-c.said:
			if l.err != nil {
				return nil, l.err
			}
			r.hear(l, len(c.loads), show)
			if l.Played != nil {
				c.parts--
			}
		}
	}
	if !from.Before(end) {
		return nil, errors.New("it ended before the warm-up was over")
	}
	if last.loads == nil { // the last word came with the end
		last = r.atEnd(c, s)
	}
	if first.loads == nil { // and the beginning of the window as well: it was very short
		first = last
	}
	r.finish(first, last, end.Sub(from))
	return r.PlayRound, nil
}

// atEnd is the last sample, which is that of a last second too that is none.
func (r *score) atEnd(c *cast, s *server) sample {
	if s.measurable() {
		r.After, _ = memoryOf(s.pid())
	}
	now := c.sample(s)
	r.end = &now
	return now
}

// sample reads what the processes have used. One that cannot be read has used nothing.
func (c *cast) sample(s *server) (now sample) {
	if s.measurable() {
		u, _ := usageNow(s.pid())
		m, _ := memoryOf(s.pid())
		now.server, now.resident = u, m.Resident
	}
	for _, l := range c.loads {
		u, _ := usageNow(l.pid())
		now.loads = append(now.loads, u)
	}
	return now
}

// hear takes a report, and shows how it goes.
func (r *score) hear(l line, parts int, show func(float64, string)) {
	if l.Played != nil {
		r.merged.Merge(l.Played)
		return
	}
	if l.Second == nil {
		return
	}
	for len(r.seconds) <= l.Second.Number {
		r.seconds = append(r.seconds, crowd.Second{Number: len(r.seconds)})
		r.told = append(r.told, 0)
	}
	s := &r.seconds[l.Second.Number]
	s.Add(*l.Second)
	if r.told[l.Second.Number]++; r.told[l.Second.Number] < parts {
		return
	}
	r.sofar.Add(s.Latency)
	all := r.w.Warmup + r.w.Duration
	at := time.Duration(s.Number+1) * time.Second
	what := fmt.Sprintf("%.0f s left", max(all-at, 0).Seconds())
	if at < r.w.Warmup {
		what = "warming up, " + what
	}
	show(min(float64(at)/float64(all), 1), fmt.Sprintf("%s, %s deliveries/s, p99 %s ms, missing %s", what,
		thousands(float64(s.Deliveries)), number(hist.Millis(r.sofar.Quantile(0.99))), thousands(float64(s.Missing))))
}

// grows says whether what the server has used never became less: a process of it that ends, as workers do, takes its
// count along, and then nobody knows.
func (r *score) grows() bool {
	return slices.IsSortedFunc(r.samples, func(a, b sample) int { return cmp.Compare(a.server.ran, b.server.ran) })
}

// finish makes a round of what there is.
func (r *score) finish(first, last sample, window time.Duration) {
	r.Result, r.Seconds = &r.merged, window.Seconds()
	u := last.server.since(first.server)
	if r.grows() && u.ran >= 0 {
		r.CPU, r.Waited = u.ran.Seconds(), u.waited.Seconds()
	}
	for i := range last.loads {
		u := last.loads[i].since(first.loads[i])
		r.Loads = append(r.Loads, u.ran.Seconds())
		r.LoadsWaited = append(r.LoadsWaited, u.waited.Seconds())
	}
	whole := max(int((r.w.Warmup+window+time.Second/20)/time.Second), 1)
	for i, s := range r.seconds[:min(len(r.seconds), whole)] {
		at := PlaySecond{Second: i + 1, Deliveries: s.Deliveries, Published: s.Published, Open: s.Open, Missing: s.Missing,
			P50: hist.Millis(s.Latency.Quantile(0.5)), P99: hist.Millis(s.Latency.Quantile(0.99))}
		if i < len(r.samples) {
			before, now := r.samples[i], *r.end
			if i+1 < len(r.samples) {
				now = r.samples[i+1]
			}
			at.CPU, at.Resident = max(now.server.since(before.server).ran.Seconds(), 0), now.resident
			for j := range now.loads {
				at.LoadCPU += now.loads[j].since(before.loads[j]).ran.Seconds()
			}
		}
		r.Largest = max(r.Largest, at.Resident)
		r.Timeline = append(r.Timeline, at)
	}
	r.Largest = max(r.Largest, r.After.Resident)
}
