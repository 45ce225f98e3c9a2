package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"resound/internal/config"
	"resound/internal/control"
	"resound/persist"
)

// operation is one `resound log` command at work.
type operation struct {
	what *config.Log
	log  control.Log
	out  io.Writer
	in   io.Reader // answers questions; nil is nobody
	from string    // where the log was found, for people
}

const keptInRedis = "with scaling on, events are kept in Redis"

// operate does what `resound log` is asked for.
func operate(what *config.Log) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	reading := what.Action == "list" || what.Action == "show"
	log, err := control.Open(ctx, what.DataDir, what.LogDir, reading)
	if err != nil {
		if what.Scaling && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", keptInRedis, err)
		}
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if what.Scaling {
		fmt.Fprintf(os.Stderr, "resound: %s; this log is of a server that ran alone\n", keptInRedis)
	}
	o := operation{what: what, log: log, out: os.Stdout, from: "no server runs"}
	if log.PID != 0 {
		o.from = fmt.Sprintf("the server runs as process %d", log.PID)
	}
	if isTerminal(os.Stdin) {
		o.in = os.Stdin
	}
	return o.run(ctx)
}

func (o *operation) run(ctx context.Context) error {
	switch o.what.Action {
	case "list":
		return o.list(ctx)
	case "show":
		return o.show(ctx)
	case "truncate":
		return o.truncate(ctx)
	default:
		return o.compact(ctx)
	}
}

// find returns the one stream that the command is about.
func (o *operation) find(ctx context.Context) (persist.StreamInfo, error) {
	channel, app := o.what.Channel, o.what.App
	list, err := o.log.Streams(ctx, app, channel)
	if err != nil {
		return persist.StreamInfo{}, err
	}
	list = slices.DeleteFunc(list, func(i persist.StreamInfo) bool { return i.Channel != channel })
	switch len(list) {
	case 0:
		return persist.StreamInfo{}, o.unknown(ctx)
	case 1:
		return list[0], nil
	}
	var ids []string
	for _, i := range list {
		ids = append(ids, i.App)
	}
	return persist.StreamInfo{}, fmt.Errorf("the applications %s have a channel %q: say --app=%s", strings.Join(ids, ", "), channel, strings.Join(ids, " or --app="))
}

// unknown says what may have been meant.
func (o *operation) unknown(ctx context.Context) error {
	all, err := o.log.Streams(ctx, "", "")
	if err != nil {
		return err
	}
	var channels, elsewhere []string
	for _, i := range all {
		if i.Channel == o.what.Channel {
			elsewhere = append(elsewhere, i.App)
		}
		if o.what.App == "" || i.App == o.what.App {
			channels = append(channels, i.Channel)
		}
	}
	text := fmt.Sprintf("the log has no channel %q", o.what.Channel)
	if o.what.App != "" {
		text += fmt.Sprintf(" of application %q", o.what.App)
	}
	switch near := config.Nearest(o.what.Channel, channels); {
	case len(all) == 0:
		text += ": it is empty"
	case len(elsewhere) > 0:
		text += "; there is one of " + strings.Join(elsewhere, ", ")
	case len(channels) == 0:
		text += ", and no other of it: `resound log list` says what there is"
	case near != "":
		text += "; did you mean " + near + "?"
	default:
		text += ": `resound log list` says what there is"
	}
	return errors.New(text)
}

// clock is a time as people read it.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// size is a number of bytes as people read it.
func size[N int | int64 | uint64](n N) string {
	f, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	if f < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	for _, unit := range units {
		if f /= 1000; f < 999.95 || unit == "TB" {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
	}
	panic("unreachable")
}
