// Command resound-bench measures servers that speak the Pusher protocol.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"resound/bench"
	"resound/bench/raw"
)

const description = `Measure a server that speaks the Pusher protocol, beside a baseline that does
nothing but write to sockets.

Examples:

    resound-bench fanout --sockets 1000 --window 1
    resound-bench fanout --sockets 10000 --window 8 --json fanout.json
    resound-bench fanout --server old=./resound-old --server new=bin/resound
    resound-bench fanout --server bin/resound --command 'mine=./server --port {port} --key {key} --secret {secret}'
    resound-bench publish --peers peers.yaml
    resound-bench steady --sockets 10000 --rate 20
    resound-bench cluster cost
    resound-bench mixed --example > mine.yaml; resound-bench mixed mine.yaml
    resound-bench report fanout.json --html fanout.html

Several servers take turns in one run; ratios are to the first row.`

type grammar struct {
	Fanout  fanoutCommand  `cmd:"" help:"Deliveries of one publisher to many sockets: CPU of the server, ratio to the baseline, latency."`
	Memory  memoryCommand  `cmd:"" help:"Memory of idle sockets: plain, members of presence channels, and those that were busy."`
	Publish publishCommand `cmd:"" help:"The HTTP API: publishes a second and CPU, beside a bare HTTP server."`
	Connect connectCommand `cmd:"" help:"A storm of connections while a broadcast goes on: refused dials, connects a second, CPU, latency."`
	Slow    slowCommand    `cmd:"" help:"Sockets that stop reading: memory, closes, and the latency of those that read."`
	Idle    idleCommand    `cmd:"" help:"CPU of sockets that do nothing but answer pings."`
	Cluster clusterCommand `cmd:"" help:"Several nodes over Redis: what a publish costs, how they share sockets, and one that dies."`
	Record  recordCommand  `cmd:"" help:"What a server that runs is used for, by its counters: the ground for what-if."`
	WhatIf  whatIfCommand  `cmd:"" name:"what-if" help:"Play a recording with twice the viewers, or more of anything."`

	Steady   steadyCommand   `cmd:"" help:"Open loop: one channel, so many events a second, whether or not the server keeps up: latency, loss, CPU."`
	Rooms    roomsCommand    `cmd:"" help:"Open loop: many channels with a few sockets each."`
	Table    tableCommand    `cmd:"" help:"Open loop: live tables, whose viewers see each change of a row."`
	Presence presenceCommand `cmd:"" help:"Open loop: members that join and leave: subscriptions, and how soon the others know."`
	Whisper  whisperCommand  `cmd:"" help:"Open loop: client events from socket to socket."`
	Replay   replayCommand   `cmd:"" help:"Open loop: connections that are cut, and come back for what they missed."`
	Mixed    mixedCommand    `cmd:"" help:"Open loop: any mix of these, from a YAML file."`

	Calibrate calibrateCommand `cmd:"" help:"Measure what everything costs on this machine, in three minutes, for plan."`

	Plan planCommand `cmd:"" help:"What a number of viewers needs, or how many a machine takes: cores, memory, network, disk, settings."`

	Report reportCommand `cmd:"" help:"Tables and plots of saved results, as Markdown or one HTML file, without a new run."`

	Raw  struct{} `cmd:"" hidden:"" help:"Be the baseline server."`
	Bare struct{} `cmd:"" hidden:"" help:"Be a bare HTTP server."`
	Load struct{} `cmd:"" hidden:"" help:"Be a load process."`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "resound-bench:", err)
		os.Exit(1)
	}
}

