package main

import (
	"context"
	"errors"
	"fmt"

	"resound/bench"
)

type clusterCommand struct {
	Part       string   `arg:"" enum:"cost" placeholder:"cost" help:"What to measure: cost, what it costs that a publish goes through Redis."`
	Server     string   `default:"bin/resound" placeholder:"PATH" help:"The resound binary whose nodes are measured (default ${default})."`
	ServerArgs []string `placeholder:"ARG" sep:"none" help:"One more argument for each node, as --server-args=--cluster-lease=5. May be given more than once."`
	Redis      string   `default:"redis-server" placeholder:"PATH" help:"The redis-server to start for them (default ${default})."`
	Payload    int      `default:"64" placeholder:"BYTES" help:"Bytes of an event's data, at least 16 (default ${default})."`
	Rounds     int      `default:"9" placeholder:"N" help:"Turns of each (default ${default})."`
	Rate       float64  `default:"200" placeholder:"N" help:"Publishes a second where their latency is measured (default ${default})."`
	Flight     int      `default:"64" placeholder:"N" help:"Publishes in flight where many are (default ${default})."`
	Single     int      `default:"1500" placeholder:"N" help:"Publishes in a turn with one in flight (default ${default})."`
	Many       int      `default:"10000" placeholder:"N" help:"Publishes in a turn with many in flight (default ${default})."`
	Nice       int      `placeholder:"N" default:"0" help:"Priority of servers and load, from -20 (before all others; takes rights) to 19 (default ${default})."`
	output
}

// Help is what --help shows behind the first line.
func (clusterCommand) Help() string {
	return `Several nodes that are one server over a Redis which this command starts, beside one node on its own. All of it listens on loopback only, on
free ports, and is ended at the end.

    resound-bench cluster cost
    resound-bench cluster cost --rounds 3 --rate 1000 --flight 16`
}

func (c clusterCommand) run(ctx context.Context) error {
	if c.Payload < 16 || c.Rounds < 1 || !(c.Rate > 0) || c.Flight < 1 || c.Single < 1 || c.Many < c.Flight {
		return fmt.Errorf("each number has to be at least 1, --payload 16, and --many no less than --flight")
	}
	targets, err := servers{Server: []string{c.Server}, ServerArgs: c.ServerArgs, Durability: []string{"off"}}.targets()
	if err != nil {
		return err
	}
	if len(targets) != 1 {
		return errors.New("--server is one binary")
	}
	cores := servers{Nice: c.Nice}.cores()
	p := progress()
	return report(ctx, c.output, p, bench.ClusterCost{
		Node: targets[0], Redis: c.Redis, Rate: c.Rate, Seconds: 2, Single: c.Single, Many: c.Many, Flight: c.Flight, Payload: c.Payload, Rounds: c.Rounds,
		Cores: cores, Progress: p,
	})
}
