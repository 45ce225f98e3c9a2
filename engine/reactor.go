package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// reactor is the adapter around gnet. Its On… methods run on gnet's loops.
type reactor struct {
	gnet.BuiltinEventEngine
	engine *Engine
	boot   chan error    // told once, when gnet listens or cannot
	ended  chan struct{} // closed when nothing runs any more
	stop   chan struct{} // closed by Stop
	nudge  chan *mailbox // of loops that have more to do
	begun  bool          // this run of gnet got as far as OnBoot; serve's goroutine only
	queue  atomic.Int32  // how many connections may wait to be accepted

	mu      sync.Mutex
	gnet    gnet.Engine                  // guarded by mu: the present run
	hosts   map[gnet.EventLoop]*gnetHost // guarded by mu: its loops that have had a connection
	live    bool                         // guarded by mu: its loops may be woken
	halted  chan struct{}                // guarded by mu: closed when it has ended
	stopped bool                         // guarded by mu: nothing begins any more
	paused  bool                         // guarded by mu: nobody is accepted
}

// gnetHost is one of gnet's loops with ours on it.
type gnetHost struct {
	engine *Engine
	loop   *loop
	el     gnet.EventLoop
	task   gnet.Runnable
	tick   func()

	stalled map[int32]*conn // by descriptor: those that writable watches
}

// host returns ours for one of gnet's loops. It runs on that loop.
func (r *reactor) host(el gnet.EventLoop) *gnetHost {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hosts[el]
	if h == nil {
		h = &gnetHost{engine: r.engine, loop: r.engine.loops[len(r.hosts)], el: el, stalled: make(map[int32]*conn)}
		h.task = gnet.RunnableFunc(h.run)
		// The time is that when the loop comes to it: ticks that have piled up are one.
		h.tick = func() {
			h.loop.tick(h.engine.elapsed())
			h.countSlow()
		}
		r.hosts[el] = h
		h.loop.host = h
		if r.live {
			h.loop.mailbox.bind(h.wake)
		}
	}
	return h
}

// wake makes gnet run the loop soon. Only the mailbox calls it, which knows whether the loop still runs.
func (h *gnetHost) wake() { _ = h.el.Execute(context.Background(), h.task) }

// run is the loop's turn for its mailbox.
//
// gnet runs what is queued until nothing is left before it looks at its
// sockets, so a loop that queued itself would never read again while there is
// much to write. rearm queues it from a goroutine of its own, which is later
// than gnet's next look at an empty queue.
func (h *gnetHost) run(context.Context) error {
	if h.loop.run() {
		h.engine.reactor.nudge <- h.loop.mailbox // has room for all loops
	}
	return nil
}

// rearm wakes loops that have more to do. It ends with the reactor.
func (r *reactor) rearm() {
	for {
		select {
		case m := <-r.nudge:
			m.rewake()
		case <-r.ended:
			return
		}
	}
}

func (h *gnetHost) close(c *conn)    { _ = h.el.Close(c.sock.(gnet.Conn)) }
func (h *gnetHost) shutdown(c *conn) { _ = unix.Shutdown(int(c.fd), unix.SHUT_WR) }

