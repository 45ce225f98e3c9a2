package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"resound/bench"
)

// parsed is a command line as kong has it.
func parsed(t *testing.T, args ...string) (*grammar, *kong.Context) {
	t.Helper()
	g := &grammar{}
	k, err := kong.New(g, kong.Name("resound-bench"), kong.Exit(func(int) { t.Fatal("exit") }))
	if err != nil {
		t.Fatal(err)
	}
	call, err := k.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	return g, call
}

// Every command teaches by example, and every example is one that can be given.
func TestExamples(t *testing.T) {
	word := regexp.MustCompile(`'[^']*'|[^\s;>]+`)
	parser, err := kong.New(&grammar{}, kong.Name("resound-bench"))
	if err != nil {
		t.Fatal(err)
	}
	helps := map[string]string{"resound-bench": description}
	for _, n := range parser.Model.Children {
		if !n.Hidden {
			helps[n.Name] = n.Detail
		}
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("peers.yaml", []byte("- {name: a, address: 127.0.0.1:1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REVERB_APP_ID", "1")
	t.Setenv("REVERB_APP_KEY", "k")
	t.Setenv("REVERB_APP_SECRET", "s")
	for name, text := range helps {
		own := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "    ") {
				continue
			}
			for example := range strings.SplitSeq(line, ";") {
				example, _, _ = strings.Cut(strings.TrimSpace(example), "  ") // what it is for
				example, _, _ = strings.Cut(example, " > ")
				words := word.FindAllString(example, -1)
				for i := range words {
					words[i] = strings.Trim(words[i], "'")
				}
				if len(words) < 2 || words[0] != "resound-bench" {
					t.Errorf("%s: %q is no example", name, example)
					continue
				}
				g, call := parsed(t, words[1:]...)
				if g.commands()[call.Command()] == nil {
					t.Errorf("%s: %q does nothing", name, example)
				}
				if words[1] == name {
					own++
				}
			}
		}
		if own == 0 && name != "resound-bench" {
			t.Errorf("%s --help has no example", name)
		}
	}
}

// Each setting of a run is saved, given or not, and nothing that is secret or says where the result went.
func TestSettings(t *testing.T) {
	args := []string{"fanout", "--sockets=5", "--channels=1,5", "--app-secret=s3cr3t", "--server-args=--a=1", "--server-args=--app-secret=s3cr3t", "--json=x.json"}
	_, call := parsed(t, args...)
	run := bench.Begin(args, settings(call))
	for _, want := range []bench.Setting{{Name: "sockets", Value: "5"}, {Name: "channels", Value: "1 5"}, {Name: "window", Value: "1"}, {Name: "awake", Value: "true"},
		{Name: "app-secret", Value: "***"}, {Name: "server-args", Value: "--a=1 --app-secret=***"}} {
		if !slices.Contains(run.Settings, want) {
			t.Errorf("%+v is not in %+v", want, run.Settings)
		}
	}
	for _, s := range run.Settings {
		if s.Name == "json" || s.Name == "help" || strings.Contains(s.Value, "s3cr3t") {
			t.Errorf("%+v", s)
		}
	}
	if got, want := run.CommandLine(), "resound-bench fanout --sockets=5 --channels=1,5 '--app-secret=***' --server-args=--a=1 '--server-args=--app-secret=***'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhereResultsGo(t *testing.T) {
	dir := t.TempDir()
	run := bench.Run{Command: []string{"idle"}, Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	list, err := output{JSON: filepath.Join(dir, "a.json"), Out: filepath.Join(dir, "new", "folder")}.paths(run)
	if want := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "new", "folder", "idle-20260504-030201.json")}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%v: %v, want %v", err, list, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "new", "folder")); err != nil || !info.IsDir() {
		t.Error(err)
	}
	if _, err := (output{JSON: filepath.Join(dir, "gone", "a.json")}).paths(run); err == nil || !strings.Contains(err.Error(), "make it first") {
		t.Errorf("into no directory: %v", err)
	}
	nowhere := map[string]string{"-": "name one", dir: "is a directory"}
	if runtime.GOOS == "linux" {
		nowhere["/proc/a.json"] = "cannot be written"
	}
	for path, want := range nowhere {
		if _, err := (output{JSON: path}).paths(run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %s: %v", path, err)
		}
	}
	r := recordCommand{Address: "wss://127.0.0.1:1", Duration: time.Second, Every: time.Second, Out: dir}
	if err := r.run(context.Background()); err == nil || !strings.Contains(err.Error(), "no TLS") || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a recording: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "storm.json")
	r := &bench.SlowResult{Readers: 5, Rows: []bench.SlowRow{{Target: bench.Target{Name: "mine"}}}}
	if err := (bench.Run{Command: []string{"slow"}}).Save(file, r, nil); err != nil {
		t.Fatal(err)
	}
	html, markdown, plots := filepath.Join(dir, "r.html"), filepath.Join(dir, "pages", "r.md"), filepath.Join(dir, "plots")
	if err := os.Mkdir(filepath.Dir(markdown), 0o755); err != nil {
		t.Fatal(err)
	}
	g, call := parsed(t, "report", file, "--title=Mine", "--html", html, "--markdown", markdown, "--svg", plots)
	if !g.measuresNothing(call.Command()) {
		t.Error("it waits for runs on this machine")
	}
	if err := g.commands()[call.Command()](context.Background()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{html: "<h1>Mine</h1>", markdown: "](../plots/storm-latency.svg)", filepath.Join(plots, "storm-latency.svg"): "<svg ", filepath.Join(plots, "storm-memory.svg"): "<svg "} {
		if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v: no %q", path, err, want)
		}
	}
	if list, err := filepath.Glob(filepath.Join(plots, "*")); err != nil || len(list) != 2 {
		t.Errorf("%v: plots %v", err, list)
	}
	for _, c := range []struct {
		command reportCommand
		want    string
	}{
		{reportCommand{}, "which results?"},
		{reportCommand{Benchmarks: true, Files: []string{file}}, "leave the files away"},
		{reportCommand{Benchmarks: true, Root: dir}, "--root"},
		{reportCommand{Files: []string{file, filepath.Join(dir, "gone.json")}}, "gone.json: there is no such file"},
		{reportCommand{Files: []string{html}}, "r.html: not a saved result"},
	} {
		if err := c.command.run(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.command, err)
		}
	}
}
