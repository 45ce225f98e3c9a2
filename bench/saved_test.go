package bench

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/bench/crowd"
	"resound/bench/hist"
)

// examples has a result of each kind, from servers whose command lines have what must not be saved.
func examples(t *testing.T) map[string]Result {
	t.Helper()
	ours := Target{Name: "new", Program: "/srv/build/bin/resound", Args: []string{"start", "--port={port}", "--app-secret=s3cr3t", "--data-dir=/srv/data/of/mine"},
		Env: []string{"APP_SECRET=s3cr3t", "HOME=/srv/home/me"},
		ID:  "1", Key: "k", Secret: "s3cr3t"}
	peer := Target{Name: "peer", Address: "10.0.0.1:6001", PID: 7, Key: "k", Secret: "s3cr3t"}
	latencies := latenciesOf([]float64{1, 2.5, 40})
	memory := Memory{Resident: 3 << 20, Anonymous: 2 << 20, Peak: 4 << 20}
	reference, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	reference.Result.Target = ours
	return map[string]Result{
		"calibrate": &reference.Result,
		"verify":    &VerifyResult{Target: ours, Rows: []VerifyRow{{Quantity: "a delivery", Point: "2,000 sockets", Unit: "µs", Predicted: 5, Measured: 5.5}}, Baseline: [2]float64{4, 4.2}},
		"fanout": &FanoutResult{Sockets: 1000, Window: 16, Payload: 64, Frame: 112, Publishers: 1, Cores: Cores{0, 1, -15}, Columns: []FanoutColumn{
			{Target: Baseline, Name: "raw", Channels: 1, Rounds: []FanoutRound{{1000, 0.004, 0.1, []int64{4e6, 5e6}, 4.1}, {1000, 0.005, 0, []int64{4e6, 6e6}, 3.9}}},
			{Target: ours, Name: "new", Channels: 1, Rounds: []FanoutRound{{1000, 0.006, 0.1, []int64{7e6, 5e6}, 4.1}, {1000, 0.0051, 0, []int64{3e6, 9e6}, 3.9}}},
		}},
		"publish": &PublishResult{Connections: 64, Payload: 64, Columns: []PublishColumn{
			{Target: BareHTTP, Rounds: []PublishRound{{100, 0.5, 1.5, 0, 0, 4}}}, {Target: ours, Rounds: []PublishRound{{100, 0.6, 1.25, 0, 0, 4}}},
			{Target: BareHTTP, Fresh: true, Rounds: []PublishRound{{100, 0.7, 1, 0, 0, 4}}}, {Target: ours, Fresh: true, Rounds: []PublishRound{{100, 0.8, 1, 0, 0, 4}}},
		}},
		"memory": &MemoryResult{Few: 10, Many: 110, Members: 10, UserInfo: 100, Rows: []MemoryRow{
			{ours, Plain, memory, Memory{Resident: 4 << 20, Anonymous: 3 << 20, Peak: 4 << 20}, Memory{Resident: 5 << 20, Anonymous: 4 << 20, Peak: 5 << 20}, memory, memory},
			{peer, Plain, memory, memory, Memory{Resident: 9 << 20, Anonymous: 4 << 20, Peak: 5 << 20}, memory, memory},
		}},
		"connect": &ConnectResult{Storm: 100, Parallel: 10, Running: 5, Rate: 40, Columns: []ConnectColumn{
			{Target: Baseline, Storms: []ConnectStorm{{Ready: 100, Seconds: 2, CPU: 0.01, Connects: latencies, Broadcast: latencies}}},
			{Target: peer, Before: latencies, Idle: 0.1, Storms: []ConnectStorm{
				{99, 1, map[string]int{"4100": 1}, 3, 0.5, 0.02, latencies, latencies, 4}, {100, 0, nil, 0, 0.25, 0.03, latencies, latencies, 4}}},
		}},
		"cluster-cost": &ClusterCostResult{Node: ours, Redis: "7.0.15", Rate: 200, Flight: 64, Payload: 64, Columns: []ClusterCostColumn{{ClusterShape{Nodes: 1}, costRounds(0)}, {ClusterShape{Nodes: 2, Redis: true}, costRounds(0.1)}}},
		"cluster-crash": &ClusterCrashResult{Node: ours, Redis: "7.0.15", Nodes: 3, Sockets: 100, Channels: 20, Rate: 50, Payload: 64, Members: 5, Down: 2, Rounds: []CrashRound{
			{Other: true, Began: 2, Listened: 2.5, Back: latencies, Told: 11, Listed: 12, Slowest: 1, Replay: CrashTally{Tally{Sent: 50, Delivered: 900}, 90, 0}, Plain: CrashTally{Tally{Lost: 80}, 0, 0},
				Before: CrashBeside{5, 1, 2}, Beside: CrashBeside{5, 2, 9}, Seconds: []CrashTime{{-1, 100, 2}, {0, 0, 9}, {1, 100, 3}}},
			{Away: 1, Back: latencies, Seconds: []CrashTime{{-1, 100, 2}, {0, 0, 9}, {1, 99, 3}}},
		}},
		"cluster-fanout": &ClusterFanoutResult{Node: ours, Redis: "7.0.15", Sockets: 300, Window: 1, Payload: 64, Columns: []ClusterFanoutColumn{
			{ClusterShape{Nodes: 1}, 1, []ClusterFanoutRound{{600, ClusterCPU{[]float64{0.1}, 0}, []int64{1e6, 2e6}}}},
			{ClusterShape{Nodes: 3, Redis: true}, 1, []ClusterFanoutRound{{600, ClusterCPU{[]float64{0.1, 0.1, 0.2}, 0.1}, []int64{2e6, 3e6}}}},
			{ClusterShape{Nodes: 3, Redis: true}, 60, []ClusterFanoutRound{{300, ClusterCPU{[]float64{0.1, 0.1, 0.2}, 0.1}, []int64{2e6}}}},
		}},
		"slow": &SlowResult{Readers: 10, Others: 5, Rate: 40, Payload: 6000, Seconds: 2, Rows: []SlowRow{
			{ours, latencies, latencies, latencies, memory, 9 << 20, memory, map[string]int{"4100": 3, "reset": 1}, 1}}},
		"play": played(ours, peer),
		"idle": &IdleResult{Sockets: 100, Rows: []IdleRow{{ours, 60, 0.3, 100}, {peer, 60, 0.4, 100}}},
	}
}

