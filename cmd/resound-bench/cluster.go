package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type clusterCommand struct {
	Cost   clusterCostCommand   `cmd:"" help:"What a publish through Redis costs: latency, publishes a second, CPU of nodes and Redis."`
	Fanout clusterFanoutCommand `cmd:"" help:"Nodes that share the sockets, beside one node that has all of them: deliveries a second, CPU, order."`
	Crash  clusterCrashCommand  `cmd:"" help:"A node that dies and comes back: when its sockets and its members are back or gone, what is lost, and what the others notice."`
}

// Help is what --help shows behind the first line.
func (clusterCommand) Help() string {
	return `Several nodes that are one server, over a Redis which is started for them. All of it listens on loopback only, on free ports,
and is ended at the end. It needs redis-server.

    resound-bench cluster cost
    resound-bench cluster fanout --nodes 3 --sockets 6000
    resound-bench cluster crash --sockets 1000 --rounds 1`
}

// clusterServers is what all of it is measured with.
type clusterServers struct {
	Server     string   `default:"bin/resound" placeholder:"PATH" help:"The resound binary whose nodes are measured (default ${default})."`
	ServerArgs []string `placeholder:"ARG" sep:"none" help:"One more argument for each node, as --server-args=--cluster-lease=5. May be given more than once."`
	Redis      string   `default:"redis-server" placeholder:"PATH" help:"The redis-server to start for them (default ${default})."`
	Payload    int      `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 40 (default ${default})."`
	Nice       int      `placeholder:"N" default:"0" help:"Priority of servers and load, from -20 (before all others; takes rights) to 19 (default ${default})."`
	output
}

// node is one of them, and where they run.
func (c clusterServers) node() (bench.Target, bench.Cores, error) {
	s := servers{Server: []string{c.Server}, ServerArgs: c.ServerArgs, Durability: []string{"off"}, Nice: c.Nice}
	list, err := s.targets()
	if err != nil {
		return bench.Target{}, bench.Cores{}, err
	}
	if c.Payload < 40 {
		return bench.Target{}, bench.Cores{}, fmt.Errorf("--payload is at least 40")
	}
	return list[0], s.cores(), nil
}

type clusterCostCommand struct {
	Rounds int     `default:"9" placeholder:"N" help:"Turns of each (default ${default})."`
	Rate   float64 `default:"200" placeholder:"N" help:"Publishes a second where their latency is measured (default ${default})."`
	Flight int     `default:"64" placeholder:"N" help:"Publishes in flight where many are (default ${default})."`
	Single int     `default:"1500" placeholder:"N" help:"Publishes in a turn with one in flight (default ${default})."`
	Many   int     `default:"10000" placeholder:"N" help:"Publishes in a turn with many in flight (default ${default})."`
	clusterServers
}

// Help is what --help shows behind the first line.
func (clusterCostCommand) Help() string {
	return `One node, one with a log on the disk, one with Redis and two with Redis take turns. What is published at the first node goes to one socket, which is on the last.

    resound-bench cluster cost --rounds 3 --rate 1000 --flight 16`
}

func (c clusterCostCommand) run(ctx context.Context) error {
	if c.Rounds < 1 || !(c.Rate > 0) || c.Flight < 1 || c.Single < 1 || c.Many < c.Flight {
		return fmt.Errorf("each number has to be at least 1, and --many no less than --flight")
	}
	node, cores, err := c.node()
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.ClusterCost{
		Node: node, Redis: c.Redis, Rate: c.Rate, Seconds: 2, Single: c.Single, Many: c.Many, Flight: c.Flight, Payload: c.Payload, Rounds: c.Rounds, Cores: cores, Progress: p,
	})
}

type clusterFanoutCommand struct {
	Nodes      int   `default:"3" placeholder:"N" help:"Nodes that share the sockets (default ${default})."`
	Sockets    int   `default:"6000" placeholder:"N" help:"Sockets of each; one node has all of them beside that (default ${default})."`
	Channels   []int `default:"1,300" placeholder:"N,..." help:"Channels that the sockets are spread over; more numbers are measured one after the other (default ${default})."`
	Window     int   `default:"1" placeholder:"N" help:"Events in flight (default ${default})."`
	Rounds     int   `default:"9" placeholder:"N" help:"Turns of each (default ${default})."`
	Deliveries int   `default:"90000" placeholder:"N" help:"Deliveries in a turn, about (default ${default})."`
	Awake      bool  `default:"true" negatable:"" help:"Begin each turn with events that are not counted. Without, the first 16 of each socket that had been silent cost the server an acknowledgement each."`
	clusterServers
}

