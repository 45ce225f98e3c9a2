package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
	"golang.org/x/sys/unix"

	"resound/channels"
)

// reactor is the adapter around gnet. Its On… methods run on gnet's loops.
type reactor struct {
	gnet.BuiltinEventEngine
	engine *Engine
	boot   chan error // told once, when gnet listens or cannot
	ended  chan struct{}
	nudge  chan *gnetHost
	queue  atomic.Int32 // how many connections may wait to be accepted

	mu    sync.Mutex
	gnet  gnet.Engine                  // guarded by mu
	hosts map[gnet.EventLoop]*gnetHost // guarded by mu
}

// gnetHost is one of gnet's loops with ours on it.
type gnetHost struct {
	engine *Engine
	loop   *loop
	el     gnet.EventLoop
	task   gnet.Runnable
}

// Start listens and returns once connections are accepted, or with the reason why they are not.
func (e *Engine) Start() error {
	r := &e.reactor
	r.boot = make(chan error, 1)
	r.ended = make(chan struct{})
	r.nudge = make(chan *gnetHost, len(e.loops))
	r.hosts = make(map[gnet.EventLoop]*gnetHost)
	spawn("rearm", r.rearm)
	spawn("reactor", r.serve)
	return <-r.boot
}

// spawn starts one of the reactor's goroutines. The label is inherited by gnet's own, so a profile
// tells them apart.
func spawn(role string, f func()) {
	go pprof.Do(context.Background(), pprof.Labels("role", role), func(context.Context) { f() })
}

// Stop closes what is still open and returns when nothing runs any more.
func (e *Engine) Stop(ctx context.Context) error {
	e.draining.Store(true)
	_ = e.handover.Close()
	e.reactor.mu.Lock()
	eng := e.reactor.gnet
	e.reactor.mu.Unlock()
	if err := eng.Stop(ctx); err != nil && !errors.Is(err, gneterrors.ErrEngineInShutdown) {
		return fmt.Errorf("stop the reactor: %w", err)
	}
	select {
	case <-e.reactor.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the reactor: %w", ctx.Err())
	}
}

