package overload

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Level is how much the server takes off itself.
type Level uint8

// The levels. Each does what those before it do.
const (
	Calm    Level = iota
	Closed        // new sockets are refused
	Thinned       // client events are thinned
	Guarded       // publishing is refused
	levels
)

var levelNames = [levels]string{"calm", "closed", "thinned", "guarded"}

// does is what a level says of itself in the log.
var does = [levels]string{
	Calm: "everything is taken again", Closed: "new sockets are refused", Thinned: "new sockets are refused and client events thinned",
	Guarded: "new sockets and publishes are refused, replays wait, and slow readers may leave less",
}

func (l Level) String() string { return levelNames[l] }

// Reason is why something is refused or dropped.
type Reason uint8

// The reasons. Only the first two make a level.
const (
	Lag         Reason = iota // a loop is late
	Memory                    // there is too little
	Descriptors               // sockets have all but what is kept for publishers
	Rate                      // an address opens sockets too fast
	PerAddress                // an address has too many
	reasons
)

var reasonNames = [reasons]string{"lag", "memory", "descriptors", "address_rate", "address_connections"}

func (r Reason) String() string { return reasonNames[r] }

// What is refused or dropped.
type What uint8

// All of it.
const (
	Socket      What = iota // an upgrade
	ClientEvent             // of a connection that has sent one in this second
	Publish                 // a request, of one event or a batch
	Replay                  // a chunk that waits for another second
	SlowReader              // a connection that left more than it may at Guarded
	whats
)

var whatNames = [whats]string{"socket", "client_event", "publish", "replay", "slow_reader"}

func (w What) String() string { return whatNames[w] }

// Reading is what a level is made of.
type Reading struct {
	Lag    time.Duration // of the loop that is latest
	Memory Usage
	Short  bool // sockets have all descriptors but those that are kept
}

// Governor knows the level. The zero Governor is calm; New gives it a log.
type Governor struct {
	state   atomic.Uint32 // level, and the reason above it
	reading atomic.Pointer[Reading]
	entered [levels][reasons]atomic.Uint64
	shed    [whats][reasons]atomic.Uint64

	log    *slog.Logger
	lag    ladder
	memory ladder
	files  ladder // of descriptors
	short  atomic.Bool
	told   [reasons]uint64 // of what addresses were refused, when the log was told
	quiet  int             // samples until it may be told again
}

// New returns a calm governor.
func New(log *slog.Logger) *Governor {
	return &Governor{
		log: log, lag: ladder{steps: lagSteps, patience: lagPatience}, memory: ladder{steps: memorySteps, patience: 1},
		files: ladder{steps: fileSteps, patience: 1},
	}
}

// Level returns the level of the moment.
func (g *Governor) Level() Level {
	if g == nil {
		return Calm
	}
	return Level(g.state.Load())
}

// Count counts what was refused or dropped because of the level.
func (g *Governor) Count(w What) {
	if g != nil {
		g.CountFor(w, Reason(g.state.Load()>>8))
	}
}

// CountFor counts what was refused for a reason of its own.
func (g *Governor) CountFor(w What, r Reason) {
	if g != nil {
		g.shed[w][r].Add(1)
	}
}

// Step takes one sample. It reports whether Guarded begins with it. One goroutine calls it, every Interval.
func (g *Governor) Step(r Reading) (guarded bool) {
	g.reading.Store(&r)
	before := g.Level()
	level, reason := g.memory.step(r.Memory.Share), Memory
	if lag := g.lag.step(r.Lag.Seconds()); lag > level {
		level, reason = lag, Lag
	}
	g.state.Store(uint32(level) | uint32(reason)<<8)
	switch {
	case level > before:
		g.entered[level][reason].Add(1)
		g.say(slog.LevelWarn, "overload: "+does[level], "level", level.String(), "reason", reason.String(), "from", before.String(), "loop_lag", r.Lag, "memory", r.Memory)
	case level < before:
		g.say(slog.LevelInfo, "overload eases: "+does[level], "level", level.String(), "from", before.String(), "loop_lag", r.Lag, "memory", r.Memory)
	}
	g.descriptors(r.Short)
	g.addresses()
	return level == Guarded && before < Guarded
}

