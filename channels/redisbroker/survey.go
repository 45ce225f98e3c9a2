package redisbroker

import (
	"context"
	"sync"
	"time"

	"resound/channels"
)

// survey is a question that this node has asked.
type survey struct {
	app     string
	waits   map[channels.NodeID]bool
	answers [][]byte
	done    chan struct{} // closed when nobody is waited for
}

type surveys struct {
	mu   sync.Mutex
	open map[uint64]*survey
}

// question is one of another node, which waits for its answer.
type question struct {
	app  string
	from uint64 // its inbox
	id   uint64
	text []byte
}

// Survey implements channels.Broker. It returns when all have answered, or ctx ends. Who says that it has no answer counts
// as silent.
func (b *Broker) Survey(ctx context.Context, app string, text []byte) (answers [][]byte, silent int) {
	b.stats.surveys.Add(1)
	q := &survey{app: app, waits: b.others(), done: make(chan struct{})}
	n := len(q.waits)
	if n == 0 {
		return nil, 0
	}
	defer func() { b.stats.silent.Add(uint64(silent)) }()
	id := b.newID()
	body := b.seal(&envelope{kind: kindAsk, id: id, except: asSocket(b.inbox), app: app, payload: text})
	if body == nil {
		return nil, n
	}
	b.surveys.mu.Lock()
	b.surveys.open[id] = q
	b.surveys.mu.Unlock()
	defer func() {
		b.surveys.mu.Lock()
		delete(b.surveys.open, id)
		answers, silent = q.answers, n-len(q.answers)
		b.surveys.mu.Unlock()
	}()
	p := b.parts[0]
	s, err := p.get(ctx)
	if err != nil {
		return nil, n
	}
	if s.do(s.publish(p.names.control(), append([]byte{version, formPlain}, body...))).Error() != nil {
		return nil, n
	}
	select {
	case <-q.done:
	case <-ctx.Done():
	case <-b.ctx.Done():
	}
	return nil, n
}

// asked takes a question. It runs on the goroutine that reads partition 0.
func (b *Broker) asked(raw []byte) bool {
	app, ok := appOf(raw)
	if !ok {
		return false
	}
	e, ok := b.sealers.open(raw, app, "")
	if !ok || e.kind != kindAsk {
		return false
	}
	from := ofSocket(e.except)
	if from == b.inbox {
		return true
	}
	select {
	case b.questions <- question{e.app, from, e.id, e.payload}:
	default: // who asks counts this node as silent
	}
	return true
}

// answer is the goroutine that answers questions, which may take the Receiver a while.
func (b *Broker) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-b.questions:
			payload := []byte{0}
			if text := b.receiver.Ask(q.app, q.text); text != nil && len(text) <= maxAnswer {
				payload = append([]byte{1}, text...)
			}
			body := b.seal(&envelope{kind: kindAnswer, id: q.id, except: asSocket(uint64(b.Node())), app: q.app, payload: payload})
			if body == nil {
				continue
			}
			wait, cancel := context.WithTimeout(ctx, b.opt.Grace)
			p := b.parts[0]
			if s, err := p.get(wait); err == nil {
				if err := s.do(s.publish(p.names.inbox(q.from), append([]byte{version, formPlain}, body...))).Error(); err != nil && judge(err) == broken {
					b.complain(err)
				}
			}
			cancel()
		}
	}
}

// answered takes an answer. It runs on the goroutine that reads partition 0.
func (b *Broker) answered(raw []byte) bool {
	app, ok := appOf(raw)
	if !ok {
		return false
	}
	e, ok := b.sealers.open(raw, app, "")
	if !ok || e.kind != kindAnswer || len(e.payload) == 0 {
		return false
	}
	b.surveys.mu.Lock()
	defer b.surveys.mu.Unlock()
	q := b.surveys.open[e.id]
	from := channels.NodeID(ofSocket(e.except))
	if q == nil || q.app != app || !q.waits[from] {
		return true // too late, or twice
	}
	delete(q.waits, from)
	if e.payload[0] == 1 {
		q.answers = append(q.answers, e.payload[1:])
	}
	if len(q.waits) == 0 {
		close(q.done)
	}
	return true
}

// appOf is the app that an envelope says it is of.
func appOf(raw []byte) (string, bool) {
	if len(raw) < nameAt {
		return "", false
	}
	app, _, ok := cut(raw[nameAt:])
	return string(app), ok
}

// drain waits until nothing is left to send, or ctx ends.
func (b *Broker) drain(ctx context.Context) {
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for {
		empty := true
		for _, p := range b.parts {
			empty = empty && p.queue.empty()
		}
		if empty || !b.joined.Load() {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
