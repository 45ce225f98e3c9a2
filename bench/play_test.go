package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/crowd"
)

func smallPlay(t *testing.T, groups []Group, args ...string) Play {
	return Play{Targets: []Target{resound(t, args...)}, Name: "test", Workload: Workload{Warmup: 200 * time.Millisecond, Duration: time.Second, Groups: groups},
		Publishers: 2, Patience: 2 * time.Second, Cores: unpinned, Progress: &Progress{}}
}

// All named workloads at once against the real server, over one load process and over two: every count that has to be is.
func TestWorkloads(t *testing.T) {
	sum := func(g *crowd.GroupResult) int64 { return g.Events.Delivered + g.Events.Excused }
	groups, want := []Group{}, []func(g *crowd.GroupResult) bool{}
	add := func(list []Group, name string, f func(g *crowd.GroupResult) bool) {
		list[0].Name = name
		groups, want = append(groups, list...), append(want, f)
	}
	add(Steady{Sockets: 50, Size: 64, Rate: 50}.Groups(), "steady", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 50 && sum(g) == 50*50
	})
	add(Rooms{Rooms: 30, Sockets: 60, Subscribe: 3, Size: 100, Batch: 2, Rate: 300}.Groups(), "rooms", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 300 && sum(g) == 300*6
	})
	add([]Group{{Kind: CacheChannels, Sockets: 20, Channels: 2, Publish: PublishRate{Rate: 20}, Churn: 20}}, "cached", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 40 && g.Cached > 0 && g.Left == 20
	})
	add(LiveTable{Tables: 2, Rows: 100, Viewers: 50, Size: 200, Updates: 40}.Groups(), "table", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 80 && sum(g) == 80*25
	})
	add(PresenceChurn{Channels: 5, Members: 10, UserInfo: 50, Size: 64, Churn: 30, Rate: 10}.Groups(), "presence", func(g *crowd.GroupResult) bool {
		// Whoever joins is shown to up to nine others: all that are not just on their way, nor late from the warm-up.
		return g.Left == 30 && g.Latency.Subscribe.Count() > 0 && g.Joined > 0 && g.Joined <= (30+6)*9 && g.Parted > 0
	})
	add(WhisperRooms{Channels: 5, Members: 10, Size: 64, Rate: 20}.Groups(), "whisper", func(g *crowd.GroupResult) bool {
		return g.Whispers.Sent == 100 && g.Whispers.Delivered == 100*9
	})
	add(Comeback{Sockets: 50, Channels: 2, Size: 64, Rate: 50, Drops: 30, Away: 200 * time.Millisecond, Replay: true}.Groups(), "replay", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 100 && g.Events.Delivered == 100*25 && g.Dropped == 30 && g.Replayed > 0 && g.Gaps == 0 && g.Latency.CatchUp.Count() > 0
	})
	add(Comeback{Sockets: 50, Channels: 2, Size: 64, Rate: 50, Drops: 30, Away: 200 * time.Millisecond}.Groups(), "drops", func(g *crowd.GroupResult) bool {
		return g.Events.Sent == 100 && sum(g) == 100*25 && g.Events.Excused > 0 && g.Dropped == 30 && g.Returned > 0
	})
	for _, loads := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d load processes", loads), func(t *testing.T) {
			t.Parallel()
			p := smallPlay(t, slices.Clone(groups), "--durability=process")
			p.Loads = loads
			r, err := p.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			round := &r.Columns[0].Rounds[0]
			for i := range want {
				g := &round.Result.Groups[i]
				if wrong := g.Events.Lost + g.Events.Duplicates + g.Events.Disorder + g.Events.Failed + g.Stray + g.Whispers.Lost; wrong != 0 || !want[i](g) {
					t.Errorf("%+v", g)
				}
			}
			if round.CPU <= 0 || len(round.Loads) != loads || round.Loads[0] <= 0 || round.Before.Resident <= 0 || round.After.Resident <= 0 || len(round.Timeline) == 0 {
				t.Errorf("%+v", round)
			}
			for _, second := range round.Timeline {
				if second.Open < 200 || second.Deliveries == 0 || second.CPU <= 0 || second.LoadCPU <= 0 || second.Resident <= 0 || second.P99 < second.P50 {
					t.Errorf("%+v", second)
				}
			}
		})
	}
}

// A server that keeps too little tells of a gap, and what it left out is not lost without a word.
func TestGapsAreExcused(t *testing.T) {
	t.Parallel()
	r, err := smallPlay(t, Comeback{Sockets: 20, Channels: 1, Size: 64, Rate: 100, Drops: 20, Away: 200 * time.Millisecond, Replay: true}.Groups(),
		"--durability=process", "--history-messages=5").Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	g := &r.Columns[0].Rounds[0].Result.Groups[0]
	if g.Gaps == 0 || g.Replayed == 0 || g.Events.Excused == 0 || g.Events.Lost+g.Events.Duplicates+g.Events.Disorder != 0 || g.Events.Delivered+g.Events.Excused != 100*20 {
		t.Errorf("%+v", g)
	}
}

