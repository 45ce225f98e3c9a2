package persist

import (
	"encoding/hex"
	"time"
)

// LogID names a log: the seconds of Unix time at which it was made, and four random bytes.
type LogID [8]byte

func (id LogID) String() string { return hex.EncodeToString(id[:]) }

// Position is a place in a stream: just behind the record with that serial.
type Position struct {
	Epoch  uint32
	Serial uint64
}

// Gap says whether something is missing.
type Gap uint8

// The kinds of Gap.
const (
	None    Gap = iota
	Expired     // retention took some
	Epoch       // it cannot be proven that nothing is missing, or the position is not of this log
)

func (g Gap) String() string { return [...]string{"none", "expired", "epoch"}[g] }

// Outcome is what somebody lacks who has everything up to a position.
type Outcome struct {
	After  uint64 // the records to send are those with a larger serial
	Gap    Gap
	Missed uint64 // with Expired: how many records are surely lost; else 0
}

// Record is one record of a stream.
type Record struct {
	Serial  uint64
	Time    time.Time // to the millisecond; never before that of an earlier record of the stream
	Except  [2]uint32
	Payload []byte
}
