package redisbroker

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/apps"
	"resound/internal/redistest"
	"resound/protocol"
)

// box is a mailbox with a loop behind it.
type box struct {
	mu   sync.Mutex
	some *sync.Cond
	list []channels.Task
	over bool
}

func (b *box) Post(t channels.Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, t)
	b.some.Signal()
}

func (b *box) run(d *channels.Dispatcher) {
	for more := false; ; {
		b.mu.Lock()
		for len(b.list) == 0 && !more && !b.over {
			b.some.Wait()
		}
		list, over := b.list, b.over
		b.list = nil
		b.mu.Unlock()
		for _, t := range list {
			d.Do(t)
		}
		if more = d.Deliver(64); over && !more {
			return
		}
	}
}

// member is a hub in a cluster, with all that runs it.
type member struct {
	hub    *channels.Hub
	app    *channels.App
	boxes  []*box
	broker *Broker
	proxy  *redistest.Proxy
}

func serveHub(t *testing.T, redis *redistest.Server) *member {
	s := &member{proxy: redistest.NewProxy(t, redis.Addr())}
	var list []channels.Mailbox
	for range 2 {
		b := &box{}
		b.some = sync.NewCond(&b.mu)
		s.boxes, list = append(s.boxes, b), append(list, b)
	}
	s.hub = channels.NewHub(list)
	var err error
	s.broker, err = New(Options{Secret: secret, Addresses: []string{s.proxy.Addr()}, Prefix: "test:", Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	s.hub.UseBroker(s.broker, channels.ClusterOptions{Deadline: time.Second, Memory: 1 << 20})
	s.app = s.hub.App(apps.New("app1", "key", "secret of app1"))
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for slot, b := range s.boxes {
		wg.Go(func() { b.run(s.hub.Dispatcher(slot)) })
	}
	for range 8 {
		wg.Go(func() { s.hub.Replay(ctx) })
	}
	wg.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				s.hub.Tick(now)
			}
		}
	})
	s.broker.Start(s.hub)
	t.Cleanup(func() {
		end, stop := context.WithTimeout(context.Background(), 3*time.Second)
		defer stop()
		s.broker.Close(end)
		cancel()
		for _, b := range s.boxes {
			b.mu.Lock()
			b.over = true
			b.some.Signal()
			b.mu.Unlock()
		}
		wg.Wait()
	})
	eventually(t, "joined", s.broker.Joined)
	return s
}

// page is a subscriber that remembers what it gets.
type page struct {
	s    *member
	id   protocol.SocketID
	slot int
	subs channels.Subscriptions

	mu  sync.Mutex
	on  bool
	got map[string][]string
}

func (p *page) ID() protocol.SocketID   { return p.id }
func (p *page) Slot() int               { return p.slot }
func (p *page) Close(*protocol.Error)   {}
func (p *page) Lag() (much, stuck bool) { return false, false }
func (p *page) Send(f *protocol.Frame) {
	for one := range f.Each {
		var m struct {
			Event, Channel string
			Data           json.RawMessage
		}
		if json.Unmarshal(one.Payload(), &m) != nil {
			continue
		}
		p.mu.Lock()
		switch m.Event {
		case "pusher_internal:subscription_succeeded":
			p.on = true
		case "e":
			p.got[m.Channel] = append(p.got[m.Channel], string(m.Data))
		}
		p.mu.Unlock()
	}
}