// costRounds is two rounds in which Redis used so much.
func costRounds(redis float64) []ClusterCostRound {
	turn := func(nodes ...float64) ClusterTurn { return ClusterTurn{100, 0.5, ClusterCPU{nodes, redis}} }
	return []ClusterCostRound{{turn(0.1), turn(0.2), turn(0.3), latenciesOf([]float64{1, 2})}, {turn(0.2), turn(0.2), turn(0.4), latenciesOf([]float64{1, 3})}}
}

// played is a play of two targets, one round each.
func played(targets ...Target) *PlayResult {
	r := &PlayResult{Name: "steady", Workload: Workload{Duration: 2 * time.Second, Groups: []crowd.Group{{Name: "viewers", Sockets: 10, Channels: 1}}}, Loads: 1, Publishers: 1}
	for _, t := range targets {
		var latency crowd.Latency
		for _, h := range []**hist.Histogram{&latency.Delivery, &latency.Publish, &latency.Connect, &latency.Subscribe, &latency.Joined, &latency.Whisper, &latency.CatchUp} {
			*h = hist.New()
			(*h).Record(3 * time.Millisecond)
			(*h).Record(5 * time.Millisecond)
		}
		late := hist.New()
		late.Record(time.Millisecond)
		r.Columns = append(r.Columns, PlayColumn{Target: t, Rounds: []PlayRound{{
			Result:  &crowd.Result{From: 1, End: 2e9, Late: late, Groups: []crowd.GroupResult{{Group: "viewers", Events: crowd.Tally{Sent: 4, Delivered: 38, Lost: 2}, Latency: latency}}},
			Seconds: 2, CPU: 0.25, Loads: []float64{0.5}, Before: Memory{Resident: 1 << 20, Anonymous: 1 << 20, Peak: 1 << 20}, After: Memory{Resident: 2 << 20, Anonymous: 1 << 20, Peak: 2 << 20}, Largest: 2 << 20,
			Timeline: []PlaySecond{{Second: 0, Deliveries: 20, Published: 2, Open: 10, P50: 3, P99: 5, CPU: 0.1, LoadCPU: 0.2, Resident: 1 << 20},
				{Second: 1, Deliveries: 18, Published: 2, Open: 10, Missing: 2, P50: 3, P99: 5, CPU: 0.15, LoadCPU: 0.3, Resident: 2 << 20}},
		}}})
	}
	return r
}

