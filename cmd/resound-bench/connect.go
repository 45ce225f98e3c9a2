package main

import (
	"context"
	"fmt"
	"time"

	"resound/bench"
)

type connectCommand struct {
	Storm    int           `default:"15000" placeholder:"N" help:"Connections of a storm (default ${default})."`
	Parallel int           `default:"0" placeholder:"N" help:"How many of them are on their way at the same time. Default: all."`
	Ramp     float64       `default:"0" placeholder:"N" help:"Dials a second, evenly spaced, instead of a storm."`
	Running  int           `default:"1000" placeholder:"N" help:"Sockets that get a broadcast meanwhile (default ${default})."`
	Rate     float64       `default:"40" placeholder:"N" help:"Its messages a second (default ${default})."`
	Payload  int           `default:"64" placeholder:"BYTES" help:"Bytes of their data (default ${default})."`
	Quiet    time.Duration `default:"5s" placeholder:"TIME" help:"How long it runs before the storms (default ${default})."`
	Around   time.Duration `default:"8s" placeholder:"TIME" help:"How long it runs in each storm, which has to be over earlier (default ${default})."`
	Storms   int           `default:"3" placeholder:"N" help:"Storms, one after the other (default ${default})."`
	Raw      bool          `default:"true" negatable:"" help:"Measure the baseline as well."`
	servers
	output
}

// Help is what --help shows behind the first line.
func (connectCommand) Help() string {
	return `All connections of a storm are dialled at once, or --parallel of them at a time.

    resound-bench connect --storm 5000
    resound-bench connect --storm 4000 --ramp 500 --around 15s    # no storm: 500 a second
    resound-bench connect --storm 15000 --parallel 500 --around 20s`
}

func (c connectCommand) run(ctx context.Context) error {
	if c.Storm < 1 || c.Parallel < 0 || !(c.Ramp >= 0) || c.Running < 1 || c.Rate <= 0 || c.Payload < 16 || c.Storms < 1 || c.Quiet < time.Second || c.Around < time.Second {
		return fmt.Errorf("each number has to be at least 1, --payload 16, --quiet and --around 1s")
	}
	if c.Parallel == 0 {
		c.Parallel = c.Storm
	}
	if needs := time.Duration(float64(c.Storm) / c.Ramp * float64(time.Second)); c.Ramp > 0 && needs >= c.Around {
		return fmt.Errorf("%d connections at %v a second take %v: --around has to be longer", c.Storm, c.Ramp, needs.Round(time.Millisecond))
	}
	targets, err := c.measured(c.Raw)
	if err != nil {
		return err
	}
	p := progress()
	return report(ctx, c.output, p, bench.Connect{
		Targets: targets, Storm: c.Storm, Parallel: c.Parallel, Ramp: c.Ramp, Running: c.Running, Rate: c.Rate, Payload: c.Payload, Quiet: c.Quiet, Around: c.Around, Storms: c.Storms,
		Cores: c.cores(), Progress: p,
	})
}
