package channels

import (
	"errors"

	"resound/protocol"
)

// spread is an event on its way to all nodes of the cluster.
type spread struct {
	app     *App
	id      uint64
	channel string
	frame   *protocol.Frame
	except  protocol.SocketID
	ticket  Ticket
}

// spread brings an event to all nodes. Those who listen here get it when it comes back with its serial, so that all nodes
// have the same order.
func (a *App) spread(channel []byte, name, data protocol.Raw, except protocol.SocketID) Receipt {
	b, s := a.hub.broker, &spread{app: a, channel: string(channel), except: except}
	s.frame = protocol.Event(name, s.channel, data)
	if protocol.IsReserved(name) { // no history has those
		if ch := a.find(channel); ch != nil {
			ch.publish(s.frame, except)
		}
		b.Say(a.id, s.channel, except, s.frame.Payload())
		return Receipt{}
	}
	s.id = a.hub.ids.Add(1)
	out := Outgoing{
		App: a.id, Channel: s.channel, ID: s.id, Except: except, Payload: s.frame.Payload(), Keep: Retention(a.Settings(), s.channel),
	}
	if protocol.IsCache(channel) {
		out.Cache = a.Settings().CacheTTL
	}
	s.ticket = b.Publish(out)
	return Receipt{spread: s}
}

// wait returns when the event has its serial, or has reached this node's sockets only, or could not be kept.
func (s *spread) wait() error {
	err := s.ticket.Wait()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotKept):
		s.app.hub.tallies.unkept.Add(1)
		if !s.app.hub.strays.add(s.app.id, s.channel) {
			s.app.hub.tallies.unmarked.Add(1)
		}
		return err
	}
	if !s.app.hub.strays.add(s.app.id, s.channel) {
		return ErrRefused
	}
	s.app.hub.tallies.alone.Add(1)
	s.here()
	return ErrParted
}

// here brings the event to this node's sockets, unless they have it.
func (s *spread) here() {
	a, name := s.app, []byte(s.channel)
	ch := a.find(name)
	if ch == nil && !protocol.IsCache(name) {
		return
	}
	ch = a.acquire(name)
	defer ch.mu.Unlock()
	if h := ch.history; h != nil {
		for i := len(h.tail) - 1; i >= 0; i-- {
			if h.tail[i].id == s.id {
				return // only the answer was lost
			}
		}
	}
	a.hub.strays.bring(s.id) // under the lock: it comes from the log before this, or is known to have been brought
	p := &publication{channel: ch, frame: s.frame, except: s.except, id: s.id, loose: ch.keeps()}
	ch.keep(p)
	ch.post(p)
}
