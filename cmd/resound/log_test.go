package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resound/internal/config"
	"resound/internal/control"
	"resound/persist"
)

// TestMain makes all times those of one zone, before anything runs that reads them.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// written is a data directory in which a log was kept, with an event each second.
func written(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log, err := persist.Open(persist.Options{Dir: filepath.Join(dir, "log"), Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		app, channel string
		payloads     []string
	}{
		{"shop", "orders", []string{`{"event":"paid","channel":"orders","data":"{\"id\":1}"}`, `{"event":"App\\Events\\Sent","channel":"orders","data":"{\"id\":2,\"text\":\"` + strings.Repeat("ä", 100) + `\"}"}`, `{"event":"paid","channel":"orders","data":{"id":3}}`}},
		{"chat", "orders", []string{`{"event":"x","data":"\u001b[2J"}`}},
		{"shop", "private-a", []string{"\xffno json\n"}},
		{"shop", "gone", []string{`{"event":"e"}`}},
	} {
		s, err := log.Stream(e.app, e.channel)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range e.payloads {
			if _, _, err := s.Append([2]uint32{0, uint32(i)}, []byte(p)); err != nil {
				t.Fatal(err)
			}
		}
		s.Release()
	}
	if err := log.Truncate("shop", "gone", 1); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// operation runs one command on the files of the directory. answer is what a person types; "" is nobody.
func (what operationTest) run(t *testing.T, dir, answer string) (string, error) {
	t.Helper()
	log, err := control.Open(t.Context(), dir, filepath.Join(dir, "log"), what.Action == "list" || what.Action == "show")
	if err != nil {
		t.Fatal(err)
	}
	l, out := config.Log(what), new(bytes.Buffer)
	o := operation{what: &l, log: log, out: out, from: "no server runs"}
	if answer != "" {
		o.in = strings.NewReader(answer)
	}
	err = o.run(t.Context())
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	return out.String(), err
}

type operationTest config.Log

// must is run for those that succeed.
func (what operationTest) must(t *testing.T, dir string) string {
	t.Helper()
	out, err := what.run(t, dir, "")
	if err != nil {
		t.Fatalf("%+v: %v", what, err)
	}
	return out
}

func TestLogListIsATable(t *testing.T) {
	dir := written(t)
	out := operationTest{Action: "list"}.must(t, dir)
	table, sum, _ := strings.Cut(out, "\n\n")
	if want := `APPLICATION   CHANNEL     EPOCH   FIRST   HEAD   EVENTS   BYTES   OLDEST                NEWEST
chat          orders      1       1       1      1        32      2026-03-01 12:00:05   2026-03-01 12:00:05
shop          gone        1       -       1      0        0       -                     -
shop          orders      1       1       3      3        388     2026-03-01 12:00:02   2026-03-01 12:00:04
shop          private-a   1       1       1      1        9       2026-03-01 12:00:06   2026-03-01 12:00:06`; table != want {
		t.Errorf("got\n%s\nwant\n%s", table, want)
	}
	if !strings.HasPrefix(sum, "4 channels, 5 events, 429 bytes; the whole log has ") || !strings.HasSuffix(sum, " on the disk; no server runs\n") {
		t.Errorf("the sum is %q", sum)
	}
	for want, what := range map[string]operationTest{
		"1 channel, 1 event, 32 bytes;":   {App: "chat"},
		"2 channels, 4 events, 420 bytes": {Prefix: "orders"},
		"1 channel, 3 events, 388 bytes":  {App: "shop", Prefix: "ord"},
		"0 channels, 0 events, 0 bytes":   {Prefix: "nope"},
	} {
		what.Action = "list"
		if out := what.must(t, dir); !strings.Contains(out, want) {
			t.Errorf("%+v: %s", what, out)
		}
	}
}

func TestLogListAsJSON(t *testing.T) {
	var got struct {
		Channels []struct {
			App     string `json:"app_id"`
			Channel string
			First   uint64
			Head    uint64
			Events  uint64
			Oldest  string
			Lineage []map[string]uint64
		}
		Events uint64
		Bytes  int64
		Disk   uint64 `json:"disk_bytes"`
	}
	out := operationTest{Action: "list", JSON: true}.must(t, written(t))
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Channels) != 4 || got.Events != 5 || got.Bytes != 429 || got.Disk == 0 {
		t.Errorf("got %+v", got)
	}
	if c := got.Channels[2]; c.App != "shop" || c.Channel != "orders" || c.First != 1 || c.Head != 3 || c.Oldest != "2026-03-01T12:00:02Z" || len(c.Lineage) != 1 || c.Lineage[0]["epoch"] != 1 {
		t.Errorf("got %+v", c)
	}
	if out := (operationTest{Action: "list", JSON: true, App: "nope"}).must(t, written(t)); !strings.Contains(out, `"channels": []`) {
		t.Errorf("an empty list is %s", out)
	}
}

func TestLogShow(t *testing.T) {
	dir := written(t)
	out := operationTest{Action: "show", Channel: "orders", App: "shop", Limit: 20}.must(t, dir)
	if want := `channel       orders
application   shop
position      epoch 1, serial 3
kept          3 events, 388 bytes: serials 1 to 3, of 2026-03-01 12:00:02 to 2026-03-01 12:00:04
lineage       epoch 1 from serial 1

SERIAL   TIME                  BYTES   EVENT                           DATA
1        2026-03-01 12:00:02   55      paid                            {"id":1}
2        2026-03-01 12:00:03   282     App\Events\Sent (not for 0.1)   {"id":2,"text":"` + strings.Repeat("ä", 44) + `…
3        2026-03-01 12:00:04   51      paid (not for 0.2)              {"id":3}
`; out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	for _, tc := range []struct {
		what    operationTest
		serials string
	}{
		{operationTest{Limit: 2}, "2 3"}, {operationTest{Limit: 0}, "1 2 3"}, {operationTest{Limit: 1, From: 2}, "2"},
		{operationTest{Limit: 20, From: 2}, "2 3"}, {operationTest{Limit: 20, From: 3}, "3"}, {operationTest{Limit: 20, From: 4}, ""},
	} {
		what := tc.what
		what.Action, what.Channel, what.App, what.JSON = "show", "orders", "shop", true
		var got struct {
			Head uint64
			Kept []struct {
				Serial  uint64
				Except  string
				Payload struct{ Event string }
			}
		}
		if err := json.Unmarshal([]byte(what.must(t, dir)), &got); err != nil {
			t.Fatal(err)
		}
		var serials []string
		for _, e := range got.Kept {
			serials = append(serials, fmt.Sprint(e.Serial))
			if e.Payload.Event == "" || (e.Except != "") != (e.Serial > 1) {
				t.Errorf("got %+v", e)
			}
		}
		if strings.Join(serials, " ") != tc.serials || got.Head != 3 {
			t.Errorf("%+v: serials %q, head %d", tc.what, serials, got.Head)
		}
	}
	// What is no JSON, or would speak to the terminal, is quoted; --full has all of it.
	for channel, want := range map[string]string{"private-a": `"\xffno json\n"`, "orders": `"\x1b[2J"`} {
		app := map[string]string{"private-a": "shop", "orders": "chat"}[channel]
		if out := (operationTest{Action: "show", Channel: channel, App: app}).must(t, dir); !strings.Contains(out, want) {
			t.Errorf("%s: %s", channel, out)
		}
	}
	if out := (operationTest{Action: "show", Channel: "orders", App: "shop", Full: true}).must(t, dir); !strings.Contains(out, "282 bytes   App\\Events\\Sent (not for 0.1)\n"+`{"event":"App\\Events\\Sent",`) || !strings.Contains(out, strings.Repeat("ä", 100)) {
		t.Errorf("whole: %s", out)
	}
	if out := (operationTest{Action: "show", Channel: "gone"}).must(t, dir); !strings.Contains(out, "kept          nothing\n") || strings.Contains(out, "SERIAL") {
		t.Errorf("of an empty channel: %s", out)
	}
	var raw struct{ Kept []struct{ Raw []byte } }
	if err := json.Unmarshal([]byte(operationTest{Action: "show", Channel: "private-a", JSON: true}.must(t, dir)), &raw); err != nil || len(raw.Kept) != 1 || string(raw.Kept[0].Raw) != "\xffno json\n" {
		t.Errorf("no JSON as JSON: %+v, %v", raw, err)
	}
}

func TestLogFindsOneChannel(t *testing.T) {
	dir := written(t)
	for _, tc := range []struct {
		what operationTest
		want string
	}{
		{operationTest{Channel: "orders"}, `the applications chat, shop have a channel "orders": say --app=chat or --app=shop`},
		{operationTest{Channel: "ordres"}, `the log has no channel "ordres"; did you mean orders?`},
		{operationTest{Channel: "ordres", App: "shop"}, `the log has no channel "ordres" of application "shop"; did you mean orders?`},
		{operationTest{Channel: "private-a", App: "chat"}, `the log has no channel "private-a" of application "chat"; there is one of shop`},
		{operationTest{Channel: "something-else"}, "the log has no channel \"something-else\": `resound log list` says what there is"},
		{operationTest{Channel: "orders", App: "none"}, `the log has no channel "orders" of application "none"; there is one of chat, shop`},
		{operationTest{Channel: "ordres", App: "none"}, "the log has no channel \"ordres\" of application \"none\", and no other of it: `resound log list` says what there is"},
	} {
		for _, action := range []string{"show", "truncate"} {
			what := tc.what
			what.Action, what.Yes = action, true
			if _, err := what.run(t, dir, ""); err == nil || err.Error() != tc.want {
				t.Errorf("%+v\ngot  %v\nwant %s", what, err, tc.want)
			}
		}
	}
	if out := (operationTest{Action: "show", Channel: "private-a"}).must(t, dir); !strings.Contains(out, "application   shop\n") {
		t.Errorf("the only one is not found: %s", out)
	}
}

func TestLogTruncateAsks(t *testing.T) {
	dir := written(t)
	what := operationTest{Action: "truncate", Channel: "orders", App: "shop", Before: 3}
	const question = "2 events of channel orders of application shop, serials 1 to 2 of up to 3, would be removed for good."
	if _, err := what.run(t, dir, ""); err == nil || err.Error() != question+" nobody can be asked here: say --yes if that is meant" {
		t.Errorf("with nobody there: %v", err)
	}
	for _, answer := range []string{"n\n", "\n", "no way", "yess\n"} {
		if out, err := what.run(t, dir, answer); err == nil || err.Error() != "nothing was removed" || out != question+" Remove them? [y/N] " {
			t.Errorf("%q: %v, printed %q", answer, err, out)
		}
	}
	left := func() string {
		out, _, _ := strings.Cut(operationTest{Action: "list", App: "shop", Prefix: "orders"}.must(t, dir), "\n\n")
		return strings.Join(strings.Fields(strings.Split(out, "\n")[1])[3:6], " ") // first, head, events
	}
	if got := left(); got != "1 3 3" {
		t.Errorf("after a no: %s", got)
	}
	if out, err := what.run(t, dir, "Y\n"); err != nil || !strings.HasSuffix(out, "2 events of channel orders of application shop removed; the next serial is still above 3\n") {
		t.Errorf("%v, printed %q", err, out)
	}
	if got := left(); got != "3 3 1" {
		t.Errorf("after a yes: %s", got)
	}
	// Nothing to remove is nothing to ask for.
	if out, err := what.run(t, dir, ""); err != nil || !strings.HasPrefix(out, "0 events ") {
		t.Errorf("%v, printed %q", err, out)
	}
	what.Before, what.JSON, what.Yes = 0, true, true
	if out := what.must(t, dir); !strings.Contains(out, `"removed": 1`) || !strings.Contains(out, `"head": 3`) {
		t.Errorf("all: %s", out)
	}
	if got := left(); got != "- 3 0" {
		t.Errorf("after all: %s", got)
	}
}

func TestKeptLeavesHolesOut(t *testing.T) {
	i := persist.StreamInfo{First: 5, Head: 130, Records: 26, Lineage: []persist.Lineage{{Epoch: 1, First: 1}, {Epoch: 2, First: 21, Hole: 10}, {Epoch: 4, First: 121, Hole: 90}}}
	for upto, want := range map[uint64]uint64{0: 0, 4: 0, 5: 1, 10: 6, 15: 6, 20: 6, 21: 7, 30: 16, 75: 16, 120: 16, 121: 17, 130: 26} {
		if got := kept(i, upto); got != want {
			t.Errorf("up to %d: %d, want %d", upto, got, want)
		}
	}
}

func TestLogCompact(t *testing.T) {
	dir := written(t)
	if out := (operationTest{Action: "compact"}).must(t, dir); !strings.HasPrefix(out, "compacting ") || !strings.Contains(out, "; no server runs\n") || !strings.Contains(out, " now, after ") {
		t.Errorf("printed %q", out)
	}
	var got map[string]uint64
	if err := json.Unmarshal([]byte(operationTest{Action: "compact", JSON: true}.must(t, dir)), &got); err != nil || got["before_bytes"] == 0 || got["after_bytes"] == 0 {
		t.Errorf("%v: %v", got, err)
	}
	if out := (operationTest{Action: "list"}).must(t, dir); !strings.Contains(out, "5 events, 429 bytes") {
		t.Errorf("something is gone: %s", out)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_234_567: "1.2 MB", 5e9: "5.0 GB", 7e15: "7000.0 TB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
