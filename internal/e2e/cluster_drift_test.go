package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resound/internal/redistest"
)

// drift is pages with the replay line that drop at random and come back to another node, while all nodes are published to.
type drift struct {
	*cluster
	channel string
	loose   bool // events without a serial may come, of nodes that are alone
	pages   []*replayPage
	roaming []*replayPage  // those of them that are dropped now and then
	group   sync.WaitGroup // of the pages
	authors []*author
}

// author is a publisher that never pauses, on one node. Its events are numbered from number*apart+1 on.
type author struct {
	drift  *drift
	number int
	done   atomic.Bool
	acked  atomic.Int64
	failed atomic.Int64
	group  sync.WaitGroup

	mu      sync.Mutex
	kept    []int   // guarded by mu: what it was told has reached all nodes and is kept
	partial []stray // guarded by mu: what it was told reached this node's sockets only, or is not kept
}

// stray is an event that is not kept, and when it was sent.
type stray struct {
	number int
	when   time.Time
}

// apart is more than any author publishes.
const apart = 1_000_000

// newDrift opens pages that roam.
func newDrift(c *cluster, pages int) *drift {
	c.t.Helper()
	return new(drift).open(c, pages)
}

func (d *drift) open(c *cluster, pages int) *drift {
	c.t.Helper()
	d.cluster, d.channel = c, "drift"
	c.t.Cleanup(d.leave)
	for range pages {
		d.roaming = append(d.roaming, d.page(func() *server { return c.node(rand.IntN(len(c.plans))) }))
	}
	for i := range c.plans {
		d.authors = append(d.authors, &author{drift: d, number: i})
	}
	return d
}

// page opens one, and returns when it is subscribed.
func (d *drift) page(pick func() *server) *replayPage {
	d.t.Helper()
	p := newReplayPage(d.t, d.node(0), d.channel)
	p.pick, p.loose = pick, d.loose
	d.pages = append(d.pages, p)
	d.group.Go(p.run)
	select {
	case <-p.joined:
	case <-time.After(patience):
		d.t.Fatal("a page could not subscribe")
	}
	return p
}

// begin lets the authors publish.
func (d *drift) begin() {
	for _, a := range d.authors {
		a.group.Go(a.write)
	}
}

func (a *author) write() {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 1; !a.done.Load(); n++ {
		number := a.number*apart + n
		begin := time.Now()
		partial, err := a.publish(client, number)
		if err != nil { // nobody knows whether it has arrived
			a.failed.Add(1)
			time.Sleep(5 * time.Millisecond)
			continue
		}
		a.mu.Lock()
		if partial {
			a.partial = append(a.partial, stray{number, begin})
		} else {
			a.kept = append(a.kept, number)
		}
		a.mu.Unlock()
		a.acked.Add(1)
		time.Sleep(time.Millisecond) // a pause, so that pages can come back on two cores
	}
}

func (a *author) publish(client *http.Client, number int) (partial bool, err error) {
	s := a.drift.node(a.number)
	body, err := json.Marshal(map[string]string{"name": "tick", "channel": a.drift.channel, "data": strconv.Itoa(number)})
	if err != nil {
		return false, err
	}
	res, err := client.Post("http://"+s.addr+signed("POST", "/apps/"+appID+"/events", string(body)), "application/json", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d", res.StatusCode)
	}
	return res.Header.Get("Resound-Partial") != "", nil
}

// more waits until each author whose node is there has so many more answers, and drops pages meanwhile.
func (d *drift) more(n int64) {
	d.t.Helper()
	var targets []int64
	for _, a := range d.authors {
		targets = append(targets, a.acked.Load()+n)
	}
	eventually(d.t, "events to be acknowledged on all nodes", func() bool {
		d.roaming[rand.IntN(len(d.roaming))].cut()
		for i, a := range d.authors {
			if a.acked.Load() < targets[i] && !ended(d.node(i)) {
				return false
			}
		}
		return true
	})
}

// ended reports whether the process is gone.
func ended(s *server) bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// end stops the authors, and returns when each page has the last event of each author that is kept.
func (d *drift) end() {
	d.t.Helper()
	d.stopAuthors()
	var last []int
	for _, a := range d.authors {
		a.mu.Lock()
		if len(a.kept) > 0 {
			last = append(last, a.kept[len(a.kept)-1])
		}
		a.mu.Unlock()
	}
	for i, p := range d.pages {
		eventually(d.t, fmt.Sprintf("events %v to reach page %d, which stands at %d", last, i, p.newest()), func() bool { return p.has(last) || p.stop.Load() })
	}
}

