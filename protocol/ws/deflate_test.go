package ws

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// Tests compress and decompress with the standard library, so that the one library is checked by the other.

// squeeze compresses a message as RFC 7692 describes it.
func squeeze(text string, level int) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// final is text as a stream with a last block, without the byte 0 behind it.
func final(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// unsqueeze decompresses one stream.
func unsqueeze(payload string) (string, error) {
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(payload + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	return string(text), err
}

// deflated is a client's frame with a compressed payload.
func deflated(fin bool, op Opcode, payload string) []byte { return rawFrame(fin, 4, op, payload) }

func inflating(limit int) *feeder {
	f := &feeder{limit: limit}
	f.d.Deflate()
	return f
}

func TestInflate(t *testing.T) {
	const c = opContinuation
	text1, long := `{"event":"pusher:ping","data":{}}`, strings.Repeat(`{"event":"client-€"}`, 400)
	half := squeeze(long, 6)
	for name, tc := range map[string]struct {
		stream []byte
		want   []got
		fault  *CloseError
	}{
		"whole":       {deflated(true, OpText, squeeze(text1, 6)), []got{text(text1)}, nil},
		"stored":      {deflated(true, OpText, squeeze(text1, 0)), []got{text(text1)}, nil},
		"Huffman":     {deflated(true, OpText, squeeze(text1, -2)), []got{text(text1)}, nil},
		"RFC 7.2.3.1": {deflated(true, OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), []got{text("Hello")}, nil},
		"RFC 7.2.3.3": {deflated(true, OpText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), []got{text("Hello")}, nil},
		"RFC 7.2.3.4": {deflated(true, OpText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []got{text("Hello")}, nil},
		"RFC 7.2.3.5": {deflated(true, OpText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), []got{text("Hello")}, nil},
		"RFC 7.2.3.6": {deflated(true, OpText, "\x00"), []got{text("")}, nil},
		"context takeover, which was not agreed to": {join(deflated(true, OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), deflated(true, OpText, "\xf2\x00\x11\x00\x00")),
			[]got{text("Hello")}, errInflate},
		"last block without its 0": {deflated(true, OpText, final(text1)), []got{text(text1)}, nil},
		"several streams":          {deflated(true, OpText, final("ab")+final("cd")+squeeze("ef", 6)), []got{text("abcdef")}, nil},
		"no bytes at all":          {deflated(true, OpText, ""), nil, errInflate},
		"binary":                   {deflated(true, OpBinary, squeeze("\xff\xfe", 6)), []got{{OpBinary, "\xff\xfe"}}, nil},
		"fragments, with a ping and empty ones between": {join(deflated(false, OpText, half[:1]), part(c, ""), frame(OpPing, "x"), part(c, half[1:20]), frame(c, half[20:])),
			[]got{ping("x"), text(long)}, nil},
		"first fragment empty":           {join(deflated(false, OpText, ""), frame(c, half)), []got{text(long)}, nil},
		"all in the first":               {join(deflated(false, OpText, half), frame(c, "")), []got{text(long)}, nil},
		"plain ones beside":              {join(frame(OpText, "a"), deflated(true, OpText, squeeze("b", 6)), part(OpText, "c"), frame(c, "d")), []got{text("a"), text("b"), text("cd")}, nil},
		"plain fragments behind":         {join(deflated(false, OpText, half), frame(c, ""), part(OpText, "c"), frame(c, "d")), []got{text(long), text("cd")}, nil},
		"a rune over two fragments":      {join(deflated(false, OpText, squeeze("€", 0)[:6]), frame(c, squeeze("€", 0)[6:])), []got{text("€")}, nil},
		"no UTF-8":                       {deflated(true, OpText, squeeze("\xff", 6)), nil, errTextUTF8},
		"garbage":                        {deflated(true, OpText, "\xff\xff\xff\xff"), nil, errInflate},
		"plain text that says it is not": {deflated(true, OpText, text1), nil, errInflate},
		"cut":                            {deflated(true, OpText, half[:len(half)/2]), nil, errInflate},
		"an unknown distance":            {deflated(true, OpText, "\x4a\x04\x03\x00"), nil, errInflate},
		"RSV1 and RSV2":                  {rawFrame(true, 6, OpText, squeeze("a", 6)), nil, errReservedBits},
		"RSV1 on a ping":                 {deflated(true, OpPing, ""), nil, errDeflatedBit},
		"RSV1 on a close":                {deflated(true, OpClose, ""), nil, errDeflatedBit},
		"RSV1 on a continuation":         {join(deflated(false, OpText, half[:9]), deflated(true, c, half[9:])), nil, errDeflatedBit},
		"RSV1 on an unknown opcode":      {deflated(true, 3, ""), nil, errDeflatedBit},
		"a message within a message":     {join(deflated(false, OpText, half[:9]), deflated(true, OpText, half)), nil, errInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunks := range [][][]byte{{tc.stream}, bytewise(tc.stream)} {
				f := inflating(10_000)
				for _, chunk := range chunks {
					f.read(t, chunk)
				}
				f.want(t, tc.want, tc.fault)
			}
		})
	}
}

// A decoder that negotiated nothing takes no compressed message, and one that did is as it was after a fault.
func TestDeflateIsNegotiated(t *testing.T) {
	decode(t, 100, deflated(true, OpText, squeeze("a", 6))).want(t, nil, errReservedBits)
	f := inflating(100)
	f.read(t, deflated(true, OpText, "\xff"))
	if f.fault != errInflate || !f.d.Deflates() {
		t.Errorf("%v, and then %+v", f.fault, f.d)
	}
	if size := unsafe.Sizeof(Decoder{}); size > 16 {
		t.Errorf("a Decoder is %d bytes", size)
	}
}

// The limit is that of the message, whatever it takes on the wire.
func TestInflateLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 10, 511, 512, 513, 10_000, 70_000} {
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		for _, message := range []string{strings.Repeat("x", n), string(noise)} {
			for _, level := range []int{0, 1, -2} {
				packed := squeeze(message, level)
				stream := join(deflated(false, OpBinary, packed[:len(packed)/2]), frame(opContinuation, packed[len(packed)/2:]))
				for _, stream := range [][]byte{deflated(true, OpBinary, packed), stream} {
					f := inflating(n)
					f.read(t, stream)
					f.want(t, []got{{OpBinary, message}}, nil)
					if n > 0 {
						f = inflating(n - 1)
						f.read(t, stream)
						f.want(t, nil, errTooBig)
					}
				}
			}
		}
	}
}

