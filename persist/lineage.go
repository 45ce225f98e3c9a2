package persist

// Lineage says where an epoch begins in a stream. Serials rise by one from First on, to the end of the entry: to
// just before the hole of the next entry.
type Lineage struct {
	Epoch uint32
	First uint64 // the first serial that was given in this epoch, and in those behind it up to the next entry
	Hole  uint64 // how many serials before First were never given
}

// prev is the last serial before the entry that was given, or 0.
func (e Lineage) prev() uint64 { return e.First - 1 - e.Hole }

// line is the lineage of a stream, oldest first, not empty. A line is never changed: a longer one is another one.
type line []Lineage

// maxLineage bounds what is kept of a stream: 128 crashes between two of which something was published on the channel.
const maxLineage = 128

// with is the line and one more entry. The oldest is dropped when there are too many: serials before the first entry
// then count as given.
func (l line) with(e Lineage) line {
	if len(l) == maxLineage {
		l = l[1:]
	}
	return append(l[:len(l):len(l)], e)
}

func (l line) valid() bool {
	for i, e := range l {
		if e.First == 0 || e.Hole >= e.First || i > 0 && (e.Epoch <= l[i-1].Epoch || e.prev() < l[i-1].First) {
			return false
		}
	}
	return len(l) > 0
}

// next is the first serial behind s that was given, or will be given if s is the newest.
func (l line) next(s uint64) uint64 {
	for i := len(l) - 1; i >= 0; i-- {
		switch e := l[i]; {
		case s >= e.First:
			return s + 1
		case s >= e.prev():
			return e.First
		}
	}
	return s + 1
}

// count is how many serials were given in after < serial <= upto. The newest serial must not be before upto.
func (l line) count(after, upto uint64) (n uint64) {
	for i := len(l) - 1; i >= 0; i-- {
		if e := l[i]; upto >= e.First {
			n += overlap(after, upto, e.First-1)
			upto = e.prev()
		} else {
			upto = min(upto, e.prev())
		}
	}
	return n + overlap(after, upto, 0)
}

// overlap is how many serials are in both after < serial <= upto and low < serial <= upto.
func overlap(after, upto, low uint64) uint64 {
	return upto - min(upto, max(after, low))
}

// newest is the serial behind which the n newest lie of those given up to head.
func (l line) newest(head, n uint64) uint64 {
	upto := head
	for i := len(l) - 1; i >= 0; i-- {
		e := l[i]
		if upto < e.First {
			upto = min(upto, e.prev())
			continue
		}
		if given := upto - e.First + 1; n <= given {
			return upto - n
		} else {
			n -= given
		}
		upto = e.prev()
	}
	return upto - min(upto, n)
}

// end is the last serial that is known to have been given in an epoch: that of the entry which the epoch is part of.
func (l line) end(epoch uint32, head uint64) uint64 {
	end := head
	for i := len(l) - 1; i >= 0 && l[i].Epoch > epoch; i-- {
		end = l[i].prev()
	}
	return end
}
