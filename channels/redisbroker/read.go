package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"resound/channels"
	"resound/persist"
)

// ask runs a read-only script until it has an answer that is of the log it was asked of. cmd is built for each try. once
// says that another log is an answer.
func (p *partition) ask(ctx context.Context, cmd func(s *session, log persist.LogID) rueidis.Completed, once bool) ([]rueidis.RedisMessage, error) {
	for complained := false; ; {
		s, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		r := s.do(cmd(s, p.logID()))
		m, err := r.ToMessage()
		switch judge(err) {
		case fine:
			if m.IsArray() {
				return m.ToArray()
			}
			if once {
				return nil, channels.ErrOtherLog
			}
			err = s.begin()
		case unknown:
			err = s.loadScripts()
		case broken, refused:
			if complained {
				return nil, fmt.Errorf("asking Redis: %w", err)
			}
			complained = true
			err = s.begin()
		case lost:
			err = nil // get waits for the next session
		}
		if err != nil {
			s.fail(err, time.Now())
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Load implements channels.Broker.
func (b *Broker) Load(ctx context.Context, app, topic string) (channels.Scene, error) {
	p, name := b.of(app, topic), nameOf(app, topic)
	var log persist.LogID
	list, err := p.ask(ctx, func(s *session, l persist.LogID) rueidis.Completed {
		log = l
		n := &p.names
		keys := []string{n.log(), n.stream(l, name), n.cache(name), n.records(name)}
		return scriptLoad.cmd(s.redis.B(), keys, string(l[:]), name, n.recordsOf(name), millis(visitTTL), number(maxLoad))
	}, false)
	if err != nil {
		return channels.Scene{}, err
	}
	scene, nodes, long, err := b.parseScene(app, topic, log, list)
	if err != nil {
		return channels.Scene{}, err
	}
	for _, node := range long {
		records, err := p.page(ctx, name, node)
		if err != nil {
			return channels.Scene{}, err
		}
		b.parseRecords(app, topic, node, records, &scene)
	}
	dead := b.dead(nodes)
	if len(dead) == 0 {
		return scene, nil
	}
	if !b.allGone(dead) {
		// A node that is not known has just come, or is gone and nobody has removed its records.
		if err := b.refresh(ctx); err != nil {
			return channels.Scene{}, err
		}
		dead = b.dead(nodes)
		b.areGone(dead)
	}
	kept := scene.Records[:0]
	for _, r := range scene.Records {
		if !dead[r.Node] {
			kept = append(kept, r)
		}
	}
	clear(scene.Records[len(kept):])
	scene.Records = kept
	for node := range dead {
		p.reap(ctx, name, node)
	}
	return scene, nil
}

var errAnswer = errors.New("another answer than Redis gives to that")

// parseScene takes what load.lua returns. nodes are those with records, long those of them with too many for one answer.
func (b *Broker) parseScene(app, topic string, log persist.LogID, list []rueidis.RedisMessage) (s channels.Scene, nodes map[channels.NodeID]bool, long []channels.NodeID, err error) {
	if len(list) < 5 || (len(list)-5)%2 != 0 {
		return s, nil, nil, errAnswer
	}
	var n [5]string
	for i := range n {
		if n[i], err = list[i].ToString(); err != nil {
			return s, nil, nil, errAnswer
		}
	}
	serial, err1 := strconv.ParseUint(n[0], 10, 64)
	epoch, err2 := strconv.ParseUint(n[1], 10, 32)
	first, err3 := strconv.ParseUint(n[2], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, nil, nil, errAnswer
	}
	s.Place = channels.Place{Log: log, Epoch: uint32(epoch), Serial: serial}
	s.First = first
	s.Version, _ = strconv.ParseUint(n[4], 10, 64) // garbage is a hole, which Noted shows
	if n[3] != "" {
		if _, e, ok := b.parseEntry(app, topic, []byte(n[3])); ok {
			s.Kept = &e
		} else {
			b.stats.garbage.Add(1)
		}
	}
	nodes = map[channels.NodeID]bool{}
	for i := 5; i < len(list); i += 2 {
		id, _ := list[i].ToString()
		node, ok := parseNode(id)
		if !ok {
			b.stats.garbage.Add(1)
			continue
		}
		nodes[node] = true
		if records, err := list[i+1].AsStrSlice(); err == nil {
			b.parseRecords(app, topic, node, records, &s)
		} else {
			long = append(long, node)
		}
	}
	return s, nodes, long, nil
}

// parseRecords appends a node's records to a scene.
func (b *Broker) parseRecords(app, topic string, node channels.NodeID, records []string, s *channels.Scene) {
	for _, raw := range records {
		e, ok := b.sealers.open([]byte(raw), app, topic)
		r, isRecord := recordOf(&e)
		if !ok || !isRecord || r.Node != node {
			b.stats.garbage.Add(1)
			continue
		}
		s.Records = append(s.Records, r)
	}
}

// parseEntry reads an event as a log has it and as the bus brings it, and the log that it says it is of. Its payload aliases raw.
func (b *Broker) parseEntry(app, topic string, raw []byte) (log persist.LogID, event channels.Event, ok bool) {
	at, when, rest, ok := parsePlaced(raw)
	if !ok {
		return log, event, false
	}
	e, ok := b.sealers.open(rest, app, topic)
	if !ok || e.kind != kindEvent && e.kind != kindBreak {
		return log, event, false
	}
	return at.Log, channels.Event{
		Serial: at.Serial, Epoch: at.Epoch, ID: e.id, Time: when, Except: e.except, Payload: e.payload, Break: e.kind == kindBreak,
	}, true
}

// Fetch implements channels.Broker.
func (b *Broker) Fetch(ctx context.Context, app, channel string, log persist.LogID, after, upto uint64) ([]channels.Event, uint64, error) {
	p, name := b.of(app, channel), nameOf(app, channel)
	answer, err := p.ask(ctx, func(s *session, _ persist.LogID) rueidis.Completed {
		n := &p.names
		return scriptFetch.cmd(s.redis.B(), []string{n.log(), n.stream(log, name)}, string(log[:]), name,
			strconv.FormatUint(after, 10), strconv.FormatUint(upto, 10), number(maxFetch), number(maxFetchBytes))
	}, true)
	if err != nil {
		return nil, 0, err
	}
	if len(answer)%2 != 1 {
		return nil, 0, errAnswer
	}
	first, err := answer[0].AsUint64()
	if err != nil {
		return nil, 0, errAnswer
	}
	list := make([]channels.Event, 0, len(answer)/2)
	for i := 1; i < len(answer); i += 2 {
		id, _ := answer[i].ToString()
		raw, _ := answer[i+1].ToString()
		left, right, _ := strings.Cut(id, "-")
		serial, err := strconv.ParseUint(left, 10, 64)
		if err != nil || right != "0" {
			b.stats.garbage.Add(1) // no entry of ours
			continue
		}
		_, e, ok := b.parseEntry(app, channel, []byte(raw))
		if !ok || e.Serial != serial {
			b.stats.garbage.Add(1)
			e = channels.Event{Serial: serial, Corrupt: true}
		}
		list = append(list, e)
	}
	return list, first, nil
}
