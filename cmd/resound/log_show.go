package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-json"

	"resound/persist"
)

// beginning is how much of an event's data is shown without --full, in characters.
const beginning = 60

// show prints where a stream stands, and its events.
func (o *operation) show(ctx context.Context) error {
	info, err := o.find(ctx)
	if err != nil {
		return err
	}
	after, upto, err := o.section(ctx, info)
	if err != nil {
		return err
	}
	events := []eventJSON{}
	err = o.log.Records(ctx, info.App, info.Channel, after, upto, func(r persist.Record) bool {
		events = append(events, toEvent(r))
		return o.what.Limit == 0 || len(events) < o.what.Limit
	})
	if err != nil {
		return err
	}
	if o.what.JSON {
		return printJSON(o.out, struct {
			streamJSON
			Kept []eventJSON `json:"kept"`
		}{toJSON(info), events})
	}
	if err := o.head(info); err != nil {
		return err
	}
	return o.events(events)
}

// section is which events are asked for: after < serial <= upto.
func (o *operation) section(ctx context.Context, info persist.StreamInfo) (after, upto uint64, err error) {
	switch {
	case info.Records == 0:
		return info.Head, info.Head, nil
	case o.what.From > 0:
		return max(o.what.From, info.First) - 1, info.Head, nil
	case o.what.Limit == 0:
		return info.First - 1, info.Head, nil
	}
	after, err = o.log.Newest(ctx, info.App, info.Channel, o.what.Limit)
	return after, info.Head, err
}

// head prints what is known of the stream besides its events.
func (o *operation) head(i persist.StreamInfo) error {
	kept := "nothing"
	if i.Records > 0 {
		kept = fmt.Sprintf("%s, %s: serials %d to %d, of %s to %s", plural(i.Records, "event"), size(i.Bytes), i.First, i.Head, clock(i.Oldest), clock(i.Newest))
	}
	var epochs []string
	for _, l := range i.Lineage {
		text := fmt.Sprintf("epoch %d from serial %d", l.Epoch, l.First)
		if l.Hole > 0 {
			text += fmt.Sprintf(" (%d before it were left out)", l.Hole)
		}
		epochs = append(epochs, text)
	}
	t := newTable(o.out)
	t.row("channel", printable(i.Channel))
	t.row("application", i.App)
	t.row("position", fmt.Sprintf("epoch %d, serial %d", i.Epoch, i.Head))
	t.row("kept", kept)
	t.row("lineage", strings.Join(epochs, ", "))
	return t.flush()
}

// events prints a line for each event, and with --full all of it below.
func (o *operation) events(events []eventJSON) error {
	if len(events) == 0 {
		return nil
	}
	fmt.Fprintln(o.out)
	t := newTable(o.out)
	if o.what.Full {
		for _, e := range events {
			fmt.Fprintf(o.out, "%d   %s   %s   %s%s\n%s\n", e.Serial, clock(e.at), plural(e.Bytes, "byte"), e.name(), e.but(), printable(string(e.raw)))
		}
		return nil
	}
	t.row("SERIAL", "TIME", "BYTES", "EVENT", "DATA")
	for _, e := range events {
		t.row(strconv.FormatUint(e.Serial, 10), clock(e.at), strconv.Itoa(e.Bytes), e.name()+e.but(), short(e.data))
	}
	return t.flush()
}

// eventJSON is a record for machines.
type eventJSON struct {
	Serial  uint64          `json:"serial"`
	Time    string          `json:"time"` // RFC 3339
	Bytes   int             `json:"bytes"`
	Except  string          `json:"except,omitempty"`  // the socket that must not get it
	Payload json.RawMessage `json:"payload,omitempty"` // as it was sent
	Raw     []byte          `json:"raw,omitempty"`     // a payload that is no JSON, which nobody should have written

	at          time.Time
	event, data string
	raw         []byte
}

func toEvent(r persist.Record) eventJSON {
	e := eventJSON{Serial: r.Serial, Time: stamp(r.Time), Bytes: len(r.Payload), at: r.Time, raw: r.Payload}
	if r.Except != [2]uint32{} {
		e.Except = fmt.Sprintf("%d.%d", r.Except[0], r.Except[1])
	}
	var frame struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	if !json.Valid(r.Payload) || json.Unmarshal(r.Payload, &frame) != nil {
		e.Raw, e.data = r.Payload, string(r.Payload)
		return e
	}
	e.Payload, e.event, e.data = r.Payload, frame.Event, string(frame.Data)
	var text string
	if json.Unmarshal(frame.Data, &text) == nil {
		e.data = text // data is JSON in a string, as a rule
	}
	return e
}

func (e *eventJSON) name() string {
	if e.event == "" {
		return "-"
	}
	return printable(e.event)
}

// but names the socket that must not get the event.
func (e *eventJSON) but() string {
	if e.Except == "" {
		return ""
	}
	return " (not for " + e.Except + ")"
}

// short is the beginning of a text, on one line.
func short(s string) string {
	if utf8.RuneCountInString(s) > beginning {
		s = string([]rune(s)[:beginning]) + "…"
	}
	return printable(s)
}

// printable quotes what could break a table, or speak to the terminal.
func printable(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// stamp is a time for machines, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
