package persist

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestRecordCodec(t *testing.T) {
	for _, h := range []header{{}, {time: 1<<48 - 1, before: 1<<64 - 1, except: [2]uint32{1<<32 - 1, 0}}, {time: 1_700_000_000_000, before: 127}, {before: 128, except: [2]uint32{0, 1}}} {
		for _, payload := range []string{"", "x", `{"event":"E","channel":"orders","data":"{}"}`} {
			value := make([]byte, h.size()+len(payload))
			h.put(value, []byte(payload))
			got, p, err := parseRecord(value)
			if err != nil || got != h || string(p) != payload {
				t.Errorf("%+v %q: got %+v %q, %v", h, payload, got, p, err)
			}
		}
	}
}

func TestKeysSortLikeTheirParts(t *testing.T) {
	last := recordKey(0, 0)
	for _, k := range [][2]uint64{{0, 1}, {0, 255}, {0, 256}, {1, 0}, {1, 1 << 63}, {1 << 32, 0}, {1<<64 - 1, 1<<64 - 1}} {
		key := recordKey(k[0], k[1])
		stream, serial, err := parseRecordKey(key)
		if err != nil || stream != k[0] || serial != k[1] || bytes.Compare(last, key) >= 0 {
			t.Errorf("%v: %d, %d, %v, behind %x", k, stream, serial, err, last)
		}
		last = key
	}
	for _, c := range []struct{ prefix, want string }{{"a", "b"}, {"a\xff", "b"}, {"\xff", ""}, {"m\x00", "m\x01"}} {
		if got := after([]byte(c.prefix)); string(got) != c.want {
			t.Errorf("after %q: %q", c.prefix, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	m := meta{id: 1<<32 + 7, born: 3, jump: 1 << 24, head: 12, bytes: 99, time: 5, emptied: 6,
		line: line{{Epoch: 3, First: 5, Hole: 4}, {Epoch: 4, First: 100, Hole: 50}}}
	f.Add(m.append(nil))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 5, 'x'})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 1, 5, 1, 2, 3, 4, 5, 6, 7, 8, 'x'})
	f.Add(appendMetaKey(nil, "app", "channel"))
	f.Add(recordKey(1, 2))
	s := newState(newClock().now)
	f.Add(s.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMeta(b); err == nil {
			again, err := parseMeta(m.append(nil))
			if err != nil || !reflect.DeepEqual(m, again) {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
			m.line.count(3, 1<<40)
			m.line.newest(1<<40, 17)
		} else if !errors.Is(err, ErrCorrupt) {
			t.Errorf("meta: %v", err)
		}
		if h, payload, err := parseRecord(b); err == nil {
			value := make([]byte, h.size()+len(payload))
			h.put(value, payload)
			if h2, p2, err := parseRecord(value); err != nil || h != h2 || !bytes.Equal(payload, p2) {
				t.Errorf("%+v became %+v, %v", h, h2, err)
			}
		} else if !errors.Is(err, ErrCorrupt) {
			t.Errorf("record: %v", err)
		}
		if app, channel, err := parseMetaKey(b); err == nil {
			a, c, err := parseMetaKey(appendMetaKey(nil, app, channel))
			if err != nil || a != app || c != channel {
				t.Errorf("%q, %q became %q, %q, %v", app, channel, a, c, err)
			}
		}
		if stream, serial, err := parseRecordKey(b); err == nil && !bytes.Equal(recordKey(stream, serial), b) {
			t.Errorf("%x is another key", b)
		}
		if s, err := parseState(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Errorf("%q is another state", b)
		}
	})
}

// TestLineageCounts compares the arithmetic of lineages with counting.
func TestLineageCounts(t *testing.T) {
	for _, l := range []line{
		{{Epoch: 1, First: 1}},
		{{Epoch: 1, First: 4, Hole: 3}},
		{{Epoch: 1, First: 4, Hole: 1}}, // the entry before was dropped
		{{Epoch: 1, First: 1}, {Epoch: 2, First: 9, Hole: 3}, {Epoch: 5, First: 20, Hole: 10}},
		{{Epoch: 1, First: 3, Hole: 2}, {Epoch: 2, First: 7, Hole: 0}, {Epoch: 3, First: 8, Hole: 0}},
	} {
		if !l.valid() {
			t.Fatalf("%v is not valid", l)
		}
		const top = 25
		var given []uint64
		for s := uint64(1); s <= top; s++ {
			hole := false
			for _, e := range l {
				hole = hole || s < e.First && s > e.prev()
			}
			if !hole {
				given = append(given, s)
			}
		}
		for head := l[len(l)-1].First; head <= top; head++ {
			for after := range uint64(top + 2) {
				for upto := range head + 1 {
					want := uint64(0)
					for _, s := range given {
						if s > after && s <= upto {
							want++
						}
					}
					if got := l.count(after, upto); got != want {
						t.Fatalf("%v: count(%d, %d) = %d, want %d", l, after, upto, got, want)
					}
				}
				next := after + 1
				for _, s := range given {
					if s > after {
						next = s
						break
					}
				}
				if got := l.next(after); got != next {
					t.Fatalf("%v: next(%d) = %d, want %d", l, after, got, next)
				}
			}
			for n := range uint64(top + 2) {
				total := l.count(0, head)
				if got := l.count(l.newest(head, n), head); got != min(n, total) {
					t.Fatalf("%v: behind newest(%d, %d) = %d lie %d of %d", l, head, n, l.newest(head, n), got, total)
				}
			}
		}
	}
}
