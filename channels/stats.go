package channels

import (
	"sync/atomic"

	"resound/protocol"
)

// ReplayStats is what replay has done since the start, and what it is doing. The first part only rises.
type ReplayStats struct {
	Fresh     uint64 `json:"fresh"`     // subscriptions that opted in without a position
	Resumed   uint64 `json:"resumed"`   // those that came back with one, of which:
	Complete  uint64 `json:"complete"`  // had missed nothing, or get all of it
	Expired   uint64 `json:"expired"`   // were told of a gap: retention
	Limited   uint64 `json:"limited"`   // were told of a gap: too much for one replay
	Unproven  uint64 `json:"unproven"`  // were told of a gap: it cannot be proven complete
	Events    uint64 `json:"events"`    // sent from the log
	Conflated uint64 `json:"conflated"` // left out of replays, because a newer one with the same key follows
	Waited    uint64 `json:"waited"`    // times that a replay waited for a slow reader

	Waiting   int   `json:"waiting"`    // subscriptions and replays that wait for their turn
	Reading   int   `json:"reading"`    // chunks that are read and not yet sent
	Channels  int64 `json:"channels"`   // with their log open
	TailBytes int64 `json:"tail_bytes"` // of the newest events in memory
}

// replayCounters are the counters of ReplayStats.
type replayCounters struct {
	fresh, complete, expired, limited, unproven, events, conflated, waited atomic.Uint64
}

// told counts an answer to one who came back.
func (c *replayCounters) told(gap protocol.GapReason) {
	switch gap {
	case protocol.GapExpired:
		c.expired.Add(1)
	case protocol.GapLimit:
		c.limited.Add(1)
	case protocol.GapEpoch:
		c.unproven.Add(1)
	default:
		c.complete.Add(1)
	}
}

// ReplayStats returns how replay does.
func (h *Hub) ReplayStats() ReplayStats {
	c, r := &h.replays.counters, &h.replays
	s := ReplayStats{
		Fresh: c.fresh.Load(), Complete: c.complete.Load(), Expired: c.expired.Load(), Limited: c.limited.Load(),
		Unproven: c.unproven.Load(), Events: c.events.Load(), Conflated: c.conflated.Load(), Waited: c.waited.Load(),
		Channels: h.warm.Load(), TailBytes: h.tails.Load(),
	}
	s.Resumed = s.Complete + s.Expired + s.Limited + s.Unproven
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Waiting, s.Reading = len(r.queue)+len(r.parked), r.busy
	return s
}

// ClusterStats is what a node has had to do with the others since the start.
type ClusterStats struct {
	Holes    uint64 `json:"holes"`    // times that events had to be fetched, because they were not heard
	Fetched  uint64 `json:"fetched"`  // events that were
	Lost     uint64 `json:"lost"`     // events that could not be: they were not kept any more
	Alone    uint64 `json:"alone"`    // events that reached this node's sockets only
	Unkept   uint64 `json:"unkept"`   // events that reached all nodes and are in no log
	Unmarked uint64 `json:"unmarked"` // those of which the log could not be told that they are missing
	Unread   uint64 `json:"unread"`   // times that a channel's place could not be looked up
	Silent   uint64 `json:"silent"`   // answers of other nodes that did not come in time
	Strays   int    `json:"strays"`   // channels of whose missing events the log has to be told yet
}

// clusterCounters are the counters of ClusterStats.
type clusterCounters struct {
	holes, fetched, lost, alone, unkept, unmarked, unread, silent atomic.Uint64
}

// ClusterStats returns how it goes with the other nodes. ok is false without scaling.
func (h *Hub) ClusterStats() (_ ClusterStats, ok bool) {
	c, s := &h.tallies, &h.strays
	s.mu.Lock()
	defer s.mu.Unlock()
	return ClusterStats{
		Holes: c.holes.Load(), Fetched: c.fetched.Load(), Lost: c.lost.Load(), Alone: c.alone.Load(), Unkept: c.unkept.Load(),
		Unmarked: c.unmarked.Load(), Unread: c.unread.Load(), Silent: c.silent.Load(), Strays: len(s.set),
	}, h.broker != nil
}
