package redisbroker

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"resound/channels"
)

// roll is who is there, as this node knows it. Redis says how long each lease is still good; a node that cannot write
// its own says that it is alive.
type roll struct {
	mu     sync.Mutex
	until  map[channels.NodeID]time.Time // not this node
	former map[channels.NodeID]bool      // of until: has another id by now
	left   map[channels.NodeID]bool      // of until: has said bye
	doubts map[channels.NodeID]bool      // not of until: there is a record of it, which may have come late
	gone   map[channels.NodeID]bool      // not of until: has been, and no id comes twice
	stale  bool                          // look at the leases before it is time
}

func (r *roll) init() {
	r.until = map[channels.NodeID]time.Time{}
	r.former, r.left, r.doubts = map[channels.NodeID]bool{}, map[channels.NodeID]bool{}, map[channels.NodeID]bool{}
}

// Others implements channels.Broker.
func (b *Broker) Others() int {
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	return len(b.roll.until) - len(b.roll.former)
}

// recordHeard looks whether a node that has noted something has a lease, unless that is known.
func (b *Broker) recordHeard(node channels.NodeID) {
	if b.Mine(node) {
		return
	}
	b.roll.mu.Lock()
	_, known := b.roll.until[node]
	doubt := (!known || b.roll.left[node]) && !b.roll.doubts[node]
	if doubt {
		b.roll.doubts[node] = true
	}
	b.roll.mu.Unlock()
	if doubt {
		b.lookAtNodes()
	}
}

// takeDoubts returns the nodes in doubt, which the caller looks at.
func (r *roll) takeDoubts() map[channels.NodeID]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.doubts
	r.doubts = map[channels.NodeID]bool{}
	return m
}

// others is all nodes beside this one that can answer.
func (b *Broker) others() map[channels.NodeID]bool {
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	m := map[channels.NodeID]bool{}
	for n := range b.roll.until {
		if !b.roll.former[n] {
			m[n] = true
		}
	}
	return m
}

// dead is those of nodes that are not known to be alive.
func (b *Broker) dead(nodes map[channels.NodeID]bool) map[channels.NodeID]bool {
	m := map[channels.NodeID]bool{}
	for n := range nodes {
		if !b.leased(n) {
			m[n] = true
		}
	}
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	for n := range m {
		if _, ok := b.roll.until[n]; ok {
			delete(m, n)
		}
	}
	return m
}

// allGone reports whether nodes that are not known to be alive are known to be gone for good.
func (b *Broker) allGone(dead map[channels.NodeID]bool) bool {
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	for n := range dead {
		if !b.roll.gone[n] {
			return false
		}
	}
	return true
}

// areGone notes nodes that have no lease although somebody has just looked.
func (b *Broker) areGone(dead map[channels.NodeID]bool) {
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	if b.roll.gone == nil || len(b.roll.gone)+len(dead) > maxGone {
		b.roll.gone = make(map[channels.NodeID]bool)
	}
	maps.Copy(b.roll.gone, dead)
}

func (b *Broker) lookAtNodes() {
	b.roll.mu.Lock()
	b.roll.stale = true
	b.roll.mu.Unlock()
	signal(b.kick)
}

// nodeHeard is told that a node has come. before is what it was, or 0.
func (b *Broker) nodeHeard(before channels.NodeID) {
	b.roll.mu.Lock()
	if _, ok := b.roll.until[before]; ok {
		b.roll.former[before] = true
	}
	b.roll.mu.Unlock()
	b.lookAtNodes()
}

// byeHeard looks whether a node that is said to have left has no lease any more.
func (b *Broker) byeHeard(node channels.NodeID) {
	b.roll.mu.Lock()
	_, known := b.roll.until[node]
	if known {
		b.roll.left[node] = true
	}
	b.roll.mu.Unlock()
	if known {
		b.lookAtNodes()
	}
}

