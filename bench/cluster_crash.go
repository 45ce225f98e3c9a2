package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"resound/bench/crowd"
	"resound/bench/hist"
	"resound/bench/swarm"
)

// ClusterCrash is the scenario: a node of several dies while events go on, and comes back. Half of the sockets ask for what they missed.
type ClusterCrash struct {
	Node     Target
	Redis    string // the program
	Nodes    int
	Sockets  int           // of each node, half of which replay
	Channels int           // of either half; without a divisor that Nodes has, so that each has sockets on every node
	Rate     float64       // events a second, in all channels together
	Payload  int           // bytes of an event's data
	Members  int           // of a presence channel, all on the node that dies, which do not come back
	Warmup   time.Duration // whole seconds
	Before   time.Duration // from then until it dies; whole seconds
	Down     time.Duration // how long it is gone
	After    time.Duration // how long all goes on from its death: longer than the lease that others have of it
	Rounds   int           // of either way back
	Patience time.Duration // how long to wait for what is on its way
	Cores    Cores
	Progress *Progress
}

// ClusterCrashResult is every round of either way back.
type ClusterCrashResult struct {
	Node     Target       `json:"node"`
	Redis    string       `json:"redis"` // version
	Nodes    int          `json:"nodes"`
	Sockets  int          `json:"sockets"` // of each
	Channels int          `json:"channels"`
	Rate     float64      `json:"rate"`
	Payload  int          `json:"payload"`
	Members  int          `json:"members"`
	Down     float64      `json:"down_s"`
	Cores    Cores        `json:"cores"`
	Rounds   []CrashRound `json:"rounds"`
	Partial  bool         `json:"partial,omitempty"`
}

// CrashRound is one death. Times are in seconds from it.
type CrashRound struct {
	Other    bool        `json:"other"`    // sockets go to the other nodes, and not to the next process of their own
	Began    float64     `json:"began_s"`  // when that process was started
	Listened float64     `json:"listen_s"` // and when it listened
	Back     Latencies   `json:"back"`     // from each socket's end to its subscription
	Away     int         `json:"away"`     // sockets that were not back at the end
	Told     float64     `json:"told_s"`   // when a member on another node had been told of all that were gone
	Listed   float64     `json:"listed_s"` // when the API of another node had none of them any more
	Slowest  float64     `json:"slowest_s"`
	Replay   CrashTally  `json:"replay"` // the half that replays
	Plain    CrashTally  `json:"plain"`  // and the other
	Others   Tally       `json:"others"` // what the sockets of the other nodes had
	Before   CrashBeside `json:"before"`
	Beside   CrashBeside `json:"beside"`
	Seconds  []CrashTime `json:"seconds"`
}

// Tally is what became of events; package crowd has its documentation.
type Tally = crowd.Tally

// CrashTally is what half of the sockets of the node that died had.
type CrashTally struct {
	Tally
	Replayed int64 `json:"replayed"`
	Gaps     int64 `json:"gaps"` // times that one was told that something is missing
}

