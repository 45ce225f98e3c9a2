package model

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// round is a model whose arithmetic can be done by hand.
func round() *Model {
	span := func(at ...float64) Span { return Span{at[0], at[len(at)-1], at} }
	return &Model{
		Memory:   MemoryCost{Start: 20e6, Warm: 1e6, Socket: 1000, Subscription: 200, Member: 300, UserInfo: 2, Channel: 1000, Kernel: 4000},
		Delivery: DeliveryCost{Send: 3, Crowd: 2, Half: 1000, Event: 0.1, First: 0.001, Bend: 1000, Byte: 0.0005, Wake: 20, Call: 10},
		Publish:  PublishCost{Kept: 9, Fresh: 30, Byte: 0.01},
		Connect:  ConnectCost{Connect: 40, Accept: 20},
		Idle:     IdleCost{Second: 1000, Socket: 0.1, Ping: 6},
		Log:      LogCost{Append: 5, Byte: 0.01, Message: 200, Written: 1.5},
		Range: Range{Sockets: span(100, 1000, 10000), Held: span(2000, 9000), Frame: span(64, 500, 16000), Together: span(1, 4, 16), Payload: span(64, 16384),
			UserInfo: span(100, 400), Cores: 1},
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// scaled is a demand with so many times the viewers.
func scaled(d Demand, f float64) Demand {
	d.Viewers = max(int(float64(d.Viewers)*f), 1)
	return d
}

func TestSendTime(t *testing.T) {
	// 3 + 2 × 1000/2000 + 4 × 0.1 + 0.001 × 1000 + 0.0005 × 2000
	near(t, "four events of 500 bytes", round().Delivery.SendTime(1000, 4, 500), 3+1+0.4+1+1)
	// 3 + 2 × 3000/4000 + 0.1 + 0.001 × 500 + 0.0005 × 500
	near(t, "one of 500", round().Delivery.SendTime(3000, 1, 500), 3+1.5+0.1+0.5+0.25)
}

func TestNeed(t *testing.T) {
	d := Demand{Viewers: 9000, Channels: 10, Rate: 2, Size: 400, Envelope: 100, Subscriptions: 1, Together: 1, Fresh: true, Stay: Age(100 * time.Second),
		Within: Age(10 * time.Second), Kept: true, History: 1000, Age: Age(50 * time.Second), Slow: 0.1, Backlog: 1 << 20, Ping: Age(time.Minute)}
	n := round().NeedOf(d, 4)
	near(t, "publishes", n.Publishes, 20)
	near(t, "deliveries", n.Deliveries, 18000)
	parts := map[string]float64{}
	for _, p := range n.CPU {
		parts[p.What] = p.Cores * 1e6
	}
	near(t, "CPU of deliveries", parts["deliveries"], 18000*(3+2*0.9+0.1+0.5+0.25))
	near(t, "of publishes", parts["publishes"], 20*(10+30+4))
	near(t, "of wake-ups of 4 loops", parts["wake-ups of loops"], 20*4*20)
	near(t, "of connects", parts["connects"], 90*40)
	near(t, "of pings", parts["pings and idle sockets"], 150*6+900+1000)
	near(t, "of the log", parts["the log"], 20*9)
	near(t, "cores", n.Busy*1e6, 18000*5.65+880+1600+3600+2800+180)
	near(t, "memory of the process", n.Process, 21e6+9e6+1e4)
	near(t, "of the kernel", n.Kernel, 36e6)
	near(t, "of what is under way", n.Underway, 1800*(500+1024)) // 0.1 s of 18,000 a second, or one event to 900
	near(t, "of slow viewers", n.Slow, 900*2*500*90)
	near(t, "bits out", n.Out, 18000*8*(500+66)+8*20*(130+66+3*66)) // an answer, and a connection opened and closed
	near(t, "bits in", n.In, 8*(20*820+(20+9000+60)*66))
	near(t, "packets", n.Packets, 27000+40+120)
	near(t, "descriptors", n.Descriptors, 9300)
	near(t, "written", n.DiskWrite, 20*800)
	near(t, "kept", n.DiskKept, 10*800*100)

	d.Presence, d.UserInfo, d.Subscriptions, d.Together, d.Fresh = true, 100, 2, 4, false
	n = round().NeedOf(d, 1)
	near(t, "deliveries with joins and leaves", n.Deliveries, 36000+2*90*2*1800)
	near(t, "memory of members", n.Process, 21e6+9000*1200+1e4+18000*500)
	for _, p := range n.CPU {
		switch p.What {
		case "deliveries":
			near(t, "CPU of four at once", p.Cores*1e6, 9000*(3+1.8+0.4+1+1))
		case "wake-ups of loops":
			near(t, "wake-ups for four at once, and joins", p.Cores*1e6, (5+360)*20)
		case "publishes":
			near(t, "publishes that keep their connection", p.Cores*1e6, 20*14)
		}
	}
}

// Where each event has one reader, more comes in than goes out.
func TestNetworkInIsALimit(t *testing.T) {
	d := DefaultDemand()
	d.Viewers, d.Channels, d.Rate, d.Kept = 100000, 100000, 1, false
	a, err := round().Plan(d, Machine{Cores: 64, Memory: 256 << 30, Bandwidth: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	// 100,000 × (820 of a request, 66 of headers, 33 of an acknowledgement, 198 of a connection)
	near(t, "bits in", a.Need.In, 8e5*(820+66+33+198))
	if a.Fits || a.First.Resource != "network in" || a.Need.Out > 0.95*a.Need.In {
		t.Errorf("%+v, and %v bits go out", a.First, a.Need.Out)
	}
}

func TestPlan(t *testing.T) {
	d := DefaultDemand()
	d.Viewers, d.Channels, d.Rate, d.Size, d.Kept = 10000, 10, 10, 400, false
	a, err := round().Plan(d, Machine{Cores: 4, Memory: 8 << 30, Bandwidth: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	// 100,000 × 5.668 µs, 100 × 44, 100 wake-ups of each loop, 16.7 × 40, 2,001 and 1,000: 0.58 cores; 0.6 are what one may have.
	if a.Cores != 1 || !a.Fits {
		t.Errorf("%d cores, %v", a.Cores, a.Fits)
	}
	// 100,000 × 566 bytes and 100 answers are 0.453 Gbit/s of the 0.7 that are usable; CPU is enough for four times the viewers.
	if a.First.Resource != "network out" || math.Abs(a.First.Factor-(0.7-0.0003)/0.4528) > 0.001 || a.Most != int(math.Round(a.First.Factor*10000)) {
		t.Errorf("%+v, %d", a.First, a.Most)
	}
	for _, l := range a.Limits {
		if at := round().NeedOf(scaled(d, l.Factor), 4); l.Resource == "CPU" && math.Abs(at.Busy-l.Usable) > 1e-3 {
			t.Errorf("at %v times the viewers %v cores are busy, and %v usable", l.Factor, at.Busy, l.Usable)
		}
	}
	// 10,000 × 40 µs on the 3.4 cores that are left, or × 20 µs on the one that accepts.
	near(t, "storm", a.Storm, max(0.4/(4-a.Need.Busy), 0.2))
	// 250 viewers of a channel on each of 4 loops.
	write := 250 * round().Delivery.SendTime(10000, 1, 500) / 1000
	near(t, "latency", a.Alone, 0.06+write)
	busy := a.Need.Busy / 4
	near(t, "latency under load", a.Under, 0.06+write+busy*write/(2*(1-busy)))
}

func TestPlanThatCannotBe(t *testing.T) {
	small := Machine{Cores: 1, Memory: 1 << 30}
	d := DefaultDemand()
	d.Viewers, d.Rate, d.Size = 100000, 100, 2000
	a, err := round().Plan(d, small)
	if err != nil {
		t.Fatal(err)
	}
	if a.Fits || a.First.Factor >= 1 || a.Most >= d.Viewers || a.Under != 0 || a.Storm != 0 {
		t.Errorf("%+v", a.First)
	}
	if text := page(t, a); !strings.Contains(text, "It does not fit.") || !strings.Contains(text, "cannot keep up") {
		t.Error(text)
	}
	// Publishes alone are more than a core, with any number of viewers and of loops.
	d.Channels, d.Viewers, d.Rate = 10000, 10000, 10
	if a, err = round().Plan(d, small); err != nil || a.Most != 0 {
		t.Fatalf("%v, %d viewers", err, a.Most)
	}
	if text := page(t, a); !strings.Contains(text, "with any number of viewers") {
		t.Error(text)
	}
	for name, spoil := range map[string]func(*Demand){
		"no viewers": func(d *Demand) { d.Viewers = 0 }, "no channels": func(d *Demand) { d.Channels = 0 }, "negative rate": func(d *Demand) { d.Rate = -1 },
		"more subscriptions than channels": func(d *Demand) { d.Subscriptions = 20000 }, "less than one at once": func(d *Demand) { d.Together = 0.5 },
		"slow": func(d *Demand) { d.Slow = 2 }, "no time": func(d *Demand) { d.Stay = 0 },
	} {
		wrong := d
		spoil(&wrong)
		if _, err := round().Plan(wrong, small); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := round().Plan(d, Machine{Cores: 4}); err == nil {
		t.Error("a machine without memory was taken")
	}
}

// TestMoreNeverNeedsLess: more viewers, events, bytes, subscriptions or members, none of them takes less of anything.
func TestMoreNeverNeedsLess(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		d := DefaultDemand()
		d.Channels = 1 + random.IntN(1000)
		d.Viewers, d.Rate, d.Size = 1+random.IntN(1e6), Rate(random.Float64()*20), 1+random.IntN(20000)
		d.Subscriptions, d.Together = 1+random.IntN(min(5, d.Channels)), 1+random.Float64()*20
		d.Presence, d.Fresh, d.Kept = random.IntN(2) == 0, random.IntN(2) == 0, random.IntN(2) == 0
		k := Machine{Cores: 1 + random.IntN(64), Memory: Bytes(1+random.IntN(64)) * (1 << 30), Bandwidth: 1e10, Descriptors: 1 << 20}
		before := round().NeedOf(d, k.Cores)
		a, err := round().Plan(d, k)
		if err != nil {
			t.Fatal(err)
		}
		for name, grow := range map[string]func(*Demand){
			"viewers": func(d *Demand) { d.Viewers += 1 + d.Viewers/3 }, "rate": func(d *Demand) { d.Rate *= 1.5 }, "size": func(d *Demand) { d.Size += 500 },
			"user_info": func(d *Demand) { d.UserInfo += 100 }, "envelope": func(d *Demand) { d.Envelope += 50 }, "slow": func(d *Demand) { d.Slow *= 2 },
		} {
			more := d
			grow(&more)
			after := round().NeedOf(more, k.Cores)
			for what, pair := range map[string][2]float64{
				"CPU": {before.Busy, after.Busy}, "memory": {before.Memory(), after.Memory()}, "out": {before.Out, after.Out}, "in": {before.In, after.In},
				"packets": {before.Packets, after.Packets}, "descriptors": {before.Descriptors, after.Descriptors}, "disk": {before.DiskKept, after.DiskKept},
				"writes": {before.DiskWrite, after.DiskWrite},
			} {
				if pair[1] < pair[0]*(1-1e-12) {
					t.Errorf("more %s: %s from %v to %v, of %+v", name, what, pair[0], pair[1], d)
				}
			}
			b, err := round().Plan(more, k)
			if err != nil {
				t.Fatal(err)
			}
			if b.Cores != 0 && (a.Cores == 0 || b.Cores < a.Cores) {
				t.Errorf("more %s: from %d to %d cores", name, a.Cores, b.Cores)
			}
			if name != "viewers" && b.Most > a.Most {
				t.Errorf("more %s: room for %d viewers became room for %d", name, a.Most, b.Most)
			}
		}
		// What the machine takes at most, it takes; one more it does not.
		if a.Most > 0 {
			for _, c := range []struct {
				viewers int
				fits    bool
			}{{a.Most, true}, {a.Most + 1, false}} {
				d.Viewers = c.viewers
				if b, err := round().Plan(d, k); err != nil || b.Fits != c.fits {
					t.Errorf("%d viewers of at most %d: %v, %v", c.viewers, a.Most, b.Fits, err)
				}
			}
		}
	}
}

func TestBasis(t *testing.T) {
	for _, c := range []struct {
		viewers, size int
		cores         int
		want          Basis
		why           string
	}{
		{1000, 400, 1, Measured, ""}, {1050, 400, 1, Measured, ""}, {3000, 400, 1, Interpolated, ""}, {1000, 3000, 1, Interpolated, ""},
		{50000, 400, 1, Extrapolated, "sockets: measured up to 10,000, of 50,000"}, {1000, 40000, 1, Extrapolated, "bytes of a frame"},
		{50, 400, 1, Extrapolated, "measured from 100"}, {1000, 400, 8, Extrapolated, "cores: measured up to 1, of 8"},
	} {
		d := DefaultDemand()
		d.Viewers, d.Size = c.viewers, c.size
		m := round()
		got, why := rest(append(m.delivered(d), m.onCores(c.cores))...)
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%d viewers, %d bytes, %d cores: %s (%s), want %s (%s)", c.viewers, c.size, c.cores, got, why, c.want, c.why)
		}
	}
	if got, why := rest(variable{"bytes of user_info", 100, Span{}}); got != Extrapolated || !strings.Contains(why, "not measured") {
		t.Errorf("%s, %s", got, why)
	}
}

func TestSettings(t *testing.T) {
	d := DefaultDemand()
	d.Viewers, d.Rate, d.History, d.Age = 200000, 5, 18000, Age(2*time.Hour)
	a, err := round().Plan(d, Machine{Cores: 8, Memory: 32 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range a.Settings {
		lines = append(lines, b.Lines...)
	}
	for _, want := range []string{"LimitNOFILE=250000", "ulimit -n 250000", "fs.nr_open = 1048576", "resound start --loops=8 --history-messages=18000 --history-age=7200 --history-bytes=9000000",
		"    server 127.0.0.4:8080;", "events { worker_connections 80000; }"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if slices.Contains(lines, "    server 127.0.0.5:8080;") {
		t.Error("more addresses than 200,000 connections need")
	}
	d.Kept = false
	if got := flags(d, a.Machine); got != "resound start --loops=8 --durability=off" {
		t.Error(got)
	}
}

func page(t *testing.T, a *Answer) string {
	t.Helper()
	var b strings.Builder
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPage(t *testing.T) {
	d := DefaultDemand()
	d.Viewers, d.Channels, d.Rate, d.Presence, d.UserInfo = 250000, 4000, 5, true, 100
	a, err := round().Plan(d, Machine{Cores: 16, Memory: 32 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var markdown strings.Builder
	if err := a.WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"plan.txt": page(t, a), "plan.md": markdown.String()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; go test ./bench/model -run TestPage -update writes\n%s", path, got)
		}
	}
}
