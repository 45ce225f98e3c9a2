package redisbroker

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"resound/channels"
	"resound/persist"
)

// partition is a part of the topics: those that share a log, a queue and a connection.
type partition struct {
	b     *Broker
	index int
	names names
	queue queue

	log   atomic.Uint64 // the LogID; 0 until one is known
	acked atomic.Int64  // when this node's newest event was taken for that log, by Redis's clock in ms; 0 is none
	check chan struct{} // of capacity 1: the log may be another

	mu      sync.Mutex
	session *session      // nil while there is none that works
	changed chan struct{} // closed when session or Broker.joined is another
	topics  map[string]*topic
	dirty   []*topic      // whose wants and state differ
	stir    chan struct{} // of capacity 1: there are dirty ones
	touch   []string      // names of topics that are still to be renewed in this round
	touched time.Time     // when the round began
	swept   time.Time     // when something was looked at that may be forgotten; of the partition's goroutine
}

func newPartition(b *Broker, index int) *partition {
	return &partition{
		b:       b,
		index:   index,
		names:   newNames(b.opt.Prefix, b.opt.DB, index),
		queue:   queue{wake: make(chan struct{}, 1), room: &b.room},
		check:   make(chan struct{}, 1),
		changed: make(chan struct{}),
		topics:  map[string]*topic{},
		stir:    make(chan struct{}, 1),
		touched: time.Now(),
	}
}

// signal wakes who waits for c, which has capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *partition) logID() (id persist.LogID) {
	binary.BigEndian.PutUint64(id[:], p.log.Load())
	return id
}

func (p *partition) setLog(id persist.LogID) {
	if old := p.log.Swap(binary.BigEndian.Uint64(id[:])); old != 0 && old != binary.BigEndian.Uint64(id[:]) {
		p.b.unsettle()
	}
}

// broadcast wakes who waits for a session. p.mu is held.
func (p *partition) broadcast() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// run keeps a session until ctx ends. It is the partition's goroutine.
func (p *partition) run(ctx context.Context) {
	wait := backoffMin
	for ctx.Err() == nil {
		s, err := p.connect(ctx)
		if err == nil {
			began := time.Now()
			p.up(s)
			p.serve(s)
			p.down(s)
			if time.Since(began) > calm {
				wait = backoffMin
				continue
			}
			wait = min(wait, backoffFlap)
		} else {
			p.b.trouble(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, backoffMax)
	}
}

func (p *partition) up(s *session) {
	p.mu.Lock()
	p.session = s
	p.broadcast()
	p.mu.Unlock()
	p.b.partitionUp(p)
}

func (p *partition) down(s *session) {
	p.mu.Lock()
	p.session = nil
	p.broadcast()
	p.mu.Unlock()
	s.close()
	err, since := context.Cause(s.ctx), time.Now()
	var e *sessionError
	if errors.As(err, &e) {
		err, since = e.error, e.since
	}
	p.b.partitionDown(p, err, since)
}

// get returns the session, or waits for one. ErrParted ends the wait.
func (p *partition) get(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		s, changed := p.session, p.changed
		p.mu.Unlock()
		if !p.b.joined.Load() {
			return nil, channels.ErrParted
		}
		if s != nil && s.ctx.Err() == nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(backoffMin): // a session that has just failed is still there for a moment
		}
	}
}

// current is the session that there is now, or nil.
func (p *partition) current() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

// serve does what there is to do on a session until it ends.
func (p *partition) serve(s *session) {
	done := make(chan struct{})
	p.b.spawn("topics", func() { // ends with the session
		defer close(done)
		s.reconcileAll()
	})
	defer func() { <-done }()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		select {
		case err := <-s.lost:
			s.fail(lostError(err), time.Now())
			continue
		case <-p.check:
			if err := s.begin(); err != nil {
				s.fail(err, time.Now())
			}
			continue
		case <-tick.C:
			s.examine()
			continue
		default:
		}
		if batch := p.queue.take(); len(batch) > 0 {
			p.queue.done(s.send(batch))
			continue
		}
		select {
		case <-s.ctx.Done():
		case err := <-s.lost:
			s.fail(lostError(err), time.Now())
		case <-p.check:
			signal(p.check)
		case <-tick.C:
			s.examine()
		case <-p.queue.wake:
		}
	}
}

var errLost = errors.New("the connection to Redis was lost")

func lostError(err error) error {
	if err == nil {
		return errLost
	}
	return err
}

// examine looks whether the log and the master are still the same, and renews what would be forgotten.
func (s *session) examine() {
	p := s.p
	if client, err := p.b.redis(); err == nil && p.b.address(client) != s.address {
		s.fail(errElsewhere, time.Now())
		return
	}
	r := s.do(s.redis.B().Hget().Key(p.names.log()).Field("id").Build())
	id, err := r.ToString()
	if known := p.logID(); s.ctx.Err() == nil && (err != nil || id != string(known[:])) {
		signal(p.check)
	}
	p.renew(s)
}

// renew keeps what is known of topics that are heard from being forgotten, some with each call.
func (p *partition) renew(s *session) {
	p.mu.Lock()
	if len(p.touch) == 0 && time.Since(p.touched) > touchEvery {
		p.touched = time.Now()
		for _, t := range p.topics {
			p.touch = append(p.touch, t.name)
		}
	}
	n := min(len(p.touch), touchBatch)
	names := p.touch[:n]
	p.touch = p.touch[n:]
	p.mu.Unlock()
	if n > 0 {
		s.do(scriptTouch.cmd(s.redis.B(), []string{p.names.log()}, append([]string{millis(metaTTL)}, names...)...))
	}
	if time.Since(p.swept) > sweepEvery {
		p.swept = time.Now()
		s.do(scriptSweep.cmd(s.redis.B(), []string{p.names.log()}, number(sweepCount), millis(sweepPause)))
	}
}
