package redisbroker

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"resound/channels"
)

// Put implements channels.Broker.
func (b *Broker) Put(app, topic, key string, value []byte) {
	node := b.Node()
	if args := b.appendNote(nil, node, app, topic, channels.Record{Key: key, Value: value}); args != nil {
		b.note(app, topic, node, "put", args)
	}
}

// Drop implements channels.Broker.
func (b *Broker) Drop(app, topic, key string) { b.note(app, topic, b.Node(), "drop", []string{key}) }

// Replace implements channels.Broker. A long list goes to Redis in parts, so that no script holds up the others.
func (b *Broker) Replace(app, topic string, list []channels.Record) {
	if !b.joined.Load() {
		return // everything is noted anew at Rejoined
	}
	node, mode := b.Node(), "replace"
	var args, keys []string
	size := 0
	for i, r := range list {
		args = b.appendNote(args, node, app, topic, r)
		keys = append(keys, r.Key)
		if size += len(r.Key) + len(r.Value); i < len(list)-1 && (len(args) >= 2*maxNoted || size >= maxNotedBytes) {
			mode = "put"
			b.note(app, topic, node, mode, args)
			args, size = nil, 0
		}
	}
	if mode == "replace" {
		b.note(app, topic, node, mode, args)
		return
	}
	b.note(app, topic, node, "put", args)
	b.note(app, topic, node, "prune", keys)
}

// appendNote appends key and envelope of a record, if it can be noted.
func (b *Broker) appendNote(args []string, node channels.NodeID, app, topic string, r channels.Record) []string {
	if len(r.Key) > maxName || len(r.Value) > maxRecord {
		b.complain(fmt.Errorf("a record of %d bytes on %s is too large", len(r.Key)+len(r.Value), topic))
		return args
	}
	body := b.seal(&envelope{kind: kindRecord, id: uint64(node), app: app, topic: topic, payload: appendRecord(nil, r.Key, r.Value)})
	if body == nil {
		return args
	}
	return append(args, r.Key, rueidis.BinaryString(body))
}

// note queues a change of records. While the node is not joined it does nothing: everything is noted anew at Rejoined.
func (b *Broker) note(app, topic string, node channels.NodeID, mode string, args []string) {
	if !b.joined.Load() {
		return
	}
	o := &op{kind: opNote, app: app, topic: topic, name: nameOf(app, topic), node: node, mode: mode, note: args, size: 256}
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
	args := make([]string, 0, 6+len(o.note))
	args = append(args, o.name, o.mode, node, s.publishVerb(), n.topic(o.name), millis(recordTTL))
	args = append(args, o.note...)
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

// page reads the records of one node that are too many for one answer. What changes meanwhile may be among them or not: it is
// told of with a version behind that of the Load.
func (p *partition) page(ctx context.Context, name string, node channels.NodeID) (records []string, err error) {
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		s, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		r := s.do(s.redis.B().Hscan().Key(p.names.recordsOf(name) + hexNode(node)).Cursor(cursor).Count(pageCount).Build())
		switch judge(r.Error()) {
		case fine:
		case lost:
			continue // a cursor is good for another server too: it may bring some twice
		default:
			return nil, fmt.Errorf("reading records: %w", r.Error())
		}
		e, err := r.AsScanEntry()
		if err != nil {
			return nil, errAnswer
		}
		for i := 0; i+1 < len(e.Elements); i += 2 {
			if !seen[e.Elements[i]] {
				seen[e.Elements[i]] = true
				records = append(records, e.Elements[i+1])
			}
		}
		if cursor = e.Cursor; cursor == 0 {
			return records, nil
		}
	}
}
