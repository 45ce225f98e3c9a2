package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/goccy/go-json"

	"resound/internal/config"
	"resound/internal/control"
)

// watch shows what a running server does, again and again, until somebody has seen enough.
func watch(what *config.Top) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	c, err := control.Dial(ctx, what.DataDir)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("no server runs on %s: start it, or say where with --data-dir", what.DataDir)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	live := isTerminal(os.Stdout) && !what.Once && !what.JSON
	if live {
		fmt.Print("\x1b[2J")
	}
	for {
		top, err := c.Top(ctx, what.Every, what.Channels)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case what.JSON:
			err = json.NewEncoder(os.Stdout).Encode(top)
		default:
			err = show(os.Stdout, top, c.PID(), live)
		}
		if err != nil || !live && (what.Once || !what.JSON) {
			return err
		}
	}
}

// show draws one look. A live one takes the place of the one before, without a flicker in between.
func show(w io.Writer, top control.Top, pid int, live bool) error {
	var b strings.Builder
	state := ""
	if top.Draining {
		state = ", which stops"
	}
	fmt.Fprintf(&b, "process %d%s   %s   %.0f %% of a core   loops at most %.1f ms late\n\n", pid, state, plural(top.Sockets, "socket"), top.Processor*100, top.Lag)
	fmt.Fprintf(&b, "a second:  %s published   %s delivered   %s sent   %s from clients   %s   %s\n",
		rate(top.Published), rate(top.Delivered), size(int64(top.Sent)), plural(int(top.Messages+0.5), "message"),
		plural(int(top.Requests+0.5), "request"), plural(int(top.Accepted+0.5), "new connection"))
	fmt.Fprintf(&b, "overload:  %s", top.Level)
	if top.Reason != "" {
		fmt.Fprintf(&b, " because of %s", top.Reason)
	}
	if top.MemoryBound > 0 {
		fmt.Fprintf(&b, "   memory %s of %s, %.0f %%", size(int64(top.MemoryUsed)), size(int64(top.MemoryBound)), top.Memory*100)
	}
	if top.Refused > 0 {
		fmt.Fprintf(&b, "   %s refused a second", rate(top.Refused))
	}
	b.WriteByte('\n')
	showCluster(&b, top.Cluster)
	if top.Slow > 0 {
		fmt.Fprintf(&b, "slow:      %s with %s to take\n", plural(top.Slow, "socket"), size(top.Backlog))
	}
	b.WriteByte('\n')
	t := newTable(&b)
	t.row("APPLICATION", "SOCKETS", "CHANNELS", "SUBSCRIPTIONS", "PUBLISHED/S", "DELIVERED/S", "SENT/S")
	for i, a := range top.Apps {
		if i == maxApps {
			break
		}
		t.row(printable(a.ID), fmt.Sprint(a.Connections), fmt.Sprint(a.Channels), fmt.Sprint(a.Subscriptions), rate(a.Published), rate(a.Delivered), size(int64(a.Sent)))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if more := len(top.Apps) - maxApps; more > 0 {
		fmt.Fprintf(&b, "and %s\n", plural(more, "more"))
	}
	b.WriteByte('\n')
	t = newTable(&b)
	t.row("CHANNEL", "OF", "SUBSCRIPTIONS", "MESSAGES/S", "BYTES EACH", "SENT/S")
	for _, c := range top.Channels {
		t.row(printable(c.Name), printable(c.App), fmt.Sprint(c.Subscriptions), rate(c.Messages), fmt.Sprintf("%.0f", c.Size), size(int64(c.Sent)))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if top.Others > 0 {
		fmt.Fprintf(&b, "and %s\n", plural(top.Others, "quieter channel"))
	}
	if err := showEvents(&b, top.Events); err != nil {
		return err
	}
	text := b.String()
	if live {
		text = "\x1b[H" + strings.ReplaceAll(text, "\n", "\x1b[K\n") + "\x1b[J"
	}
	_, err := io.WriteString(w, text)
	return err
}

// showCluster is a line about the other servers, if there can be any.
func showCluster(b *strings.Builder, c *control.TopCluster) {
	if c == nil {
		return
	}
	state := "alone: Redis cannot be reached"
	if c.Joined {
		state = plural(c.Others, "other server")
	}
	fmt.Fprintf(b, "cluster:   %s   %s, prefix %s", state, printable(c.Redis), printable(c.Prefix))
	if c.RoundTrip > 0 {
		fmt.Fprintf(b, "   %.1f ms a round trip", c.RoundTrip)
	}
	for _, n := range []struct {
		rate float64
		what string
	}{{c.Alone, "heard here only"}, {c.Fetched, "fetched"}, {c.Lost, "lost"}} {
		if n.rate > 0 {
			fmt.Fprintf(b, "   %s %s a second", rate(n.rate), n.what)
		}
	}
	b.WriteByte('\n')
}

// showEvents draws which events make the server send most.
func showEvents(b *strings.Builder, events []control.TopEvent) error {
	if len(events) == 0 {
		return nil
	}
	b.WriteByte('\n')
	t := newTable(b)
	t.row("EVENT", "OF", "MESSAGES/S", "BYTES EACH", "DELIVERED/S", "SENT/S")
	for _, e := range events {
		t.row(printable(e.Name), printable(e.App), rate(e.Messages), fmt.Sprintf("%.0f", e.Size), rate(e.Delivered), size(int64(e.Sent)))
	}
	return t.flush()
}

// maxApps is how many applications are shown.
const maxApps = 10

// rate prints a number of things in a second.
func rate(f float64) string {
	switch {
	case f >= 10_000:
		return fmt.Sprintf("%.0fk", f/1000)
	case f >= 10:
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1f", f)
}