func (h *gnetHost) abort(c *conn) {
	_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// gnet's own write is not used: it copies what the kernel does not take, for every connection anew,
// and goes through Go's scheduler for a call that never waits.

func (h *gnetHost) write(c *conn, b []byte) (int, error)         { return write(int(c.fd), b) }
func (h *gnetHost) writev(c *conn, slices [][]byte) (int, error) { return writev(int(c.fd), slices) }

func (h *gnetHost) watch(c *conn) {
	if err := h.loop.writable.watch(int(c.fd), c.slow.watched); err != nil {
		h.engine.log.Warn("a slow connection was dropped: it cannot be watched", "error", err)
		c.drop()
		return
	}
	c.slow.watched = true
	h.stalled[c.fd] = c
}

func (h *gnetHost) unwatch(c *conn) {
	if c.slow.watched {
		h.loop.writable.unwatch(int(c.fd))
		delete(h.stalled, c.fd)
	}
}

// resume goes on with slow connections, by descriptor, whose kernel takes more. One of them may be
// another connection's by now: then there is a write for nothing.
func (h *gnetHost) resume(fds []int32) {
	for _, fd := range fds {
		if c := h.stalled[fd]; c != nil {
			c.resume()
		}
	}
}

// peer is the address that the connection comes from; the zero address for a socket of this machine's file system.
func (h *gnetHost) peer(c *conn) netip.Addr {
	if tcp, ok := c.sock.(gnet.Conn).RemoteAddr().(*net.TCPAddr); ok {
		addr, _ := netip.AddrFromSlice(tcp.IP)
		return addr.Unmap()
	}
	return netip.Addr{}
}

// countSlow looks once a second how many connections are slow.
func (h *gnetHost) countSlow() {
	backlog := 0
	for _, c := range h.stalled {
		if c.slow != nil {
			backlog += c.slow.size
		}
	}
	h.loop.stats.slow.Store(int64(len(h.stalled)))
	h.loop.stats.backlog.Store(int64(backlog))
}

func (h *gnetHost) handover(conn *conn, bytes []byte) {
	h.release(conn, parcel{bytes: append([]byte(nil), bytes...), tls: conn.secured()}, h.engine.handover.offer)
}

// release offers a duplicate of the connection to somebody else, and closes it here.
func (h *gnetHost) release(conn *conn, p parcel, offer func(parcel) bool) {
	fd, err := conn.sock.(gnet.Conn).Dup()
	if err != nil {
		h.engine.log.Warn("a request was dropped: no descriptor for it", "error", err)
	} else if p.fd = fd; !offer(p) {
		_ = unix.Close(fd)
	}
	h.close(conn)
}

// OnOpen takes a new connection in, or one that comes back from the HTTP server.
func (r *reactor) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	e := r.engine
	e.sockets.Add(1)
	r.fitQueue()
	h := r.host(c.EventLoop())
	a, _ := c.Context().(*arrival)
	if a == nil {
		a = e.accepts(c.Fd())
	}
	conn := h.loop.opened(c)
	conn.fd = int32(c.Fd())
	conn.awaits = a.awaits
	c.SetContext(conn)
	if a.accepted {
		h.loop.stats.accepted.Add(1)
	}
	late := e.draining.Load() && a.awaits != readHead // what comes back from the HTTP server is told why it has to go
	if late && e.grace.Load() == 0 || e.exhausted() {
		return nil, gnet.Close
	}
	if late {
		h.loop.wheel.arm(conn, e.graceSeconds())
	}
	h.loop.arrives(conn, a)
	h.loop.between()
	return nil, gnet.None
}

// OnTraffic reads.
func (r *reactor) OnTraffic(c gnet.Conn) gnet.Action {
	conn := c.Context().(*conn)
	if conn.state == stateOpen && r.engine.frozen.Load() {
		conn.loop.hold(conn, c.InboundBuffered())
		return gnet.None
	}
	secured := conn.secured() != nil
	if !secured && !conn.arrived(c.InboundBuffered()) {
		return gnet.None
	}
	buf, err := c.Peek(-1)
	if err != nil || len(buf) == 0 {
		return gnet.None
	}
	n := len(buf)
	if secured {
		conn.loop.decrypt(conn, buf)
	} else {
		n = conn.loop.traffic(conn, buf)
	}
	if n > 0 && conn.state != stateGone { // Discard(0) would discard all
		_, _ = c.Discard(n)
	}
	conn.loop.between()
	return gnet.None
}

// OnClose forgets a connection.
func (r *reactor) OnClose(c gnet.Conn, _ error) gnet.Action {
	if conn, ok := c.Context().(*conn); ok {
		conn.loop.closed(conn)
	}
	r.engine.left(1)
	r.fitQueue()
	return gnet.None
}

// OnTick runs on a goroutine of its own, once a second, so it goes by the mailboxes.
func (r *reactor) OnTick() (time.Duration, gnet.Action) {
	r.engine.hub.Tick(time.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		h.loop.mailbox.Post(h.loop.asked(h.tick))
	}
	return time.Second, gnet.None
}

// enroll gives a connection to one of the loops, which has a descriptor of its own afterwards. nil is one that was just accepted.
func (e *Engine) enroll(c net.Conn, a *arrival) error {
	r := &e.reactor
	r.mu.Lock()
	var el gnet.EventLoop
	for el = range r.hosts { // in random order
		break
	}
	halted := r.halted
	r.mu.Unlock()
	if el == nil {
		return errors.New("no loop runs")
	}
	result, err := el.Enroll(gnet.NewContext(context.Background(), a), c)
	if err != nil {
		return err
	}
	select {
	case r := <-result:
		return r.Err
	case <-halted: // gnet never says so itself
		return errEnded
	}
}

// gnetLogger passes on what gnet says. Connections that end early are ordinary, so nothing of it is above a warning.
type gnetLogger struct{ log *slog.Logger }

func (g gnetLogger) say(level slog.Level, format string, args []any) {
	if g.log.Enabled(context.Background(), level) {
		g.log.Log(context.Background(), level, "gnet: "+fmt.Sprintf(format, args...))
	}
}

func (g gnetLogger) Debugf(format string, args ...any) { g.say(slog.LevelDebug, format, args) }
func (g gnetLogger) Infof(format string, args ...any)  { g.say(slog.LevelDebug, format, args) }
func (g gnetLogger) Warnf(format string, args ...any)  { g.say(slog.LevelDebug, format, args) }
func (g gnetLogger) Errorf(format string, args ...any) { g.say(slog.LevelWarn, format, args) }
func (g gnetLogger) Fatalf(format string, args ...any) { g.say(slog.LevelError, format, args) }