// TestBomb: 4 MB that came in 4 KB cost what the limit says and no more.
func TestBomb(t *testing.T) {
	payload := squeeze(strings.Repeat("x", 4<<20), 6)
	bomb := deflated(true, OpText, payload)
	if len(bomb) > 5000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	const limit, times = 20_000, 50
	room := make([]byte, len(bomb))
	explode := func() {
		copy(room, bomb) // Next unmasks in place
		var d Decoder
		d.Deflate()
		if _, _, _, err := d.Next(room, limit); !errors.Is(err, errTooBig) {
			t.Fatalf("%v", err)
		}
	}
	explode()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		explode()
	}
	runtime.ReadMemStats(&after)
	// A collection may empty the pool now and then, so it is not counted to the byte; each could be 4 MB.
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 4*limit+64<<10 {
		t.Errorf("a bomb allocates %d bytes, the limit is %d", each, limit)
	}
	i := inflaters.New().(*inflater)
	if err := i.inflate([]byte(payload), limit); err != errTooBig || cap(i.out) > 2*limit {
		t.Errorf("%v, with room for %d bytes", err, cap(i.out))
	}
}

func TestPoolsKeepNothingLarge(t *testing.T) {
	i, d := inflaters.New().(*inflater), deflaters.New().(*deflater)
	large := strings.Repeat("x", 1<<20)
	if err := i.inflate([]byte(squeeze(large, 0)), len(large)); err != nil {
		t.Fatal(err)
	}
	_, _ = d.out.WriteString(large)
	i.release()
	d.release()
	if cap(i.out) > maxPooled || cap(i.whole) > maxPooled || d.out.Cap() > maxPooled {
		t.Errorf("%d, %d and %d bytes", cap(i.out), cap(i.whole), d.out.Cap())
	}
}

