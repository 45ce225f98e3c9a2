package ws

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"
)

// Every connection has a Decoder, idle or not.
func TestDecoderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Decoder{}); size > 16 {
		t.Errorf("a Decoder has %d bytes", size)
	}
}

func TestMask(t *testing.T) {
	conform(t, "a client without", serverFrame(OpText, "x"), nil, errUnmasked)
	conform(t, "a ping without", serverFrame(OpPing, ""), nil, errUnmasked)

	f := &feeder{d: NewClientDecoder(), limit: 100}
	f.read(t, join(serverFrame(OpText, "{}"), serverFrame(OpPing, "p"), []byte{0x01, 1, 'a', 0x80, 1, 'b'}, frame(OpText, "x")))
	f.want(t, []got{text("{}"), ping("p"), text("ab")}, errMasked)
	f.d.Reset()
	if f.d != NewClientDecoder() {
		t.Error("Reset turned a client's Decoder into a server's")
	}
}

// TestLengthInMoreBytesThanNeeded pins what the package says of such lengths.
func TestLengthInMoreBytesThanNeeded(t *testing.T) {
	masked := AppendMasked(nil, OpText, []byte("abc"), testMask)[2:]
	two := join([]byte{0x81, 0x80 | 126, 0, 3}, masked)
	eight := join([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 3}, masked)
	conform(t, "data", join(two, eight), []got{text("abc"), text("abc")}, nil)
	conform(t, "control in 2", join([]byte{0x89, 0x80 | 126, 0, 3}, masked), nil, errControlTooLong)
	conform(t, "control in 8", join([]byte{0x89, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 3}, masked), nil, errControlTooLong)
}

// long is the start of a client's frame that claims a length in 8 bytes.
func long(length uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, length) }

func TestLimit(t *testing.T) {
	const c, limit = opContinuation, 200
	fits, over := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	// Of the frame that is too much only the header is there: no mask, no payload.
	for _, tc := range []struct {
		name   string
		limit  int
		stream []byte
		want   []got
		fault  *CloseError
	}{
		{"as much as fits", limit, frame(OpText, fits), []got{text(fits)}, nil},
		{"one byte over", limit, frame(OpText, over)[:4], nil, errTooBig},
		{"over in the short form", 10, frame(OpText, "12345678901")[:2], nil, errTooBig},
		{"over in the long form", 65536, frame(OpBinary, strings.Repeat("x", 65537))[:10], nil, errTooBig},
		{"fragments that fit", limit, join(part(OpText, fits[:150]), frame(c, fits[150:])), []got{text(fits)}, nil},
		{"fragments over", limit, join(part(OpText, fits[:150]), frame(c, over[150:])[:2]), nil, errTooBig},
		{"full, then an empty one", limit, join(part(OpText, fits), frame(c, "")), []got{text(fits)}, nil},
		{"full, then a byte", limit, join(part(OpText, fits), part(c, "x")[:2]), nil, errTooBig},
		{"each message anew", limit, join(part(OpText, fits), frame(c, ""), frame(OpText, fits)), []got{text(fits), text(fits)}, nil},
		{"a control frame is no part of it", 1, join(part(OpText, "a"), frame(OpPing, fits[:125])), []got{ping(fits[:125])}, nil},
		{"0 lets empty ones in", 0, join(frame(OpText, ""), frame(OpText, "x")[:2]), []got{text("")}, errTooBig},
		{"below 0 is 0", -1, join(frame(OpText, ""), frame(OpText, "x")[:2]), []got{text("")}, errTooBig},
		{"the largest length", math.MaxInt, long(math.MaxInt64), nil, errTooBig},
		{"the top bit", math.MaxInt, long(1 << 63), nil, errLengthSign},
		{"all bits", limit, long(math.MaxUint64), nil, errLengthSign},
		{"the top bit behind a fragment", limit, join(part(OpText, "x"), []byte{0, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}), nil, errLengthSign},
		{"the largest length behind one", math.MaxInt, join(part(OpText, "x"), []byte{0, 0xff}, long(math.MaxInt64)[2:]), nil, errTooBig},
	} {
		t.Run(tc.name, func(t *testing.T) {
			decode(t, tc.limit, tc.stream).want(t, tc.want, tc.fault)
			decode(t, tc.limit, bytewise(tc.stream)...).want(t, tc.want, tc.fault)
		})
	}
}

// The limit of an application can change while a message is on its way.
func TestLimitIsLoweredWithinAMessage(t *testing.T) {
	f := decode(t, 100, part(OpText, strings.Repeat("x", 80)))
	f.limit = 50
	f.read(t, frame(opContinuation, ""))
	f.want(t, nil, errTooBig)
}

// A size beyond 32 bits would be cut off in need, and Next would be called for
// nothing, or never again.
func TestNeedHoldsTheLargestFrame(t *testing.T) {
	f := decode(t, math.MaxInt, long(maxLimit))
	f.want(t, nil, nil)
	if want := maxLimit + 14; f.d.Need() != want {
		t.Errorf("Need = %d, want %d", f.d.Need(), want)
	}
	decode(t, math.MaxInt, long(maxLimit+1)).want(t, nil, errTooBig)
}

