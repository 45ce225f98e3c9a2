package persist

import "errors"

// What callers tell apart; everything else is wrapped with what was being done.
var (
	// ErrOff is returned while the log is off: its disk failed and has not come back yet, or the log was closed.
	ErrOff = errors.New("the log is off")
	// ErrGap is returned by Since when retention has taken records of the range.
	ErrGap = errors.New("retention has taken some of these records")
	// ErrNoStream is returned for a channel of which the log knows nothing.
	ErrNoStream = errors.New("nothing is stored of this channel")
	// ErrReadOnly is returned by everything that writes, for a log opened with Options.ReadOnly.
	ErrReadOnly = errors.New("the log was opened for reading only")
	// ErrTooLarge is returned for a payload of more than MaxPayload bytes.
	ErrTooLarge = errors.New("the payload is larger than a record may be")

	// ErrLocked is returned by Open when another process has the log.
	ErrLocked = errors.New("another process has the log")
	// ErrForeign is returned by Open for a directory that holds something else.
	ErrForeign = errors.New("not a log of resound")
	// ErrVersion is returned by Open for a log in another format.
	ErrVersion = errors.New("the log has another format")
	// ErrCorrupt is returned when what is on the disk is not what was written.
	ErrCorrupt = errors.New("the log is damaged")
)
