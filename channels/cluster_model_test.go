package channels

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"resound/protocol"
)

// clusterModel drives several nodes and pages that wander between them.
type clusterModel struct {
	*bus
	rng   *rand.Rand
	pages []*wanderer
	said  map[string][]int // events by channel
	n     int
	parts bool // nodes part and rejoin, logs are lost and cut
	alone map[int]bool
	drops int
	logs  int
	rare  int
	holes uint64
}

// wanderer is a page that has opted in to replay, and comes back to another node.
type wanderer struct {
	*testSocket
	m       *clusterModel
	name    string // of its channel
	on      bool
	epoch   string
	serial  uint64
	begin   int // how many events had been said when it came first
	got     []int
	gap     bool // it was told that something may be missing
	log     []string
	settled bool // it has been answered once
}

var wanderedChannels = []string{"a", "presence-b", "private-c"}

func (p *wanderer) take(payload string) {
	p.log = append(p.log, payload)
	var f struct {
		Event  string
		Data   json.RawMessage
		Epoch  string
		Serial *uint64
	}
	if err := json.Unmarshal([]byte(payload), &f); err != nil {
		p.n.t.Fatalf("%s: %v", payload, err)
	}
	if f.Serial != nil {
		if f.Epoch == "" && *f.Serial <= p.serial {
			p.n.t.Fatalf("%v stands at %d and got %s\n%s", p.id, p.serial, payload, strings.Join(p.log[max(0, len(p.log)-12):], "\n"))
		}
		p.serial = *f.Serial
	}
	if f.Epoch != "" {
		p.epoch = f.Epoch
	}
	switch f.Event {
	case "pusher_internal:subscription_succeeded":
		if !p.settled {
			p.settled, p.begin = true, len(p.m.said[p.name])
			if f.Serial != nil && !p.m.parts { // this node may be behind
				p.begin = int(*f.Serial - SerialBase(p.m.log))
			}
		}
	case "pusher:replay":
		p.gap = p.gap || strings.Contains(payload, "gap")
		if p.gap && !p.m.parts {
			p.n.t.Fatalf("%v is told %s", p.id, payload)
		}
	case "e":
		var n int
		if err := json.Unmarshal(f.Data, &n); err != nil {
			p.n.t.Fatal(err)
		}
		if slices.Contains(p.got, n) && !p.m.alone[n] { // what no log has is brought to a page that moves by each node
			p.n.t.Fatalf("%v got %d twice: %v\n%s", p.id, n, p.got, strings.Join(p.log, "\n"))
		}
		p.got = append(p.got, n)
	}
}

func (m *clusterModel) open(p *wanderer) {
	n := m.nodes[m.rng.IntN(len(m.nodes))]
	p.testSocket = n.socket(m.rng.IntN(len(n.loops)))
	p.onSend, p.on = p.take, false
}

func (m *clusterModel) join(p *wanderer) {
	data := ""
	if strings.HasPrefix(p.name, "presence-") {
		data = fmt.Sprintf(`{"user_id":%d}`, m.rng.IntN(4))
	}
	replay := `{}`
	if p.epoch != "" {
		replay = fmt.Sprintf(`{"epoch":%q,"serial":%d}`, p.epoch, p.serial)
	}
	if err := p.say(opting(p.subscription(p.name, data), replay)); err != nil {
		p.n.t.Fatal(err)
	}
	p.log = append(p.log, "join "+replay)
	p.on = true
}

func (m *clusterModel) publish(n *busNode, channel string) {
	m.n++
	m.said[channel] = append(m.said[channel], m.n)
	err := n.app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprint(m.n)), nobody).Wait()
	if err != nil {
		m.alone[m.n] = true // not everybody has it, and its publisher knows
	}
	if (err != nil) && !m.parts {
		n.t.Fatal(err)
	}
}

// trouble reports whether there is trouble now: in some runs a lot, in others next to none.
func (m *clusterModel) trouble() bool { return m.parts && m.rng.IntN(m.rare) == 0 }