// stopAuthors returns when none has anything under way.
func (d *drift) stopAuthors() {
	for _, a := range d.authors {
		a.done.Store(true)
		a.group.Wait()
	}
}

// leave ends all pages.
func (d *drift) leave() {
	d.stopAuthors()
	for _, p := range d.pages {
		p.leave()
	}
	d.group.Wait()
}

// has reports whether the page has got all of those.
func (p *replayPage) has(numbers []int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range numbers {
		if !slices.ContainsFunc(p.got, func(a arrival) bool { return a.number == n && a.gap == "" }) {
			return false
		}
	}
	return true
}

// run goes through the steps, with publishing and drops before, between and behind them, and requires that every page has everything.
func (d *drift) run(steps ...func()) {
	d.t.Helper()
	d.begin()
	defer d.leave()
	for _, step := range steps {
		d.more(30)
		step()
	}
	d.more(30)
	d.end()
	d.leave()
	d.exact()
}

// exact requires that all pages have got the same, in the same order: everything that was acknowledged, nothing twice, nothing out of
// the order of its author; and that nobody was told of a gap.
func (d *drift) exact() {
	d.t.Helper()
	want := d.pages[0].numbers()
	seen, last := make(map[int]bool), make(map[int]int)
	for _, n := range want {
		author := n / apart
		if n <= last[author] {
			d.t.Errorf("event %d came behind %d", n, last[author])
		}
		seen[n], last[author] = true, n
	}
	acked, drops := 0, 0
	for _, a := range d.authors {
		acked += len(a.kept)
		if len(a.partial) > 0 {
			d.t.Errorf("%d events of node %d were partial, the first is %d", len(a.partial), a.number, a.partial[0].number)
		}
		for _, n := range a.kept {
			if !seen[n] {
				d.t.Errorf("event %d is missing", n)
				break
			}
		}
	}
	for i, p := range d.pages {
		drops += int(p.drops.Load())
		if n := p.gaps(); n > 0 {
			d.t.Errorf("page %d was told of %d gaps", i, n)
		}
		if got := p.numbers(); !slices.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			d.t.Errorf("page %d has %d events and page 0 has %d; they differ from event %d on: %v and %v", i, len(got), len(want), at,
				got[at:min(len(got), at+5)], want[at:min(len(want), at+5)])
		}
	}
	d.t.Logf("%d events acknowledged on %d nodes, %d pages, %d drops", acked, len(d.authors), len(d.pages), drops)
	if drops < len(d.pages) {
		d.t.Errorf("%d drops of %d pages are none to speak of", drops, len(d.pages))
	}
}

// numbers are those of all events that the page has got.
func (p *replayPage) numbers() (list []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.got {
		if a.gap == "" {
			list = append(list, a.number)
		}
	}
	return list
}

// excused says what a page lacks, or got twice, without having been told of a gap there. kept are the numbers of what it may not lack
// otherwise, by author and in order. Behind the notice of a gap come so many of the newest events, whether the page has them or not, and some
// may be missing between those too. Strays have no place among those that are kept: who lacks one has to be told of a gap later than it was
// sent. Whether Redis has one all the same is not always known, so that a page may get it once more from another node.
func (p *replayPage) excused(kept [][]int, strays []stray) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	type window struct{ from, to int } // indexes of events in front of which some may be missing
	var gaps []window
	var told time.Time
	index := make(map[int]int) // of events, by number
	for events, a := range p.got {
		events -= len(gaps)
		if a.gap != "" {
			gaps, told = append(gaps, window{events, events + a.count}), a.when
			continue
		}
		at, twice := index[a.number]
		again := slices.ContainsFunc(gaps, func(w window) bool { return w.from <= events && events < w.to }) ||
			p.pick != nil && slices.ContainsFunc(strays, func(s stray) bool { return s.number == a.number })
		if twice && !again {
			return fmt.Errorf("event %d came as number %d and %d; gaps were told at %v", a.number, at, events, gaps)
		}
		if !twice {
			index[a.number] = events
		}
	}
	events := len(p.got) - len(gaps)
	for _, s := range strays {
		if _, ok := index[s.number]; !ok && told.Before(s.when) {
			return fmt.Errorf("event %d of node %d, which is not kept, has not come, and no gap was told since", s.number, s.number/apart)
		}
	}
	for author, list := range kept {
		behind := -1 // index of the newest event of this author so far
		for i, n := range list {
			if at, ok := index[n]; ok {
				behind = max(behind, at)
				continue
			}
			next := events
			for _, later := range list[i+1:] {
				if at, ok := index[later]; ok {
					next = at
					break
				}
			}
			if !slices.ContainsFunc(gaps, func(w window) bool { return w.from <= next && w.to > behind }) {
				return fmt.Errorf("event %d of node %d is missing behind event %d of %d, and nobody said so; gaps were told at %v", n, author, behind, events, gaps)
			}
		}
	}
	return nil
}

