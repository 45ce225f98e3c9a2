package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"resound/api"
	clientjs "resound/clients/js"
	"resound/engine"
	"resound/internal/apps"
	"resound/internal/config"
	"resound/internal/control"
	"resound/internal/overload"
	"resound/internal/takeover"
	"resound/persist"
)

// Options is what a node needs besides its settings.
type Options struct {
	Log     *slog.Logger
	Level   *slog.LevelVar // of Log, so that it can be changed; nil where it can't
	Trace   io.Writer      // gets the stream of messages; nil for none
	Dropped func() uint64  // how many lines of the log were; nil where none can be
	Bound   overload.Bound // how much memory there is; the zero Bound is any

	Inherited *takeover.Inherited // sockets that are there already; nil for none
	Program   takeover.Program    // what a process is started as that takes over
}

// Node is one server. New makes it, Start and Stop run it once.
type Node struct {
	config   *config.Config
	log      *slog.Logger
	level    *slog.LevelVar
	registry *apps.Registry
	demo     *demonstration // nil if an application was configured at the start

	engine *engine.Engine
	api    *api.Server
	events *persist.Log // nil when nothing is kept, and in a cluster

	cluster *cluster // nil without scaling

	dropped      func() uint64
	governor     *overload.Governor
	meter        *overload.Meter
	certificates *certificates // nil without TLS

	control *control.Server // nil until it listens
	admin   *admin          // nil unless it listens

	inherited *takeover.Inherited
	program   takeover.Program
	move      move

	quit   context.CancelFunc // ends the demo
	cancel context.CancelFunc // ends what runs beside the loops
	group  sync.WaitGroup     // of what runs beside the loops
	failed chan error         // told when the HTTP server ends by itself
}

// New puts a node together. It listens to nothing yet. It opens the log of events, and in demo mode makes
// up an application and keeps it; both make the data directory. Whoever has a node stops it, started or not.
func New(c *config.Config, o Options) (*Node, error) {
	n := &Node{config: c, log: o.Log, level: o.Level, failed: make(chan error, 1), inherited: o.Inherited, program: o.Program}
	n.move.gone, n.move.stopping = make(chan struct{}), make(chan struct{})
	if n.inherited == nil {
		n.inherited = new(takeover.Inherited)
	}
	if n.level == nil {
		n.level = new(slog.LevelVar)
	}
	list := c.Apps()
	if len(list) == 0 {
		app, err := n.makeUp()
		if err != nil {
			return nil, err
		}
		list = append(list, app)
	}
	registry, err := apps.NewRegistry(list...)
	if err != nil {
		return nil, err
	}
	n.registry = registry
	var trace engine.Trace
	if o.Trace != nil {
		trace = NewTrace(o.Trace)
	}
	if n.certificates, err = newCertificates(c, o.Log); err != nil {
		return nil, err
	}
	n.dropped = o.Dropped
	n.governor = overload.New(o.Log)
	n.meter = overload.NewMeter(os.DirFS("/"), o.Bound)
	listeners, err := n.inherit()
	if err != nil {
		return nil, err
	}
	n.engine = engine.New(engine.Options{
		Listeners: listeners,
		TLS:       n.certificates.config(), TLSPort: c.TLSPort, UnixSocket: c.UnixSocket, UnixMode: c.UnixPermissions(),
		UnixTaken: n.inherited.Older != nil && n.inherited.Settings.Unix == c.UnixSocket,
		Host:      c.Host, Port: c.Port, PathPrefix: c.Path, Loops: c.Loops,
		Registry: registry, Log: o.Log, Trace: trace, Backlog: c.Backlog,
		Governor: n.governor, Admission: admission(c),
	})
	open := n.openLog
	if c.Scaling {
		open = n.openBroker
	}
	if err := open(); err != nil {
		return nil, err
	}
	var pages http.Handler
	if n.demo != nil {
		pages = n.demo
	}
	n.api = api.New(api.Options{
		Registry: registry, Hub: n.engine.Hub(), PathPrefix: c.Path, MaxBody: c.MaxRequestSize,
		Upgrader: n.engine, Fallback: pages, Script: clientjs.Replay, Log: o.Log,
		Unready: n.engine.Unready, Draining: n.engine.Draining, Governor: n.governor,
	})
	n.engine.AnswerWith(func() engine.Answerer { return n.api.Direct() })
	return n, nil
}

