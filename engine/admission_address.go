package engine

import (
	"net/netip"
	"sync"
	"time"

	"resound/internal/overload"
)

// Admission is how many sockets one address may open.
type Admission struct {
	Rate        int // a second, and addressBurst times as many at once; 0 is any number
	Connections int // at the same time; 0 is any number
	Proxies     Proxies
}

// admission counts sockets by address. All loops share it: what a loop alone sees of an address says nothing.
//
// Its memory is bounded by maxVisitors and the sockets that there are. Who has many more addresses than that does not need to
// make it forget one.
type admission struct {
	interval time.Duration // between two sockets at the rate; 0 is any
	most     int
	proxies  Proxies

	mu       sync.Mutex
	visitors map[[16]byte]*visitor // guarded by mu
	idle     visitor               // guarded by mu: head of the ring of those without a socket that counts, newest first
	idles    int                   // guarded by mu
}

// visitor is one address. Those without a socket are in a ring.
type visitor struct {
	key        [16]byte
	due        time.Duration // when the sockets so far would have been over at the rate
	open       int           // sockets; counted only where their number is limited
	prev, next *visitor
}

// newAdmission returns nil for no limits.
func newAdmission(o Admission) *admission {
	if o.Rate <= 0 && o.Connections <= 0 {
		return nil
	}
	a := &admission{most: o.Connections, proxies: o.Proxies, visitors: make(map[[16]byte]*visitor)}
	if o.Rate > 0 {
		a.interval = time.Second / time.Duration(o.Rate)
	}
	a.idle.prev, a.idle.next = &a.idle, &a.idle
	return a
}

// addressKey is what an address counts as: one of IPv6 by its network of 64 bits, since whoever has one has all of those.
func addressKey(addr netip.Addr) [16]byte {
	if addr = addr.Unmap(); addr.Is6() {
		p, _ := addr.WithZone("").Prefix(64)
		addr = p.Addr()
	}
	if !addr.IsValid() {
		return [16]byte{} // all that come over a socket of the file system that is not a trusted proxy's
	}
	return addr.As16()
}

// enter counts a socket in, or says why it may not be. The visitor is for leave; it is nil where nobody has to say so.
func (a *admission) enter(addr netip.Addr, now time.Duration) (v *visitor, reason overload.Reason, ok bool) {
	key := addressKey(addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	if v = a.visitors[key]; v == nil {
		v = &visitor{key: key}
		a.visitors[key] = v
	} else if v.open == 0 {
		a.unlink(v)
	}
	defer func() {
		if v != nil && v.open == 0 {
			a.link(v)
		}
		if a.most == 0 || !ok {
			v = nil
		}
	}()
	start := max(v.due, now)
	switch {
	case a.interval > 0 && start-now > (addressBurstTime-a.interval):
		return v, overload.Rate, false
	case a.most > 0 && v.open >= a.most:
		return v, overload.PerAddress, false
	}
	v.due = start + a.interval
	if a.most > 0 {
		v.open++
	}
	return v, 0, true
}

// addressBurstTime is how far ahead of the rate an address may be.
const addressBurstTime = addressBurst * time.Second

// leave counts a socket out.
func (a *admission) leave(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.open--; v.open == 0 {
		a.link(v)
	}
}

// link puts a visitor in front of the ring, and forgets the oldest when there are too many. The caller holds mu.
func (a *admission) link(v *visitor) {
	v.prev, v.next = &a.idle, a.idle.next
	v.prev.next, v.next.prev = v, v
	if a.idles++; a.idles > maxVisitors {
		oldest := a.idle.prev
		a.unlink(oldest)
		delete(a.visitors, oldest.key)
	}
}

func (a *admission) unlink(v *visitor) {
	v.prev.next, v.next.prev = v.next, v.prev
	v.prev, v.next = nil, nil
	a.idles--
}