func run() error {
	g := &grammar{}
	k, err := kong.New(g, kong.Name("resound-bench"), kong.Description(description), kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	call, err := k.Parse(args)
	k.FatalIfErrorf(err)
	switch call.Command() {
	case "raw":
		return serveRaw()
	case "bare":
		return bench.ServeBare(os.Stdout)
	case "load":
		return bench.RunLoad(os.Stdin, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the first Ctrl-C ends the run with what there is, the second ends it at once
	name := call.Command()
	if !g.measuresNothing(name) {
		if err := alone(ctx); err != nil {
			return err
		}
	}
	return g.commands()[name](context.WithValue(ctx, runKey{}, bench.Begin(args, settings(call))))
}

// commands is what each does.
func (g *grammar) commands() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"fanout": g.Fanout.run, "memory": g.Memory.run, "publish": g.Publish.run, "connect": g.Connect.run, "slow": g.Slow.run, "idle": g.Idle.run,
		"steady": g.Steady.run, "rooms": g.Rooms.run, "table": g.Table.run, "presence": g.Presence.run, "whisper": g.Whisper.run, "replay": g.Replay.run,
		"mixed": g.Mixed.run, "mixed <file>": g.Mixed.run, "cluster cost": g.Cluster.Cost.run, "cluster fanout": g.Cluster.Fanout.run, "cluster crash": g.Cluster.Crash.run,
		"record": g.Record.run, "what-if <file>": g.WhatIf.run, "calibrate": g.Calibrate.run, "plan": g.Plan.run,
		"report": g.Report.run, "report <file>": g.Report.run,
	}
}

// measuresNothing is for commands that need not have the machine for themselves.
func (g *grammar) measuresNothing(command string) bool {
	return command == "record" || strings.HasPrefix(command, "report") || command == "plan" && !g.Plan.Verify || g.Calibrate.Refit != "" || g.Mixed.Example || g.WhatIf.Show
}

// serveRaw is the baseline: it prints its ports and serves.
func serveRaw() error {
	return raw.Serve(func(port, control int) error {
		_, err := fmt.Println(port, control)
		return err
	})
}

// runKey is where the context of a command has its bench.Run.
type runKey struct{}

// settings lists the flags of a command, given or not; but for those that say where its result goes.
func settings(call *kong.Context) (list []bench.Setting) {
	for _, flag := range call.Flags() {
		if slices.Contains([]string{"help", "json", "out"}, flag.Name) {
			continue
		}
		text := ""
		switch v := call.FlagValue(flag).(type) {
		case []string:
			text = strings.Join(v, " ")
		default:
			text = strings.Trim(fmt.Sprint(v), "[]")
		}
		list = append(list, bench.Setting{Name: flag.Name, Value: text})
	}
	return list
}

// output is where a scenario's result goes.
type output struct {
	JSON string `name:"json" placeholder:"FILE" help:"Save the raw figures of every round to this file; resound-bench report makes tables and plots of it."`
	Out  string `placeholder:"DIR" help:"Save them in this directory, as SCENARIO-TIME.json."`
}

// paths are the files to write. The directory of --json has to be there, that of --out is made.
func (o output) paths(run bench.Run) (list []string, err error) {
	if o.JSON == "-" {
		return nil, errors.New("--json - : the table of a run goes to standard output, and its raw figures to a file: name one")
	}
	if o.JSON != "" {
		if info, err := os.Stat(filepath.Dir(o.JSON)); err != nil || !info.IsDir() { // better now than after the run
			return nil, fmt.Errorf("--json %s: there is no directory %s: make it first", o.JSON, filepath.Dir(o.JSON))
		}
		list = append(list, o.JSON)
	}
	if o.Out != "" {
		name := fmt.Sprintf("%s-%s.json", run.Command[0], run.Time.Format("20060102-150405"))
		list, err = append(list, filepath.Join(o.Out, name)), os.MkdirAll(o.Out, 0o755)
	}
	for _, path := range list {
		if err == nil {
			err = writable(path)
		}
	}
	return list, err
}

// writable says now, and not after the run, that a result cannot be written.
func writable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory: name a file in it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".resound-bench-")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

var errInterrupted = errors.New("interrupted: the result is what was measured until then")

// report runs a scenario, prints its table and saves its figures. A run that failed half way still
// shows what it had; one that had nothing says only why.
func report[R interface {
	comparable
	bench.Result
}](ctx context.Context, o output, p *bench.Progress, scenario interface {
	Run(context.Context) (R, error)
}) error {
	run, _ := ctx.Value(runKey{}).(bench.Run)
	paths, err := o.paths(run)
	if err != nil {
		return err
	}
	r, err := scenario.Run(ctx)
	p.Clear()
	var none R
	if r == none || err != nil && len(r.Table().Rows) == 0 {
		return err
	}
	failures := []error{err, r.Table().Write(os.Stdout)}
	if err == nil && ctx.Err() != nil {
		err = errInterrupted // for who reads the file; the table says so by itself
	}
	for _, path := range paths {
		failures = append(failures, run.Save(path, r, err))
	}
	return errors.Join(failures...)
}

// progress is the line on a terminal.
func progress() *bench.Progress {
	var out io.Writer
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		out = os.Stderr
	}
	return &bench.Progress{Out: out}
}
