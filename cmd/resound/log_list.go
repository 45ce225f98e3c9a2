package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-json"

	"resound/persist"
)

// list prints a line for each stream, and the sums.
func (o *operation) list(ctx context.Context) error {
	list, err := o.log.Streams(ctx, o.what.App, o.what.Prefix)
	if err != nil {
		return err
	}
	stats, err := o.log.LogStats(ctx)
	if err != nil {
		return err
	}
	records, bytes := uint64(0), int64(0)
	for _, i := range list {
		records += i.Records
		bytes += i.Bytes
	}
	if o.what.JSON {
		rows := make([]streamJSON, 0, len(list))
		for _, i := range list {
			rows = append(rows, toJSON(i))
		}
		return printJSON(o.out, struct {
			Channels  []streamJSON `json:"channels"`
			Events    uint64       `json:"events"`
			Bytes     int64        `json:"bytes"`
			DiskBytes uint64       `json:"disk_bytes"`
		}{rows, records, bytes, stats.DiskBytes})
	}
	t := newTable(o.out)
	if len(list) > 0 {
		t.row("APPLICATION", "CHANNEL", "EPOCH", "FIRST", "HEAD", "EVENTS", "BYTES", "OLDEST", "NEWEST")
	}
	for _, i := range list {
		t.row(i.App, printable(i.Channel), strconv.FormatUint(uint64(i.Epoch), 10), first(i), strconv.FormatUint(i.Head, 10),
			strconv.FormatUint(i.Records, 10), strconv.FormatInt(i.Bytes, 10), clock(i.Oldest), clock(i.Newest))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(list) > 0 {
		fmt.Fprintln(o.out)
	}
	_, err = fmt.Fprintf(o.out, "%s, %s, %s; the whole log has %s on the disk; %s\n",
		plural(len(list), "channel"), plural(records, "event"), size(bytes), size(stats.DiskBytes), o.from)
	return err
}

// first is the serial of the oldest event that is kept.
func first(i persist.StreamInfo) string {
	if i.Records == 0 {
		return "-"
	}
	return strconv.FormatUint(i.First, 10)
}

// streamJSON is a stream for machines.
type streamJSON struct {
	App     string        `json:"app_id"`
	Channel string        `json:"channel"`
	Epoch   uint32        `json:"epoch"`
	First   uint64        `json:"first"`
	Head    uint64        `json:"head"`
	Events  uint64        `json:"events"`
	Bytes   int64         `json:"bytes"`
	Oldest  string        `json:"oldest,omitempty"` // RFC 3339
	Newest  string        `json:"newest,omitempty"`
	Lineage []lineageJSON `json:"lineage"`
}

type lineageJSON struct {
	Epoch uint32 `json:"epoch"`
	First uint64 `json:"first"`
	Hole  uint64 `json:"left_out"`
}

func toJSON(i persist.StreamInfo) streamJSON {
	s := streamJSON{
		App: i.App, Channel: i.Channel, Epoch: i.Epoch, First: i.First, Head: i.Head, Events: i.Records, Bytes: i.Bytes,
		Oldest: stamp(i.Oldest), Newest: stamp(i.Newest), Lineage: []lineageJSON{},
	}
	for _, l := range i.Lineage {
		s.Lineage = append(s.Lineage, lineageJSON(l))
	}
	return s
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table is aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)} }

func (t table) row(cells ...string) {
	_, _ = io.WriteString(t.w, strings.Join(cells, "\t")+"\n") // its error comes back from flush
}

func (t table) flush() error { return t.w.Flush() }

func plural[N int | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
