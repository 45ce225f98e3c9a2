package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWorkloadFromYAML(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(ExampleWorkload), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := ReadWorkload(path)
	if err != nil {
		t.Fatal(err)
	}
	if w.Warmup != 5*time.Second || w.Duration != 30*time.Second || len(w.Groups) != 3 {
		t.Errorf("%+v", w)
	}
	if g := w.Groups[0]; g.Kind != PrivateChannels || g.Sockets != 2000 || g.Subscribe != 2 || g.Publish.Rate != 5 || g.Publish.Size != 400 || g.Table.Rows != 500 {
		t.Errorf("%+v", g)
	}
	if g := w.Groups[1]; g.Churn != 10 || g.Whisper.Rate != 2 || g.UserInfo != 80 {
		t.Errorf("%+v", g)
	}
	if g := w.Groups[2]; g.Kind != PublicChannels || g.Drop != (Drop{Rate: 20, Away: 2 * time.Second, Replay: true}) || g.Publish.Size != 64 || g.Publish.Batch != 1 {
		t.Errorf("%+v", g)
	}
	if _, err := ReadWorkload(path + "no"); err == nil {
		t.Error("a file that there is not could be read")
	}
}

func TestWorkloadErrors(t *testing.T) {
	const head = "duration: 5s\ngroups:\n  - name: a\n    sockets: 10\n"
	for text, want := range map[string]string{
		"":                          "the file is empty",
		"- a":                       "line 1: the workload has to have keys, such as warmup, duration, groups",
		"a: [":                      "line 1",
		"duraton: 5s\n":             `line 1: there is no "duraton" in the workload: did you mean "duration"?`,
		head + "    chanels: 3\n":   `line 5: there is no "chanels" in an entry of groups: did you mean "channels"?`,
		head + "    channels: x\n":  `line 5: channels is "x": it has to be a whole number`,
		head + "    churn: many\n":  `line 5: churn is "many": it has to be a number`,
		head + "    sockets: 3\n":   "line 5: sockets is there twice",
		head + "    publish: 5\n":   "line 5: publish has to have keys, such as rate, size, batch",
		head + "    name: [a]\n":    "line 5: name is there twice",
		"duration: 5\n":             `line 1: duration is "5": a time with its unit, such as 500ms, 10s or 2m`,
		"duration: [5s]\n":          "line 1: duration has to be a single value",
		"duration: 5s\ngroups: a\n": "line 2: groups has to be a list",
		head + "    publish: {rate: 5, sise: 3}\n    drop: {rte: 1, replay: maybe}\n": `line 5: there is no "sise" in publish: did you mean "size"?`,
		head + "    drop: {rte: 1, replay: maybe}\n":                                  `line 5: replay is "maybe": it has to be true or false`,
		head + "    kind: secret\n":                                                   `group "a": kind is "secret": public, private, presence or cache`,
		head + "    whisper: {rate: 1}\n":                                             "whispers go over private and presence channels",
		head + "    channels: 11\n":                                                   "10 sockets with 1 channels each leave some of 11 channels empty",
		head + "    publish: {size: 8}\n":                                             "size is at least 33",
		head + "    table: {rows: 100}\n    publish: {size: 40}\n":                    "size is at least 63",
		head + "    subscribe: 2\n":                                                   "each socket subscribes to 2 of 1 channels",
		head + "    publish: {rate: 2e5}\n":                                           "rates are from 0 to 100000",
		head + "    publish: {rate: .nan}\n":                                          "rates are from 0 to 100000",
		head + "    churn: .inf\n":                                                    "rates are from 0 to 100000",
		head + "    drop: {rate: 1e-12}\n":                                            "the least but 0 is 1e-06",
		head + "    publish: {rate: 1, batch: 1000000}\n":                             "at most 1000 events in one request",
		"duration: 5s\ngroups: [{sockets: 1000000000}]\n":                             "1000000000 sockets in all: at most 1048576",
		head + "  - name: a\n    sockets: 1\n":                                        `two groups are called "a"`,
		head + "  - name: B c\n    sockets: 1\n":                                      "the name has to be lower case",
		"duration: 5ms\ngroups: [{sockets: 1}]\n":                                     "duration is 5ms: at least 1s",
		"duration: 5s\ngroups: [{sockets: -1}]\n":                                     "a number is below 0",
		"duration: 5s\ngroups: []\n":                                                  "no groups: at least one",
	} {
		if _, err := ParseWorkload([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}
