package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resound/channels"
)

// topic is one that this node hears, or is about to.
type topic struct {
	app, topic string
	name       string        // see nameOf
	key        string        // of pub/sub
	refs       int           // how many subscriptions want it
	on         bool          // the present session is subscribed to it
	queued     bool          // it is among the dirty
	ready      chan struct{} // closed when on; nil when nobody waits
}

// Subscribe implements channels.Broker.
func (b *Broker) Subscribe(ctx context.Context, app, name string) error {
	p := b.of(app, name)
	key := p.names.topic(nameOf(app, name))
	p.mu.Lock()
	if !b.joined.Load() {
		p.mu.Unlock()
		return channels.ErrParted
	}
	t := p.topics[key]
	if t == nil {
		t = &topic{app: app, topic: name, name: nameOf(app, name), key: key}
		p.topics[key] = t
	}
	t.refs++
	for !t.on {
		if t.ready == nil {
			t.ready = make(chan struct{})
		}
		ready, changed := t.ready, p.changed
		p.soil(t)
		p.mu.Unlock()
		var err error
		select {
		case <-ready:
		case <-changed:
			if !b.joined.Load() {
				err = channels.ErrParted
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
		if err != nil {
			p.release(t)
			p.mu.Unlock()
			return err
		}
	}
	p.mu.Unlock()
	return nil
}

// Unsubscribe implements channels.Broker.
func (b *Broker) Unsubscribe(app, name string) {
	p := b.of(app, name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.topics[p.names.topic(nameOf(app, name))]; t != nil && t.refs > 0 {
		p.release(t)
	}
}

// release gives one subscription back. p.mu is held, as in all below that do not say so.
func (p *partition) release(t *topic) {
	if t.refs--; t.refs == 0 {
		p.soil(t)
	}
}

// soil has the goroutine of the session look at a topic.
func (p *partition) soil(t *topic) {
	if !t.queued {
		t.queued = true
		p.dirty = append(p.dirty, t)
	}
	signal(p.stir)
}

// remove forgets a topic that nobody wants. It may be among the dirty still, and another have taken its place.
func (p *partition) remove(t *topic) {
	if p.topics[t.key] == t {
		delete(p.topics, t.key)
	}
}

// forgetSubscribed begins a session, which is subscribed to nothing. It takes p.mu.
func (p *partition) forgetSubscribed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.topics {
		t.on = false
		p.soil(t)
	}
}

// hears says whether the session should be subscribed to that. It takes p.mu.
func (p *partition) hears(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.topics[key]; t != nil {
		return t.on
	}
	return key == p.names.control() || key == p.names.inbox(p.b.inbox)
}

// reconcileAll runs until the session ends.
func (s *session) reconcileAll() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.p.stir:
			if err := s.reconcile(); err != nil {
				s.fail(err, time.Now())
				return
			}
		}
	}
}

// reconcile subscribes to and unsubscribes from all that is dirty. One goroutine at a time calls it.
func (s *session) reconcile() error {
	p := s.p
	for {
		var come, leave []*topic
		p.mu.Lock()
		n := min(len(p.dirty), subscribeChunk)
		for _, t := range p.dirty[:n] {
			t.queued = false
			switch {
			case t.refs > 0 && !t.on:
				come = append(come, t)
			case t.refs == 0 && t.on:
				t.on = false // who wants it from here on waits for the next round
				leave = append(leave, t)
			case t.refs == 0:
				p.remove(t)
			}
		}
		if p.dirty = p.dirty[n:]; len(p.dirty) == 0 {
			p.dirty = nil
		}
		p.mu.Unlock()
		if n == 0 {
			return nil
		}
		if len(leave) > 0 {
			if err := s.do(s.unsubscribe(keysOf(leave))).Error(); err != nil {
				return fmt.Errorf("unsubscribing: %w", err)
			}
		}
		if len(come) > 0 {
			if err := s.do(s.subscribe(keysOf(come))).Error(); err != nil {
				return fmt.Errorf("subscribing: %w", err)
			}
		}
		p.mu.Lock()
		for _, t := range come {
			t.on = true
			if t.ready != nil {
				close(t.ready)
				t.ready = nil
			}
			if t.refs == 0 {
				p.soil(t)
			}
		}
		for _, t := range leave {
			if t.refs > 0 {
				p.soil(t)
			} else {
				p.remove(t)
			}
		}
		p.mu.Unlock()
		if s.ctx.Err() != nil {
			return errors.New("the session has ended")
		}
	}
}

func keysOf(list []*topic) []string {
	keys := make([]string, len(list))
	for i, t := range list {
		keys[i] = t.key
	}
	return keys
}
