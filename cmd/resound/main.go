// Command resound is a drop-in server for Laravel Reverb.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"resound/internal/apps"
	"resound/internal/config"
	"resound/internal/node"
	"resound/internal/takeover"
)

// stopTimeout is how long a stop waits for clients and answers: what is left of --drain is for the loops and the log.
func stopTimeout(c *config.Config) time.Duration { return max(c.Drain*9/10, time.Second) }

func main() {
	inherited, err := takeover.Inherit() // first, so that nothing that this process starts sees it
	if err != nil {
		fail(err)
	}
	if older = inherited.Older; older != nil {
		signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2) // they are for a server, which this is not yet
	}
	dir, err := os.Getwd()
	if err != nil {
		fail(err)
	}
	call, err := config.Parse(os.Args[1:], config.Options{
		Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Dir: dir, Descriptors: descriptors(),
	})
	switch {
	case errors.Is(err, config.ErrHandled):
		return
	case err != nil:
		fail(err)
	}
	switch call.Command {
	case "start":
		err = start(call.Config, inherited)
	case "config":
		err = call.Config.Print(os.Stdout, call.JSON, call.ShowSecrets)
	case "check":
		if err = config.PrintFindings(os.Stdout, call.Findings, call.JSON); err == nil && config.Broken(call.Findings) {
			os.Exit(1)
		}
	case "doctor":
		err = examine(call)
	case "health":
		err = health(context.Background(), os.Stdout, call.Config)
	case "completion", "man":
		_, err = fmt.Print(call.Text)
	case "apps import":
		err = call.Import.Run(os.Stdin, os.Stdout, os.Stderr)
	case "restart":
		err = restart(context.Background(), os.Stdout, call.DataDir)
	case "top":
		err = watch(call.Top)
	case "log":
		err = operate(call.Log)
	case "version":
		_, err = fmt.Println(config.Version())
	}
	if err != nil {
		fail(err)
	}
}

// descriptors is how many the process may open once the reactor has raised the limit; 0 is unknown.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Max
}

// older is the process that this one is to take over from; nil for none.
var older *takeover.Older

func fail(err error) {
	if older != nil {
		older.Wrong(err)
	}
	fmt.Fprintln(os.Stderr, "resound:", err)
	os.Exit(1)
}

// start runs a node until it is told to stop.
func start(c *config.Config, inherited *takeover.Inherited) error {
	program, err := takeover.Self()
	if err != nil {
		return err
	}
	// Who reads the log may end before the server, and Go would end it at the next line.
	signal.Ignore(syscall.SIGPIPE)
	out := newOutlet(os.Stderr, func(lines uint64) []byte { return droppedLine(c, lines) })
	defer out.flush()
	log, level, err := newLogger(out, c)
	if err != nil {
		return err
	}
	o := node.Options{
		Log: log, Level: level, Dropped: out.Dropped, Bound: boundMemory(c),
		Inherited: inherited, Program: program,
	}
	if older != nil {
		if err := node.Check(c, inherited); err != nil {
			return err
		}
		if err := older.Await(); err != nil {
			return err
		}
	}
	if c.Debug {
		o.Trace = os.Stdout
	}
	n, err := node.New(c, o)
	if err != nil {
		return err
	}
	tune()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	failure := n.Start()
	if failure == nil && older != nil {
		failure = n.Healthy()
	}
	if failure == nil {
		announce(c, n, log)
		logBound(log, o.Bound)
		failure = run(c, n, signals, log)
	}
	// Also after a start that failed: the log is open by then, and what is closed well begins no epoch.
	if failure != nil && older != nil {
		older.Wrong(failure)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout(c))
	defer cancel()
	go impatient(signals, cancel)
	if err := n.Stop(ctx); err != nil {
		log.Warn("stopped before everybody had hung up", "error", err)
	}
	return failure
}

