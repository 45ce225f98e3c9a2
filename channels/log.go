package channels

import (
	"context"
	"sync/atomic"

	"resound/persist"
)

// stream is one channel's log, as the channel uses it: a persist.Stream of this node's own log, or a shared.
type stream interface {
	Log() persist.LogID
	Ready() bool
	Head() (persist.Position, bool)
	Append(except [2]uint32, payload []byte) (persist.Position, persist.Commit, error)
	Resume(p persist.Position) persist.Outcome
	Newest(n int) uint64
	Count(after, upto uint64) uint64
	Since(ctx context.Context, after, upto uint64, yield func(persist.Record) bool) error
	Release()
}

// shared is a channel's log that all nodes of a cluster have, as far as this one knows it: the Broker has the rest. Serials of it
// are dense.
type shared struct {
	channel *Channel
	log     persist.LogID
	begin   uint64 // the log begins behind this serial; guarded by Channel.mu
	era     uint64 // when it was looked at last, see Hub.era; guarded by Channel.mu
	epoch   uint32 // guarded by Channel.mu
	first   atomic.Uint64
}

func (c *Channel) newShared(found Scene) *shared {
	s := &shared{channel: c, log: found.Log, begin: SerialBase(found.Log), epoch: found.Epoch}
	s.first.Store(found.First)
	return s
}

// SerialBase returns the serial behind which a log of a cluster begins: a million for each second from 2025 to the time at which it was
// made, so that a later log has larger ones, and below 2^53 for some centuries.
func SerialBase(log persist.LogID) uint64 {
	return uint64(max(created(log), year2025)-year2025) * serialsPerSecond
}

// serialsPerSecond is more events than a channel has in a second.
const serialsPerSecond = 1 << 20

// year2025 is the begin of 2025 in Unix time.
const year2025 = 1735689600

// fetch is Broker.Fetch.
func (s *shared) fetch(ctx context.Context, after, upto uint64) (list []Event, first uint64, err error) {
	c := s.channel
	list, first, err = c.app.hub.broker.Fetch(ctx, c.app.id, c.name, s.log, after, upto)
	if err == nil {
		s.first.Store(first)
	}
	return list, first, err
}

// Log names the log.
func (s *shared) Log() persist.LogID { return s.log }

// Ready reports whether nothing has to be asked before the log is used. The caller holds Channel.mu.
func (s *shared) Ready() bool {
	c := s.channel
	b := c.app.hub.broker
	return !b.Joined() || s.era == c.app.hub.era.Load() && s.log == b.Log(c.app.id, c.name)
}

// Head is the newest event that this node knows. A node that is alone is behind, like one that is slow: it goes on from here when it is
// back, or says that another log has begun. The caller holds Channel.mu.
func (s *shared) Head() (persist.Position, bool) {
	return persist.Position{Epoch: s.epoch, Serial: s.channel.history.head}, true
}

// Append keeps nothing: what is published here goes to the Broker while there is one to go to.
func (s *shared) Append([2]uint32, []byte) (persist.Position, persist.Commit, error) {
	return persist.Position{}, persist.Commit{}, persist.ErrOff
}

// Resume says what somebody lacks who has everything up to p, which may be further than this node is: another one was ahead. The caller
// holds Channel.mu.
func (s *shared) Resume(p persist.Position) persist.Outcome {
	oldest := s.oldest()
	switch {
	case p.Epoch < s.epoch:
		return persist.Outcome{Gap: persist.Epoch, After: max(p.Serial, oldest-1)}
	case p.Serial+1 < oldest:
		return persist.Outcome{Gap: persist.Expired, After: oldest - 1, Missed: oldest - 1 - p.Serial}
	}
	return persist.Outcome{After: p.Serial}
}

// oldest is the serial of the oldest event that is retained, by what is known and by count, or head+1. The caller holds Channel.mu.
func (s *shared) oldest() uint64 {
	head := s.channel.history.head
	keep := uint64(Retention(s.channel.app.Settings(), s.channel.name).Messages)
	oldest := max(s.first.Load(), s.begin+1)
	if head > keep {
		oldest = max(oldest, head-keep+1)
	}
	return min(oldest, head+1)
}

// Newest is the serial behind which the n newest retained events lie. The caller holds Channel.mu.
func (s *shared) Newest(n int) uint64 {
	head := s.channel.history.head
	return max(head-min(head, uint64(max(n, 0))), s.oldest()-1)
}

// Count is how many serials are in after < serial <= upto.
func (s *shared) Count(after, upto uint64) uint64 { return upto - min(after, upto) }

// Since calls yield for the events with after < serial <= upto, in order, until it returns false. persist.ErrGap says that
// some are not kept any more. It waits for the network.
func (s *shared) Since(ctx context.Context, after, upto uint64, yield func(persist.Record) bool) error {
	for after < upto {
		list, first, err := s.fetch(ctx, after, upto)
		switch {
		case err != nil:
			return err
		case first > after+1, len(list) == 0: // serials are dense
			return persist.ErrGap
		}
		for _, e := range list {
			if e.Corrupt || e.Serial != after+1 {
				return persist.ErrGap
			}
			if !e.Break && !yield(e.record()) {
				return nil
			}
			after = e.Serial
		}
	}
	return nil
}

func (e *Event) record() persist.Record {
	return persist.Record{Serial: e.Serial, Time: e.Time, Except: [2]uint32{e.Except.A, e.Except.B}, Payload: e.Payload}
}

// Release makes the node hear the channel no more.
func (s *shared) Release() {
	s.channel.app.hub.broker.Unsubscribe(s.channel.app.id, s.channel.name)
}
