package engine

import (
	"net/http"

	"resound/channels"
	"resound/internal/measure"
	"resound/internal/overload"
	"resound/protocol"
)

// turnedAway returns the status that an upgrade is refused with before anybody looks what it is for, or 0.
//
// It is an HTTP answer and not 4100 because of what pusher-js does: behind 4100 it is back after a second, each second,
// however long that goes on; behind any answer that is no upgrade it waits for 15 s, then 30, then 60.
func (l *loop) turnedAway(c *conn, o *opening) (status int) {
	if g := l.engine.governor; g.Level() >= overload.Closed {
		g.Count(overload.Socket)
		return http.StatusServiceUnavailable
	}
	a := l.engine.admission
	if a == nil {
		return 0
	}
	v, reason, ok := a.enter(a.proxies.client(l.host.peer(c), o), measure.Now())
	if !ok {
		l.engine.governor.CountFor(overload.Socket, reason)
		return http.StatusTooManyRequests
	}
	if v != nil {
		if l.visits == nil {
			l.visits = make(map[*conn]*visitor)
		}
		l.visits[c] = v
	}
	return 0
}

// leave counts a socket of an address out.
func (l *loop) leave(c *conn) {
	if l.visits == nil {
		return
	}
	if v := l.visits[c]; v != nil {
		delete(l.visits, c)
		l.engine.admission.leave(v)
	}
}

// turnedAwayTexts are for people who look at it with curl.
var turnedAwayTexts = map[int]string{
	http.StatusServiceUnavailable: "The server is overloaded and takes no new connections. Please try again shortly.",
	http.StatusTooManyRequests:    "Too many connections from this address. Please try again shortly.",
}

func appendTurnedAway(dst []byte, status int) []byte {
	return appendText(dst, status, "Retry-After: "+refusedRetry+"\r\nConnection: close\r\n", turnedAwayTexts[status])
}

// whispers are who has sent a client event in the present second, while those are thinned.
//
// Client events are thinned and presence is not. What one client says to the others may be lost, as it may be by
// Pusher's own limit. Comings and goings may not: a diff that is held back until it can be told together with its opposite would
// also reach who came in between and has it in the list of members already.
type whispers struct {
	second uint32
	sent   map[*conn]bool // whether it was told that it sends too many
}

// errThinned is on the row of rate limits: pusher-js tells the application, and the socket stays.
var errThinned = protocol.ErrRateLimit.With("%s: the server is overloaded, one client event a second is passed on", protocol.ErrRateLimit.Text)

// thin lets one client event of a connection through in a second. The first that is dropped is answered.
func (l *loop) thin(c *conn) (dropped bool, err *protocol.Error) {
	w := &l.whispers
	if w.second != l.wheel.now || w.sent == nil {
		*w = whispers{l.wheel.now, make(map[*conn]bool)}
	}
	told, sent := w.sent[c]
	w.sent[c] = sent
	switch {
	case !sent:
		return false, nil
	case !told:
		err = errThinned
	}
	l.engine.governor.Count(overload.ClientEvent)
	return true, err
}

// allowed is how many bytes a connection may leave unread, of which the kernel has a few more.
func (e *Engine) allowed() int {
	if e.governor.Level() >= overload.Guarded {
		return e.backlog / guardedPart
	}
	return e.mostUnread()
}

// mostUnread is allowed while there is memory.
func (e *Engine) mostUnread() int { return e.backlog + e.unsent }

// Relieve closes slow readers that have left more than they may now. What they hold is memory that comes back.
func (e *Engine) Relieve() {
	for _, l := range e.loops {
		l.mailbox.Post(channels.Call(func() {
			l.wheel.each(func(c *conn) {
				if c.slow != nil && c.state == stateOpen && c.slow.cost() > e.allowed() {
					l.outbox.mark(c)
				}
			})
		}))
	}
}
