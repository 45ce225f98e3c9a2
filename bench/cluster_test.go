package bench

import (
	"context"
	"strings"
	"testing"
	"time"
)

const redisServer = "redis-server" // make deps installs it

func TestClusterCost(t *testing.T) {
	s := ClusterCost{Node: resound(t), Redis: redisServer, Rate: 100, Seconds: 0.2, Single: 20, Many: 100, Flight: 8, Payload: 64, Rounds: 2, Cores: unpinned, Progress: &Progress{}}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Columns) != 4 || r.Redis == "" || r.Partial {
		t.Fatalf("%+v", r)
	}
	for _, c := range r.Columns {
		if len(c.Rounds) != 2 {
			t.Fatalf("%s: %d rounds", c.name(), len(c.Rounds))
		}
		for _, round := range c.Rounds {
			if round.Arrival.Count != 20 {
				t.Errorf("%s: %+v", c.name(), round.Arrival)
			}
			for _, turn := range []ClusterTurn{round.Rated, round.Single, round.Many} {
				if len(turn.Nodes) != c.Nodes || turn.all() <= 0 || (turn.Redis > 0) != c.Redis || turn.Seconds <= 0 {
					t.Errorf("%s: %+v", c.name(), turn)
				}
			}
		}
	}
	s.Redis = "no-such-redis"
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("without a Redis: %v", err)
	}
	s.Redis = "echo"
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "no redis-server") {
		t.Errorf("with another program: %v", err)
	}
}

func TestClusterFanout(t *testing.T) {
	f := ClusterFanout{Node: resound(t), Redis: redisServer, Nodes: 3, Sockets: 30, Channels: []int{1, 9}, Window: 2, Payload: 64, Rounds: 2, Deliveries: 360, Awake: true, Cores: unpinned, Progress: &Progress{}}
	r, err := f.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Columns) != 6 || r.Sockets != 90 || r.Partial {
		t.Fatalf("%+v", r)
	}
	if notes := strings.Join(r.Table().Notes, " "); strings.Contains(notes, "silent") {
		t.Errorf("awake sockets, and the table says %q", notes)
	}
	for _, c := range r.Columns {
		if len(c.Rounds) != 2 {
			t.Fatalf("%+v", c)
		}
		for _, round := range c.Rounds {
			if round.Deliveries != 360 || len(round.Nodes) != c.Nodes || (round.Redis > 0) != c.Redis || len(round.Bursts) != 360/(90/c.Channels)/2 {
				t.Errorf("%s, %d channels: %+v", c.name(), c.Channels, round)
			}
			for _, cpu := range round.Nodes {
				if cpu <= 0 {
					t.Errorf("%s, %d channels: a node did nothing: %+v", c.name(), c.Channels, round)
				}
			}
		}
	}
}

// A cluster whose nodes do not hear each other has no figures.
func TestClusterThatIsNone(t *testing.T) {
	arrivals := arrivalPatience
	arrivalPatience = 200e6
	defer func() { arrivalPatience = arrivals }()
	n, err := startNodes(resound(t), "", 2, unpinned.server())
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	n.nodes[1].api = n.nodes[0].addr
	l, err := n.nodes[1].load(unpinned.load(), busyOptions(64, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	if err := l.connect(1); err != nil {
		t.Fatal(err)
	}
	run := costRun{nodeSet: n, busy: l}
	if _, err := run.requests(10, 2); err == nil || !strings.Contains(err.Error(), "10 deliveries are missing") {
		t.Errorf("%v", err)
	}
}

func TestClusterCrash(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := ClusterCrash{Node: resound(t, "--cluster-lease=3"), Redis: redisServer, Nodes: 3, Sockets: 100, Channels: 20, Rate: 100, Payload: 64, Members: 10,
		Warmup: time.Second, Before: time.Second, Down: 300 * time.Millisecond, After: 9 * time.Second, Rounds: 1, Patience: 3 * time.Second, Cores: unpinned, Progress: &Progress{}}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rounds) != 2 || !r.Rounds[0].Other || r.Rounds[1].Other || len(r.Table().Header) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, round := range r.Rounds {
		// Who comes back waits a second first.
		if round.Back.Count != 100 || round.Away != 0 || round.Back.P50 < 1000 || round.Listened < round.Began || round.Told <= 0 || round.Listed <= 0 {
			t.Errorf("%+v", round)
		}
		if round.Replay.Replayed == 0 || round.Replay.Lost != 0 || round.Plain.Lost == 0 || round.Others.Lost != 0 || round.Others.Delivered == 0 || round.Others.Failed != 0 {
			t.Errorf("%+v", round)
		}
		if n := len(round.Seconds); n < 8 || round.Seconds[0].Open != 100 || round.Seconds[0].Second != -2 || round.Beside.P99 <= 0 {
			t.Errorf("%+v", round.Seconds)
		}
	}
}
