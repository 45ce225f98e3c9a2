package redisbroker

import (
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"resound/channels"
	"resound/persist"
	"resound/protocol"
)

var errFull = errors.New("too much waits for Redis")

func number(n int64) string         { return strconv.FormatInt(n, 10) }
func millis(d time.Duration) string { return number(d.Milliseconds()) }
func size(body []byte) int          { return len(body) + 256 } // of what is around it
func (b *Broker) refuse(reason error) channels.Ticket {
	if errors.Is(reason, errFull) {
		b.stats.full.Add(1)
		return failed{channels.ErrParted}
	}
	return failed{reason}
}

// Publish implements channels.Broker.
func (b *Broker) Publish(e channels.Outgoing) channels.Ticket {
	if !b.joined.Load() {
		return failed{channels.ErrParted}
	}
	body := b.seal(&envelope{kind: kindEvent, id: e.ID, except: e.Except, app: e.App, topic: e.Channel, payload: e.Payload})
	if body == nil {
		return failed{channels.ErrParted}
	}
	o := &op{
		kind: opPublish, app: e.App, topic: e.Channel, name: nameOf(e.App, e.Channel), body: body, keep: b.keeps.of(e.Keep, e.Cache),
		ticket: &ticket{make(chan error, 1)}, size: size(body), queued: time.Now(),
	}
	if err := b.of(e.App, e.Channel).queue.put(o); err != nil {
		return b.refuse(err)
	}
	return o.ticket
}

// Say implements channels.Broker.
func (b *Broker) Say(app, channel string, except protocol.SocketID, payload []byte) {
	if !b.joined.Load() {
		return
	}
	body := b.seal(&envelope{kind: kindSay, id: b.inbox, except: except, app: app, topic: channel, payload: payload})
	if body == nil || b.of(app, channel).queue.put(&op{kind: opSay, app: app, topic: channel, name: nameOf(app, channel), body: body, size: size(body)}) != nil {
		b.stats.unsaid.Add(1)
	}
}

// Break implements channels.Broker.
func (b *Broker) Break(app, channel string) channels.Ticket {
	if !b.joined.Load() {
		return failed{channels.ErrParted}
	}
	body := b.seal(&envelope{kind: kindBreak, id: b.newID(), app: app, topic: channel})
	if body == nil {
		return failed{channels.ErrParted}
	}
	o := &op{
		kind: opBreak, app: app, topic: channel, name: nameOf(app, channel), body: body, keep: b.keeps.of(persist.Retention{}, 0),
		ticket: &ticket{make(chan error, 1)}, size: size(body),
	}
	if err := b.of(app, channel).queue.put(o); err != nil {
		return b.refuse(err)
	}
	return o.ticket
}

// seal encodes an envelope; nil when the app is not known, or a name too long.
func (b *Broker) seal(e *envelope) []byte {
	if len(e.app) > maxName || len(e.topic) > maxName {
		return nil
	}
	key := b.sealers.of(e.app)
	if key == nil {
		return nil
	}
	return key.seal(e)
}

var window = []string{
	strconv.Itoa(windowEvents), strconv.Itoa(windowMost), millis(windowAge), strconv.Itoa(windowBytes), millis(retryAge),
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (s *session) cmd(o *op) rueidis.Completed {
	n := &s.p.names
	switch o.kind {
	case opSay:
		return s.publish(n.topic(o.name), append([]byte{version, formPlain}, o.body...))
	case opLoose:
		return s.publish(n.topic(o.name), append([]byte{version, formPlain}, o.body...))
	case opNote:
		return s.noteCmd(o)
	}
	log := s.p.logID()
	args := make([]string, 0, 18)
	args = append(args, string(log[:]), o.name, rueidis.BinaryString(o.body), s.publishVerb(), n.topic(o.name), flag(o.kind == opBreak), flag(o.retry))
	args = append(append(args, o.keep[:]...), window...)
	return scriptPublish.cmd(s.redis.B(), []string{n.log(), n.stream(log, o.name), n.cache(o.name)}, args...)
}

// send does a batch in one round trip. It returns what is still to be done, in order.
func (s *session) send(batch []*op) (rest []*op) {
	b := s.p.b
	cmds := make([]rueidis.Completed, len(batch))
	for i, o := range batch {
		cmds[i] = s.cmd(o)
	}
	ctx, cancel := s.timeout()
	defer cancel()
	began := time.Now()
	list := s.redis.DoMulti(ctx, cmds...)
	var stale, load bool
	for i, r := range list {
		o, err := batch[i], r.Error()
		v := judge(err)
		if v == fine && o.kind != opSay && o.kind != opLoose {
			n, _ := r.AsInt64()
			if n == 0 {
				stale = true
				rest = append(rest, o)
				continue
			}
			if n > 1 {
				s.p.acked.Store(n)
			}
		}
		switch s.settle(o, v, err, began) {
		case settled:
			b.room.leave(o)
		case once:
			rest = append(rest, o)
		case onceMore:
			rest, stale = append(rest, o), true
		}
		load = load || v == unknown
	}
	if s.ctx.Err() == nil && load {
		if err := s.loadScripts(); err != nil {
			s.fail(err, began)
		}
	}
	if s.ctx.Err() == nil && stale {
		if err := s.begin(); err != nil {
			s.fail(err, began)
		}
	}
	b.stats.trips.Add(1)
	return rest
}

type outcome byte

const (
	settled  outcome = iota
	once             // to be sent again
	onceMore         // to be sent again when the log is sure
)

// settle does what one answer asks for.
func (s *session) settle(o *op, v verdict, err error, began time.Time) outcome {
	b := s.p.b
	switch v {
	case fine:
		switch o.kind {
		case opPublish:
			b.stats.published(time.Since(o.queued))
			o.finish(nil)
		case opBreak:
			o.finish(nil)
		case opLoose:
			b.stats.loose.Add(1)
			o.finish(channels.ErrNotKept)
		}
		return settled
	case lost:
		s.fail(err, began)
		o.retry = true
		o.tries++
		if o.kind == opSay || o.kind == opLoose || o.tries >= maxTries {
			switch o.kind {
			case opSay:
				b.stats.unsaid.Add(1)
			case opNote:
				b.unwritten.Store(true)
			}
			o.finish(channels.ErrParted) // a second time would be heard twice
			return settled
		}
		b.stats.retries.Add(1)
		return once
	case unknown:
		return once
	case broken:
		if !o.again {
			o.again = true
			return onceMore
		}
		b.complain(err)
	}
	// Redis does not write it. It can be heard all the same.
	switch o.kind {
	case opPublish:
		e, _ := parseEnvelope(o.body, o.app, o.topic)
		e.kind = kindLoose
		o.kind, o.again = opLoose, false
		if o.body = b.seal(&e); o.body == nil {
			o.finish(channels.ErrParted)
			return settled
		}
		return once
	case opLoose:
		o.finish(channels.ErrParted)
	case opSay:
		b.stats.unsaid.Add(1)
	case opBreak:
		o.finish(channels.ErrNotKept)
	case opNote:
		b.unwritten.Store(true)
	}
	return settled
}