// announce tells everybody that the server is there: it prints the banner, and logs what it leaves out when nobody sees it.
func announce(c *config.Config, n *node.Node, log *slog.Logger) {
	if err := printBanner(os.Stdout, describe(c, n)); err != nil {
		log.Warn("the banner could not be printed", "error", err)
	}
	if err := takeover.Notify("READY=1"); err != nil {
		log.Warn("systemd does not know that the server is ready", "error", err)
	}
	if older != nil {
		older.Healthy()
	}
	if isTerminal(os.Stdout) {
		return
	}
	for _, w := range c.Warnings {
		log.Warn(w)
	}
	if n.IsDemo() {
		log.Info("no application is configured, so one was made up", "page", n.BaseURL()+"/", "credentials", c.DataDir)
	}
}

// run keeps the applications as the files have them until a signal says to stop, or the node
// fails, which is the error.
func run(c *config.Config, n *node.Node, signals <-chan os.Signal, log *slog.Logger) error {
	watcher := c.NewWatcher(func(list []*apps.App) {
		if err := n.Reload(list); err != nil {
			log.Error("the applications stay as they are", "error", err)
		}
	}, log)
	watcher.OnCertificates(n.ReloadCertificates)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go watcher.Run(ctx)
	go keepSmall(ctx, n.Engine().Sockets)
	for {
		select {
		case s := <-signals:
			// A terminal that is closed sends SIGHUP too, and then nobody could stop the server any more.
			if s == syscall.SIGHUP && !isTerminal(os.Stdout) {
				go watcher.Reload() //nolint:errcheck // it logs what is wrong; it may wait for a hand-over, and a stop may not wait for it
				continue
			}
			if s == syscall.SIGUSR2 {
				go n.HandOver() //nolint:errcheck // it logs what is wrong
				continue
			}
			log.Info("stopping", "signal", s.String())
			return nil
		case <-n.Moved():
			return nil
		case err := <-n.Failed():
			return err
		}
	}
}

// describe collects what the banner says.
func describe(c *config.Config, n *node.Node) banner {
	b := banner{
		Host: n.Host(), Port: n.Port(), Path: c.Path, Hostname: c.Hostname, Secure: c.OnlySecure(),
		Version: config.Version(), Loops: n.Engine().Loops(), Files: uint64(n.Engine().DescriptorLimit()),
		Log: "kept in " + c.LogDir() + " (durability " + c.Durability + ")", Warnings: c.Warnings,
		Terminal: isTerminal(os.Stdout), Color: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "",
	}
	switch {
	case c.Scaling:
		b.Log, b.Cluster = "kept in Redis", n.Cluster()
	case c.Durability == "off":
		b.Log = "not kept (durability off)"
	}
	app := n.Apps()[0]
	b.AppID, b.AppKey = app.ID, app.Key
	if more := len(n.Apps()) - 1; more > 0 {
		b.AppID, b.AppKey = fmt.Sprintf("%s and %d more", app.ID, more), ""
	}
	if n.IsDemo() {
		b.Demo = &demoBanner{
			Secret: app.Secret, URL: n.BaseURL() + "/",
			PublicHost: c.PublicHost(), PublicPort: n.Port(), Scheme: c.Scheme,
		}
	}
	return b
}

// newLogger returns the log in the form that is asked for, text for people, JSON for machines, and its level, which can be changed.
func newLogger(w io.Writer, c *config.Config) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, nil, err
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" || c.LogFormat == "auto" && isTerminal(os.Stderr) {
		return slog.New(slog.NewTextHandler(w, o)), level, nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), level, nil
}

// droppedLine is what the log says in the place of lines that nobody read fast enough.
func droppedLine(c *config.Config, lines uint64) []byte {
	var b bytes.Buffer
	if log, _, err := newLogger(&b, c); err == nil {
		log.Error("lines of this log were dropped: nobody reads it fast enough", "lines", lines)
	}
	return b.Bytes()
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
