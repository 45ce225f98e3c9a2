package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/bench/raw"
)

// TestMain lets this binary be what resound-bench is: its own baseline and load.
func TestMain(m *testing.M) {
	var err error
	switch slices.Concat(os.Args, []string{""})[1] {
	case "raw":
		err = raw.Serve(func(port, control int) error {
			_, err := fmt.Println(port, control)
			return err
		})
	case "bare":
		err = ServeBare(os.Stdout)
	case "load":
		err = RunLoad(os.Stdin, os.Stdout)
	case "parent": // see TestServersEndWithTheHarness
		var c *child
		if c, err = startChild(place{core: -1}, nil, "sleep", "60"); err == nil {
			fmt.Println(c.pid())
			<-c.ended
		}
	default:
		code := m.Run()
		_ = os.RemoveAll(built.dir)
		os.Exit(code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const sockets = 50

var unpinned = Cores{Server: -1, Load: -1}

var built struct {
	sync.Once
	dir  string
	path string
	err  error
}

// resound is the real server, with more arguments.
func resound(t *testing.T, args ...string) Target {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "resound-bench-test-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "resound")
		if out, err := exec.Command("go", "build", "-o", built.path, "resound/cmd/resound").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return Target{Name: "resound", Program: built.path, ID: "1", Key: "k", Secret: "s", Args: append([]string{"start", "--host=127.0.0.1", "--port={port}",
		"--data-dir={dir}", "--loops=1", "--log-level=error", "--app-id=1", "--app-key=k", "--app-secret=s", "--durability=off"}, args...)}
}

func TestFanout(t *testing.T) {
	for _, c := range []struct {
		channels        []int
		window, columns int
		awake           bool
	}{{[]int{1}, 1, 2, false}, {[]int{1, 5}, 4, 4, true}} {
		t.Run(fmt.Sprintf("%d channels, %d in flight", c.channels, c.window), func(t *testing.T) {
			f := Fanout{Targets: []Target{Baseline, resound(t)}, Channels: c.channels, Sockets: sockets, Window: c.window, Payload: 64,
				Publishers: 2, Rounds: 2, Deliveries: 400, Awake: c.awake, Cores: unpinned, Progress: &Progress{}}
			r, err := f.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Columns) != c.columns || r.Frame <= 64 || r.Partial {
				t.Fatalf("%+v", r)
			}
			for _, column := range r.Columns {
				if len(column.Rounds) != 2 {
					t.Fatalf("%s: %d rounds", column.Name, len(column.Rounds))
				}
				for _, round := range column.Rounds {
					if round.Deliveries != 400 || round.CPU <= 0 || len(round.Bursts) == 0 {
						t.Errorf("%s: %+v", column.Name, round)
					}
				}
			}
			if silent := strings.Contains(strings.Join(r.Table().Notes, " "), "had been silent"); silent == c.awake {
				t.Errorf("awake is %v, and the table says %q", c.awake, r.Table().Notes)
			}
			if rows := r.Table().Rows; len(rows) != c.columns || !strings.HasPrefix(rows[0][2], "1.00 ") {
				t.Errorf("%q", rows)
			}
		})
	}
}

// Linux has acknowledged sixteen segments at once: each socket gets more than that before a round is measured.
func TestSocketsAreAwake(t *testing.T) {
	for _, c := range []struct{ how, window, channels, messages int }{
		{raw.Write, 1, 1, 17}, {raw.Write, 16, 1, 32}, {raw.Write, 4, 1, 20}, {raw.Writev, 16, 1, 272},
		{0, 1, 1, 17}, {0, 16, 1, 272}, {0, 1, 1000, 17_000}, {0, 8, 1000, 17_000},
	} {
		if n := waking(uint32(c.how), c.window, c.channels); n != c.messages {
			t.Errorf("%+v: %d messages", c, n)
		}
	}
}

// A round sends as much before what it counts.
func TestRoundsWakeSockets(t *testing.T) {
	for _, awake := range []bool{false, true} {
		want := int64(0)
		if awake {
			want = 17 * sockets
		}
		f := Fanout{Sockets: sockets, Window: 1, Payload: 64, Publishers: 1, Deliveries: 2 * sockets, Awake: awake, Cores: unpinned, Progress: &Progress{}}
		p, err := f.connect(resound(t), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer p.stop()
		round, err := f.round(&fanoutRun{pair: p, column: &FanoutColumn{Channels: 1}}, 0)
		all, err2 := p.load.do(order{Op: "counts"})
		if err != nil || err2 != nil || round.Deliveries != 2*sockets || all.Counts.Delivered-round.Deliveries != want {
			t.Errorf("awake is %v: %+v of %d deliveries: %v, %v", awake, round, all.Counts.Delivered, err, err2)
		}
		c := ClusterFanout{Node: resound(t), Nodes: 1, Sockets: sockets, Window: 1, Payload: 64, Deliveries: 2 * sockets, Awake: awake, Cores: unpinned, Progress: &Progress{}}
		run, err := c.start(&ClusterFanoutColumn{ClusterShape: ClusterShape{Nodes: 1}, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer run.stop()
		shared, err := c.round(run)
		all, err2 = run.load.do(order{Op: "counts"})
		if err != nil || err2 != nil || shared.Deliveries != 2*sockets || all.Counts.Delivered-shared.Deliveries != want {
			t.Errorf("a cluster, awake is %v: %+v of %d deliveries: %v, %v", awake, shared, all.Counts.Delivered, err, err2)
		}
	}
}

// Sockets that get an event only now and then are silent in between.
func TestSilences(t *testing.T) {
	laps := []lap{{"slow", 100, []float64{4.1}}, {"fast", 100, []float64{3.9}}, {"one", 1, []float64{900}}}
	if notes := silences(true, 2, laps); len(notes) != 1 || !strings.HasPrefix(notes[0], "The sockets of slow got an event every 205 ms") {
		t.Errorf("%q", notes)
	}
	if notes := silences(false, 2, laps); len(notes) != 1 || !strings.HasPrefix(notes[0], "The sockets had been silent before each turn") {
		t.Errorf("%q", notes)
	}
}

func TestInterruptedFanoutReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Fanout{Targets: []Target{Baseline}, Channels: []int{1}, Sockets: 5, Window: 1, Payload: 64, Publishers: 1, Rounds: 2, Deliveries: 10,
		Cores: unpinned, Progress: &Progress{}}.Run(ctx)
	if err != nil || !r.Partial {
		t.Fatalf("%+v, %v", r, err)
	}
	var text strings.Builder
	if err := r.Table().Write(&text); err != nil || !strings.Contains(text.String(), "Interrupted") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestServerThatDoesNotSpeakTheProtocolIsAnError(t *testing.T) {
	_, err := Fanout{Targets: []Target{BareHTTP}, Channels: []int{1}, Sockets: 5, Window: 1, Payload: 64, Publishers: 1, Rounds: 1, Deliveries: 10,
		Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "0 of 5 sockets could subscribe") {
		t.Error(err)
	}
}

func TestServerThatDoesNotStartIsAnError(t *testing.T) {
	target := resound(t, "--no-such-flag")
	if _, err := startServer(target, place{core: -1}); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	r, err := MemoryScenario{Targets: []Target{Baseline, resound(t)}, Kinds: []string{Plain, Presence, Busy}, Few: 20, Many: sockets, Members: 10, UserInfo: 100,
		Payload: 64, Settle: 10 * time.Millisecond, Repeat: 1, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 4 {
		t.Fatalf("%d rows", len(r.Rows))
	}
	for _, row := range r.Rows {
		for i, m := range []Memory{row.Start, row.Few, row.Many, row.Left, row.Again} {
			if m.Resident <= 0 || m.Anonymous <= 0 || m.Peak < m.Resident {
				t.Errorf("%s, %s, %d: %+v", row.Target.Name, row.Kind, i, m)
			}
		}
	}
	if got := (&MemoryResult{Few: 10, Many: 20}).perSocket(1000, 9000); got != 800 {
		t.Errorf("%v bytes a socket, want 800", got)
	}
}

func TestPublish(t *testing.T) {
	r, err := Publish{Targets: []Target{BareHTTP, resound(t)}, Connections: 4, Payload: 64, Rounds: 2, Requests: 200, Fresh: 50,
		Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Columns) != 4 {
		t.Fatalf("%d columns", len(r.Columns))
	}
	for _, c := range r.Columns {
		for _, round := range c.Rounds {
			if len(c.Rounds) != 2 || round.Requests == 0 || round.CPU <= 0 || round.Seconds <= 0 {
				t.Errorf("%s: %+v", c.name(), c.Rounds)
			}
		}
	}
}

func TestRefusedPublishIsAnError(t *testing.T) {
	target := resound(t)
	target.Secret = "wrong"
	_, err := Publish{Targets: []Target{target}, Connections: 1, Payload: 64, Rounds: 1, Requests: 1, Fresh: 1, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Error(err)
	}
}

func TestConnect(t *testing.T) {
	r, err := Connect{Targets: []Target{Baseline, resound(t)}, Storm: 100, Parallel: 100, Running: sockets, Rate: 40, Payload: 64,
		Quiet: 200 * time.Millisecond, Around: 500 * time.Millisecond, Storms: 2, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Columns {
		if len(c.Storms) != 2 || c.Before.Count != 8*sockets {
			t.Fatalf("%s: %+v", c.Target.Name, c)
		}
		for _, s := range c.Storms {
			if s.Ready != 100 || s.Refused != 0 || s.Connects.Count != 100 {
				t.Errorf("%s: %+v", c.Target.Name, s)
			}
		}
	}
}

func TestSlow(t *testing.T) {
	// Who stops is over what may be unread after three quarters of a second, so that readers on a busy machine may be late by as much.
	s := Slow{Targets: []Target{resound(t, "--backlog=20000")}, Readers: 5, Others: 5, Rate: 500, Payload: 3000, Duration: 1600 * time.Millisecond,
		Settle: 300 * time.Millisecond, Cores: unpinned, Progress: &Progress{}}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	row := r.Rows[0]
	closed := 0
	for _, n := range row.Closed {
		closed += n
	}
	if closed+row.Left != 5 || row.Alone.Count != 5*800 || row.Stopped.Count != 5*800 || row.Worst <= 0 {
		t.Errorf("%+v", row)
	}
	s.Targets, s.Rate, s.Settle = []Target{resound(t)}, 5, 10*time.Millisecond
	if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "no socket was closed") {
		t.Errorf("with hardly an event: %v", err)
	}
}

func TestIdle(t *testing.T) {
	i := Idle{Targets: []Target{resound(t, "--ping-interval=1")}, Sockets: sockets, Duration: 2500 * time.Millisecond, Cores: unpinned, Progress: &Progress{}}
	r, err := i.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if row := r.Rows[0]; row.Pings < sockets || row.CPU <= 0 {
		t.Errorf("%+v", row)
	}
	i.Targets, i.Duration = []Target{resound(t)}, 50*time.Millisecond
	if _, err := i.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "no socket was pinged") {
		t.Errorf("without pings: %v", err)
	}
}

func TestQuantile(t *testing.T) {
	list := []float64{4, 1, 3, 2, 5}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 0.625: 3.5, 1: 5} {
		if got := quantile(list, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}
