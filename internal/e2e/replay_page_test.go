package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// replayPage is a page that has opted in to replay, as the browser package does it, in Go: it keeps its position,
// and comes back with it whenever its connection ends.
type replayPage struct {
	t       testing.TB
	server  *server        // for the address, which stays; and the log of a failure
	pick    func() *server // where it comes back to; nil is to server
	loose   bool           // events without a serial may come: of a node that is alone
	channel string

	epoch  string
	serial uint64
	ids    []string // of its connections; run writes it under mu

	mu   sync.Mutex
	got  []arrival // guarded by mu
	conn net.Conn  // guarded by mu: of the present connection

	joined chan struct{} // closed at the first subscription
	stop   atomic.Bool
	drops  atomic.Int64
	gapped int // gaps that forget has let go of
}

// arrival is one event, or the notice of a gap in front of those that follow.
type arrival struct {
	number int
	gap    string // the reason; "" for an event
	count  int    // of a gap: events that are left, and follow
	when   time.Time
}

func newReplayPage(t testing.TB, s *server, channel string) *replayPage {
	return &replayPage{t: t, server: s, channel: channel, joined: make(chan struct{})}
}

// run lives until leave is called.
func (p *replayPage) run() {
	for !p.stop.Load() {
		if err := p.live(); err != nil && !p.stop.Load() {
			p.drops.Add(1)
			time.Sleep(20 * time.Millisecond) // the server is away: not even pusher-js hurries more
		}
	}
}

// leave ends run.
func (p *replayPage) leave() {
	p.stop.Store(true)
	p.cut()
}

// cut ends the present connection without a word.
func (p *replayPage) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// errBroken is what the server may never do.
var errBroken = errors.New("broken promise")

// live is one connection, from the dial to its end.
func (p *replayPage) live() error {
	s := p.server
	if p.pick != nil {
		s = p.pick()
	}
	c, err := s.tryConnect(p.t)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	p.mu.Lock()
	p.conn = c.conn
	p.mu.Unlock()
	if p.stop.Load() {
		return nil
	}
	replay := `{}`
	if p.epoch != "" {
		replay = fmt.Sprintf(`{"epoch":%q,"serial":%d,"except":["%s"]}`, p.epoch, p.serial, strings.Join(p.ids[max(0, len(p.ids)-9):], `","`))
	}
	p.mu.Lock()
	p.ids = append(p.ids, c.id)
	p.mu.Unlock()
	if err := c.write(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + p.channel + `","replay":` + replay + `}}`); err != nil {
		return err
	}
	for {
		text, err := c.readText()
		if err != nil {
			return err
		}
		if err := p.take(text); err != nil {
			p.t.Errorf("%s: %v: %s", p.channel, err, text)
			p.stop.Store(true)
			return err
		}
	}
}

func (p *replayPage) take(text []byte) error {
	var f struct {
		Event, Channel, Data, Epoch string
		Serial                      *uint64
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	switch f.Event {
	case "pusher_internal:subscription_succeeded":
		if f.Serial == nil || f.Epoch == "" {
			return fmt.Errorf("%w: no position", errBroken)
		}
		first := p.epoch == ""
		p.epoch, p.serial = f.Epoch, *f.Serial
		if first {
			close(p.joined)
		}
	case "pusher:replay":
		var n struct {
			Status, Reason string
			Count          int
		}
		if err := json.Unmarshal([]byte(f.Data), &n); err != nil {
			return err
		}
		if f.Epoch != "" {
			p.epoch, p.serial = f.Epoch, *f.Serial
		}
		if n.Status == "gap" {
			p.note(arrival{gap: n.Reason, count: n.Count})
		}
	case "pusher_internal:replay", "tick":
		if f.Serial == nil && p.loose && f.Event == "tick" {
			f.Serial = &p.serial
		} else if f.Serial == nil || *f.Serial <= p.serial {
			return fmt.Errorf("%w: the page stands at %d", errBroken, p.serial)
		}
		p.serial = *f.Serial
		if f.Event == "tick" {
			n, err := strconv.Atoi(f.Data)
			if err != nil {
				return err
			}
			p.note(arrival{number: n})
		}
	}
	return nil
}

func (p *replayPage) note(a arrival) {
	a.when = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, a)
}

// newest returns the number of the newest event.
func (p *replayPage) newest() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.got) - 1; i >= 0; i-- {
		if p.got[i].gap == "" {
			return p.got[i].number
		}
	}
	return 0
}

// check says what is wrong with what the page got, when acked are the numbers of all events that the publisher was
// told are safe, in order: each came exactly once and in order, unless a gap was told before. What is left of the events before a
// gap comes behind its notice, so events may be missing between those too, and up to the first that is live.
func (p *replayPage) check(acked []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, excused := 0, 0 // excused: so many more events may come with some missing before them
	for _, a := range p.got {
		if a.gap != "" {
			excused = a.count + 1
			continue
		}
		if a.number <= last {
			return fmt.Errorf("event %d came behind %d", a.number, last)
		}
		for len(acked) > 0 && acked[0] < a.number {
			if excused == 0 {
				return fmt.Errorf("event %d is missing between %d and %d, and nobody said so", acked[0], last, a.number)
			}
			acked = acked[1:]
		}
		if len(acked) > 0 && acked[0] == a.number {
			acked = acked[1:]
		}
		last, excused = a.number, max(excused-1, 0)
	}
	if len(acked) > 0 && excused == 0 {
		return fmt.Errorf("event %d and %d more are missing behind %d", acked[0], len(acked)-1, last)
	}
	return nil
}

func (p *replayPage) gaps() (count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.got {
		if a.gap != "" {
			count++
		}
	}
	return count
}