func (b *Broker) aliveHeard(node channels.NodeID) {
	if node == 0 || b.Mine(node) {
		return
	}
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	if !b.roll.left[node] {
		b.roll.until[node] = time.Now().Add(b.opt.Lease)
		delete(b.roll.doubts, node)
	}
}

var errNoSession = errors.New("there is no connection to Redis")

// beat renews this node's lease and learns who else has one. gone are those that have none any more. had is false when this
// node's was over.
func (b *Broker) beat() (gone []channels.NodeID, had bool, err error) {
	p := b.parts[0]
	s := p.current()
	if s == nil {
		return nil, false, errNoSession
	}
	node := b.Node()
	come := binary.BigEndian.AppendUint64([]byte{version, formNode}, uint64(node))
	come = binary.BigEndian.AppendUint64(come, uint64(b.before))
	asked, doubts := time.Now(), b.roll.takeDoubts()
	r := s.do(scriptBeat.cmd(s.redis.B(), []string{p.names.leases()}, hexNode(node), millis(b.opt.Lease), s.publishVerb(), p.names.control(), string(come)))
	if judge(r.Error()) == unknown {
		if err := s.loadScripts(); err != nil {
			s.fail(err, asked)
		}
	}
	list, err := r.ToArray()
	if err != nil {
		return nil, false, err
	}
	if len(list)%2 != 1 {
		return nil, false, errAnswer
	}
	had = true
	if list[0].IsInt64() {
		n, _ := list[0].AsInt64()
		had = n == 0 || b.silenced // the others have heard that a silenced node is alive
		if b.silenced {
			b.silenced = false
			b.unwritten.Store(true)
		}
	} else {
		b.silenced = true
		message := binary.BigEndian.AppendUint64([]byte{version, formAlive}, uint64(node))
		if err := s.do(s.publish(p.names.control(), message)).Error(); err != nil {
			return nil, false, err
		}
	}
	seen := make(map[channels.NodeID]time.Duration, len(list)/2)
	for i := 1; i+1 < len(list); i += 2 {
		id, _ := list[i].ToString()
		ms, err := list[i+1].AsInt64()
		if other, ok := parseNode(id); ok && err == nil && !b.Mine(other) {
			seen[other] = time.Duration(ms) * time.Millisecond
		}
	}
	return b.roll.update(seen, doubts, asked), had, nil
}

// update takes what Redis said of leases, asked at that time. It returns who is gone: whose lease is over, who has left, and who
// was in doubt before it was asked.
func (r *roll) update(seen map[channels.NodeID]time.Duration, doubts map[channels.NodeID]bool, asked time.Time) (gone []channels.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = false
	for node, left := range seen {
		if t := asked.Add(left); t.After(r.until[node]) {
			r.until[node] = t
		}
		delete(r.left, node) // a bye that was none
	}
	for node, t := range r.until {
		if _, ok := seen[node]; !ok && (r.left[node] || t.Before(asked)) {
			delete(r.until, node)
			delete(r.former, node)
			delete(r.left, node)
			gone = append(gone, node)
		}
	}
	for node := range doubts {
		if _, known := r.until[node]; !known && !slices.Contains(gone, node) {
			gone = append(gone, node)
		}
	}
	return gone
}

// forget takes all others for gone, and reports whether there were any.
func (r *roll) forget() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.until)
	clear(r.until)
	clear(r.former)
	clear(r.left)
	return n > 0
}

// refresh looks who is there, on the supervisor's goroutine, and returns when that is done.
func (b *Broker) refresh(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case b.refreshes <- done:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return channels.ErrParted
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return channels.ErrParted
	}
}

// bye gives the lease back, so that the others need not wait for its end.
func (b *Broker) bye(s *session) {
	p, node := b.parts[0], b.Node()
	message := binary.BigEndian.AppendUint64([]byte{version, formBye}, uint64(node))
	s.do(scriptBye.cmd(s.redis.B(), []string{p.names.leases()}, hexNode(node), s.publishVerb(), p.names.control(), string(message)))
}
