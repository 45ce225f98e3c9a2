package crowd

import "time"

// schedule is when the events of a stream are due: batch of them at once, evenly spaced. The zero schedule has none.
type schedule struct {
	first  int64 // Unix time in nanoseconds
	period int64 // nanoseconds for one event
	batch  uint32
}

// newSchedule is that of stream number i of n with the same rate, which begin one after the other.
func newSchedule(begin int64, rate float64, batch, i, n int) schedule {
	if rate <= 0 {
		return schedule{}
	}
	period := int64(float64(time.Second) / rate)
	step := float64(period) * float64(batch)
	return schedule{begin + int64(step*float64(i)/float64(n)), period, uint32(batch)}
}

// due is when an event is, by its number. There must be any.
func (s schedule) due(number uint32) int64 {
	return s.first + int64(number/s.batch)*int64(s.batch)*s.period
}

// before is how many are due before a time.
func (s schedule) before(t int64) uint32 {
	if s.period == 0 || t <= s.first {
		return 0
	}
	return (uint32((t-s.first-1)/(s.period*int64(s.batch))) + 1) * s.batch
}

// channel is one of the workload's. All processes number them alike.
type channel struct {
	name     string
	group    *group
	local    int // its number in the group
	events   schedule
	whispers schedule

	// Of the process that publishes to it:
	published uint32 // events that were
	whispered uint32
	sender    int32 // the seat of the last whisper
}

// home is the process whose business the channel is: that of the first socket on it.
func (g *Group) home(local, parts int) int { return local / g.Subscribe % parts }

// of is the place of a channel among those of a socket: it has Subscribe in a row, the last one being followed by
// the first.
func (g *Group) of(socket, local int) (place int, ok bool) {
	place = (local - socket*g.Subscribe%g.Channels + g.Channels) % g.Channels
	return place, place < g.Subscribe
}

// subscribed is the opposite of of.
func (g *Group) subscribed(socket, place int) (local int) {
	return (socket*g.Subscribe + place) % g.Channels
}