// A worker of a server that ends takes its CPU seconds along: what is left is not what the server used.
func TestCPUOfAServerWhoseWorkersEnd(t *testing.T) {
	for name, ran := range map[string][]time.Duration{"all stay": {10, 20, 30, 40}, "one ends": {10, 30, 20, 40}} {
		r := &score{PlayRound: &PlayRound{}, w: Workload{Duration: 3 * time.Second}, seconds: make([]crowd.Second, 3)}
		for _, s := range ran {
			r.samples = append(r.samples, sample{server: usage{ran: s * time.Second}})
		}
		r.end = &r.samples[3]
		r.finish(r.samples[0], r.samples[3], 3*time.Second)
		if known := r.CPU == 30; known != (name == "all stay") || !known && r.CPU != 0 || r.Timeline[1].CPU < 0 {
			t.Errorf("%s: %v s, %+v", name, r.CPU, r.Timeline)
		}
	}
}

func TestPlayComparesTargets(t *testing.T) {
	t.Parallel()
	p := smallPlay(t, []Group{
		{Name: "a", Sockets: 20, Publish: PublishRate{Rate: 20}},
		{Name: "b", Kind: PresenceChannels, Sockets: 10, Publish: PublishRate{Rate: 10}, Whisper: WhisperRate{Rate: 10}},
	})
	p.Targets = append(p.Targets, p.Targets[0])
	p.Targets[1].Name = "other"
	r, err := p.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Table().Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| other ", "of a ", "of b ", "whispers delivered", "publishes answered", "1.00 (1.00–1.00)", "round by round", "20 sockets on 1 public channel, 20.0 events of 64 bytes"} {
		if want = strings.Replace(want, "round by round", "round by round", 1); !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	for _, f := range r.Figures() {
		if len(f.Lines) != 2 || len(f.Lines[1].X) == 0 || len(f.Lines[1].X) != len(f.Lines[1].Y) || f.Lines[1].Name != "other" {
			t.Errorf("figure %s: %+v", f.Name, f.Lines)
		}
	}
	saved, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read PlayResult
	if err := json.Unmarshal(saved, &read); err != nil {
		t.Fatal(err)
	}
	var again strings.Builder
	if err := read.Table().Write(&again); err != nil || again.String() != text.String() {
		t.Errorf("from the saved result, %v:\n%s", err, again.String())
	}
}

// A run that did not exercise what it names fails.
func TestPlayOfNothingFails(t *testing.T) {
	for want, change := range map[string]func(*Play){
		`group "replay": nothing was replayed: does the server keep a history`: func(*Play) {},
		`group "a": no publish was acknowledged (`: func(p *Play) {
			p.Targets[0].Secret, p.Workload.Groups = "wrong", []Group{{Name: "a", Sockets: 5, Publish: PublishRate{Rate: 20}}}
		},
		`group "b": no whisper arrived`: func(p *Play) {
			p.Targets[0].Args = append(p.Targets[0].Args, "--accept-client-events-from=none")
			p.Workload.Groups = []Group{{Name: "b", Kind: PrivateChannels, Sockets: 5, Whisper: WhisperRate{Rate: 20}}}
		},
		"of 5 sockets could subscribe": func(p *Play) {
			p.Targets[0].Key, p.Workload.Groups = "wrong", []Group{{Name: "a", Sockets: 5, Publish: PublishRate{Rate: 20}}}
		},
		"raw has no channels":  func(p *Play) { p.Targets = []Target{Baseline} },
		"at least one":         func(p *Play) { p.Workload.Groups = nil },
		"nothing would happen": func(p *Play) { p.Workload.Groups = []Group{{}} },
		`group "nobody": no publish was acknowledged (`: func(p *Play) {
			p.Targets[0].Secret, p.Workload.Groups = "wrong", []Group{{Name: "nobody", Publish: PublishRate{Rate: 20}}}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := smallPlay(t, Comeback{Sockets: 5, Channels: 1, Size: 64, Rate: 50, Drops: 10, Away: 100 * time.Millisecond, Replay: true}.Groups())
			p.Patience = 300 * time.Millisecond
			change(&p)
			if r, err := p.Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want an error with %q", err, want)
			} else if r != nil && len(r.Columns) > 0 && len(r.Columns[0].Rounds) > 0 && len(r.Table().Rows) == 0 {
				t.Error("what there is is not shown")
			}
		})
	}
}

func TestInterruptedPlayReportsWhatItHas(t *testing.T) {
	for name, c := range map[string]struct {
		warmup time.Duration
		rounds int
	}{"in the window": {0, 1}, "in the warm-up": {time.Hour, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := smallPlay(t, Steady{Sockets: 20, Size: 64, Rate: 50}.Groups())
			p.Workload.Warmup, p.Workload.Duration, p.Loads = c.warmup, time.Hour, 2
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			said := &cancelAfter{cancel: cancel, word: "deliveries/s"}
			p.Progress = &Progress{Out: said}
			r, err := p.Run(ctx)
			if err != nil || !r.Partial || len(r.Columns[0].Rounds) != c.rounds {
				t.Fatalf("%+v, %v", r, err)
			}
			var text strings.Builder
			if err := r.Table().Write(&text); err != nil || !strings.Contains(text.String(), "Interrupted") {
				t.Errorf("%v: %s", err, text.String())
			}
			if c.rounds == 0 {
				return
			}
			round := r.Columns[0].Rounds[0]
			if e := round.Result.Groups[0].Events; e.Sent < 20 || e.Delivered != 20*e.Sent || e.Lost != 0 || round.Seconds > 1000 {
				t.Errorf("%+v in %v s", e, round.Seconds)
			}
		})
	}
}

// cancelAfter waits for the live figures, and interrupts.
type cancelAfter struct {
	cancel context.CancelFunc
	word   string
}

func (c *cancelAfter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.word) {
		c.cancel()
	}
	return len(b), nil
}