func (s *member) open(t *testing.T, a uint32, slot int, channel string) *page {
	p := &page{s: s, id: protocol.SocketID{A: a, B: 1}, slot: slot, got: make(map[string][]string)}
	s.boxes[slot].Post(channels.Call(func() {
		c, err := protocol.ParseCommand(fmt.Appendf(nil, `{"event":"pusher:subscribe","data":{"channel":%q}}`, channel))
		if err == nil {
			err = s.app.Subscribe(p, &p.subs, c)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	eventually(t, "subscribed", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.on })
	return p
}

// TestConnectionsThatBreak: whatever connections break, for less than the grace, every page gets everything once, in one order.
func TestConnectionsThatBreak(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	var servers []*member
	for range 3 {
		servers = append(servers, serveHub(t, r))
	}
	names := []string{"a", "b", "c", "d"}
	var pages []*page
	for i, s := range servers {
		for j, name := range names {
			pages = append(pages, s.open(t, uint32(10*i+j+1), j%2, name))
		}
	}
	end := time.Now().Add(4 * time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	published := make(map[string]int)
	for i, s := range servers {
		for _, name := range names {
			wg.Go(func() {
				for n := 0; time.Now().Before(end); n++ {
					data := fmt.Sprintf(`"%d-%d"`, i, n)
					err := s.app.Publish([]byte(name), protocol.Raw(`"e"`), protocol.Raw(data), protocol.SocketID{}).Wait()
					if err != nil {
						t.Errorf("publishing on %d: %v", i, err)
						return
					}
					mu.Lock()
					published[name]++
					mu.Unlock()
					time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				}
			})
		}
	}
	for time.Now().Before(end) {
		time.Sleep(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		switch s := servers[rand.IntN(3)]; rand.IntN(5) {
		case 0:
			r.Do("SCRIPT", "FLUSH")
		case 1:
			r.Do("CLIENT", "KILL", "TYPE", "pubsub")
		default:
			s.proxy.Cut()
		}
	}
	wg.Wait()
	for i, p := range pages {
		name := names[i%len(names)]
		eventually(t, "all of "+name, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.got[name]) >= published[name] })
	}
	time.Sleep(200 * time.Millisecond)
	for i, p := range pages {
		name := names[i%len(names)]
		p.mu.Lock()
		if got, first := p.got[name], pages[i%len(names)].got[name]; i >= len(names) {
			pages[i%len(names)].mu.Lock()
			for k := range got {
				if k >= len(first) || got[k] != first[k] {
					t.Errorf("page %d on %s has %s in place %d of %d, another has it otherwise", i, name, got[k], k, len(got))
					break
				}
			}
			pages[i%len(names)].mu.Unlock()
		}
		if n := len(p.got[name]); n != published[name] {
			t.Errorf("page %d on %s got %d of %d", i, name, n, published[name])
		}
		seen := make(map[string]bool)
		for _, e := range p.got[name] {
			if seen[e] {
				t.Errorf("page %d on %s got %s twice", i, name, e)
			}
			seen[e] = true
		}
		p.mu.Unlock()
	}
	for _, s := range servers {
		c, _ := s.hub.ClusterStats()
		t.Logf("%+v\n%+v", c, s.broker.Stats())
	}
}

// TestTroubleOfAllKinds: whatever happens to Redis, no page gets anything twice, nor what one publisher has published one by one, and
// was told of that all have it, in another order; and when all is over every page gets everything again.
func TestTroubleOfAllKinds(t *testing.T) {
	r := redistest.Start(t, redistest.Options{AppendOnly: true})
	var servers []*member
	for range 3 {
		servers = append(servers, serveHub(t, r))
	}
	names := []string{"a", "b", "cache-c"}
	var pages []*page
	for i, s := range servers {
		for j, name := range names {
			pages = append(pages, s.open(t, uint32(10*i+j+1), j%2, name))
		}
	}
	end := time.Now().Add(15 * time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	alone := make(map[string]bool) // what its publisher was told of that not everybody has it, or that it is not kept
	for i, s := range servers {
		for _, name := range names {
			wg.Go(func() {
				for n := 0; time.Now().Before(end); n++ {
					data := fmt.Sprint(i*1_000_000 + n)
					if s.app.Publish([]byte(name), protocol.Raw(`"e"`), protocol.Raw(data), protocol.SocketID{}).Wait() != nil {
						mu.Lock()
						alone[name+data] = true
						mu.Unlock()
					}
					time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
				}
			})
		}
	}
	for time.Now().Before(end) {
		time.Sleep(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		s := servers[rand.IntN(3)]
		what := rand.IntN(9)
		t.Log(time.Until(end).Round(time.Millisecond), what)
		switch what {
		case 0:
			r.Do("SCRIPT", "FLUSH")
		case 1:
			r.Kill()
			r.Start()
		case 2:
			r.Do("FLUSHALL")
		case 3:
			s.proxy.Blackhole(redistest.ToServer | redistest.ToClient)
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
			s.proxy.Heal()
		case 4:
			r.Do("CONFIG", "SET", "maxmemory", "1")
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
			r.Do("CONFIG", "SET", "maxmemory", "0")
		case 5:
			r.Pause()
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
			r.Resume()
		case 6:
			s.proxy.Truncate(int64(rand.IntN(3000)))
			time.Sleep(300 * time.Millisecond)
			s.proxy.Heal()
		default:
			s.proxy.Cut()
		}
	}
	wg.Wait()
	for _, s := range servers {
		s.proxy.Heal()
		eventually(t, "joined", s.broker.Joined)
	}
	time.Sleep(time.Second)
	last := make(map[string]bool)
	for i, s := range servers {
		for _, name := range names {
			data := fmt.Sprint(i*1_000_000 + 999_999)
			last[data] = true
			if err := s.app.Publish([]byte(name), protocol.Raw(`"e"`), protocol.Raw(data), protocol.SocketID{}).Wait(); err != nil {
				t.Errorf("after all, on %d: %v", i, err)
			}
		}
	}
	for i, p := range pages {
		name := names[i%len(names)]
		eventually(t, fmt.Sprintf("the last events on page %d on %s", i, name), func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			n := 0
			for _, e := range p.got[name] {
				if last[e] {
					n++
				}
			}
			return n >= len(servers)
		})
		p.mu.Lock()
		var newest [3]int
		bad := 0
		for k, e := range p.got[name] {
			var n int
			fmt.Sscan(e, &n)
			twice := slices.Index(p.got[name][:k], e)
			if from := n / 1_000_000; twice >= 0 || !alone[name+e] && n%1_000_000+1 <= newest[from] {
				if bad++; bad < 5 {
					t.Errorf("page %d on %s got %d of server %d behind %d, in place %d, and in place %d already; around it %s", i, name, n%1_000_000, from, newest[from]-1, k,
						twice, p.got[name][max(k-12, 0):min(k+5, len(p.got[name]))])
				}
			} else if !alone[name+e] {
				newest[from] = n%1_000_000 + 1
			}
		}
		p.mu.Unlock()
	}
	for _, s := range servers {
		c, _ := s.hub.ClusterStats()
		t.Logf("%+v\n%+v", c, s.broker.Stats())
	}
}