func (m *clusterModel) step() {
	n := m.nodes[m.rng.IntN(len(m.nodes))]
	p := m.pages[m.rng.IntN(len(m.pages))]
	switch r := m.rng.IntN(1000); {
	case r < 200:
		m.publish(n, p.name)
	case r < 300 && !p.on:
		m.join(p)
	case r < 340 && p.on:
		m.drops++
		p.onSend = func(string) {}
		p.hangUp()
		m.open(p)
	case r < 350 && p.on && p.subs.find([]byte(p.name)) != nil:
		p.say(fmt.Sprintf(`{"event":"client-x","channel":%q,"data":{}}`, p.name))
	case r < 370 && len(n.inbox) > 0: // its connection breaks, and with it goes what was on its way
		n.inbox = n.inbox[m.rng.IntN(len(n.inbox)):]
		n.hub.Rejoined()
	case r < 375:
		n.hub.Tick(n.now())
	case r < 380 && m.trouble() && n.joined:
		n.part()
	case r < 386 && m.parts && !n.joined:
		old := n.id
		m.ids++
		n.id, n.joined = m.ids, true
		n.names = append(n.names, n.id)
		n.hub.Rejoined()
		m.lapse(old)
	case r < 388 && m.trouble():
		m.logs++
		m.begin(uint32(1 + m.logs))
		if m.rng.IntN(2) == 0 {
			for _, n := range m.nodes {
				if n.joined {
					n.hub.Rejoined()
				}
			}
		}
	case r < 390 && (m.full || m.trouble()):
		m.full = !m.full
	case r < 700:
		n.hear()
	case r < 850:
		n.hub.ReplayOne()
	default:
		for _, l := range n.loops {
			l.turn(m.rng.IntN(6), m.rng.IntN(12))
		}
	}
}

// A page gets every event of its channel from its first subscription on, once and in order, on whichever node it is, whatever
// nodes do not hear. Where nodes part, logs are lost or full, it gets each once at most, and all of them unless it was told.
func TestClusterModel(t *testing.T) {
	seeds, steps := 25, 3000
	if testing.Short() {
		seeds = 5
	}
	base := *seedFlag
	if base == 0 {
		base = rand.Uint64()
	} else {
		seeds = 1
	}
	for _, parts := range []bool{false, true} {
		for _, memory := range []int{0, 1 << 20} {
			t.Run(fmt.Sprint("with trouble ", parts, ", ", memory, " bytes of tails"), func(t *testing.T) {
				gapped := 0
				for i := range seeds {
					gapped += runClusterModel(t, parts, memory, base+uint64(i), steps)
				}
				if all := seeds * 12; seeds > 1 && parts && (gapped == 0 || gapped == all) {
					t.Errorf("%d of %d pages were told of a gap: the operations do not meet", gapped, all)
				}
			})
		}
	}
}

func runClusterModel(t *testing.T, parts bool, memory int, seed uint64, steps int) (gapped int) {
	defer func() {
		if t.Failed() {
			t.Logf("to see it again: go test -run TestClusterModel -seed %d", seed)
		}
	}()
	keep := 1 << 20
	m := &clusterModel{
		bus: newBus(t, 3, 2, memory, keep), rng: rand.New(rand.NewPCG(seed, 1)),
		said: make(map[string][]int), alone: make(map[int]bool), parts: parts,
	}
	m.rare = []int{1, 30, 1000}[seed%3]
	for i := range 12 {
		p := &wanderer{m: m, name: wanderedChannels[i%len(wanderedChannels)]}
		m.open(p)
		m.pages = append(m.pages, p)
	}
	for range steps {
		m.step()
	}
	m.full = false
	for _, n := range m.nodes {
		if !n.joined {
			n.rejoin()
		}
		n.hub.Rejoined()
	}
	for _, p := range m.pages {
		if !p.on {
			m.join(p)
		}
	}
	heal := func() {
		for range 3 {
			m.settleAll()
			for _, n := range m.nodes {
				n.clock++
				n.hub.Tick(n.now())
			}
		}
		m.settleAll()
	}
	heal()
	for _, name := range wanderedChannels {
		m.publish(m.nodes[m.rng.IntN(3)], name)
	}
	heal()
	for i, p := range m.pages {
		m.judge(t, i, p)
		if p.gap {
			gapped++
		}
	}
	for _, n := range m.nodes {
		c, _ := n.hub.ClusterStats()
		m.holes += c.Holes
	}
	if m.drops < steps/100 || m.holes == 0 && !parts {
		t.Errorf("%d drops, %d holes: the operations do not meet", m.drops, m.holes)
	}
	if t.Failed() {
		t.FailNow()
	}
	return gapped
}

// judge looks at what a page got.
func (m *clusterModel) judge(t *testing.T, i int, p *wanderer) {
	want := m.said[p.name][p.begin:]
	switch {
	case !m.parts && !slices.Equal(p.got, want):
		t.Errorf("page %d on %s got %d events, want %d", i, p.name, len(p.got), len(want))
	case len(p.got) == 0 || p.got[len(p.got)-1] != want[len(want)-1]:
		t.Errorf("page %d on %s does not get what is published after all", i, p.name)
	case !p.gap:
		for _, n := range want {
			if !slices.Contains(p.got, n) {
				t.Errorf("page %d on %s was told of no gap and misses %d, which is known to be incomplete: %v", i, p.name, n, m.alone[n])
				break
			}
		}
	}
}