func TestSavedResultsReadBack(t *testing.T) {
	list := examples(t)
	for name := range results {
		want := list[name]
		if want == nil {
			t.Errorf("%s: there is no example of this kind: add one", name)
			continue
		}
		path := filepath.Join(t.TempDir(), "some-run.json")
		run := Begin([]string{name, "--json", path}, []Setting{{"sockets", "100"}})
		if err := run.Save(path, want, nil); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != "some-run" || got.Scenario != name || got.Format != Format || !reflect.DeepEqual(got.Run, run) || got.Failure != "" {
			t.Errorf("%s: %+v", name, got)
		}
		if !reflect.DeepEqual(got.Result.Table(), want.Table()) {
			t.Errorf("%s: the table was\n%v\nand is\n%v", name, want.Table(), got.Result.Table())
		}
		if len(want.Table().Rows) == 0 || len(want.Figures()) == 0 || !reflect.DeepEqual(got.Result.Figures(), want.Figures()) {
			t.Errorf("%s: the figures were\n%v\nand are\n%v", name, want.Figures(), got.Result.Figures())
		}
		if len(got.Servers) == 0 || len(got.Servers) != len(servers(want.Servers())) {
			t.Errorf("%s: servers %+v", name, got.Servers)
		}
		if err := got.Save(path, got.Result, nil); err != nil { // what was read can be written again
			t.Fatal(err)
		}
		if again, err := Load(path); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: %v, read again it is\n%+v\nnot\n%+v", name, err, again, got)
		}
	}
}

func TestNothingSecretIsSaved(t *testing.T) {
	for name, r := range examples(t) {
		path := filepath.Join(t.TempDir(), "r.json")
		run := Begin([]string{name, "--server=new=/srv/build/bin/resound", "--app-secret", "s3cr3t", "--server-args=--app-secret=s3cr3t",
			"--server-args=--redis=redis://me:s3cr3t@10.0.0.9/0", "--path", "/ws"},
			[]Setting{{"app-secret", "s3cr3t"}, {"server", "new=/srv/build/bin/resound"}, {"server-args", "--a=1 --app-secret=s3cr3t"}, {"path", "/ws"}})
		if err := run.Save(path, r, nil); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"s3cr3t", "/srv/", "of/mine"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s: %q is in %s", name, secret, text)
			}
		}
		for _, want := range []string{`"--server=new=resound"`, `"/ws"`, `"--a=1 --app-secret=***"`, `redis://***@10.0.0.9/0`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %s is not in %s", name, want, text)
			}
		}
	}
}

