package persist

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// The value of a record: a byte of flags; six bytes of Unix time in milliseconds; a uvarint, how many bytes of
// payload the stream ever got before this record; with hasExcept, eight bytes for the socket that must not get it;
// the payload.
//
// The sum is what makes the size of a stream a subtraction, with no need to read what lies between its ends.
const hasExcept = 1

// header is what a record's value holds before the payload.
type header struct {
	time   int64  // milliseconds
	before uint64 // bytes of payload before this record
	except [2]uint32
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func (h *header) size() int {
	n := 1 + 6 + uvarintSize(h.before)
	if h.except != [2]uint32{} {
		n += 8
	}
	return n
}

// put fills dst, which has h.size() + len(payload) bytes.
func (h *header) put(dst, payload []byte) {
	dst[0] = 0
	binary.BigEndian.PutUint16(dst[1:], uint16(h.time>>32))
	binary.BigEndian.PutUint32(dst[3:], uint32(h.time))
	n := 7 + binary.PutUvarint(dst[7:], h.before)
	if h.except != [2]uint32{} {
		dst[0] |= hasExcept
		binary.BigEndian.PutUint32(dst[n:], h.except[0])
		binary.BigEndian.PutUint32(dst[n+4:], h.except[1])
		n += 8
	}
	copy(dst[n:], payload)
}

// parseRecord takes the value of a record apart; payload aliases it.
func parseRecord(value []byte) (h header, payload []byte, err error) {
	if len(value) < 8 || value[0]&^hasExcept != 0 {
		return header{}, nil, badValue(value)
	}
	h.time = int64(binary.BigEndian.Uint16(value[1:]))<<32 | int64(binary.BigEndian.Uint32(value[3:]))
	before, n := binary.Uvarint(value[7:])
	if n <= 0 {
		return header{}, nil, badValue(value)
	}
	h.before, payload = before, value[7+n:]
	if value[0]&hasExcept != 0 {
		if len(payload) < 8 {
			return header{}, nil, badValue(value)
		}
		h.except = [2]uint32{binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])}
		payload = payload[8:]
	}
	return h, payload, nil
}

func badValue(value []byte) error {
	return fmt.Errorf("the value of a record, of %d bytes: %w", len(value), ErrCorrupt)
}

// meta is what is known of a stream besides its records. It is written when the stream gets its first record of an
// epoch after an unclean stop, and when its last record is removed; never by an ordinary append.
type meta struct {
	id   uint64 // the number of the stream in the keys of its records; never used twice
	born uint32 // the epoch in which the stream was made
	jump uint64 // epochs.jump as of the newest entry of the lineage
	line line

	// As of the last time when the stream had no records.
	head    uint64 // its newest serial
	bytes   uint64 // payload that it ever got
	time    int64  // milliseconds: of the newest record
	emptied int64  // milliseconds: when that was removed
}

const metaVersion = 1

func (m *meta) append(dst []byte) []byte {
	dst = append(dst, metaVersion)
	for _, v := range []uint64{m.id, uint64(m.born), m.jump, m.head, m.bytes, uint64(m.time), uint64(m.emptied), uint64(len(m.line))} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, e := range m.line {
		dst = binary.AppendUvarint(dst, uint64(e.Epoch))
		dst = binary.AppendUvarint(dst, e.First)
		dst = binary.AppendUvarint(dst, e.Hole)
	}
	return dst
}

func parseMeta(value []byte) (m meta, err error) {
	bad := func() error { return fmt.Errorf("what is known of a stream, %x: %w", value, ErrCorrupt) }
	if len(value) == 0 || value[0] != metaVersion {
		return meta{}, bad()
	}
	rest, ok := value[1:], true
	next := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			ok = false
			return 0
		}
		rest = rest[n:]
		return v
	}
	m.id, m.born, m.jump = next(), uint32(next()), next()
	m.head, m.bytes, m.time, m.emptied = next(), next(), int64(next()), int64(next())
	entries := next()
	if !ok || entries == 0 || entries > maxLineage {
		return meta{}, bad()
	}
	m.line = make(line, entries)
	for i := range m.line {
		m.line[i] = Lineage{Epoch: uint32(next()), First: next(), Hole: next()}
	}
	if !ok || len(rest) != 0 || m.id == 0 || !m.line.valid() {
		return meta{}, bad()
	}
	return m, nil
}

// millis is the time as records keep it.
func millis(t time.Time) int64 { return t.UnixMilli() }
