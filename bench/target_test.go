package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseCommand(t *testing.T) {
	for text, want := range map[string]Target{
		`a=./server {port}`: {Program: "./server", Args: []string{"{port}"}},
		`two words=KEY={key} B='x y' ./server "a b"c d\ e '' -p={port}`: {
			Name: "two words", Env: []string{"KEY={key}", "B=x y"}, Program: "./server", Args: []string{"a bc", "d e", "", "-p={port}"}},
		`a=sh -c 'echo "$HOME" | cat; exec ./server {port}'`: {Program: "sh", Args: []string{"-c", `echo "$HOME" | cat; exec ./server {port}`}},
		`a=PORT={port} "C:\server" 'it\'`:                    {Env: []string{"PORT={port}"}, Program: `C:\server`, Args: []string{`it\`}},
	} {
		if want.Name == "" {
			want.Name = "a"
		}
		got, err := ParseCommand(text)
		if err != nil || got.Name != want.Name || got.Program != want.Program || !slices.Equal(got.Args, want.Args) || !slices.Equal(got.Env, want.Env) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"./server {port}":             "has no name",
		"={port}":                     "has no name",
		"a=":                          "names no program",
		"a=PORT={port}":               "names no program",
		"a=./server 8080":             "has no {port}",
		"a=./server {port} | tee log": `'|' is for a shell`,
		"a=./server $HOME {port}":     `'$' is for a shell`,
		"a=./server '{port}":          "a quote is not closed",
	} {
		if _, err := ParseCommand(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

var app = Target{ID: "7", Key: "k", Secret: "hush"}

func TestReadPeers(t *testing.T) {
	list, err := readPeers(strings.NewReader(`
- name: mine
  command: SECRET=hush ./server {port} --secret=hush
- name: far
  address: ws://ws.example.com
  api: api.example.com:8080
  id: 9
  key: other
  secret: quiet
  path: /reverb
- {name: here, address: "127.0.0.1:6001", pid: 12}
`), app)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	mine, far, here := list[0], list[1], list[2]
	if mine.Args[1] != "--secret={secret}" || mine.Env[0] != "SECRET={secret}" || mine.Secret != "hush" || mine.ID != "7" || !mine.measurable() {
		t.Errorf("%+v", mine)
	}
	if far.Address != "ws.example.com:80" || far.API != "api.example.com:8080" || far.ID != "9" || far.Key != "other" || far.Secret != "quiet" || far.Path != "/reverb" || far.measurable() {
		t.Errorf("%+v", far)
	}
	if here.Address != "127.0.0.1:6001" || here.PID != 12 || here.Key != "k" || !here.measurable() {
		t.Errorf("%+v", here)
	}
	for text, want := range map[string]string{
		"":                         "no server in it",
		"name: a":                  "is a list",
		"- a":                      "not an entry",
		"- name: a\n  adress: b:1": `line 1: "adress" is no field`,
		"- address: a:1":           "without a name",
		"- name: a":                "a needs a command",
		"- {name: a, address: 'b:1', command: 'c {port}'}": "one of them",
		"- {name: a, command: 'c {port}', pid: 1}":         "pid and api go with an address",
		"- {name: a, address: 'wss://b'}":                  "speaks no TLS",
		"- {name: a, address: 'b'}":                        "not HOST:PORT",
		"- {name: a, address: 'b:70000'}":                  "not HOST:PORT",
		"- {name: a, address: 'b:1', pid: x}":              "line 1:",
		"- {name: a, command: 'c'}":                        "has no {port}",
	} {
		if _, err := readPeers(strings.NewReader(text), app); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

// command is a target that the harness starts by a command.
func command(t *testing.T, text string) Target {
	t.Helper()
	target, err := ParseCommand(text)
	if err != nil {
		t.Fatal(err)
	}
	target.ID, target.Key, target.Secret = app.ID, app.Key, app.Secret
	return target
}

// A shell starts our server, which is told everything by its environment and arguments.
func TestServerOfACommand(t *testing.T) {
	program := resound(t).Program
	target := command(t, "sh="+`KEY={key} sh -c '"$0" start --host=127.0.0.1 --port={port} --data-dir={dir} --loops=1 --log-level=error --durability=off `+
		`--app-id={id} --app-key="$KEY" --app-secret={secret} & wait' `+program)
	r, err := Publish{Targets: []Target{target, resound(t)}, Connections: 4, Payload: 64, Rounds: 1, Requests: 100, Fresh: 50, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Columns {
		if len(c.Rounds) != 1 || c.Rounds[0].CPU <= 0 {
			t.Errorf("%s: %+v", c.name(), c.Rounds)
		}
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := Begin(nil, nil).Save(path, r, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), app.Secret) || strings.Contains(string(text), program) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestCommandThatFailsIsAnError(t *testing.T) {
	_, err := startServer(command(t, `broken=sh -c 'echo no licence for {port} >&2; exit 3'`), place{core: -1})
	if err == nil || !strings.Contains(err.Error(), "broken ended before it listened") || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no licence for") {
		t.Error(err)
	}
	if _, err = startServer(command(t, "gone=./no-such-program {port}"), place{core: -1}); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Error(err)
	}
	defer func(before time.Duration) { startTimeout = before }(startTimeout)
	startTimeout = 200 * time.Millisecond
	_, err = startServer(command(t, `deaf=sh -c 'echo still here >&2; sleep 60 & wait' {port}`), place{core: -1})
	if err == nil || !strings.Contains(err.Error(), "deaf does not listen") || !strings.Contains(err.Error(), "still here") {
		t.Error(err)
	}
}

// What the descendants of a process take is taken by it, and they end with it.
func TestUsageOfATree(t *testing.T) {
	c, err := startChild(place{core: -1}, nil, "sh", "-c", `sh -c 'while :; do :; done' & sh -c 'sh -c "while :; do :; done" & wait' & echo begun; wait`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.out.ReadString('\n'); err != nil {
		t.Fatal(err, c.stop())
	}
	var tree []int
	for deadline := time.Now().Add(10 * time.Second); len(tree) < 4 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		tree = family(c.pid())
	}
	if len(tree) != 4 || tree[0] != c.pid() {
		t.Fatalf("%d of %v", c.pid(), tree)
	}
	time.Sleep(100 * time.Millisecond)
	all, err := cpuUsage(c.pid())
	own, err2 := schedstat(c.pid())
	if err != nil || err2 != nil || all.ran <= 2*own.ran {
		t.Errorf("the tree ran %v, its root %v: %v, %v", all.ran, own.ran, err, err2)
	}
	memory, err := memoryOf(c.pid())
	root, err2 := memoryOfOne(c.pid())
	if err != nil || err2 != nil || memory.Resident < 2*root.Resident || memory.Kernel == 0 || memory.Kernel > 2*root.Kernel {
		t.Errorf("the tree has %+v, its root %+v: %v, %v", memory, root, err, err2)
	}
	c.stop()
	for _, pid := range tree {
		hasEnded(t, pid)
	}
}

// hasEnded waits until a process is no more.
func hasEnded(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(state), ") Z ") {
			return // nobody has taken its exit code
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d has not ended: %s", pid, state)
		}
	}
}

