package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/pprof"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Why the reactor does not run.
var (
	errStopped = errors.New("the engine was stopped")
	errPaused  = errors.New("nobody is accepted now")
	errEnded   = errors.New("gnet ended by itself")
)

// Start listens and returns once connections are accepted, or with the reason why they are not.
// It is called once.
func (e *Engine) Start() error {
	e.unsent = unsentRoom
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
	if err := e.Listen(); err != nil {
		close(r.ended)
		return err
	}
	for _, l := range r.engine.loops {
		w, err := newWritable()
		if err != nil {
			r.closePollers()
			e.closeListeners()
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
	if err := <-r.boot; err != nil {
		return err
	}
	if l := e.unix.Load(); l != nil {
		spawn("unix", func() { l.accept(e) })
	}
	return nil
}

// Listen opens the sockets that were not given. Nobody is accepted yet, and who dials waits. Start does it, unless it was done.
func (e *Engine) Listen() error {
	if e.listens {
		return nil
	}
	if len(e.listeners) == 0 {
		l, err := Listen(e.options.Host, e.options.Port)
		if err != nil {
			return err
		}
		e.listeners = []*Listener{l}
	}
	err := e.listenTLS()
	if path := e.options.UnixSocket; err == nil && path != "" {
		var l *unixListener
		l, err = listenUnix(path, e.options.UnixMode, e.options.UnixTaken)
		e.unix.Store(l)
	}
	if e.listens = err == nil; !e.listens {
		e.closeListeners()
	}
	return err
}

// Pause stops accepting. Who dials from now on waits, until Resume, until another process accepts, or until the
// sockets are closed. Connections that are there are not touched.
func (e *Engine) Pause() error {
	r := &e.reactor
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paused {
		return nil
	}
	r.paused = true
	for _, l := range e.listeners {
		if err := errors.Join(l.wait(maxQueue), l.pause()); err != nil {
			return fmt.Errorf("stop accepting on %s: %w", l.addr, err)
		}
	}
	return nil
}

// Refuse stops accepting and closes the sockets: who dials is refused, unless another process has them.
func (e *Engine) Refuse() error {
	err := e.Pause()
	e.reactor.mu.Lock()
	defer e.reactor.mu.Unlock()
	e.closeListeners()
	return err
}

// Resume takes Pause back, where CanResume.
func (e *Engine) Resume() error {
	r := &e.reactor
	r.mu.Lock()
	r.paused = false
	var err error
	var live []*Listener
	for _, l := range e.listeners {
		if l.gnets >= 0 { // else gnet begins anew, with it
			err = errors.Join(err, l.resume())
			live = append(live, l)
		}
	}
	if l := e.unix.Load(); l != nil {
		again, failed := l.restore(e)
		e.unix.Store(again)
		err = errors.Join(err, failed)
	}
	r.mu.Unlock()
	for _, l := range live {
		e.nudge(l)
	}
	r.fitQueue()
	return err
}

// Listeners returns the sockets that the engine accepts from, the main one first; none before Start unless they were given.
func (e *Engine) Listeners() []*Listener { return e.listeners }

// closeListeners closes the sockets. Whoever dials is refused, unless another process has them.
func (e *Engine) closeListeners() {
	for _, l := range e.listeners {
		_ = l.Close()
	}
	if l := e.unix.Swap(nil); l != nil {
		_ = l.Close()
	}
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
	e.handshakes.end()
	r := &e.reactor
	r.mu.Lock()
	eng, ended := r.gnet, r.ended
	if !r.stopped && r.stop != nil {
		close(r.stop)
	}
	r.stopped = true
	r.mu.Unlock()
	if ended == nil {
		e.closeListeners()
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
	e := r.engine
	defer close(r.ended)
	defer r.closePollers()
	defer e.closeListeners()
	var throwaways []string
	for i := range e.listeners {
		throwaways = append(throwaways, "tcp://"+throwaway(i))
	}
	for pause := restartPause; ; {
		r.begun = false
		err := gnet.Rotate(r, throwaways,
			gnet.WithNumEventLoop(len(e.loops)),
			gnet.WithTicker(true),
			gnet.WithLogger(gnetLogger{e.log}),
		)
		r.forget()
		switch {
		case e.handover.addr == nil && err != nil:
			r.boot <- fmt.Errorf("start the reactor: %w", err)
			return
		case e.handover.addr == nil:
			return // OnBoot has said why
		case e.draining.Load():
			return
		case r.begun:
			pause = restartPause
			e.log.Error("the reactor ended and begins anew: every connection was dropped", "error", errEnded)
		case err != nil: // else OnBoot has said why
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

// OnBoot runs before gnet accepts, when it has its throwaways and looks at none of them.
func (r *reactor) OnBoot(eng gnet.Engine) gnet.Action {
	e := r.engine
	r.mu.Lock()
	r.gnet = eng
	err := r.attach(eng)
	if r.begun = err == nil; r.begun {
		r.live, r.halted = true, make(chan struct{})
	}
	r.mu.Unlock()
	again := e.handover.addr != nil
	switch {
	case again && err != nil:
		e.log.Error("the reactor cannot begin anew yet", "error", err)
		return gnet.Shutdown
	case again:
		r.fitQueue()
		return gnet.None
	case err != nil:
		r.boot <- err
		return gnet.Shutdown
	}
	e.handover.addr = e.listeners[0].addr
	e.options.Port = e.listeners[0].addr.Port
	r.fitQueue()
	r.boot <- nil
	return gnet.None
}

// attach gives gnet the listeners, unless it is not to accept.
func (r *reactor) attach(eng gnet.Engine) error {
	switch {
	case r.stopped:
		return errStopped
	case r.paused:
		return errPaused
	}
	for i, l := range r.engine.listeners {
		if err := l.attach(eng, i); err != nil {
			r.detach()
			return err
		}
	}
	return nil
}

// detach forgets gnet's descriptors: they are closed, or are about to be.
func (r *reactor) detach() {
	for _, l := range r.engine.listeners {
		l.gnets = -1
	}
}

// OnShutdown runs before gnet ends its loops. From here on nothing may wake
// them: a wake-up is a write to a descriptor that gnet is about to close, and
// its number may be somebody's connection by then.
func (r *reactor) OnShutdown(gnet.Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = false
	r.detach()
	for _, h := range r.hosts {
		h.loop.mailbox.bind(nil)
	}
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
