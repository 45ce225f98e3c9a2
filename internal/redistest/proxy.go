package redistest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is one way through a Proxy, or both.
type Direction int

// The directions, which can be added.
const (
	ToServer Direction = 1 << iota
	ToClient
	Both = ToServer | ToClient
)

// Proxy stands between clients and a server, and makes trouble. What it is told counts for the connections that there are
// and for new ones, until Heal. Its methods may be called by any goroutine.
type Proxy struct {
	listener net.Listener
	group    sync.WaitGroup // of all goroutines

	mu       sync.Mutex
	changed  *sync.Cond // of what mu guards
	target   string
	pipes    map[*pipe]struct{}
	accepted int
	refuse   bool
	held     Direction
	delay    time.Duration
	truncate int64 // bytes to clients until it cuts; negative is never
	closed   bool
}

// NewProxy starts one in front of an address, until the end of the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: ln, target: target, pipes: make(map[*pipe]struct{}), truncate: -1}
	p.changed = sync.NewCond(&p.mu)
	p.group.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is where clients find it.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Accepted is how many connections there have been, those that were refused too.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Connections is how many there are now.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pipes)
}

// Cut ends all connections at once, and what is on its way with them. New ones work.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	for pipe := range p.pipes {
		pipe.cut()
	}
	p.changed.Broadcast()
}

// Refuse ends new connections as soon as they come. Those that there are go on.
func (p *Proxy) Refuse() { p.set(func() { p.refuse = true }) }

// Blackhole forwards nothing that way any more, and does not say so. Like a network that is down, it forgets nothing: what
// waits is forwarded after Heal.
func (p *Proxy) Blackhole(way Direction) { p.set(func() { p.held |= way }) }

// Delay forwards everything so much later, both ways.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Truncate lets n more bytes through to clients, of all connections together, and ends the connection of the last of them. It does so once.
func (p *Proxy) Truncate(n int64) { p.set(func() { p.truncate = n }) }

// Truncated reports whether it has done so.
func (p *Proxy) Truncated() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.truncate < 0
}

// Turn makes new connections go to another server, as to one that has taken over. Those that there are go on.
func (p *Proxy) Turn(target string) { p.set(func() { p.target = target }) }

// Heal ends all trouble.
func (p *Proxy) Heal() {
	p.set(func() { p.refuse, p.held, p.delay, p.truncate = false, 0, 0, -1 })
}

func (p *Proxy) set(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what()
	p.changed.Broadcast()
}

// close is the end of the test.
func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() {
		p.closed = true
		p.cut()
	})
	p.group.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.accepted++
		refuse, target := p.refuse || p.closed, p.target
		p.mu.Unlock()
		if refuse {
			reset(client)
			continue
		}
		p.group.Go(func() { p.serve(client, target) })
	}
}

// serve connects a client with the server. It is accepted even while nothing is forwarded, as a network does that is slow.
func (p *Proxy) serve(client net.Conn, target string) {
	server, err := net.DialTimeout("tcp", target, patience)
	if err != nil {
		reset(client)
		return
	}
	pipe := &pipe{proxy: p, client: client, server: server}
	p.mu.Lock()
	p.pipes[pipe] = struct{}{}
	if p.closed {
		pipe.cut()
	}
	p.mu.Unlock()
	pipe.run()
	p.mu.Lock()
	delete(p.pipes, pipe)
	p.mu.Unlock()
}

// reset ends a connection without a word of goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
