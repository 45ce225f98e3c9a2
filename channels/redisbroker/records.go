package redisbroker

import (
	"context"

	"github.com/redis/rueidis"

	"resound/channels"
)

// Put implements channels.Broker.
func (b *Broker) Put(app, topic, key string, value []byte) {
	b.note(app, topic, "put", []channels.Record{{Key: key, Value: value}})
}

// Drop implements channels.Broker.
func (b *Broker) Drop(app, topic, key string) {
	if !b.joined.Load() {
		return
	}
	b.putNote(app, topic, b.Node(), []string{"drop", key})
}

// Replace implements channels.Broker.
func (b *Broker) Replace(app, topic string, list []channels.Record) {
	b.note(app, topic, "replace", list)
}

func (b *Broker) note(app, topic, mode string, list []channels.Record) {
	if !b.joined.Load() {
		return // everything is noted anew at Rejoined
	}
	node := b.Node()
	args := make([]string, 1, 1+2*len(list))
	args[0] = mode
	for _, r := range list {
		if len(r.Key) > maxName {
			continue
		}
		body := b.seal(&envelope{kind: kindRecord, id: uint64(node), app: app, topic: topic, payload: appendRecord(nil, r.Key, r.Value)})
		if body == nil {
			return
		}
		args = append(args, r.Key, rueidis.BinaryString(body))
	}
	b.putNote(app, topic, node, args)
}

func (b *Broker) putNote(app, topic string, node channels.NodeID, args []string) {
	o := &op{kind: opNote, app: app, topic: topic, name: nameOf(app, topic), node: node, note: args}
	for _, a := range args {
		o.size += len(a) + 32
	}
	if err := b.of(app, topic).queue.put(o); err != nil {
		b.refuse(err)
		b.unwritten.Store(true) // it is noted anew when there is room
	}
}

func (s *session) noteCmd(o *op) rueidis.Completed {
	n := &s.p.names
	node := hexNode(o.node)
	args := make([]string, 0, 5+len(o.note))
	args = append(args, o.note[0], node, s.publishVerb(), n.topic(o.name), millis(recordTTL))
	args = append(args, o.note[1:]...)
	return scriptNote.cmd(s.redis.B(), []string{n.log(), n.records(o.name), n.recordsOf(o.name) + node}, args...)
}

// reap removes the records of a node that is gone. It may fail: the next Load tries again.
func (p *partition) reap(ctx context.Context, name string, node channels.NodeID) {
	s, err := p.get(ctx)
	if err != nil {
		return
	}
	keys := []string{p.names.records(name), p.names.recordsOf(name) + hexNode(node)}
	if s.do(scriptReap.cmd(s.redis.B(), keys, hexNode(node))).Error() == nil {
		p.b.stats.reaped.Add(1)
	}
}