// descriptors tells when the reserve begins and when it ends.
func (g *Governor) descriptors(short bool) {
	v := 0.0
	if short {
		v = 1
	}
	was := g.short.Swap(g.files.step(v) > Calm)
	switch {
	case was == g.short.Load():
	case !was:
		g.entered[Closed][Descriptors].Add(1)
		g.say(slog.LevelWarn, "descriptors run short: new sockets are refused, what is left is for publishers")
	default:
		g.say(slog.LevelInfo, "there are descriptors for sockets again")
	}
}

// addresses tells, once a minute at most, that addresses were refused.
func (g *Governor) addresses() {
	if g.quiet > 0 {
		g.quiet--
		return
	}
	for _, r := range []Reason{Rate, PerAddress} {
		if n := g.shed[Socket][r].Load(); n > g.told[r] {
			g.say(slog.LevelWarn, "sockets were refused because of their addresses", "reason", r.String(), "count", n-g.told[r])
			g.told[r], g.quiet = n, int(time.Minute/Interval)
		}
	}
}

func (g *Governor) say(level slog.Level, text string, args ...any) {
	if g.log != nil {
		g.log.Log(context.Background(), level, text, args...)
	}
}

// Unready returns why no more connections should come while new sockets are refused, or "".
func (g *Governor) Unready() string {
	if g == nil {
		return ""
	}
	switch state := g.state.Load(); {
	case Level(state) == Calm:
		return ""
	case Reason(state>>8) == Lag:
		return "new sockets are refused, because loops were late for seconds"
	}
	return "memory runs short: " + g.reading.Load().Memory.String()
}

// Stats is what a governor has done since the start, and what it goes by.
type Stats struct {
	Level   Level
	Reason  Reason // of a level that is not Calm
	Short   bool   // descriptors are, or were a moment ago
	Reading Reading
	Entered map[Level]map[Reason]uint64 // all that can be
	Shed    map[What]map[Reason]uint64  // all that can be
}

// causes are the reasons that something can be refused or dropped for.
var causes = [whats][]Reason{
	Socket: {Lag, Memory, Descriptors, Rate, PerAddress}, ClientEvent: {Lag, Memory}, Publish: {Memory}, Replay: {Memory}, SlowReader: {Memory},
}

// Stats may be called by any goroutine.
func (g *Governor) Stats() Stats {
	state := g.state.Load()
	s := Stats{Level: Level(state), Reason: Reason(state >> 8), Short: g.short.Load(), Entered: map[Level]map[Reason]uint64{}, Shed: map[What]map[Reason]uint64{}}
	if r := g.reading.Load(); r != nil {
		s.Reading = *r
	}
	for l := Closed; l < levels; l++ {
		s.Entered[l] = map[Reason]uint64{}
		for r := range Rate {
			if l == Closed || r == Memory || l == Thinned && r == Lag {
				s.Entered[l][r] = g.entered[l][r].Load()
			}
		}
	}
	for w := range whats {
		s.Shed[w] = map[Reason]uint64{}
		for _, r := range causes[w] {
			s.Shed[w][r] = g.shed[w][r].Load()
		}
	}
	return s
}

// Usage is how much memory is used, of what there is.
type Usage struct {
	Share float64 // of Limit; 0 where there is none
	Used  uint64  // bytes
	Limit uint64  // bytes
	Of    string  // what is compared
}

func (u Usage) String() string {
	if u.Limit == 0 {
		return "no bound"
	}
	return fmt.Sprintf("%.0f %% of %d MiB (%s)", u.Share*100, u.Limit>>20, u.Of)
}