// A harness that is killed leaves no server behind.
func TestServersEndWithTheHarness(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	harness, err := startChild(place{core: -1}, nil, self, "parent")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(harness.out, &pid); err != nil {
		t.Fatal(err, harness.stop())
	}
	harness.kill()
	hasEnded(t, pid)
}

// Of a server whose process is not known there are latencies and rates, and no CPU.
func TestServerWithoutAProcess(t *testing.T) {
	s, err := startServer(resound(t), place{core: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	far := Target{Name: "far", ID: s.ID, Key: s.Key, Secret: s.Secret}
	if err := far.SetAddress(fmt.Sprintf("ws://localhost:%d", s.addr.Port), fmt.Sprintf("127.0.0.1:%d", s.addr.Port)); err != nil {
		t.Fatal(err)
	}
	r, err := Fanout{Targets: []Target{far, resound(t)}, Channels: []int{1}, Sockets: sockets, Window: 2, Payload: 64, Publishers: 1, Rounds: 1, Deliveries: 200,
		Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows := r.Table().Rows
	if rows[0][1] != "–" || rows[0][3] == "–" || rows[0][7] != "–" || rows[1][1] == "–" || rows[1][2] != "–" || rows[1][5] == "–" {
		t.Errorf("%q", rows)
	}
	for name, run := range map[string]func() (any, error){
		"memory": func() (any, error) {
			return MemoryScenario{Targets: []Target{Baseline, far}, Kinds: []string{Plain}, Few: 1, Many: 2, Repeat: 1}.Run(context.Background())
		},
		"CPU": func() (any, error) { return Idle{Targets: []Target{far}, Sockets: 1}.Run(context.Background()) },
	} {
		if _, err := run(); err == nil || !strings.Contains(err.Error(), "far: its "+name+" cannot be read") {
			t.Errorf("%s: %v", name, err)
		}
	}
	near := far
	near.Name, near.PID = "near", s.pid()
	if known, err := startServer(near, place{core: -1}); err != nil {
		t.Error(err)
	} else if used, err := known.cpu(); err != nil || used <= 0 {
		t.Errorf("it used %v, %v", used, err)
	}
	near.PID = 1 << 30
	if _, err := startServer(near, place{core: -1}); err == nil || !strings.Contains(err.Error(), "near: process") {
		t.Error(err)
	}
}

// A batch is one request, and every event of it is taken.
func TestPublishInBatches(t *testing.T) {
	target := resound(t)
	s := Publish{Targets: []Target{target}, Connections: 2, Payload: 64, Rounds: 1, Requests: 20, Fresh: 5, Batch: 10, Cores: unpinned, Progress: &Progress{}}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if title := r.Table().Title; len(r.Columns) != 2 || r.Columns[0].Rounds[0].Requests != 20 || !strings.HasPrefix(title, "Batches of 10 events of 64 bytes") {
		t.Errorf("%s: %+v", title, r.Columns)
	}
	s.Batch = 11 // more than an application takes by default
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("a batch that is too large: %v", err)
	}
}
