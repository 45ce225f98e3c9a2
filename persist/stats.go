package persist

import "sync/atomic"

// Stats is what a log counted since it was opened, and how it is now.
type Stats struct {
	Appends          uint64 // records appended
	AppendedBytes    uint64 // payload of those
	Trims            uint64 // removals from the old end of a stream
	Purged           uint64 // streams forgotten
	Failures         uint64 // how often the log went off because of its disk
	Recoveries       uint64 // how often it came back
	BackgroundErrors uint64 // what Pebble could not do while the log was on

	Off       bool   // whether the log is off
	Streams   int    // handles that are open
	DiskBytes uint64 // what Pebble's files take; 0 while the log is off
}

type counters struct {
	appends, appendedBytes, trims, purged, failures, recoveries, backgroundErrors atomic.Uint64
}

// Stats may be called by any goroutine at any time.
func (l *Log) Stats() Stats {
	c := &l.stats
	s := Stats{
		Appends: c.appends.Load(), AppendedBytes: c.appendedBytes.Load(), Trims: c.trims.Load(), Purged: c.purged.Load(),
		Failures: c.failures.Load(), Recoveries: c.recoveries.Load(), BackgroundErrors: c.backgroundErrors.Load(),
		Off: true,
	}
	l.mu.Lock()
	s.Streams = len(l.streams)
	l.mu.Unlock()
	if st := l.enter(); st != nil {
		s.Off, s.DiskBytes = false, st.db.Metrics().DiskSpaceUsage()
		st.leave()
	}
	return s
}
