package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resound/bench"
)

var update = flag.Bool("update", false, "write BENCHMARKS.md and its plots anew")

// BENCHMARKS.md says what is saved, and nothing else. `go test ./bench/report -update`, or `make benchmarks`, writes it anew.
func TestBenchmarksPage(t *testing.T) {
	if *update {
		if err := WriteBenchmarks(root); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Benchmarks(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what the saved results say (%v): run make benchmarks", name, err)
		}
	}
	plots, err := filepath.Glob(filepath.Join(root, plotsDir, "*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range plots {
		if name := plotsDir + "/" + filepath.Base(file); files[name] == nil {
			t.Errorf("%s is shown nowhere: run make benchmarks", name)
		}
	}
}

const goOutput = `$ taskset -c 0 go test ./persist -bench Append
goos: linux
BenchmarkAppend/one/async-2   	   20000	      2693 ns/op	    371399 appends/s	      70 B/op
BenchmarkAppend/one/disk-2    	   20000	      4543 ns/op	    0.5711 appends/s
PASS
`

// world is a repository with saved results and a template.
func world(t *testing.T, template string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, resultsDir, "append.txt"), goOutput)
	writeFile(t, filepath.Join(dir, resultsDir, "empty.txt"), "PASS\n")
	writeFile(t, filepath.Join(dir, resultsDir, "failed.txt"), goOutput+"--- FAIL: TestX\n")
	writeFile(t, filepath.Join(dir, templateFile), template)
	fanout(t, filepath.Join(dir, resultsDir, "fanout-100.json"), 100, "resound")
	fanout(t, filepath.Join(dir, resultsDir, "fanout-1000.json"), 1000, "resound")
	fanout(t, filepath.Join(dir, resultsDir, "fanout-10000.json"), 10000, "resound")
	return dir
}

func TestTemplate(t *testing.T) {
	for text, want := range map[string]string{
		`{{command "fanout-100"}}`:                                               "resound-bench fanout --sockets 100 --server resound",
		`{{table "fanout-100" "p99, ms"}}`:                                       "|         | p99, ms |\n|---------|---------|\n| raw     | 4.00    |\n| resound | 4.00    |",
		`{{cell "fanout-100" "resound" "CPU s per million deliveries"}}`:         "5.20 (5.10–5.30)",
		`{{about 2 (mul (num (cell "fanout-100" "raw" "p99, ms")) 1000 "2"  )}}`: "8,000",
		`{{range saved "fanout-1*"}}{{.}} {{else}}none{{end}}`:                   "fanout-100 fanout-1000 fanout-10000 ",
		`{{range saved "peer-*"}}{{.}} {{else}}none{{end}}`:                      "none",
		`{{metric "append" "Append/one/disk" "appends/s"}}`:                      "0.5711",
		`{{gobench "append" "B/op"}}`:                                            "|                  | B/op |\n|------------------|------|\n| Append/one/async | 70   |",
		`{{gocommand "append"}}`:                                                 "taskset -c 0 go test ./persist -bench Append",
		`{{title "fanout-100"}}`:                                                 "Fan-out of 64-byte payloads (0 bytes on the wire) to 100 sockets in 1 channel, 1 in flight",
		`{{$first := notes "fanout-100"}}{{len (notes "fanout-1000")}}`:          "0",
		`{{slice (notes "fanout-100") 0 22}}`:                                    "Medians of the rounds,",
		`{{machine}}`:                                                            "2 cores of Some CPU, linux/amd64 6.1, Go 1.26.8",
		`{{dates}}, {{load}}, {{versions}}`:                                      "2026-05-04, 0.25, resound-bench v1",
		`{{div 6 (sub 5 2)}} {{add 1 2 3}}`:                                      "2 6",
		`{{figure "fanout-100" "cpu"}}`:                                          "![CPU of each turn](docs/benchmarks/fanout-100-cpu.svg)",
		`{{compare "fanout-ratio" "fanout-100" "fanout-1000"}}`:                  "![CPU of a delivery, as a multiple of the baseline's](docs/benchmarks/fanout-ratio.svg)",
	} {
		files, err := Benchmarks(world(t, text))
		if err != nil || string(files[pageFile]) != want {
			t.Errorf("%s: %v: %q, want %q", text, err, files[pageFile], want)
		}
		if (strings.Contains(text, "figure") || strings.Contains(text, "compare")) != (len(files) == 2) {
			t.Errorf("%s: %d files", text, len(files))
		}
	}
	files, err := Benchmarks(world(t, `{{table "fanout-100"}}{{fanouts "fanout-1000" "fanout-100"}}{{text "append"}}{{gobench "append"}}`))
	for _, want := range []string{"Fan-out of 64-byte payloads", "Medians of the rounds", "| sockets | raw", "| 1,000   |", "resound to raw", "```\n$ taskset", "| 371,399"} {
		if page := string(files[pageFile]); err != nil || !strings.Contains(page, want) {
			t.Errorf("%v: %q is not in\n%s", err, want, page)
		}
	}
}

