package redisbroker

import (
	"encoding/binary"

	"resound/channels"
	"resound/persist"
)

// receive takes what came over the bus. It runs on the goroutine that reads the connection, and does not wait.
func (p *partition) receive(key string, b []byte) {
	if len(b) < 2 || b[0] != version {
		p.b.stats.garbage.Add(1)
		return
	}
	p.b.stats.received.Add(1)
	p.mu.Lock()
	t := p.topics[key]
	wanted := t != nil && t.refs > 0
	p.mu.Unlock()
	ok := true
	switch {
	case wanted:
		ok = p.bring(t, b)
	case key == p.names.control():
		ok = p.controlled(b)
	case p.index == 0 && key == p.names.inbox(p.b.inbox):
		ok = p.b.answered(b[2:])
	default: // somebody has just stopped hearing it
	}
	if !ok {
		p.b.stats.garbage.Add(1)
	}
}

// bring hands what was said on a topic to the Receiver.
func (p *partition) bring(t *topic, b []byte) bool {
	br := p.b
	switch b[1] {
	case formPlaced:
		log, e, ok := br.parseEntry(t.app, t.topic, b)
		if !ok {
			return false
		}
		if log != p.logID() {
			signal(p.check)
		}
		if br.joined.Load() {
			br.receiver.Deliver(t.app, t.topic, log, e)
		}
	case formPlain:
		e, ok := br.sealers.open(b[2:], t.app, t.topic)
		if !ok || e.kind != kindSay && e.kind != kindLoose {
			return false
		}
		if e.kind == kindSay && e.id == br.inbox {
			return true // told to others, not to oneself
		}
		if br.joined.Load() {
			br.receiver.Hear(t.app, t.topic, e.except, e.payload, e.kind == kindLoose)
		}
	case formNoted:
		v, gone, raw, ok := parseNoted(b)
		if !ok {
			return false
		}
		e, ok := br.sealers.open(raw, t.app, t.topic)
		if !ok {
			return false
		}
		r, ok := recordOf(&e)
		if !ok {
			return false
		}
		if gone {
			r.Value = nil
		}
		if br.joined.Load() {
			br.receiver.Noted(t.app, t.topic, v, r)
			br.recordHeard(r.Node) // behind it: that the node is gone is told later
		}
	default:
		return false
	}
	return true
}

// controlled takes what a partition tells all nodes. It is not authenticated, so it is only a hint where to look.
func (p *partition) controlled(b []byte) bool {
	rest := b[2:]
	switch b[1] {
	case formLog:
		if len(rest) != 8 {
			return false
		}
		if persist.LogID(rest) != p.logID() {
			signal(p.check)
		}
	case formNode:
		if len(rest) != 16 {
			return false
		}
		p.b.nodeHeard(channels.NodeID(binary.BigEndian.Uint64(rest[8:])))
	case formBye, formAlive:
		if len(rest) != 8 {
			return false
		}
		node := channels.NodeID(binary.BigEndian.Uint64(rest))
		if b[1] == formBye {
			p.b.byeHeard(node)
		} else {
			p.b.aliveHeard(node)
		}
	case formPlain:
		return p.b.asked(rest)
	default:
		return false
	}
	return true
}