func TestDeflatedFrame(t *testing.T) {
	for _, n := range []int{0, 1, 20, 100, 200, 1000, 10_000, 100_000, 1 << 20} {
		message := sample(n)
		b := DeflatedFrame(OpText, message)
		plain := AppendFrame(nil, OpText, message)
		if b == nil {
			if n > 200 {
				t.Errorf("%d bytes of JSON are no shorter", n)
			}
			continue
		}
		if len(b) >= len(plain) || b[0] != 0xc1 || cap(b) > len(b)+len(b)/4+64 {
			t.Errorf("%d bytes became %d, with room for %d, first % x", len(plain), len(b), cap(b), b[0])
		}
		f := &feeder{d: NewClientDecoder(), limit: n}
		f.d.Deflate()
		f.read(t, bytes.Clone(b))
		f.want(t, []got{text(string(message))}, nil)
		header := max(map[byte]int{126: 4, 127: 10}[b[1]], 2)
		if again, err := unsqueeze(string(b[header:])); err != nil || again != string(message) {
			t.Errorf("%d bytes: the library reads %d bytes, %v", n, len(again), err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	if b := DeflatedFrame(OpBinary, noise); b != nil {
		t.Errorf("noise became %d bytes", len(b))
	}
}

// TestDeflateTogether: no two goroutines have the same compressor.
func TestDeflateTogether(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 50 {
				message := string(sample(300+g*100+n)) + fmt.Sprint(g, n)
				f := &feeder{d: NewClientDecoder(), limit: len(message)}
				f.d.Deflate()
				f.read(t, DeflatedFrame(OpText, []byte(message)))
				f.want(t, []got{text(message)}, nil)
			}
		})
	}
	wg.Wait()
}

// FuzzInflate compares with the standard library what a payload of any bytes means, in one frame and in fragments.
func FuzzInflate(f *testing.F) {
	for _, payload := range []string{"", "\x00", squeeze("Hello", 6), squeeze(string(sample(2000)), 1), final("ab") + squeeze("c", 6), "\xff"} {
		f.Add([]byte(payload), uint16(3), uint16(1000))
	}
	f.Fuzz(func(t *testing.T, payload []byte, cut, limit uint16) {
		at := int(cut) % (len(payload) + 1)
		whole, parts := inflating(int(limit)), inflating(int(limit))
		whole.read(t, deflated(true, OpText, string(payload)))
		parts.read(t, join(deflated(false, OpText, string(payload[:at])), frame(opContinuation, string(payload[at:]))))
		if len(whole.msgs) != len(parts.msgs) || whole.fault != parts.fault {
			t.Fatalf("whole %v %v, in two %v %v", whole.msgs, whole.fault, parts.msgs, parts.fault)
		}
		want, err := referenceInflate(payload, int(limit))
		if len(payload) > deflatedBound(int(limit)) {
			err = errTooBig
		} else if err == nil && !utf8.ValidString(want) {
			err = errTextUTF8
		}
		switch {
		case err == nil && (whole.fault != nil || whole.msgs[0].payload != want):
			t.Fatalf("%v %v, want %q", whole.msgs, whole.fault, want)
		case err == errTooBig && whole.fault == errInflate && broken(payload):
			// Both are true of it, and how much is read of a block before it turns out to be broken is the reader's affair.
		case err != nil && whole.fault != err:
			t.Fatalf("%v %v, want %v", whole.msgs, whole.fault, err)
		}
	})
}

// broken reports whether a payload cannot be read to its end, whatever the limit.
func broken(payload []byte) bool {
	const much = 64 << 20
	_, err := referenceInflate(payload, much)
	return err == errInflate
}

// referenceInflate is RFC 7692, 7.2.2, with a reader that cannot read too far.
func referenceInflate(payload []byte, limit int) (text string, err error) {
	in := bytes.NewReader(append(bytes.Clone(payload), deflateTail...))
	for {
		part, err := io.ReadAll(io.LimitReader(flate.NewReader(in), int64(limit+1-len(text))))
		if text += string(part); len(text) > limit {
			return "", errTooBig
		}
		if err != nil {
			return "", errInflate
		}
		if in.Len() <= len(deflateTail) {
			return text, nil
		}
	}
}

// sample is n bytes as an application sends them: an order with its lines.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"Blue ceramic mug", "Walnut desk organiser", "Linen table runner", "Stoneware bowl", "Brass candle holder"}
	b := []byte(`{"event":"App\\Events\\OrderShipped","channel":"private-orders.1","data":"{\"lines\":[`)
	for len(b) < n {
		b = fmt.Appendf(b, `{\"id\":%d,\"sku\":\"SKU-%05d\",\"name\":\"%s\",\"quantity\":%d,\"unit_price\":%.2f,\"updated_at\":\"2026-11-%02dT%02d:%02d:00Z\",\"token\":\"%08x\"},`,
			r.IntN(1e6), r.IntN(1e5), names[r.IntN(len(names))], 1+r.IntN(9), r.Float64()*100, 1+r.IntN(28), r.IntN(24), r.IntN(60), r.Uint32())
	}
	return b[:n]
}