// What is not saved cannot get onto the page.
func TestTemplateThatNamesWhatIsNotSaved(t *testing.T) {
	for text, want := range map[string]string{
		`{{table "fanout-5"}}`:                              "bench/results/fanout-5.json is not there: make bench saves it",
		`{{fanouts "fanout-100" "fanout-5"}}`:               "fanout-5.json is not there",
		`{{command "fanout-5"}}`:                            "fanout-5.json is not there",
		`{{cell "fanout-5" "raw" "ratio"}}`:                 "fanout-5.json is not there",
		`{{cell "fanout-100" "row" "ratio"}}`:               `no row "row"`,
		`{{cell "fanout-100" "raw" "rat"}}`:                 `a column "rat"`,
		`{{title "fanout-5"}}`:                              "fanout-5.json is not there",
		`{{notes "fanout-5"}}`:                              "fanout-5.json is not there",
		`{{table "fanout-100" "rat"}}`:                      `no column "rat"`,
		`{{figure "fanout-5" "cpu"}}`:                       "fanout-5.json is not there",
		`{{figure "fanout-100" "gpu"}}`:                     `no figure "gpu"`,
		`{{compare "fanout-x" "fanout-100" "fanout-1000"}}`: `no figure "fanout-x"`,
		`{{compare "fanout-ratio" "fanout-100"}}`:           `no figure "fanout-ratio"`,
		`{{compare "fanout-ratio" "fanout-5"}}`:             "fanout-5.json is not there",
		`{{compare "fanout-cpu" "fanout-100" "fanout-1000"}}{{compare "fanout-cpu" "fanout-1000" "fanout-10000"}}`: "would be two plots",
		`{{setting "fanout-100" "colour"}}`:            `no setting "colour"`,
		`{{text "nothing"}}`:                           "bench/results/nothing.txt is not there",
		`{{gobench "empty"}}`:                          "has no line of go test -bench",
		`{{gocommand "empty"}}`:                        "does not begin with its command",
		`{{gobench "failed"}}`:                         "this run failed",
		`{{text "failed"}}`:                            "this run failed",
		`{{gobench "append" "parsecs"}}`:               "parsecs",
		`{{metric "append" "Append/two" "appends/s"}}`: "has no benchmark Append/two",
		`{{num "none"}}`:                               `no number in "none"`,
		`{{mul 2 "none"}}`:                             `no number in "none"`,
		`{{juggle}}`:                                   "juggle",
		`{{table`:                                      "benchmarks.md.tmpl",
	} {
		if files, err := Benchmarks(world(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q; the page: %q", text, err, want, files[pageFile])
		}
	}
}

func TestResultsThatMustNotGetOntoThePage(t *testing.T) {
	dir := world(t, "{{machine}}")
	other := bench.Run{Command: []string{"idle"}, Machine: bench.Machine{CPU: "Another CPU", Cores: 64}}
	if err := other.Save(filepath.Join(dir, resultsDir, "idle.json"), &bench.IdleResult{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Benchmarks(dir); err == nil || !strings.Contains(err.Error(), "another machine") {
		t.Errorf("of two machines: %v", err)
	}
	if err := other.Save(filepath.Join(dir, resultsDir, "idle.json"), &bench.IdleResult{}, errors.New("the server ended")); err != nil {
		t.Fatal(err)
	}
	if _, err := Benchmarks(dir); err == nil || !strings.Contains(err.Error(), "this run failed") {
		t.Errorf("of a failed run: %v", err)
	}
	writeFile(t, filepath.Join(dir, resultsDir, "idle.json"), "{}")
	if _, err := Benchmarks(dir); err == nil || !strings.Contains(err.Error(), "idle.json") {
		t.Errorf("of a broken file: %v", err)
	}
	if _, err := Benchmarks(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Errorf("of no repository: %v", err)
	}
}

func TestPlotsThatAreNotShownAreRemoved(t *testing.T) {
	dir := world(t, `{{figure "fanout-100" "cpu"}}`)
	stale := filepath.Join(dir, plotsDir, "stale.svg")
	writeFile(t, stale, "<svg/>")
	if err := WriteBenchmarks(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, plotsDir, "fanout-100-cpu.svg")); err != nil {
		t.Error(err)
	}
}
