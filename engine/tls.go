package engine

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// TLS of a connection begins on its loop, which waits for the first record; then it is a handshake's, on a goroutine; then
// a loop's again, for good or until a request goes to the HTTP server. crypto/tls goes on over memory there, see transport.

// handshakes are those under way. All but tune may be called by any goroutine.
type handshakes struct {
	engine *Engine
	config *tls.Config // nil without TLS
	group  sync.WaitGroup

	done, resumed, failed, refused, plain atomic.Uint64

	open atomic.Int64 // connections that run or wait, until a loop has them

	mu      sync.Mutex
	running int      // guarded by mu: goroutines
	waiting []parcel // guarded by mu: for one of them
	ended   bool     // guarded by mu
}

// tuned is the configuration that is served: what the caller wants, and what has to be.
func tuned(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.NextProtos = []string{"http/1.1"}
	c.DynamicRecordSizingDisabled = true // a turn's frames are few records: there is nobody to show half a page to
	return c
}

// offer takes a connection that has said hello. It reports false, and takes nothing, when there are too many.
func (h *handshakes) offer(p parcel) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return false
	case h.running < maxHandshakes:
		h.running++
		h.group.Add(1)
		spawn("handshake", func() {
			defer h.group.Done()
			h.run(p)
		})
	case len(h.waiting) < maxWaiting:
		h.waiting = append(h.waiting, p)
	default:
		h.refused.Add(1)
		return false
	}
	h.open.Add(1)
	h.engine.handover.active.Add(1)
	return true
}

// run does a handshake, and goes on with those that wait.
func (h *handshakes) run(p parcel) {
	for ok := true; ok; p, ok = h.next() {
		h.shake(p)
		h.over(1)
	}
}

// over counts connections out.
func (h *handshakes) over(n int) {
	h.open.Add(int64(-n))
	h.engine.left(0)
}

// next returns a connection that waits, or ends the goroutine that asks.
func (h *handshakes) next() (p parcel, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) == 0 {
		h.running--
		h.waiting = nil
		return parcel{}, false
	}
	p, h.waiting = h.waiting[0], h.waiting[1:]
	return p, true
}

// crowded reports whether others wait for an end of those that run.
func (h *handshakes) crowded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running > maxHandshakes/2
}

// shake does a handshake and gives the connection to a loop.
func (h *handshakes) shake(p parcel) {
	raw := h.engine.handover.serving(&httpConn{fd: p.fd, handover: h.engine.handover})
	until := p.until
	if hurry := time.Now().Add(crowdedTimeout); h.crowded() && hurry.Before(until) {
		until = hurry
	}
	t := &transport{under: raw, in: p.bytes}
	t.tls = tls.Server(t, h.config)
	err := raw.SetDeadline(until)
	if err == nil {
		err = t.tls.Handshake()
	}
	if err != nil {
		h.failed.Add(1)
		h.engine.log.Debug("a TLS handshake failed", "error", err)
		_ = raw.Close()
		return
	}
	h.done.Add(1)
	if t.tls.ConnectionState().DidResume {
		h.resumed.Add(1)
	}
	t.under = nil
	h.engine.admit(raw, &arrival{tls: t})
}

// end closes those that wait. Those that run have as long as requests that are half there.
func (h *handshakes) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for _, p := range h.waiting {
		_ = unix.Close(p.fd)
		h.engine.handover.active.Add(-1)
	}
	h.over(len(h.waiting))
	h.waiting = nil
}

// handshake gives a connection to a goroutine.
func (h *gnetHost) handshake(conn *conn, bytes []byte) {
	h.release(conn, parcel{bytes: append([]byte(nil), bytes...), until: time.Now().Add(headTimeout)}, h.engine.handshakes.offer)
}

// AnyPort is any port that is free.
const AnyPort = -1

// listenTLS opens the port of TLS beside the main one, unless it was given with that. Others that were given are of other settings.
func (e *Engine) listenTLS() error {
	given := e.listeners[1:]
	e.listeners = e.listeners[:1:1]
	want := e.options.TLSPort
	for _, l := range given {
		if e.handshakes.config != nil && e.secure == nil && want != 0 && l.addr.Port == want {
			e.secure = l
		} else {
			_ = l.Close()
		}
	}
	if e.handshakes.config == nil || want == 0 {
		return nil
	}
	if e.secure == nil {
		l, err := Listen(e.options.Host, max(want, 0))
		if err != nil {
			return err
		}
		e.secure = l
	}
	e.listeners = append(e.listeners, e.secure)
	return nil
}

// TLSAddr is where TLS is spoken; nil for nowhere, and before Start.
func (e *Engine) TLSAddr() *net.TCPAddr {
	switch {
	case e.handshakes.config == nil || e.handover.addr == nil:
		return nil
	case e.secure == nil:
		return e.listeners[0].addr
	}
	return e.secure.addr
}

// arrival is how a connection comes to a loop.
type arrival struct {
	early    []byte     // read already, and decrypted
	tls      *transport // nil on plain ones
	awaits   awaits
	accepted bool // it is new
}

// accepts returns how a connection comes that a listener has accepted. gnet does not say which, so with two the kernel does.
func (e *Engine) accepts(fd int) *arrival {
	switch {
	case e.handshakes.config == nil:
		return &plainArrival
	case e.secure == nil:
		return &secureArrival
	}
	if sa, err := unix.Getsockname(fd); err == nil {
		if addr := tcpAddr(sa); addr != nil && addr.Port == e.secure.addr.Port {
			return &secureArrival
		}
	}
	return &plainArrival
}

var (
	plainArrival  = arrival{accepted: true}
	secureArrival = arrival{accepted: true, awaits: helloFirst}
)

// admit enrols a connection into a loop, under a descriptor of its own, and closes raw.
func (e *Engine) admit(raw *httpConn, a *arrival) {
	var c net.Conn
	c, err := raw.own()
	if err == nil {
		if err = e.enroll(c, a); err != nil {
			_ = c.Close() // once more, where gnet has it already
		}
	}
	if err != nil {
		e.log.Debug("a connection was lost on its way to a loop", "error", err)
	}
	_ = raw.Close()
}

// TLSStats is what TLS has done since the start, and does now.
type TLSStats struct {
	Handshakes uint64 // that were through
	Resumed    uint64 // of those, with a ticket
	Failed     uint64 // that were not through, or not in time
	Refused    uint64 // connections that were closed because too many handshakes were under way
	Plain      uint64 // connections that spoke HTTP to a port of TLS
	Running    int    // handshakes under way
}

func (h *handshakes) stats() TLSStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return TLSStats{
		Handshakes: h.done.Load(), Resumed: h.resumed.Load(), Failed: h.failed.Load(), Refused: h.refused.Load(), Plain: h.plain.Load(),
		Running: h.running,
	}
}
