package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"resound/bench"
)

type calibrateCommand struct {
	Server string `placeholder:"PATH" default:"bin/resound" help:"The resound binary to measure (default ${default})."`
	Quick  bool   `help:"A minute instead of three: fewer sizes and sockets, and a model that errs more."`
	JSON   string `name:"json" placeholder:"FILE" default:"resound-model.json" help:"Where the model and all its points go (default ${default})."`
	Refit  string `placeholder:"FILE" help:"Do not measure: fit a model to the points of this file again, as after an update of resound-bench."`
	Nice   int    `placeholder:"N" default:"0" help:"Priority of server and load, from -20 (before all others; takes rights) to 19 (default ${default})."`
}

func (calibrateCommand) Help() string {
	return `Measures what everything costs on this machine, fits a model to it, and writes both to a file that
"resound-bench plan" reads. Do it on a machine like the one that you will rent, with nothing else on it.

Examples:

    resound-bench calibrate
    resound-bench calibrate --quick --json /tmp/model.json
    resound-bench calibrate --nice=-15                        # as root, beside other programs
    resound-bench calibrate --refit old.json --json new.json
    resound-bench plan --viewers 250000 --channels 40 --rate 5/s --size 400 --machine 16c/32g`
}

func (c calibrateCommand) run(ctx context.Context) error {
	if c.Refit != "" {
		return c.refit()
	}
	depth := bench.Full()
	if c.Quick {
		depth = bench.Quick()
	}
	p := progress()
	scenario, err := c.scenario(depth, p)
	if err != nil {
		return err
	}
	if err := report(ctx, output{JSON: c.JSON}, p, scenario); err != nil {
		return err
	}
	fmt.Printf("\nWritten to %s. Next: resound-bench plan --model %s --viewers 100000\n", c.JSON, c.JSON)
	return nil
}

// refit takes the points from a file.
func (c calibrateCommand) refit() error {
	old, err := bench.ReadCalibration(c.Refit)
	if err != nil {
		return err
	}
	return errors.Join(old.Result.Table().Write(os.Stdout), old.Run.Save(c.JSON, &old.Result, nil))
}

func (c calibrateCommand) scenario(depth bench.Depth, p *bench.Progress) (bench.Calibrate, error) {
	s := servers{Server: []string{c.Server}, Durability: []string{"off", "process"}, Nice: c.Nice}
	targets, err := s.targets()
	if err != nil {
		return bench.Calibrate{}, err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		if most := int(min(limit.Max, 1<<20)) - 200; most < 10000 {
			fmt.Fprintf(os.Stderr, "resound-bench: this process may open %d descriptors: what needs more sockets is left out (ulimit -n 20000)\n", limit.Max)
			depth = depth.Limited(most)
		}
	}
	return bench.Calibrate{Plain: targets[0], Logged: targets[1], Depth: depth, Cores: s.cores(), Progress: p}, nil
}