// Help is what --help shows behind the first line.
func (clusterFanoutCommand) Help() string {
	return `One node, one with Redis and several with Redis take turns. A load process has the sockets of all nodes of one turn, and a process often may not
have more than 20,000 descriptors: ulimit -n.

    resound-bench cluster fanout --nodes 2 --sockets 9000 --channels 1
    resound-bench cluster fanout --window 16 --deliveries 300000`
}

func (c clusterFanoutCommand) run(ctx context.Context) error {
	if c.Nodes < 2 || c.Nodes > 16 || c.Sockets < 1 || c.Window < 1 || c.Rounds < 1 || c.Deliveries < 1 {
		return fmt.Errorf("each number has to be at least 1, and --nodes from 2 to 16")
	}
	for _, n := range c.Channels {
		if n < 1 || n > c.Sockets {
			return fmt.Errorf("--channels are from 1 to the sockets of a node, so that each has a socket on every node")
		}
	}
	node, cores, err := c.node()
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.ClusterFanout{
		Node: node, Redis: c.Redis, Nodes: c.Nodes, Sockets: c.Sockets, Channels: c.Channels, Window: c.Window, Payload: c.Payload, Rounds: c.Rounds, Deliveries: c.Deliveries,
		Awake: c.Awake, Cores: cores, Progress: p,
	})
}

type clusterCrashCommand struct {
	Nodes    int           `default:"3" placeholder:"N" help:"Nodes, one of which dies (default ${default})."`
	Sockets  int           `default:"6000" placeholder:"N" help:"Sockets of each, half of which ask for what they missed (default ${default})."`
	Channels int           `default:"500" placeholder:"N" help:"Channels of either half; without a divisor that --nodes has, so that each has sockets on every node (default ${default})."`
	Rate     float64       `default:"400" placeholder:"N" help:"Events a second, in all channels together (default ${default})."`
	Members  int           `default:"100" placeholder:"N" help:"Members of a presence channel that are on it and do not come back (default ${default})."`
	Before   time.Duration `default:"6s" placeholder:"TIME" help:"How long all goes well before it dies, whole seconds (default ${default})."`
	Down     time.Duration `default:"2s" placeholder:"TIME" help:"How long it is gone (default ${default})."`
	After    time.Duration `default:"18s" placeholder:"TIME" help:"How long all goes on from its death, longer than the lease of 10 s (default ${default})."`
	Rounds   int           `default:"2" placeholder:"N" help:"Deaths with either way back: to the other nodes, and to its next process (default ${default})."`
	clusterServers
}

// Help is what --help shows behind the first line.
func (clusterCrashCommand) Help() string {
	return `It is killed (kill -9) while events go on, and started again. Its sockets come back to the other nodes, as behind a balancer, or to its own
address, once they were closed, every second.

    resound-bench cluster crash --rounds 1
    resound-bench cluster crash --server-args=--cluster-lease=5 --after 12s`
}

func (c clusterCrashCommand) run(ctx context.Context) error {
	switch {
	case c.Nodes < 2 || c.Nodes > 16 || c.Sockets < 2 || c.Channels < 1 || !(c.Rate > 0) || c.Members < 1 || c.Rounds < 1:
		return fmt.Errorf("each number has to be at least 1, --sockets 2, and --nodes from 2 to 16")
	case c.Sockets%2 != 0 || divisor(c.Channels, c.Nodes) > 1 || c.Channels > c.Sockets*c.Nodes/2:
		return fmt.Errorf("--sockets has to be even, and --channels no more than half of all sockets, without a divisor that --nodes has as well")
	case c.Before < time.Second || c.Before%time.Second != 0 || c.Down < 0 || c.After < c.Down+2*time.Second || c.After%time.Second != 0:
		return fmt.Errorf("--before and --after are whole seconds, --before at least 1s, and --after 2s longer than --down")
	}
	node, cores, err := c.node()
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.ClusterCrash{
		Node: node, Redis: c.Redis, Nodes: c.Nodes, Sockets: c.Sockets, Channels: c.Channels, Rate: c.Rate, Payload: c.Payload, Members: c.Members,
		Warmup: 3 * time.Second, Before: c.Before, Down: c.Down, After: c.After, Rounds: c.Rounds, Patience: 5 * time.Second, Cores: cores, Progress: p,
	})
}

// divisor is the greatest that both have.
func divisor(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}