// CrashBeside is the latency of events to the sockets of the other nodes for some seconds, to a few percent.
type CrashBeside struct {
	Seconds int     `json:"seconds"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

// CrashTime is one second.
type CrashTime struct {
	Second int     `json:"second"` // it begins so many seconds after the death
	Open   int     `json:"open"`   // sockets of the node that died, at its end
	P99    float64 `json:"p99_ms"` // of events to the sockets of the others
}

// besideSeconds is how many seconds before and after the death count for the others.
const besideSeconds = 5

// Run measures. It returns what it has when ctx ends.
func (s ClusterCrash) Run(ctx context.Context) (*ClusterCrashResult, error) {
	version, err := FindRedis(s.Redis)
	if err != nil {
		return nil, err
	}
	w := s.workload()
	if err := w.Complete(); err != nil {
		return nil, err
	}
	r := &ClusterCrashResult{Node: s.Node, Redis: version, Nodes: s.Nodes, Sockets: s.Sockets, Channels: s.Channels, Rate: s.Rate, Payload: s.Payload, Members: s.Members,
		Down: s.Down.Seconds(), Cores: s.Cores}
	for i := range 2 * s.Rounds {
		other := i%2 == 0
		show := func(done float64, what string) {
			s.Progress.Show((float64(i)+done)/float64(2*s.Rounds), fmt.Sprintf("death %d of %d: %s", i+1, 2*s.Rounds, what))
		}
		round, err := s.round(ctx, other, w, show)
		if ctx.Err() != nil {
			r.Partial = true
			return r, nil
		}
		if err != nil {
			return r, err
		}
		r.Rounds = append(r.Rounds, *round)
	}
	return r, nil
}

// The groups of the workload.
const (
	crashReplay = "replay"
	crashPlain  = "plain"
)

// workload is what goes on.
func (s ClusterCrash) workload() Workload {
	w := Workload{Warmup: s.Warmup, Duration: s.Before + s.After}
	for _, name := range []string{crashReplay, crashPlain} {
		w.Groups = append(w.Groups, Group{Name: name, Sockets: s.Sockets * s.Nodes / 2, Channels: s.Channels, Drop: Drop{Replay: name == crashReplay},
			Publish: PublishRate{Rate: s.Rate / 2 / float64(s.Channels), Size: s.Payload}})
	}
	return w
}

// crash is a death.
type crash struct {
	ClusterCrash
	*nodeSet
	victim  *server
	members *load // sockets that are gone with it
	watcher *load // a member on another node
	cast    *cast // a process for each node, that of the victim at last
	begin   time.Time
	show    func(float64, string)

	seconds  [][]crowd.Second // of each process
	played   []*crowd.Result
	launched chan error // what came of the next process of the victim
	presence chan presenceGone
	result   CrashRound
}

// round is one life of a cluster.
func (s ClusterCrash) round(ctx context.Context, other bool, w Workload, show func(float64, string)) (*CrashRound, error) {
	show(0, "starting")
	n, err := startNodes(s.Node, s.Redis, s.Nodes, s.Cores.server())
	if err != nil {
		return nil, err
	}
	defer n.stop()
	c := &crash{ClusterCrash: s, nodeSet: n, victim: n.nodes[s.Nodes-1], show: show, seconds: make([][]crowd.Second, s.Nodes), played: make([]*crowd.Result, s.Nodes),
		launched: make(chan error, 1), presence: make(chan presenceGone, 1), result: CrashRound{Other: other}}
	if err := c.startPresence(); err != nil {
		return nil, err
	}
	defer c.members.stop()
	defer c.watcher.stop()
	if c.cast, err = startParts(s.Cores, c.parts(w)); err != nil {
		return nil, err
	}
	defer c.cast.stop()
	if err := c.cast.ready(ctx, w, show); err != nil {
		return nil, err
	}
	if err := c.play(ctx); err != nil {
		return nil, err
	}
	err = c.finish()
	return &c.result, err
}

// parts is the process of each node's sockets. What each publishes goes to a node that lives.
func (c *crash) parts(w Workload) (list []crowd.Options) {
	for i, s := range c.nodes {
		o := crowd.Options{Server: s.addr, API: c.nodes[i%(c.Nodes-1)].addr, ID: s.ID, Key: s.Key, Secret: s.Secret, Path: s.Path, Workload: w, Patience: c.Patience}
		if s == c.victim && c.result.Other {
			for _, other := range c.nodes[:c.Nodes-1] {
				o.Others = append(o.Others, other.addr)
			}
		}
		list = append(list, o)
	}
	return list
}

// play lets all go on, ends the victim and starts it again, and returns when everybody has said what came out.
func (c *crash) play(ctx context.Context) (err error) {
	c.begin = time.Now().Add(ahead)
	if err := c.cast.all(order{Op: "begin", At: c.begin.UnixNano()}); err != nil {
		return err
	}
	at := c.begin.Add(c.Warmup + c.Before)
	kill, back := time.NewTimer(time.Until(at)), time.NewTimer(time.Until(at.Add(c.Down)))
	defer kill.Stop()
	defer back.Stop()
	watching, stop := context.WithCancel(ctx)
	died, started := time.Time{}, false
	defer func() { // nothing of it is left when the nodes are stopped
		stop()
		if !died.IsZero() {
			<-c.presence
		}
		if started {
			<-c.launched
		}
	}()
	for c.cast.parts > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-kill.C:
			before, err := c.watcher.do(order{Op: "counts"})
			if err != nil {
				return err
			}
			died = time.Now()
			c.victim.crash()
			go c.watchPresence(watching, died, before.Counts.Other)
		case <-back.C:
			started, c.result.Began = true, time.Since(died).Seconds()
			go func() {
				err := c.victim.launch(c.Cores.server())
				c.result.Listened = time.Since(died).Seconds()
				c.launched <- err
			}()
		case l := <-c.cast.said:
			if l.err != nil {
				return l.err
			}
			c.hear(l)
		}
	}
	if died.IsZero() || !started {
		return errors.New("it was over before the node had died and come back")
	}
	died, started = time.Time{}, false
	gone := <-c.presence
	c.result.Told, c.result.Listed, c.result.Slowest = gone.told, gone.listed, gone.slowest
	return errors.Join(<-c.launched, gone.err)
}

// hear takes a report.
func (c *crash) hear(l line) {
	switch {
	case l.Played != nil:
		c.played[l.from] = l.Played
		c.cast.parts--
	case l.Second != nil:
		c.seconds[l.from] = append(c.seconds[l.from], *l.Second)
		open := 0
		for _, seconds := range c.seconds {
			if len(seconds) > 0 {
				open += seconds[len(seconds)-1].Open
			}
		}
		done := time.Since(c.begin)
		c.show(float64(done)/float64(c.Warmup+c.Before+c.After), fmt.Sprintf("%.0f s after it, %s sockets are connected", (done-c.Warmup-c.Before).Seconds(), thousands(float64(open))))
	}
}

// finish makes a round of what was heard.
func (c *crash) finish() error {
	victim := c.Nodes - 1
	back, others := hist.New(), crowd.NewGroupResult("")
	for i, r := range c.played {
		for g := range r.Groups {
			had := &r.Groups[g]
			if i != victim {
				others.Merge(had)
				continue
			}
			back.Merge(had.Latency.Back)
			half := &c.result.Plain
			if had.Group == crashReplay {
				half = &c.result.Replay
			}
			*half = CrashTally{had.Events, had.Replayed, had.Gaps}
		}
	}
	c.result.Others = others.Events
	c.result.Back = Latencies{int(back.Count()), hist.Millis(back.Quantile(0.5)), hist.Millis(back.Quantile(0.99)), hist.Millis(back.Max())}
	death := int((c.Warmup + c.Before) / time.Second)
	c.result.Before, c.result.Beside = c.beside(death-besideSeconds, death), c.beside(death, death+besideSeconds)
	for n := 0; n < len(c.seconds[victim]); n++ {
		p99 := c.beside(n, n+1).P99
		c.result.Seconds = append(c.result.Seconds, CrashTime{n - death, c.seconds[victim][n].Open, p99})
	}
	if last := len(c.result.Seconds) - 1; last >= 0 {
		c.result.Away = c.Sockets - c.result.Seconds[last].Open
	}
	if c.result.Back.Count == 0 {
		return fmt.Errorf("no socket came back: %s", troubles(&c.played[victim].Groups[0]))
	}
	return nil
}

// beside is the latency to the sockets of the other nodes in these seconds.
func (c *crash) beside(from, to int) CrashBeside {
	var all crowd.Rough
	from = max(from, 0)
	for _, seconds := range c.seconds[:c.Nodes-1] {
		for _, s := range seconds[min(from, len(seconds)):min(to, len(seconds))] {
			all.Add(s.Latency)
		}
	}
	return CrashBeside{to - from, hist.Millis(all.Quantile(0.5)), hist.Millis(all.Quantile(0.99))}
}

// presenceChannel is that of the members that are gone.
const presenceChannel = "presence-gone"

// startPresence lets members come to the node that will die, and one to another node.
func (c *crash) startPresence() (err error) {
	o := swarm.Options{Channels: []string{presenceChannel}, First: 1}
	if c.members, err = c.victim.load(c.Cores.crowd(), o); err != nil {
		return err
	}
	if err = c.members.connect(c.Members); err != nil {
		c.members.stop()
		return err
	}
	o.First = 0
	if c.watcher, err = c.nodes[0].load(c.Cores.crowd(), o); err == nil {
		if err = c.watcher.connect(1); err != nil {
			c.watcher.stop()
		}
	}
	if err != nil {
		c.members.stop()
	}
	return err
}

// presenceGone is when members were gone, in seconds from the death.
type presenceGone struct {
	told, listed, slowest float64
	err                   error
}

// presenceLook is how often it is looked.
const presenceLook = 25 * time.Millisecond

// watchPresence waits until the watcher has been told of every member, and the API of its node names none of them.
func (c *crash) watchPresence(ctx context.Context, died time.Time, had int64) {
	var gone presenceGone
	defer func() { c.presence <- gone }()
	target := c.nodes[0].Target
	target.Address = c.nodes[0].addr.String()
	api := Record{Target: target}
	for gone.told == 0 || gone.listed == 0 {
		if time.Since(died) > c.After {
			gone.err = fmt.Errorf("%v after the death its members are still there elsewhere", c.After)
			return
		}
		r, err := c.watcher.do(order{Op: "counts"})
		if err == nil && gone.told == 0 && r.Counts.Other-had >= int64(c.Members) {
			gone.told = time.Since(died).Seconds()
		}
		if err == nil && gone.listed == 0 {
			var list struct{ Users []struct{ ID string } }
			asked := time.Now()
			err = api.get(ctx, "/channels/"+presenceChannel+"/users", "", &list)
			gone.slowest = max(gone.slowest, time.Since(asked).Seconds())
			if err == nil && !slices.ContainsFunc(list.Users, func(u struct{ ID string }) bool { return u.ID != "0" }) {
				gone.listed = time.Since(died).Seconds()
			}
		}
		if gone.err = err; err != nil || !sleep(ctx, presenceLook) {
			return
		}
	}
}
