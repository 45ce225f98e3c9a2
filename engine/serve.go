package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Why the reactor does not run.
var (
	errStopped = errors.New("the engine was stopped")
	errEnded   = errors.New("gnet ended by itself")
)

// Start listens and returns once connections are accepted, or with the reason why they are not.
// It is called once.
func (e *Engine) Start() error {
	r := &e.reactor
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return errStopped
	}
	r.boot = make(chan error, 1)
	r.ended = make(chan struct{})
	r.stop = make(chan struct{})
	r.nudge = make(chan *mailbox, len(e.loops))
	r.hosts = make(map[gnet.EventLoop]*gnetHost)
	r.mu.Unlock()
	for _, l := range r.engine.loops {
		w, err := newWritable()
		if err != nil {
			r.closePollers()
			close(r.ended)
			return fmt.Errorf("watch slow connections: %w", err)
		}
		l.writable = w
	}
	for _, l := range r.engine.loops {
		spawn("writable", func() { l.writable.run(l) })
	}
	spawn("rearm", r.rearm)
	spawn("reactor", r.serve)
	return <-r.boot
}

// closePollers ends the goroutines that wait for slow connections.
func (r *reactor) closePollers() {
	for _, l := range r.engine.loops {
		if l.writable != nil {
			l.writable.close()
		}
	}
}

// spawn starts one of the reactor's goroutines. The label is inherited by gnet's own, so a profile
// tells them apart.
func spawn(role string, f func()) {
	go pprof.Do(context.Background(), pprof.Labels("role", role), func(context.Context) { f() })
}

// Stop closes what is still open and returns when nothing runs any more. It may be called
// whether or not Start was, or succeeded, and again. The engine cannot be started afterwards.
func (e *Engine) Stop(ctx context.Context) error {
	e.draining.Store(true)
	_ = e.handover.Close()
	r := &e.reactor
	r.mu.Lock()
	eng, ended := r.gnet, r.ended
	if !r.stopped && r.stop != nil {
		close(r.stop)
	}
	r.stopped = true
	r.mu.Unlock()
	if ended == nil {
		return nil
	}
	// gnet's Stop looks only twice a second whether gnet has ended, so nobody waits for it.
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go eng.Stop(waiting) //nolint:errcheck // what it says is of the wait
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the reactor: %w", ctx.Err())
	}
}

// serve runs gnet until Stop. gnet ends by itself when an accept fails, for
// want of descriptors say; the server must not, so it begins anew.
func (r *reactor) serve() {
	defer close(r.ended)
	defer r.closePollers()
	e := r.engine
	addr := listenAddress(e.options.Host, e.options.Port)
	for pause := restartPause; ; {
		r.begun = false
		err := gnet.Run(r, addr,
			gnet.WithNumEventLoop(len(e.loops)),
			gnet.WithReuseAddr(true),
			gnet.WithTicker(true),
			gnet.WithLogger(gnetLogger{e.log}),
		)
		r.forget()
		switch {
		case e.handover.addr == nil && err != nil:
			r.boot <- fmt.Errorf("listen on %s: %w", addr, err)
			return
		case e.handover.addr == nil:
			return // OnBoot has said why
		case e.draining.Load():
			return
		case r.begun:
			addr = listenAddress(e.options.Host, e.options.Port) // 0 was any, and stays what it became
			pause = restartPause
			e.log.Error("the reactor ended and begins anew: every connection was dropped", "error", errEnded)
		default:
			e.log.Error("the reactor cannot begin anew yet", "error", err)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxRestartPause)
		case <-r.stop:
			return
		}
	}
}

// forget lets go of loops that have ended.
func (r *reactor) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.hosts)
	for _, l := range r.engine.loops {
		l.stats.ended()
	}
	if r.halted != nil {
		close(r.halted)
		r.halted = nil
	}
}

// listenAddress is gnet's form of an address. gnet makes "::" IPv6 alone; no
// address is both, as "::" is everywhere else.
func listenAddress(host string, port int) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil && ip.IsUnspecified() {
		host = ""
	}
	return "tcp://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// OnBoot runs before gnet accepts, when it listens already.
func (r *reactor) OnBoot(eng gnet.Engine) gnet.Action {
	e := r.engine
	r.mu.Lock()
	r.gnet, r.begun = eng, true
	r.live, r.halted = true, make(chan struct{})
	stopped := r.stopped
	r.mu.Unlock()
	r.queue.Store(maxQueue) // gnet asks for as much as the kernel allows
	r.bound()
	r.fitQueue()
	if e.handover.addr != nil { // not the first time
		if stopped {
			return gnet.Shutdown
		}
		return gnet.None
	}
	addr, err := boundAddr(eng)
	if stopped {
		err = errStopped
	}
	if err != nil {
		r.boot <- err
		return gnet.Shutdown
	}
	e.handover.addr = addr
	e.options.Port = addr.Port
	r.boot <- nil
	return gnet.None
}

// OnShutdown runs before gnet ends its loops. From here on nothing may wake
// them: a wake-up is a write to a descriptor that gnet is about to close, and
// its number may be somebody's connection by then.
func (r *reactor) OnShutdown(gnet.Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = false
	for _, h := range r.hosts {
		h.loop.mailbox.bind(nil)
	}
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
	if addr := tcpAddr(sa); addr != nil {
		return addr, nil
	}
	return nil, fmt.Errorf("the listener has an address of kind %T", sa)
}

// tcpAddr is net's form of an address; nil if it is none of TCP's. Zones are left out.
func tcpAddr(sa unix.Sockaddr) *net.TCPAddr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	}
	return nil
}
