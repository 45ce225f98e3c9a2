package bench

import "time"

// Steady is the open-loop form of fan-out: one channel, so many sockets, so many events a second.
type Steady struct {
	Sockets, Size int
	Rate          float64
}

// Groups is the scenario as data.
func (s Steady) Groups() []Group {
	return []Group{{Name: "steady", Sockets: s.Sockets, Publish: PublishRate{Rate: s.Rate, Size: s.Size}}}
}

// Rooms is many channels with a few sockets each.
type Rooms struct {
	Rooms, Sockets, Subscribe, Size, Batch int
	Kind                                   string
	Rate                                   float64 // events a second, in all rooms together
}

// Groups is the scenario as data.
func (r Rooms) Groups() []Group {
	return []Group{{Name: "room", Kind: r.Kind, Sockets: r.Sockets, Channels: r.Rooms, Subscribe: r.Subscribe,
		Publish: PublishRate{Rate: r.Rate / float64(max(r.Rooms, 1)), Size: r.Size, Batch: r.Batch}}}
}

// LiveTable is tables, one for each channel, whose viewers see every change of a row.
type LiveTable struct {
	Tables, Rows, Viewers, Size int
	Updates                     float64 // a second, of each table
}

// Groups is the scenario as data.
func (t LiveTable) Groups() []Group {
	return []Group{{Name: "table", Kind: PrivateChannels, Sockets: t.Viewers, Channels: t.Tables,
		Publish: PublishRate{Rate: t.Updates, Size: t.Size}, Table: Rows{Rows: t.Rows}}}
}

// PresenceChurn is presence channels whose members come and go.
type PresenceChurn struct {
	Channels, Members, UserInfo, Size int
	Churn                             float64 // members a second that leave and are replaced
	Rate                              float64 // events a second for each channel
}

// Groups is the scenario as data.
func (p PresenceChurn) Groups() []Group {
	return []Group{{Name: "presence", Kind: PresenceChannels, Sockets: p.Channels * p.Members, Channels: p.Channels, UserInfo: p.UserInfo, Churn: p.Churn,
		Publish: PublishRate{Rate: p.Rate, Size: p.Size}}}
}

// WhisperRooms is private channels whose sockets send client events to each other.
type WhisperRooms struct {
	Channels, Members, Size int
	Rate                    float64 // a second, for each channel
}

// Groups is the scenario as data.
func (w WhisperRooms) Groups() []Group {
	return []Group{{Name: "whisper", Kind: PrivateChannels, Sockets: w.Channels * w.Members, Channels: w.Channels, Whisper: WhisperRate{Rate: w.Rate, Size: w.Size}}}
}

// Comeback is sockets that are cut off and come back, with replay or without.
type Comeback struct {
	Sockets, Channels, Size int
	Rate                    float64 // events a second for each channel
	Drops                   float64 // a second
	Away                    time.Duration
	Replay                  bool
}

// Groups is the scenario as data.
func (c Comeback) Groups() []Group {
	return []Group{{Name: "replay", Sockets: c.Sockets, Channels: c.Channels, Publish: PublishRate{Rate: c.Rate, Size: c.Size},
		Drop: Drop{Rate: c.Drops, Away: c.Away, Replay: c.Replay}}}
}