// clusterDrift: twenty pages that drop at random and come back to any of three nodes, under publishing on all of them, while two of the
// nodes are killed and come back, and one is stopped: everything acknowledged, once, in one order, without a gap.
func clusterDrift(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := startCluster(t, on(3, redis, "drift")...)
	d := newDrift(c, 20)
	d.run(
		func() { c.node(0).kill() },
		func() { c.restart(0) },
		func() { c.node(1).kill(); c.restart(1) },
		func() { c.node(2).stop(syscall.SIGTERM); c.restart(2) },
	)
}

// TestExcused: what a page may lack, and where.
func TestExcused(t *testing.T) {
	page := func(got ...any) *replayPage {
		p := newReplayPage(t, nil, "")
		for _, g := range got {
			if n, ok := g.(int); ok {
				p.got = append(p.got, arrival{number: n})
			} else {
				p.got = append(p.got, g.(arrival))
			}
		}
		return p
	}
	gap := func(count int) arrival { return arrival{gap: "epoch", count: count} }
	kept := [][]int{{1, 2, 3, 4, 5}}
	for name, test := range map[string]struct {
		page *replayPage
		fine bool
	}{
		"everything":                      {page(1, 2, 3, 4, 5), true},
		"a hole":                          {page(1, 2, 4, 5), false},
		"a hole that was told":            {page(1, 2, gap(0), 4, 5), true},
		"told too early":                  {page(1, gap(0), 2, 4, 5), false},
		"told too late":                   {page(1, 2, 4, gap(0), 5), false},
		"within what came behind the gap": {page(1, gap(2), 2, 4, 5), true},
		"behind that":                     {page(1, gap(1), 2, 3, 5), false},
		"the end":                         {page(1, 2, 3), false},
		"the end that was told":           {page(1, 2, 3, gap(0)), true},
		"the end within the gap":          {page(1, 2, gap(1), 3), true},
		"nothing":                         {page(), false},
		"the beginning":                   {page(gap(0), 3, 4, 5), true},
		"twice":                           {page(1, 2, 3, 3, 4, 5), false},
		"again behind a gap":              {page(1, 2, 3, gap(2), 3, 4, 5), true},
		"again behind more":               {page(1, 2, 3, gap(1), 4, 3, 5), false},
	} {
		if err := test.page.excused(kept, nil); (err == nil) != test.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
	now := time.Now()
	for name, test := range map[string]struct {
		told time.Duration // later than the stray
		got  []any
		fine bool
	}{
		"a stray that came":         {0, []any{1, 2, 9, 3, 4, 5}, true},
		"one that did not":          {0, []any{1, 2, 3, 4, 5}, false},
		"told before":               {-time.Second, []any{1, 2, gap(0), 3, 4, 5}, false},
		"told since":                {time.Second, []any{1, 2, gap(0), 3, 4, 5}, true},
		"and again from a log":      {0, []any{1, 2, 9, 3, 4, 9, 5}, true},
		"another that came so late": {0, []any{1, 2, 9, 3, 4, 1, 5}, false},
	} {
		p := page(test.got...)
		p.pick = func() *server { return nil }
		for i := range p.got {
			p.got[i].when = now.Add(test.told)
		}
		if err := p.excused(kept, []stray{{9, now}}); (err == nil) != test.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}