func TestNeed(t *testing.T) {
	for _, tc := range []struct {
		client bool
		stream []byte
		want   []int // after no byte, one, two …; the last stays until the frame is whole
	}{
		{false, frame(OpText, ""), []int{0, 2, 6}},
		{false, frame(OpPing, "abc"), []int{0, 2, 9}},
		{false, frame(OpText, strings.Repeat("x", 300)), []int{0, 2, 4, 4, 308}},
		{false, frame(OpText, strings.Repeat("x", 70000)), []int{0, 2, 10, 10, 10, 10, 10, 10, 10, 10, 70014}},
		{true, serverFrame(OpText, "abc"), []int{0, 2, 5}},
		{true, serverFrame(OpText, strings.Repeat("x", 300)), []int{0, 2, 4, 4, 304}},
	} {
		d := Decoder{client: tc.client}
		for i := range tc.stream {
			if i > 0 {
				if _, n, ok, err := d.Next(tc.stream[:i], 1<<20); n != 0 || ok || err != nil {
					t.Fatalf("Next of %d bytes: %d, %v, %v", i, n, ok, err)
				}
			}
			if want := tc.want[min(i, len(tc.want)-1)]; d.Need() != want {
				t.Fatalf("%d of %d bytes: Need = %d, want %d", i, len(tc.stream), d.Need(), want)
			}
		}
		if _, n, ok, _ := d.Next(tc.stream, 1<<20); n != len(tc.stream) || !ok || d.Need() != 0 {
			t.Errorf("whole: %d, %v, Need = %d", n, ok, d.Need())
		}
	}
}

// A frame that comes byte by byte is looked at four times, however long it is.
func TestTrickledFrameIsLeftAlone(t *testing.T) {
	f := decode(t, 1<<20, bytewise(frame(OpText, strings.Repeat("x", 50000)))...)
	if len(f.msgs) != 1 || f.looks > 5 {
		t.Errorf("%d messages, %d looks", len(f.msgs), f.looks)
	}
}

// The payload is where it came in, and nothing outside of the frame is touched.
func TestUnmasksInPlace(t *testing.T) {
	rest := part(OpText, "incomplete")[:9]
	buf := join(frame(OpText, "hello"), rest)
	var d Decoder
	m, n, ok, err := d.Next(buf, 100)
	if !ok || err != nil || n != 11 || string(m.Payload) != "hello" || &m.Payload[0] != &buf[6] {
		t.Fatalf("%q, %d, %v, %v", m.Payload, n, ok, err)
	}
	if _, n, ok, err = d.Next(buf[n:], 100); n != 0 || ok || err != nil || string(buf[11:]) != string(rest) {
		t.Errorf("an incomplete frame: %d, %v, %v, % x", n, ok, err, buf[11:])
	}
}

// A fragment that was taken over counts as consumed although no message came of it.
func TestFragmentIsTakenOver(t *testing.T) {
	var d Decoder
	first, second := part(OpText, "ab"), frame(opContinuation, "cd")
	_, n, ok, err := d.Next(join(first, second[:3]), 100)
	if n != len(first) || ok || err != nil || d.Need() != len(second) {
		t.Errorf("%d, %v, %v, Need = %d", n, ok, err, d.Need())
	}
	d.Reset()
	if d != (Decoder{}) {
		t.Errorf("Reset left %+v", d)
	}
	_, _, _, err = d.Next(second, 100)
	if err != error(errOrphan) {
		t.Errorf("after Reset: %v", err)
	}
}

// The buffer of fragments has room for what came, at most twice and never
// above the limit, is copied seldom, and does not outlive the message.
func TestFragmentBuffer(t *testing.T) {
	const limit = 1000
	var d Decoder
	copies, last := 0, 0
	for i := range limit {
		op := opContinuation
		if i == 0 {
			op = OpText
		}
		if _, _, ok, err := d.Next(part(op, "x"), limit); ok || err != nil {
			t.Fatal(ok, err)
		}
		if have, room := len(*d.parts), cap(*d.parts); have != i+1 || room > 2*have || room > limit {
			t.Fatalf("%d bytes have room for %d", have, room)
		} else if room != last {
			copies, last = copies+1, room
		}
		// The length that the next header promises takes no room.
		if _, _, ok, err := d.Next(frame(opContinuation, strings.Repeat("x", limit-i-1))[:2], limit); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if copies > 11 { // 1, 2, 4 … 512, 1000
		t.Errorf("%d fragments of a byte were copied %d times", limit, copies)
	}
	m, _, ok, err := d.Next(frame(opContinuation, ""), limit)
	if !ok || err != nil || string(m.Payload) != strings.Repeat("x", limit) {
		t.Fatalf("%d bytes, %v, %v", len(m.Payload), ok, err)
	}
	if d != (Decoder{}) {
		t.Errorf("after the message: %+v", d)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	fault := rawFrame(true, 1, OpText, "")
	promise := append(part(OpText, ""), rawFrame(false, 0, opContinuation, strings.Repeat("x", 60000))[:8]...)
	for name, stream := range map[string][]byte{
		"text":              frame(OpText, strings.Repeat("x", 1024)),
		"binary":            frame(OpBinary, "\xff"),
		"ping":              frame(OpPing, "x"),
		"close":             frame(OpClose, "\x03\xe8bye"),
		"a fault":           fault,
		"too big":           long(1 << 40),
		"bad UTF-8":         frame(OpText, "\xff"),
		"half a frame":      frame(OpText, strings.Repeat("x", 1024))[:500],
		"a promised length": promise,
		"empty fragments":   join(part(OpText, ""), frame(opContinuation, "last")),
	} {
		var d Decoder
		buf := make([]byte, len(stream))
		n := testing.AllocsPerRun(100, func() {
			copy(buf, stream) // Next unmasked it
			d.Next(buf, 1<<20)
			d.Reset()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size, "B"), func(b *testing.B) {
			// With the mask 0 unmasking costs what it costs, and changes nothing.
			buf := AppendMasked(nil, OpText, []byte(strings.Repeat("x", size)), [4]byte{})
			var d Decoder
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok, err := d.Next(buf, 10_000); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
