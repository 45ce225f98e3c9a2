package channels

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// page is one page that has opted in to replay, as the browser package does it: it keeps its position, and
// comes back with it on another connection.
type page struct {
	*testSocket
	m        *replayModel
	name     string // of its channel
	on       bool   // its present connection has subscribed
	epoch    string // position: "" until the first answer
	serial   uint64
	earlier  []string // ids of its connections so far
	want     []int    // events that it has to get, since its first subscription
	got      []int
	stock    bool // never opts in, and is not followed over a drop
	notices  int
	promised int // events that notices have announced
}

// replayModel drives a node with a log and pages on it, and says beforehand which events each page gets.
type replayModel struct {
	*testNode
	rng   *rand.Rand
	pages []*page
	said  int
	drops int
}

var replayChannels = []string{"a", "presence-b", "private-c"}

func (m *replayModel) open(p *page) {
	p.testSocket = m.socket(m.rng.IntN(len(m.loops)))
	p.on = false
	p.onSend = p.take
	if m.rng.IntN(4) == 0 { // now and then one that reads slowly
		p.backlogged = true
	}
}

// take is what the browser package does with a frame.
func (p *page) take(payload string) {
	var f struct {
		Event, Channel string
		Data           json.RawMessage
		Epoch          string
		Serial         *uint64
	}
	if err := json.Unmarshal([]byte(payload), &f); err != nil {
		p.n.t.Fatalf("%s: %v", payload, err)
	}
	if f.Serial != nil && !strings.HasSuffix(payload, fmt.Sprintf(`,"serial":%d}`, *f.Serial)) {
		p.n.t.Fatalf("the serial is not the last member: %s", payload)
	}
	switch f.Event {
	case "pusher_internal:subscription_succeeded":
		if p.stock {
			return
		}
		if f.Serial == nil || f.Epoch == "" {
			p.n.t.Fatalf("%v opted in and is answered %s", p.id, payload)
		}
		if p.epoch != "" && *f.Serial != p.serial {
			p.n.t.Fatalf("%v stood at %d and is told %s", p.id, p.serial, payload)
		}
		p.epoch, p.serial = f.Epoch, *f.Serial
	case "pusher:replay":
		var data string
		var n struct {
			Status string
			Count  int
		}
		if json.Unmarshal(f.Data, &data) != nil || json.Unmarshal([]byte(data), &n) != nil || n.Status != "recovered" {
			p.n.t.Fatalf("%v is told %s", p.id, payload)
		}
		p.notices++
		p.promised += n.Count
	case "pusher_internal:replay":
		p.move(payload, f.Serial)
	case "e":
		p.move(payload, f.Serial)
		var n int
		if err := json.Unmarshal(f.Data, &n); err != nil {
			p.n.t.Fatal(err)
		}
		if len(p.got) >= len(p.want) || p.want[len(p.got)] != n {
			p.n.t.Fatalf("page on %s got event %d as number %d of %v: %s", p.name, n, len(p.got), p.want[max(0, len(p.got)-3):], payload)
		}
		p.got = append(p.got, n)
	}
}

// move notes the serial of a frame: each is larger than the one before.
func (p *page) move(payload string, serial *uint64) {
	switch {
	case p.stock && serial != nil:
		p.n.t.Fatalf("a stock page got %s", payload)
	case p.stock:
		return
	case serial == nil:
		p.n.t.Fatalf("an event without a serial: %s", payload)
	case *serial <= p.serial:
		p.n.t.Fatalf("%v stands at %d and got %s", p.id, p.serial, payload)
	}
	p.serial = *serial
}

func (p *page) join() {
	data := ""
	if strings.HasPrefix(p.name, "presence-") {
		data = fmt.Sprintf(`{"user_id":%d}`, p.m.rng.IntN(4))
	}
	message := p.subscription(p.name, data)
	if !p.stock {
		replay := `{}`
		if p.epoch != "" {
			replay = fmt.Sprintf(`{"epoch":%q,"serial":%d,"except":["%s"]}`, p.epoch, p.serial, strings.Join(p.earlier[max(0, len(p.earlier)-9):], `","`))
		}
		message = opting(message, replay)
	}
	if err := p.say(message); err != nil {
		p.n.t.Fatal(err)
	}
	p.on = true
	p.earlier = append(p.earlier, p.id.String())
}

