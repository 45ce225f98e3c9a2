package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"resound/bench"
)

type recordCommand struct {
	Address  string        `required:"" placeholder:"HOST:PORT" help:"The server, which runs. Nothing is asked of it but its counters."`
	ID       string        `name:"app-id" required:"" placeholder:"ID" env:"REVERB_APP_ID" help:"Id of the application."`
	Key      string        `name:"app-key" required:"" placeholder:"KEY" env:"REVERB_APP_KEY" help:"Its key."`
	Secret   string        `name:"app-secret" required:"" placeholder:"SECRET" env:"REVERB_APP_SECRET" help:"Its secret: better in the environment than on the command line."`
	Path     string        `placeholder:"PATH" help:"Prefix before its /apps."`
	Duration time.Duration `name:"for" default:"5m" placeholder:"TIME" help:"How long to watch: as long as what you want to know of takes (default ${default})."`
	Every    time.Duration `default:"1s" placeholder:"TIME" help:"How often its counters are read: a peak that is shorter is not seen (default ${default})."`
	Out      string        `default:"recording.json" placeholder:"FILE" help:"Where the recording goes (default ${default}). It has counts and sizes, and neither names nor what was said."`
}

// Help is what --help shows behind the flags.
func (recordCommand) Help() string {
	return `Examples:

    resound-bench record --address 127.0.0.1:8080 --for 10m       (with $REVERB_APP_ID, _KEY and _SECRET)
    resound-bench what-if recording.json --viewers x2`
}

func (c recordCommand) run(ctx context.Context) error {
	if c.Every < 10*time.Millisecond || c.Duration < c.Every {
		return fmt.Errorf("--every is at least 10ms, and --for at least as long")
	}
	target := bench.Target{Name: c.Address, ID: c.ID, Key: c.Key, Secret: c.Secret, Path: c.Path}
	if err := errors.Join(target.SetAddress(c.Address, ""), writable(c.Out)); err != nil {
		return err
	}
	p := progress()
	r, err := bench.Record{
		Target:   target,
		Duration: c.Duration, Every: c.Every, Progress: p,
	}.Run(ctx)
	p.Clear()
	if err != nil {
		return err
	}
	if err := errors.Join(r.Table().Write(os.Stdout), bench.SaveRecording(c.Out, r)); err != nil {
		return err
	}
	fmt.Printf("\nSaved as %s. Next: resound-bench what-if %s --viewers x2\n", c.Out, c.Out)
	return nil
}
