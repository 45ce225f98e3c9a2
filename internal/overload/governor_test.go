package overload

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func governed() (*Governor, *bytes.Buffer) {
	var b bytes.Buffer
	return New(slog.New(slog.NewTextHandler(&b, nil))), &b
}

func share(s float64) Reading { return Reading{Memory: Usage{Share: s, Limit: 100 << 20}} }

// Memory leads to all levels, at once; the lag of loops to two, when it lasts.
func TestLevels(t *testing.T) {
	g, log := governed()
	for _, test := range []struct {
		share   float64
		want    Level
		guarded bool
	}{{0.5, Calm, false}, {0.79, Calm, false}, {0.8, Closed, false}, {0.86, Thinned, false}, {0.95, Guarded, true}, {0.99, Guarded, false}} {
		if guarded := g.Step(share(test.share)); guarded != test.guarded || g.Level() != test.want {
			t.Errorf("at %v: %v, guarded begins %v", test.share, g.Level(), guarded)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines for three levels: %s", n, log)
	}
	g, _ = governed()
	if g.Step(share(2)); g.Level() != Guarded {
		t.Errorf("from nothing to everything: %v", g.Level())
	}
	g, _ = governed()
	late := Reading{Lag: time.Minute}
	for range lagPatience - 1 {
		g.Step(late)
	}
	g.Step(Reading{}) // it was stopped, and goes on
	for range lagPatience - 1 {
		g.Step(late)
	}
	if g.Level() != Calm {
		t.Errorf("a loop that was late for a moment, twice: %v", g.Level())
	}
	if g.Step(late); g.Level() != Thinned {
		t.Errorf("a loop that stays late: %v", g.Level())
	}
	if s := g.Stats(); s.Reason != Lag || s.Entered[Thinned][Lag] != 1 || s.Entered[Closed][Lag] != 0 || s.Reading.Lag != time.Minute {
		t.Errorf("%+v", s)
	}
}

// A measure on the edge changes nothing, and a level is left one at a time.
func TestLevelsDoNotFlap(t *testing.T) {
	g, log := governed()
	g.Step(share(0.93))
	for i := range 100 {
		g.Step(share(0.88 + 0.06*float64(i%2)))
	}
	if g.Level() != Guarded {
		t.Errorf("on the edge: %v", g.Level())
	}
	for range rest - 1 {
		g.Step(share(0.1))
	}
	g.Step(share(0.9)) // not yet
	var seen []Level
	for range 4 * rest {
		g.Step(share(0.1))
		if l := g.Level(); len(seen) == 0 || seen[len(seen)-1] != l {
			seen = append(seen, l)
		}
	}
	if len(seen) != 4 || seen[0] != Guarded || seen[1] != Thinned || seen[2] != Closed || seen[3] != Calm {
		t.Errorf("it eases over %v", seen)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d lines: %s", n, log)
	}
}

// Refusals are counted by reason, and not logged one by one.
func TestShedIsCounted(t *testing.T) {
	g, log := governed()
	var none *Governor
	none.Count(Socket)
	none.CountFor(Socket, Rate)
	if none.Level() != Calm || none.Unready() != "" || g.Unready() != "" {
		t.Error("nobody is not calm")
	}
	g.Step(share(0.95))
	for range 1000 {
		g.Count(Publish)
		g.CountFor(Socket, Rate)
	}
	if !strings.HasPrefix(g.Unready(), "memory runs short: 95 %") {
		t.Errorf("%q", g.Unready())
	}
	for range 2 * int(time.Minute/Interval) {
		g.Step(share(0.95))
		g.CountFor(Socket, Rate)
	}
	s := g.Stats()
	if s.Shed[Publish][Memory] != 1000 || s.Shed[Socket][Rate] < 1000 || len(s.Shed) != int(whats) || len(s.Entered) != int(levels)-1 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(log.String(), "because of their addresses"); n < 1 || n > 3 {
		t.Errorf("%d lines of addresses in two minutes: %s", n, log)
	}
}

// The reserve of descriptors is told when it begins and when it ends.
func TestDescriptorsAreTold(t *testing.T) {
	g, log := governed()
	for _, short := range []bool{false, true, true, false, true, false} { // sockets come and go at the edge
		g.Step(Reading{Short: short})
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !g.Stats().Short {
		t.Errorf("%d lines at the edge: %s", n, log)
	}
	for range rest {
		g.Step(Reading{})
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || g.Stats().Short || g.Stats().Entered[Closed][Descriptors] != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
}

// The hot path asks for the level with a load.
func TestLevelIsFree(t *testing.T) {
	g, _ := governed()
	if n := testing.AllocsPerRun(100, func() { g.Count(Socket); _ = g.Level() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
