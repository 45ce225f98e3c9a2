package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	json "github.com/goccy/go-json"

	"resound/bench"
	"resound/bench/model"
)

type planCommand struct {
	Viewers       model.Count `placeholder:"N" default:"10000" help:"Sockets at the same time: 250000, 250k, 1.5m (default ${default})."`
	Channels      model.Count `placeholder:"N" default:"1" help:"Channels that they are spread over (default ${default})."`
	Rate          model.Rate  `placeholder:"N/s" default:"1/s" help:"Events on each channel: 5/s, 300/min, 20/h (default ${default})."`
	Size          model.Bytes `placeholder:"BYTES" default:"400" help:"Data of an event: 400, 2kb (default ${default})."`
	Subscriptions int         `placeholder:"N" default:"1" help:"Channels that each viewer is subscribed to (default ${default})."`
	Together      float64     `placeholder:"N" default:"1" help:"Events of a channel that are published at once, and then go out together (default ${default})."`
	Presence      bool        `help:"The channels are presence channels: everybody on one is told who comes and goes."`
	UserInfo      model.Bytes `placeholder:"BYTES" default:"100" help:"What a presence channel tells of each member (default ${default})."`
	Envelope      model.Bytes `placeholder:"BYTES" default:"100" help:"What is around the data: names of event and channel, quotes (default ${default})."`
	Stay          model.Age   `placeholder:"TIME" default:"10m" help:"How long a viewer stays; others come as they go (default ${default})."`
	Within        model.Age   `placeholder:"TIME" default:"30s" help:"In which time all have to be back after a restart (default ${default})."`
	KeepAlive     bool        `help:"Publishers keep their connections. PHP opens one for each publish, which costs more."`
	Log           bool        `default:"true" negatable:"" help:"Events are kept, for pages that come back (--no-log: they are not)."`
	History       model.Count `placeholder:"N" default:"1000" help:"Newest events of a channel that are kept (default ${default})."`
	Age           model.Age   `placeholder:"TIME" default:"1h" help:"And for how long: 1h, 7d (default ${default})."`
	Slow          float64     `placeholder:"PART" default:"0.01" help:"Part of the viewers that do not read, as phones that lost their network (default ${default})."`

	Machine *model.Machine `placeholder:"16c/32g" help:"Cores, memory, and if it counts the network: 16c/32g/10gbit. Default: this machine."`
	Model   string         `placeholder:"FILE" help:"What \"resound-bench calibrate\" wrote. Default: resound-model.json if it is here, else a model of another machine."`
	Max     bool           `help:"Ask for the most viewers that the machine takes, and plan for those."`

	Verify bool   `help:"Measure points that the model was not fitted to, on this machine, and print its error."`
	Server string `placeholder:"PATH" default:"bin/resound" help:"The resound binary to verify with (default ${default})."`
	Nice   int    `placeholder:"N" default:"0" help:"Its priority, and that of the load (default ${default})."`

	JSON     string `name:"json" placeholder:"FILE" help:"Write the answer to this file as JSON, - is standard output; with --verify, save what was verified, for resound-bench report."`
	Markdown bool   `help:"Print Markdown."`
}

// defaultModel is the file that calibrate writes.
const defaultModel = "resound-model.json"

func (planCommand) Help() string {
	return `Says what a demand needs: cores, memory, network, descriptors, disk; what runs out first, and when; and the lines for
sysctl, systemd, resound and nginx. Each figure says whether it was measured, lies between what was measured, or beyond.
The costs are those that "resound-bench calibrate" measured.

Examples:

    resound-bench plan --viewers 250000 --channels 40 --rate 5/s --size 400 --machine 16c/32g
    resound-bench plan --max --rate 1/s                        # how many viewers can this machine take?
    resound-bench plan --viewers 20k --channels 5k --rate 10/min --presence --size 2kb --markdown
    resound-bench plan --viewers 100k --rate 20/s --together 10 --machine 8c/16g/1gbit --json plan.json
    resound-bench plan --verify --model resound-model.json     # how far is the model off, here and now?`
}

