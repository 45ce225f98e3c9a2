package persist

import (
	"time"

	"resound/internal/invariants"
)

// Trims are bundled: an append leaves up to an eighth more than the retention allows, and at least trimRecords or
// trimBytes, before it removes what is too much, all at once. A stream is marked every sixteenth of what is kept.
const (
	trimRecords = 64
	trimBytes   = 4 << 10
	trimAge     = time.Second
	trimShare   = 8
	markShare   = 16
	markRecords = 8
)

// wantsMark says whether the record m, with a payload of that size, is to be marked: the first, and then one every
// so often by count, bytes and time.
func (s *Stream) wantsMark(m mark, size uint64) bool {
	if len(s.marks) == 0 {
		return true
	}
	last, k := &s.marks[len(s.marks)-1], &s.keep
	return m.serial-last.serial >= max(markRecords, uint64(k.Messages)/markShare) ||
		k.Bytes > 0 && m.before+size-last.before >= uint64(k.Bytes)/markShare ||
		k.Age > 0 && m.time-last.time >= max(1, k.Age.Milliseconds()/markShare)
}

// due is the number of marks that can go, or 0 when it is not yet worth a trim. Nothing goes that the retention would
// keep. x is the extent, and bytes the size ever, with the record that is about to be appended.
func (s *Stream) due(x *extent, now int64, bytes uint64) int {
	if len(s.marks) < 2 {
		return 0
	}
	k, oldest := &s.keep, &s.marks[0]
	cut := 0
	if keep := uint64(k.Messages); x.line.count(oldest.serial-1, x.head) > keep+max(trimRecords, keep/trimShare) {
		behind := x.line.newest(x.head, keep)
		for cut+1 < len(s.marks) && s.marks[cut+1].serial <= behind+1 {
			cut++
		}
	}
	if keep := uint64(k.Bytes); keep > 0 && bytes-oldest.before > keep+max(trimBytes, keep/trimShare) {
		for cut+1 < len(s.marks) && bytes-s.marks[cut+1].before >= keep {
			cut++
		}
	}
	if keep := k.Age; keep > 0 && now-oldest.time > (keep+max(trimAge, keep/trimShare)).Milliseconds() {
		for cut+1 < len(s.marks) && now-s.marks[cut+1].time > keep.Milliseconds() {
			cut++
		}
	}
	return cut
}

// cut drops the first n marks.
func (s *Stream) cut(n int) {
	s.marks = s.marks[:copy(s.marks, s.marks[n:])]
}

// oldest is the first serial that counts as retained: retention by count is exact, whatever is still on the disk.
func (s *Stream) oldest() uint64 {
	if !s.known {
		return 1
	}
	return max(s.first, s.line.next(s.line.newest(s.head, uint64(s.keep.Messages))))
}

// check states what must be true of the handle.
func (s *Stream) check() {
	invariants.Check(s.first <= s.head+1, "first %d, head %d", s.first, s.head)
	invariants.Check(s.line.valid() && s.head >= s.line[len(s.line)-1].First, "head %d, lineage %v", s.head, s.line)
	invariants.Check(len(s.marks) > 0 == (s.first <= s.head), "%d marks, first %d, head %d", len(s.marks), s.first, s.head)
	for i, m := range s.marks {
		invariants.Check(i > 0 || m.serial == s.first, "the first mark is %d, first %d", m.serial, s.first)
		invariants.Check(i == 0 || m.serial > s.marks[i-1].serial && m.time >= s.marks[i-1].time && m.before >= s.marks[i-1].before,
			"mark %+v behind %+v", m, s.marks[max(i, 1)-1])
	}
}
