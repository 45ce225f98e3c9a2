package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"resound/persist"
)

// truncate removes the old end of a stream, or all of it.
func (o *operation) truncate(ctx context.Context) error {
	info, err := o.find(ctx)
	if err != nil {
		return err
	}
	upto := info.Head
	if o.what.Before > 0 {
		upto = min(info.Head, o.what.Before-1)
	}
	n := kept(info, upto)
	if n > 0 && !o.what.Yes {
		question := fmt.Sprintf("%s of channel %s of application %s, serials %d to %d of up to %d, would be removed for good.",
			plural(n, "event"), printable(info.Channel), info.App, info.First, upto, info.Head)
		if err := o.ask(question); err != nil {
			return err
		}
	}
	if n > 0 {
		if err := o.log.Truncate(ctx, info.App, info.Channel, upto); err != nil {
			return err
		}
	}
	if o.what.JSON {
		return printJSON(o.out, struct {
			App     string `json:"app_id"`
			Channel string `json:"channel"`
			Removed uint64 `json:"removed"`
			Upto    uint64 `json:"upto"`
			Head    uint64 `json:"head"`
		}{info.App, info.Channel, n, upto, info.Head})
	}
	_, err = fmt.Fprintf(o.out, "%s of channel %s of application %s removed; the next serial is still above %d\n", plural(n, "event"), printable(info.Channel), info.App, info.Head)
	return err
}

// kept is how many of the events up to a serial there are. Between the first and the last that are kept, only what
// the lineage leaves out is missing.
func kept(i persist.StreamInfo, upto uint64) uint64 {
	if i.Records == 0 || upto < i.First {
		return 0
	}
	n := upto - i.First + 1
	for _, l := range i.Lineage {
		// The serials low to high were never given.
		low, high := l.First-l.Hole, l.First-1
		if low = max(low, i.First); low <= min(high, upto) {
			n -= min(high, upto) - low + 1
		}
	}
	return n
}

var errNobody = errors.New("nobody can be asked here: say --yes if that is meant")

// ask returns nil when a person says yes.
func (o *operation) ask(what string) error {
	if o.in == nil {
		return fmt.Errorf("%s %w", what, errNobody)
	}
	if _, err := fmt.Fprint(o.out, what, " Remove them? [y/N] "); err != nil {
		return err
	}
	answer, err := bufio.NewReader(o.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return errors.New("nothing was removed")
	}
}

// compact gives space back to the disk.
func (o *operation) compact(ctx context.Context) error {
	before, err := o.log.LogStats(ctx)
	if err != nil {
		return err
	}
	if !o.what.JSON {
		fmt.Fprintf(o.out, "compacting %s; %s\n", size(before.DiskBytes), o.from)
	}
	begun := time.Now()
	if err := o.log.Compact(ctx); err != nil {
		return err
	}
	after, err := o.log.LogStats(ctx)
	if err != nil {
		return err
	}
	if o.what.JSON {
		return printJSON(o.out, struct {
			Before uint64 `json:"before_bytes"`
			After  uint64 `json:"after_bytes"`
		}{before.DiskBytes, after.DiskBytes})
	}
	_, err = fmt.Fprintf(o.out, "%s now, after %v\n", size(after.DiskBytes), time.Since(begun).Round(time.Millisecond))
	return err
}
