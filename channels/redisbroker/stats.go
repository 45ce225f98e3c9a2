package redisbroker

import (
	"sync/atomic"
	"time"
)

// Stats is what a broker has counted since it was made.
type Stats struct {
	Joined bool
	Others int    // nodes that are alive beside this one
	Cause  string // of not being joined, "" if it is or tries for the first time

	Published uint64  // events that have their serial
	Loose     uint64  // events that were told of and could not be kept
	Seconds   float64 // sum of the time that those of Published took
	Trips     uint64  // round trips that they and all else of the queues took
	Retries   uint64  // what was sent once more because an answer was lost
	Full      uint64  // what was refused because too much waited
	Unsaid    uint64  // what was said, or would have been, and did not reach the others
	Received  uint64  // messages of the bus
	Garbage   uint64  // messages and entries that are none of ours

	Joins       uint64 // how often the node became part of the cluster
	Connections uint64 // of partitions that were made
	Logs        uint64 // that this node began
	Reaped      uint64 // records of nodes that are gone and were removed, by topic and node
	Surveys     uint64
	Silent      uint64 // nodes that did not answer one

	Queued      int64 // what waits now
	QueuedBytes int64
	Topics      int // that are heard now
}

type counters struct {
	events, loose, nanos, trips, retries, full, unsaid, received, garbage atomic.Uint64
	joins, connections, logs, reaped, surveys, silent                     atomic.Uint64
}

func (c *counters) published(took time.Duration) {
	c.events.Add(1)
	c.nanos.Add(uint64(took))
}

// Stats returns what has been counted so far. Any goroutine may call it.
func (b *Broker) Stats() Stats {
	c := &b.stats
	s := Stats{
		Joined: b.joined.Load(), Others: b.Others(),
		Published: c.events.Load(), Loose: c.loose.Load(), Seconds: time.Duration(c.nanos.Load()).Seconds(), Trips: c.trips.Load(),
		Retries: c.retries.Load(), Full: c.full.Load(), Unsaid: c.unsaid.Load(), Received: c.received.Load(), Garbage: c.garbage.Load(),
		Joins: c.joins.Load(), Connections: c.connections.Load(), Logs: c.logs.Load(), Reaped: c.reaped.Load(),
		Surveys: c.surveys.Load(), Silent: c.silent.Load(),
		Queued: b.room.ops.Load(), QueuedBytes: b.room.bytes.Load() + b.room.notes.Load(),
	}
	for _, p := range b.parts {
		p.mu.Lock()
		s.Topics += len(p.topics)
		p.mu.Unlock()
	}
	b.mu.Lock()
	if !s.Joined && b.cause != nil {
		s.Cause = b.cause.Error()
	}
	b.mu.Unlock()
	return s
}