func (c planCommand) run(ctx context.Context) error {
	calibration, note, err := c.calibration()
	if err != nil {
		return err
	}
	if c.Verify {
		return c.verify(ctx, calibration)
	}
	a, err := c.answer(calibration.Result.Model)
	if err != nil {
		return err
	}
	if c.JSON != "" {
		if err := writeJSON(c.JSON, a); err != nil || c.JSON == "-" {
			return err
		}
	}
	return c.page(os.Stdout, a, note)
}

// page prints the answer, with what the model is of.
func (c planCommand) page(w io.Writer, a *model.Answer, note string) error {
	if c.Markdown {
		_, err := fmt.Fprintf(w, "\n%s\n", note)
		return errors.Join(a.WriteMarkdown(w), err)
	}
	_, err := fmt.Fprintf(w, "%s\n\n", note)
	return errors.Join(err, a.WriteText(w))
}

// answer plans for the demand, or for the most viewers.
func (c planCommand) answer(m *model.Model) (*model.Answer, error) {
	machine := bench.ThisHardware()
	if c.Machine != nil {
		machine = *c.Machine
	}
	if machine.Memory == 0 {
		return nil, fmt.Errorf("this machine does not say how much memory it has: give --machine, as in --machine %dc/16g", machine.Cores)
	}
	d := c.demand()
	a, err := m.Plan(d, machine)
	if err != nil || !c.Max {
		return a, err
	}
	if a.Most == 0 {
		return a, nil
	}
	d.Viewers = a.Most
	return m.Plan(d, machine)
}

func (c planCommand) demand() model.Demand {
	d := model.DefaultDemand()
	d.Viewers, d.Channels, d.Rate, d.Size, d.Envelope = int(c.Viewers), int(c.Channels), c.Rate, int(c.Size), int(c.Envelope)
	d.Subscriptions, d.Together, d.Presence, d.UserInfo = c.Subscriptions, c.Together, c.Presence, int(c.UserInfo)
	d.Stay, d.Within, d.Fresh, d.Kept, d.History, d.Age, d.Slow = c.Stay, c.Within, !c.KeepAlive, c.Log, int(c.History), c.Age, c.Slow
	return d
}

// calibration is the model, and a sentence on where it comes from.
func (c planCommand) calibration() (*bench.Calibration, string, error) {
	path := c.Model
	if path == "" {
		if _, err := os.Stat(defaultModel); err == nil {
			path = defaultModel
		}
	}
	if path == "" {
		r, err := bench.Reference()
		if err != nil {
			return nil, "", err
		}
		return r, fmt.Sprintf("NOT OF YOUR MACHINE: the costs are those of one core of an %s, measured on %s.\n"+
			"Measure yours, in three minutes: resound-bench calibrate", r.Machine.CPU, r.Time.Format("2006-01-02")), nil
	}
	r, err := bench.ReadCalibration(path)
	if err != nil {
		return nil, "", err
	}
	note := fmt.Sprintf("Costs of %s: one core of an %s, measured on %s.", path, r.Machine.CPU, r.Time.Format("2006-01-02"))
	if r.Result.Partial {
		note += "\nThat calibration was INTERRUPTED: it has fewer points, and errs more."
	}
	return r, note, nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(b)
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// verify measures what the model says.
func (c planCommand) verify(ctx context.Context, calibration *bench.Calibration) error {
	p := progress()
	scenario, err := calibrateCommand{Server: c.Server, Nice: c.Nice}.scenario(bench.Depth{}, p)
	if err != nil {
		return err
	}
	return report(ctx, output{JSON: c.JSON}, p, bench.Verify{Calibrate: scenario, Calibration: calibration, Check: bench.FullCheck()})
}