// Start listens and returns when connections are served.
func (n *Node) Start() error {
	n.join()
	if older := n.inherited.Older; older != nil {
		if err := n.engine.Listen(); err != nil { // nobody has noticed anything
			return err
		}
		older.Accepting()
	}
	if err := n.engine.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	running, quit := context.WithCancel(ctx)
	n.quit = quit
	n.runLog(ctx)
	n.spawn("overload", func() { n.govern(ctx) })
	n.startControl()
	if err := n.startAdmin(); err != nil {
		return err // Stop ends the rest
	}
	n.spawn("http", func() {
		if err := n.api.Serve(n.engine.Listener()); err != nil && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
			n.failed <- fmt.Errorf("the HTTP server ended: %w", err)
		}
	})
	if n.demo != nil {
		n.spawn("demo", func() { n.demo.publish(running) })
	}
	for _, name := range n.inherited.Close() {
		n.log.Warn("an inherited socket is not used", "name", name)
	}
	return nil
}

// spawn runs f beside the loops, under a label that profiles show. Stop waits for it.
func (n *Node) spawn(role string, f func()) {
	n.group.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("role", role), func(context.Context) { f() })
	})
}

// Failed tells when the node can't go on by itself.
func (n *Node) Failed() <-chan error { return n.failed }

// Stop says goodbye to every connection, slice by slice, finishes the answers under way, and returns when nothing runs
// any more. After ctx has ended it waits for nobody: what is still open is closed. It may be called whether or not
// Start succeeded.
func (n *Node) Stop(ctx context.Context) error {
	n.move.once.Do(func() { close(n.move.stopping) })
	n.move.mu.Lock() // a hand-over under way comes to its end
	moved := n.move.done
	n.move.mu.Unlock()
	if n.cancel == nil {
		err := n.engine.Stop(ctx)
		n.leave(ctx)
		return errors.Join(err, n.closeLog())
	}
	n.quit()
	farewell := engine.Farewell{Why: engine.ErrStopping, Pace: stopPace, Over: n.slices()}
	var err error
	switch {
	case moved:
		farewell.Why, farewell.Pace, farewell.Grace = engine.ErrMoved, movePace, moveGrace
		n.stopAdmin()
	case n.inherited.Activated: // systemd has the socket too; those that only this process has are gone
		farewell.Why = engine.ErrMoved
		err = n.engine.Refuse()
	default:
		err = n.engine.Refuse()
	}
	if n.config.Drain == 0 {
		farewell.Pace, farewell.Grace = 0, 0
	}
	if n.events != nil && !moved { // first, so that who kills takes nothing
		if failed := n.events.Flush(); failed != nil && !errors.Is(failed, persist.ErrOff) {
			n.log.Error("what was published is not on the disk", "error", failed)
		}
	}
	err = errors.Join(err, n.engine.Drain(ctx, farewell))
	if farewell.Grace > 0 {
		grace, cancel := context.WithTimeout(ctx, farewell.Grace)
		n.api.Vacated(grace)
		cancel()
	}
	err = errors.Join(err, n.api.Shutdown(ctx))
	n.cancel()
	// The end of the loops is no matter of anybody's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loopsTimeout)
	defer cancel()
	err = errors.Join(err, n.engine.Stop(ctx))
	n.leave(ctx)
	n.stopControl(ctx)
	n.stopAdmin()
	n.group.Wait()
	return errors.Join(err, n.closeLog())
}

// stopPace is how many sessions a second are closed by a stop, at least.
const stopPace = 1000

// loopsTimeout is how long the loops may take to end when nobody is waited for any more. Each has
// only to close its connections.
const loopsTimeout = time.Second

// Apps returns the applications that are served.
func (n *Node) Apps() []*apps.App { return n.registry.All() }

// IsDemo reports whether the one application was made up.
func (n *Node) IsDemo() bool { return n.demo != nil && !n.demo.over.Load() }

// Engine returns the reactor, for what it can tell of itself.
func (n *Node) Engine() *engine.Engine { return n.engine }

// Port returns the port that is listened on; 0 before Start.
func (n *Node) Port() int {
	if addr, ok := n.engine.Addr().(*net.TCPAddr); ok {
		return addr.Port
	}
	return 0
}

// Host returns what is listened on, as it was set; of an inherited socket it is its address.
func (n *Node) Host() string {
	if addr, ok := n.engine.Addr().(*net.TCPAddr); ok && n.inherited.Activated {
		return addr.IP.String()
	}
	return n.config.Host
}

// BaseURL returns where this process reaches the node itself, path prefix
// included; "" before Start.
func (n *Node) BaseURL() string {
	if n.Port() == 0 {
		return ""
	}
	if n.config.OnlySecure() {
		return "https://" + n.local() + n.config.Path
	}
	return "http://" + n.local() + n.config.Path
}

// local is host:port where this process reaches the node itself.
func (n *Node) local() string {
	addr := n.engine.Addr().(*net.TCPAddr)
	host := n.Host()
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(addr.Port))
}
