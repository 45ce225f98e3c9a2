package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"resound/channels"
	"resound/channels/redisbroker"
	"resound/engine"
	"resound/internal/control"
	"resound/internal/measure"
	"resound/internal/overload"
)

// moment is what the counters are at one time.
type moment struct {
	at       time.Duration
	engine   engine.Stats
	requests uint64
	refused  uint64
	cpu      time.Duration
	apps     map[string]channels.AppStats
	channels map[channelName]channels.Traffic
	cluster  channels.ClusterStats
	broker   redisbroker.Stats
}

type channelName struct{ app, name string }

// moment reads the counters, those of every channel too: that is for who asks, and not for every second.
func (n *Node) moment() (m moment, there []channels.Occupied) {
	m = moment{at: measure.Now(), engine: n.engine.Stats(), cpu: processTime(), apps: map[string]channels.AppStats{}, channels: map[channelName]channels.Traffic{}}
	for _, r := range n.api.Stats().Requests {
		m.requests += r.Count
	}
	for _, a := range n.engine.Hub().Stats() {
		m.apps[a.ID] = a
	}
	for _, by := range n.governor.Stats().Shed {
		for _, count := range by {
			m.refused += count
		}
	}
	if n.cluster != nil {
		m.cluster, _ = n.engine.Hub().ClusterStats()
		m.broker = n.cluster.Stats()
	}
	there = n.engine.Hub().Occupied()
	for _, c := range there {
		m.channels[channelName{c.App, c.Name}] = c.Traffic
	}
	return m, there
}

// watch looks twice, and tells what has happened between.
func (n *Node) watch(ctx context.Context, d time.Duration, most int) (control.Top, error) {
	costs := n.engine.Hub().Watch()
	before, _ := n.moment()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		n.engine.Hub().Unwatch(costs)
		return control.Top{}, ctx.Err()
	}
	now, there := n.moment()
	events := n.engine.Hub().Unwatch(costs)
	took := (now.at - before.at).Seconds()
	rate := func(before, now uint64) float64 { return float64(now-min(before, now)) / took }
	a, b := before.engine, now.engine
	top := control.Top{
		Took: took, Sockets: b.Sockets, Slow: b.Slow, Backlog: b.Backlog, Draining: b.Draining,
		Accepted: rate(a.Accepted, b.Accepted), Messages: rate(a.Messages, b.Messages), Sent: rate(a.Sent, b.Sent),
		Requests: rate(before.requests, now.requests), Processor: (now.cpu - before.cpu).Seconds() / took,
	}
	s := n.governor.Stats()
	if top.Level = s.Level.String(); s.Level != overload.Calm {
		top.Reason = s.Reason.String()
	}
	top.Memory, top.MemoryUsed, top.MemoryBound = s.Reading.Memory.Share, s.Reading.Memory.Used, s.Reading.Memory.Limit
	top.Refused = rate(before.refused, now.refused)
	top.Cluster = n.clusterTop(before, now, rate)
	top.Events = dearest(events, took, most)
	for _, l := range b.Loops {
		top.Lag = max(top.Lag, float64(l.Late)/float64(time.Millisecond))
	}
	for id, app := range now.apps {
		was := before.apps[id]
		one := control.TopApp{
			ID: id, Connections: app.Connections, Channels: app.Channels, Subscriptions: app.Subscriptions, Published: rate(was.Published, app.Published),
			Delivered: rate(was.Delivered, app.Delivered), Sent: rate(was.DeliveredBytes, app.DeliveredBytes),
		}
		top.Published, top.Delivered = top.Published+one.Published, top.Delivered+one.Delivered
		top.Apps = append(top.Apps, one)
	}
	slices.SortFunc(top.Apps, func(a, b control.TopApp) int {
		return cmp.Or(cmp.Compare(b.Delivered, a.Delivered), cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.ID, b.ID))
	})
	top.Channels = busiest(before, there, rate)
	if top.Others = max(len(top.Channels)-most, 0); top.Others > 0 {
		top.Channels = top.Channels[:most]
	}
	return top, nil
}

// busiest orders channels by what they make the server send.
func busiest(before moment, there []channels.Occupied, rate func(before, now uint64) float64) (list []control.TopChannel) {
	for _, c := range there {
		was := before.channels[channelName{c.App, c.Name}]
		if was.Messages > c.Traffic.Messages || was.Bytes > c.Traffic.Bytes { // everybody had left, and it began anew
			was = channels.Traffic{}
		}
		one := control.TopChannel{App: c.App, Name: c.Name, Subscriptions: c.Subscriptions, Messages: rate(was.Messages, c.Traffic.Messages)}
		if messages := c.Traffic.Messages - was.Messages; messages > 0 {
			one.Size = float64(c.Traffic.Bytes-was.Bytes) / float64(messages)
		}
		one.Sent = float64(c.Subscriptions) * one.Messages * one.Size
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b control.TopChannel) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(b.Subscriptions, a.Subscriptions), cmp.Compare(a.App+"/"+a.Name, b.App+"/"+b.Name))
	})
	return list
}

// dearest are the events that made the server send most in that many seconds. What a name took over from another does not count.
func dearest(events []channels.EventCost, took float64, most int) (list []control.TopEvent) {
	for _, e := range events {
		if e.Messages == 0 {
			continue
		}
		name := e.Name
		if plain, ok := strings.CutPrefix(name, `"`); ok {
			name = strings.TrimSuffix(plain, `"`)
		}
		list = append(list, control.TopEvent{
			App: e.App, Name: name, Messages: float64(e.Messages) / took, Size: float64(e.Bytes) / float64(e.Messages),
			Delivered: float64(e.Deliveries) / took, Sent: float64(e.Sent-e.Surplus) / took,
		})
	}
	slices.SortStableFunc(list, func(a, b control.TopEvent) int { return cmp.Compare(b.Sent, a.Sent) })
	return list[:min(most, len(list))]
}
