package engine

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"resound/channels"
	"resound/internal/apps"
	"resound/internal/overload"
	"resound/protocol"
)

// Options is what an engine is made of.
type Options struct {
	Host       string // address to listen on; "" is every address
	Port       int    // 0 is any free port
	PathPrefix string // "" or "/ws": sockets are at /app/{key} with and without it
	Loops      int    // event loops; 0 is one for each core
	Backlog    int    // bytes that a connection may leave unread; 0 is DefaultBacklog
	Files      int    // descriptors that connections may use; 0 is what the process may open but for a few
	Registry   *apps.Registry
	Log        *slog.Logger
	Trace      Trace              // nil unless every message is to be seen
	Governor   *overload.Governor // says when less has to be taken on; nil is never
	Admission  Admission          // how many sockets an address may open
	TLS        *tls.Config        // certificates; nil for none
	TLSPort    int                // where TLS is spoken beside a plain main port; 0 is on the main port, AnyPort on any that is free

	UnixSocket string      // path of a socket without TLS; "" for none
	UnixMode   os.FileMode // who may connect there
	UnixTaken  bool        // the process that this one takes over from listens there, so that its socket is replaced

	// Listeners are sockets that are there already, the engine's from now on. The first is the main one, in the place
	// of Host and Port; none is that the engine listens there itself.
	Listeners []*Listener
}

// Trace sees every message. Its methods run on the loops, so they hold up everybody.
type Trace interface {
	Opened(id protocol.SocketID)
	Received(id protocol.SocketID, payload []byte) // payload is good until it returns
	Sent(id protocol.SocketID, f *protocol.Frame)
	Closed(id protocol.SocketID)
}

// Engine is the reactor of a node.
type Engine struct {
	options  Options
	prefix   string
	backlog  int
	unsent   int // bytes that may wait beside the backlog in the kernel's place: unsentRoom, or 0 where there is no kernel
	registry *apps.Registry
	hub      *channels.Hub
	loops    []*loop
	log      *slog.Logger
	trace    Trace
	handover *handover

	handshakes handshakes
	unix       atomic.Pointer[unixListener] // nil for none
	secure     *Listener                    // where TLS is spoken beside the main listener; nil where there is no such

	listeners []*Listener // the first is the main one; none before Start unless they were given
	listens   bool        // Listen was called
	began     time.Time
	limit     int          // descriptors that connections may use
	sockets   atomic.Int64 // open here; the hand-over counts its own
	draining  atomic.Bool
	frozen    atomic.Bool                    // sessions are not read
	farewell  atomic.Pointer[protocol.Error] // what a new session is told while draining
	grace     atomic.Int64                   // of that: Farewell.Grace
	drained   chan struct{}                  // closed when the last socket has gone while draining
	once      sync.Once                      // closes drained

	closedBy, refusedBy codes

	governor  *overload.Governor
	admission *admission // nil where addresses have no limits

	reactor reactor
}

// New returns an engine that does not listen yet.
func New(o Options) *Engine {
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.Backlog <= 0 {
		o.Backlog = DefaultBacklog
	}
	if o.Files <= 0 {
		o.Files = max(descriptorLimit()-ownFiles, ownFiles)
	}
	e := &Engine{
		options: o, prefix: strings.TrimSuffix(o.PathPrefix, "/"), backlog: o.Backlog,
		registry: o.Registry, log: o.Log, trace: o.Trace,
		governor: o.Governor, admission: newAdmission(o.Admission),
		handover: newHandover(), began: time.Now(), limit: o.Files, drained: make(chan struct{}),
		listeners: o.Listeners,
	}
	mailboxes := make([]channels.Mailbox, o.Loops)
	for i := range mailboxes {
		l := newLoop(e, i)
		e.loops = append(e.loops, l)
		mailboxes[i] = l.mailbox
	}
	e.hub = channels.NewHub(mailboxes)
	e.hub.Govern(o.Governor)
	for _, l := range e.loops {
		l.dispatch = e.hub.Dispatcher(l.slot)
	}
	e.reactor.engine = e
	e.handshakes.engine, e.handshakes.config = e, tuned(o.TLS)
	return e
}

// Hub returns the node's channels.
func (e *Engine) Hub() *channels.Hub { return e.hub }

// Listener returns where the HTTP server accepts its connections.
func (e *Engine) Listener() net.Listener { return e.handover }

// Addr returns the address that Start listens on.
func (e *Engine) Addr() net.Addr { return e.handover.addr }

// Loops returns how many event loops there are.
func (e *Engine) Loops() int { return len(e.loops) }

// Sockets returns how many connections are open, without those that the HTTP server has.
func (e *Engine) Sockets() int { return int(e.sockets.Load()) }

// DescriptorLimit returns how many descriptors the process may open.
func (e *Engine) DescriptorLimit() int { return descriptorLimit() }

// Draining reports whether the engine ends its connections.
func (e *Engine) Draining() bool { return e.draining.Load() }

// Evict closes every connection of an application that is no longer served.
func (e *Engine) Evict(app *channels.App) {
	for _, l := range e.loops {
		l.mailbox.Post(channels.Call(func() {
			l.wheel.each(func(c *conn) {
				if c.app == app {
					c.Close(protocol.ErrAppNotFound)
				}
			})
		}))
	}
}

// left counts n sockets out.
func (e *Engine) left(n int64) {
	if e.sockets.Add(-n) == 0 && e.draining.Load() && (e.grace.Load() == 0 || e.handshakes.open.Load() == 0) {
		e.once.Do(func() { close(e.drained) })
	}
}

// elapsed is the clock of the loops: seconds since the engine began.
func (e *Engine) elapsed() uint32 { return uint32(time.Since(e.began) / time.Second) }

// descriptorLimit returns the soft limit. The Go runtime has raised it to the hard one at start.
func descriptorLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return int(min(r.Cur, 1<<30))
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
