package crowd

// span is the events from number from up to, not with, number to.
type span struct{ from, to uint32 }

// within is how many of the span's are in another as well.
func (s span) within(o span) int64 {
	return max(int64(min(s.to, o.to))-int64(max(s.from, o.from)), 0)
}

// tracker is what a subscription has had of one stream.
type tracker struct {
	next    uint32 // the number to come
	missing []span // numbers below that have not come
}

// What take says of an event.
const (
	inOrder = iota
	late    // it comes after a later one
	again   // it has been there
)

// take notes that an event came.
func (t *tracker) take(number uint32) int {
	if number >= t.next {
		t.miss(number)
		t.next = number + 1
		return inOrder
	}
	for i, s := range t.missing {
		if number < s.from || number >= s.to {
			continue
		}
		t.missing = append(t.missing[:i], t.missing[i+1:]...)
		if s.from < number {
			t.missing = append(t.missing, span{s.from, number})
		}
		if number+1 < s.to {
			t.missing = append(t.missing, span{number + 1, s.to})
		}
		return late
	}
	return again
}

// miss: what is below number should have come.
func (t *tracker) miss(number uint32) {
	if t.next < number {
		t.missing = append(t.missing, span{t.next, number})
		t.next = number
	}
}

// back: the next is number after all, which had been taken for missed or excused.
func (t *tracker) back(number uint32) {
	t.next = number
	kept := t.missing[:0]
	for _, s := range t.missing {
		if s.to = min(s.to, number); s.from < s.to {
			kept = append(kept, s)
		}
	}
	t.missing = kept
}

// excuse: what is below number need not come; it returns those that have not.
func (t *tracker) excuse(number uint32) span {
	s := span{t.next, max(t.next, number)}
	t.next = s.to
	return s
}

// lost is how many in window have not come, when all below number should have.
func (t *tracker) lost(number uint32, window span) int64 {
	n := span{t.next, max(t.next, number)}.within(window)
	for _, s := range t.missing {
		n += s.within(window)
	}
	return n
}