// serve runs gnet until Stop. gnet ends by itself when an accept fails, for
// want of descriptors say; the server must not, so it begins anew.
func (r *reactor) serve() {
	defer close(r.ended)
	e := r.engine
	addr := "tcp://" + net.JoinHostPort(e.options.Host, strconv.Itoa(e.options.Port))
	for {
		err := gnet.Run(r, addr,
			gnet.WithNumEventLoop(len(e.loops)),
			gnet.WithReuseAddr(true),
			gnet.WithTicker(true),
			gnet.WithLogger(gnetLogger{e.log}),
		)
		if e.draining.Load() {
			return
		}
		if e.handover.addr == nil {
			r.boot <- fmt.Errorf("listen on %s: %w", addr, err)
			return
		}
		e.log.Error("the reactor ended and begins anew: every connection was dropped", "error", err)
		r.mu.Lock()
		clear(r.hosts)
		r.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
}

// OnBoot runs before gnet accepts, when it listens already.
func (r *reactor) OnBoot(eng gnet.Engine) gnet.Action {
	r.mu.Lock()
	r.gnet = eng
	r.mu.Unlock()
	r.queue.Store(maxQueue) // gnet asks for as much as the kernel allows
	r.fitQueue()
	if r.engine.handover.addr != nil {
		return gnet.None // not the first time
	}
	addr, err := boundAddr(eng)
	if err != nil {
		r.boot <- err
		return gnet.Shutdown
	}
	r.engine.handover.addr = addr
	r.engine.options.Port = addr.Port
	r.boot <- nil
	return gnet.None
}

// boundAddr asks the kernel which address the listener has: port 0 was any.
func boundAddr(eng gnet.Engine) (*net.TCPAddr, error) {
	fd, err := eng.Dup()
	if err != nil {
		return nil, fmt.Errorf("look at the listener: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // a duplicate
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("look at the listener: %w", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}, nil
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}, nil
	}
	return nil, fmt.Errorf("the listener has an address of kind %T", sa)
}

// host returns ours for one of gnet's loops. It runs on that loop.
func (r *reactor) host(el gnet.EventLoop) *gnetHost {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hosts[el]
	if h == nil {
		h = &gnetHost{engine: r.engine, loop: r.engine.loops[len(r.hosts)], el: el}
		h.task = gnet.RunnableFunc(h.run)
		r.hosts[el] = h
		h.loop.host = h
		h.loop.mailbox.bind(h.wake)
	}
	return h
}

// wake makes gnet run the loop soon. Any goroutine may call it.
func (h *gnetHost) wake() { _ = h.el.Execute(context.Background(), h.task) }

// run is the loop's turn for its mailbox.
//
// gnet runs what is queued until nothing is left before it looks at its
// sockets, so a loop that queued itself would never read again while there is
// much to write. rearm queues it from outside, when gnet is back at its sockets.
func (h *gnetHost) run(context.Context) error {
	if h.loop.run() {
		h.engine.reactor.nudge <- h
	}
	return nil
}

// rearm wakes loops that have more to do. It ends with the reactor.
func (r *reactor) rearm() {
	for {
		select {
		case h := <-r.nudge:
			h.wake()
		case <-r.ended:
			return
		}
	}
}

func (h *gnetHost) close(s socket)    { _ = h.el.Close(s.(gnet.Conn)) }
func (h *gnetHost) shutdown(s socket) { _ = unix.Shutdown(s.(gnet.Conn).Fd(), unix.SHUT_WR) }

func (h *gnetHost) handover(s socket, bytes []byte) {
	c := s.(gnet.Conn)
	if fd, err := c.Dup(); err != nil {
		h.engine.log.Warn("a request was dropped: no descriptor for it", "error", err)
	} else if !h.engine.handover.offer(parcel{fd, append([]byte(nil), bytes...)}) {
		_ = unix.Close(fd)
	}
	h.close(s)
}

// OnOpen takes a new connection in, or one that comes back from the HTTP server.
func (r *reactor) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	e := r.engine
	e.sockets.Add(1)
	r.fitQueue()
	h := r.host(c.EventLoop())
	early, adopted := c.Context().([]byte)
	conn := h.loop.opened(c)
	conn.adopted = adopted
	c.SetContext(conn)
	if e.draining.Load() || e.exhausted() {
		return nil, gnet.Close
	}
	if adopted {
		conn.carry = early
		h.loop.traffic(conn, nil)
	}
	return nil, gnet.None
}

// OnTraffic reads.
func (r *reactor) OnTraffic(c gnet.Conn) gnet.Action {
	conn := c.Context().(*conn)
	if !conn.wants(c.InboundBuffered()) {
		return gnet.None
	}
	buf, err := c.Peek(-1)
	if err != nil || len(buf) == 0 {
		return gnet.None
	}
	n := conn.loop.traffic(conn, buf)
	if n > 0 && conn.state != stateGone { // Discard(0) would discard all
		_, _ = c.Discard(n)
	}
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
	now := r.engine.elapsed()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		h.loop.mailbox.Post(channels.Call(func() { h.loop.tick(now) }))
	}
	return time.Second, gnet.None
}

// enroll gives a connection to one of the loops, which has a descriptor of its own afterwards.
func (e *Engine) enroll(c net.Conn, early []byte) error {
	r := &e.reactor
	r.mu.Lock()
	var el gnet.EventLoop
	for el = range r.hosts { // in random order
		break
	}
	r.mu.Unlock()
	if el == nil {
		return errors.New("no loop runs yet")
	}
	result, err := el.Enroll(gnet.NewContext(context.Background(), early), c)
	if err != nil {
		return err
	}
	return (<-result).Err
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