// publish publishes and notes who has to get it: every page that is on the channel, and every one that has been there and will come back.
func (m *replayModel) publish(name string, author *page) {
	m.said++
	id := nobody
	if author != nil {
		id = author.id
	}
	for _, p := range m.pages {
		settled := p.stock && p.on && len(p.subs.more().waits) == 0 || !p.stock && p.epoch != ""
		if p.name == name && settled && p != author {
			p.want = append(p.want, m.said)
		}
	}
	m.testNode.publish(name, fmt.Sprint(m.said), id)
}

func (m *replayModel) step() {
	p := m.pages[m.rng.IntN(len(m.pages))]
	switch r := m.rng.IntN(100); {
	case r < 30:
		var author *page
		if m.rng.IntN(3) == 0 && p.on {
			author = p
		}
		m.publish(p.name, author)
	case r < 40 && !p.on:
		p.join()
	case r < 45 && p.on:
		m.drop(p)
	case r < 47 && p.on && p.epoch != "" && p.subs.find([]byte(p.name)) != nil:
		p.say(fmt.Sprintf(`{"event":"client-x","channel":%q,"data":{}}`, p.name))
	case r < 50:
		p.backlogged = false
	case r < 60:
		m.hub.ReplayOne()
	case r < 61:
		m.hub.Tick(m.now())
	default:
		for _, l := range m.loops {
			l.turn(m.rng.IntN(6), m.rng.IntN(12))
		}
	}
}

// drop ends the connection of a page, with everything that was on its way.
func (m *replayModel) drop(p *page) {
	m.drops++
	p.onSend = func(string) {}
	p.hangUp()
	if p.stock { // it has missed the rest, and nobody promised it anything
		p.want = p.want[:len(p.got)]
	}
	m.open(p)
}

// settleReplays runs everything until nothing is left to do.
func (n *testNode) settleReplays() {
	for again := true; again; {
		n.settle()
		again = false
		for n.hub.ReplayOne() {
			again = true
			n.settle()
		}
	}
}

// Each page gets every event of its channel from its first subscription on: once, in order, over any number of
// drops, whatever its neighbours do; never its own.
func TestReplayModel(t *testing.T) {
	seeds, steps := 12, 3000
	if testing.Short() {
		seeds = 3
	}
	base := *seedFlag
	if base == 0 {
		base = rand.Uint64()
	} else {
		seeds = 1
	}
	for _, slots := range []int{1, 3} {
		for _, memory := range []int{0, 3000, 1 << 26} {
			t.Run(fmt.Sprint(slots, " loops, ", memory, " bytes of tails"), func(t *testing.T) {
				for i := range seeds {
					runReplayModel(t, slots, memory, base+uint64(i), steps)
				}
			})
		}
	}
}

func runReplayModel(t *testing.T, slots, memory int, seed uint64, steps int) {
	defer func() {
		if t.Failed() {
			t.Logf("to see it again: go test -run TestReplayModel -seed %d", seed)
		}
	}()
	m := &replayModel{testNode: newLoggedNode(t, slots, memory), rng: rand.New(rand.NewPCG(seed, uint64(slots)))}
	for i := range 12 {
		p := &page{m: m, name: replayChannels[i%len(replayChannels)], stock: i >= 9}
		m.open(p)
		m.pages = append(m.pages, p)
	}
	for range steps {
		m.step()
	}
	for _, p := range m.pages {
		p.backlogged = false
		if !p.on {
			p.join()
		}
	}
	m.settleReplays()
	m.hub.Tick(m.now())
	m.settleReplays()
	replayed, got := 0, 0
	for i, p := range m.pages {
		if !slices.Equal(p.got, p.want) {
			t.Errorf("page %d on %s, opted in %v, got %d events, want %d", i, p.name, !p.stock, len(p.got), len(p.want))
		}
		got, replayed = got+len(p.got), replayed+p.promised
	}
	if m.drops < steps/100 || replayed < m.drops || got < m.said {
		t.Errorf("%d drops, %d events replayed, %d deliveries of %d: the operations do not meet", m.drops, replayed, got, m.said)
	}
	if t.Failed() {
		t.FailNow()
	}
}
