package persist

// epochs is what a log knows of the boundaries between its epochs. It is never changed: a purge makes another one.
type epochs struct {
	now        uint32 // the present epoch, from 1
	unclean    uint32 // the newest epoch that began with an unclean stop, or 0
	incomplete uint32 // the newest epoch before which something acknowledged may have been lost, or 0
	purged     uint32 // the newest epoch that began with a purge of metadata, or 0

	jump  uint64 // by how much serials have jumped at all unclean boundaries so far
	floor uint64 // no stream that was purged had a larger serial
}

// By how much serials jump at an unclean boundary, so that none is used twice: more than can have been given
// without a trace. In an epoch behind which the log is complete those are appends that nobody had acknowledged,
// at most a few thousand; else all that was not yet on the disk.
const (
	jumpComplete   = 1 << 16
	jumpIncomplete = 1 << 24
)

// extent is what Resume has to know of a stream.
type extent struct {
	known bool   // whether anything was ever appended; the rest is zero if not
	born  uint32 // the epoch in which the stream was made
	line  line
	first uint64 // the oldest serial that is retained, or head + 1
	head  uint64
}

// resume answers Stream.Resume. There must be no silence where something acknowledged may be missing, and no gap
// where the log can prove that nothing is.
func (e *epochs) resume(x *extent, p Position) Outcome {
	switch {
	case p.Epoch > e.now || p.Epoch == 0:
		return e.gap(x, 0) // of another log, or of a future that was rolled back
	case p.Epoch < e.incomplete:
		return e.gap(x, p.Serial)
	case p.Epoch < e.purged && (!x.known || x.born > p.Epoch):
		// The stream as the position knew it may have been purged, with records that were not yet sent.
		return e.gap(x, p.Serial)
	}
	end := uint64(0)
	if x.known {
		end = x.line.end(p.Epoch, x.head)
	}
	if p.Serial <= end {
		return x.plain(p.Serial)
	}
	if p.Epoch >= e.unclean {
		return e.gap(x, 0) // nothing was lost since, so this serial was never given
	}
	// It was delivered and never acknowledged: the stop came before the log had it.
	return x.plain(end)
}

// gap is the answer when completeness cannot be proven: everything retained that is newer than serial.
func (e *epochs) gap(x *extent, serial uint64) Outcome {
	if !x.known {
		return Outcome{Gap: Epoch}
	}
	return Outcome{Gap: Epoch, After: min(max(x.line.next(serial), x.first)-1, x.head)}
}

// plain is the answer for somebody who has everything up to a serial that the log knows.
func (x *extent) plain(serial uint64) Outcome {
	if !x.known || x.line.next(serial) >= x.first {
		return Outcome{After: serial}
	}
	missed := x.line.count(serial, x.first-1)
	return Outcome{After: x.first - 1, Gap: Expired, Missed: missed}
}