func TestCommandsAndErrorsArePublished(t *testing.T) {
	for text, want := range map[string]string{
		"mine=SECRET=hush ./server --port {port} --app-secret hush": "mine=SECRET=*** ./server --port {port} --app-secret ***",
		`mine=./server {port} --token 'hush hush' --x`:              "mine=./server {port} --token *** --x",
		`mine=./server --app-secret={secret} --secret {secret}`:     "mine=./server --app-secret={secret} --secret {secret}",
		"mine=sh -c '/home/me/x/server {port}'":                     "mine=sh -c 'server {port}'",
		"fork/exec /home/me/bin/server: no such file":               "fork/exec server: no such file",
	} {
		if got := publish(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
	if got := publishAll([]string{"--secret", placeholder, "--secret", "hush"}); got[1] != placeholder || got[3] != hidden {
		t.Errorf("%q", got)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := (Run{}).Save(path, &IdleResult{}, errors.New("open /home/me/bin/server: --secret hush")); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path); err != nil || s.Failure != "open server: --secret ***" {
		t.Errorf("%+v, %v", s, err)
	}
}

// JSON has no word for the latency of nothing.
func TestResultWithoutADeliveryIsSaved(t *testing.T) {
	empty := &ConnectResult{Columns: []ConnectColumn{{Before: latenciesOf(nil), Storms: []ConnectStorm{{Connects: latenciesOf([]float64{3})}}}}}
	path := filepath.Join(t.TempDir(), "empty.json")
	if err := Begin(nil, nil).Save(path, empty, nil); err != nil {
		t.Fatalf("without a single delivery: %v", err)
	}
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Result.(*ConnectResult).Columns[0]; got.Before != (Latencies{}) || got.Storms[0].Connects.P99 != 3 || s.Machine.Cores == 0 || s.Machine.Go == "" {
		t.Errorf("%+v of %+v", got, s.Machine)
	}
}

func TestWhatCannotBeSavedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json") // where a directory is, no file can be
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (Run{}).Save(path, &IdleResult{}, nil); err == nil {
		t.Error("no error")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v is left, %v", list, err)
	}
}

func TestServersAreDescribed(t *testing.T) {
	target := resound(t)
	r := &IdleResult{Rows: []IdleRow{{Target: target}, {Target: target}, {Target: Baseline}, {Target: Target{Name: "echo", Program: "/bin/echo", Args: []string{"-n"}}}}}
	list := servers(r.Servers())
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	if s := list[0]; s.Name != "resound" || s.Program != "resound" || !strings.HasPrefix(s.Version, "resound ") || strings.Contains(strings.Join(s.Args, " "), "secret=s") {
		t.Errorf("ours: %+v", s)
	}
	if s := list[1]; s.Program != "resound-bench" || s.Args[0] != "raw" || s.Version != Version() {
		t.Errorf("the baseline: %+v", s)
	}
	if s := list[2]; s.Version != "" {
		t.Errorf("a program of somebody else was asked for its version: %+v", s)
	}
	if v := versionOf(Target{Program: "/bin/echo", Args: []string{"start", "--port={port}"}}); v != "" {
		t.Errorf("%q is the version of a program of somebody else", v)
	}
}

func TestFilesThatAreNoSavedResults(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"":     "not a saved result",
		"{":    "not a saved result",
		"[]":   "not a saved result",
		"null": "run the scenario again",
		`{"machine":{"cores":2},"result":{"sockets":7}}`:                                   "run the scenario again",
		`{"format":2,"scenario":"fanout","result":{}}`:                                     "saved in format 2, and this resound-bench reads format 1",
		`{"format":1,"scenario":"juggle","result":{}}`:                                     `"juggle", which this resound-bench does not know`,
		`{"format":1,"scenario":"fanout"}`:                                                 "no result in it",
		`{"format":1,"scenario":"fanout","result":null}`:                                   "no result in it",
		`{"format":1,"scenario":"fanout","result":{"sockets":"x"}}`:                        "broken",
		`{"format":1,"scenario":"fanout","result":{"sockets":7}}`:                          "something is missing in its result",
		`{"format":1,"scenario":"calibrate","result":{}}`:                                  "something is missing in its result",
		`{"format":1,"scenario":"play","result":{"columns":[{"rounds":[{"seconds":1}]}]}}`: "something is missing in its result",
	} {
		path := filepath.Join(dir, "broken.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Load(path); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v, %+v", text, err, s)
		}
	}
	if _, err := Load(filepath.Join(dir, "gone.json")); err == nil || !strings.Contains(err.Error(), "--json") {
		t.Error(err)
	}
}

func TestFailedRunSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	if err := Begin([]string{"idle"}, nil).Save(path, examples(t)["idle"], os.ErrDeadlineExceeded); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path); err != nil || s.Failure != os.ErrDeadlineExceeded.Error() {
		t.Errorf("%v: %+v", err, s)
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.Go == "" || m.System == "" || !strings.Contains(m.String(), "core") {
		t.Errorf("%+v: %v", m, m)
	}
	m = Machine{CPU: "Some CPU", Cores: 2, Memory: 8 << 30, System: "linux/amd64", Kernel: "6.1", Go: "go1.26.8", Virtual: true}
	if got, want := m.String(), "2 virtual cores of Some CPU, 8.00 GB of memory, linux/amd64 6.1, Go 1.26.8"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCompare(t *testing.T) {
	fan := func(sockets int) *Saved {
		r := *examples(t)["fanout"].(*FanoutResult)
		r.Sockets = sockets
		return &Saved{Result: &r}
	}
	list := []*Saved{fan(1000), {Result: examples(t)["idle"]}, fan(10)}
	figures := Compare(list)
	if len(figures) != 4 || figures[0].Name != "fanout-ratio" {
		t.Fatalf("%+v", figures)
	}
	want := Line{Name: "new", X: []float64{10, 1000}, Y: []float64{1.26, 1.26}}
	if got := figures[0].Lines; len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	single := fan(1000)
	single.Result.(*FanoutResult).Window = 1
	if got := Compare(append(list, single))[0].Lines; len(got) != 2 || got[0].Name != "new, 16 at once" || got[1].Name != "new, one at a time" {
		t.Errorf("two ways: %+v", got)
	}
	spread := fan(500)
	spread.Result.(*FanoutResult).Columns = []FanoutColumn{{Name: "new", Channels: 5}}
	if got := Compare(append(list, spread)); !reflect.DeepEqual(got, figures) {
		t.Errorf("with one on several channels: %+v", got)
	}
	if got := Compare(list[:2]); got != nil {
		t.Errorf("of one number of sockets: %+v", got)
	}
	table, err := CompareFanouts(list)
	if err != nil || len(table.Rows) != 2 || len(table.Rows[0]) != len(table.Header) || table.Rows[0][0] != "10" || table.Header[3] != "new to raw" {
		t.Errorf("%v: %+v", err, table)
	}
	if want := "these were 4 to 10 sockets, 4 to 1,000 sockets."; len(table.Notes) != 1 || !strings.HasSuffix(table.Notes[0], want) {
		t.Errorf("a p99 of four: %q, want %q", table.Notes, want)
	}
	many := &FanoutResult{Columns: []FanoutColumn{{Rounds: []FanoutRound{{Bursts: make([]int64, fewForP99)}}}}}
	if n := many.fewest(); n != fewForP99 {
		t.Errorf("%d publishes", n)
	}
	if _, err := CompareFanouts(list[1:2]); err == nil {
		t.Error("a table of no fan-out")
	}
	other := fan(5)
	other.Result.(*FanoutResult).Columns = other.Result.(*FanoutResult).Columns[:1]
	if _, err := CompareFanouts(append(list, other)); err == nil || !strings.Contains(err.Error(), "different servers: raw, and raw, new") {
		t.Error(err)
	}
}

func TestStormThatIsLongerThanItsBroadcast(t *testing.T) {
	for seconds, want := range map[float64]int{7: 1, 7.9: 2} { // a storm begins half a second after the broadcast
		r := &ConnectResult{Around: 8, Columns: []ConnectColumn{{Target: Target{Name: "new"}, Storms: []ConnectStorm{{Seconds: 3}, {Seconds: seconds}}}}}
		if notes := r.Table().Notes; len(notes) != want || want == 2 && !strings.HasPrefix(notes[0], "new: 1 storm lasted longer") {
			t.Errorf("%v s: %q", seconds, notes)
		}
	}
}

// What is easy to predict does not speak for what is not.
func TestErrorOfEachQuantity(t *testing.T) {
	r := &VerifyResult{Rows: []VerifyRow{{Quantity: "a delivery", Predicted: 5, Measured: 10}, {Quantity: "a delivery", Predicted: 9, Measured: 10},
		{Quantity: "bytes in the log", Predicted: 100, Measured: 100}, {Quantity: "bytes in the log", Predicted: 101, Measured: 100}, {Quantity: "bytes in the log", Predicted: 100, Measured: 100}}}
	if want := "a delivery 30.0 % (1 of 2 within), bytes in the log 0.000 % (3 of 3 within)."; !strings.HasSuffix(r.Table().Notes[0], want) {
		t.Errorf("%q does not end in %q", r.Table().Notes[0], want)
	}
}

func TestQuantiles(t *testing.T) {
	list := make([]float64, 1000)
	for i := range list {
		list[i] = float64(i)
	}
	line := quantiles("x", list)
	if n := len(line.X); n < 30 || n > 60 || line.X[0] != 1 || line.Y[0] != 0 || line.X[n-1] > 1000 || line.Y[n-1] < 997 {
		t.Errorf("%+v", line)
	}
	if line := quantiles("x", nil); len(line.X) != 0 {
		t.Errorf("of nothing: %+v", line)
	}
}
