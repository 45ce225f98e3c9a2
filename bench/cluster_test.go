package bench

import (
	"context"
	"strings"
	"testing"
)

const redisServer = "redis-server" // make deps installs it

func TestClusterCost(t *testing.T) {
	s := ClusterCost{Node: resound(t), Redis: redisServer, Rate: 100, Seconds: 0.2, Single: 20, Many: 100, Flight: 8, Payload: 64, Rounds: 2, Cores: unpinned, Progress: &Progress{}}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Columns) != 3 || r.Redis == "" || r.Partial {
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
