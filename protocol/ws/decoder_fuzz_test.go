package ws

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecoder compares the Decoder with reference, below, on any bytes: whole,
// in two pieces and byte by byte, each time with the same messages, the same
// code, and the same bytes left over.
func FuzzDecoder(f *testing.F) {
	good, _ := manyMessages(100)
	for _, stream := range [][]byte{
		good,
		join(frame(OpText, "héllo"), frame(OpClose, "\x03\xe8bye"), frame(OpPing, "x")),
		join(part(OpText, "\xe2\x82"), frame(OpPing, ""), frame(opContinuation, "\xac")),
		join(part(OpText, "a"), frame(OpText, "b")),
		long(1 << 63),
		serverFrame(OpText, "{}"),
	} {
		f.Add(stream, uint16(5), uint16(150), false)
		f.Add(stream, uint16(9), uint16(4), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut, limit uint16, client bool) {
		want, code, rest := reference(stream, int(limit), client)
		at := int(cut) % (len(stream) + 1)
		for _, chunks := range [][][]byte{{stream}, {stream[:at], stream[at:]}, bytewise(stream)} {
			got := &feeder{d: Decoder{client: client}, limit: int(limit)}
			for _, c := range chunks {
				got.read(t, c)
				if have := got.d.held(); have > int(limit) || have > len(stream) {
					t.Fatalf("%d bytes of fragments are kept, limit %d", have, limit)
				}
			}
			if !slices.Equal(got.msgs, want) {
				t.Errorf("%d pieces: messages %v, want %v", len(chunks), got.msgs, want)
			}
			switch {
			case got.fault == nil && code != 0 || got.fault != nil && got.fault.Code != code:
				t.Errorf("%d pieces: %v, want code %d", len(chunks), got.fault, code)
			case code == 0 && len(got.buf) != rest:
				t.Errorf("%d pieces: %d bytes left, want %d", len(chunks), len(got.buf), rest)
			}
			for _, m := range got.msgs {
				if len(m.payload) > max(int(limit), MaxControlPayload) || m.op < OpClose && len(m.payload) > int(limit) {
					t.Errorf("%v is over the limit of %d", m, limit)
				}
			}
		}
	})
}

// reference decodes a whole stream the slow and obvious way: one table of what
// a frame may not be, tried in order as soon as the bytes it asks about exist.
// It shares no code with the Decoder. code is 0 where there is no fault, and
// rest then counts the bytes of the incomplete frame at the end.
func reference(in []byte, limit int, client bool) (msgs []got, code uint16, rest int) {
	var message []byte
	var kind byte // of the message in fragments; 0 outside of one
	for len(in) >= 2 {
		fin, op, masked, length := in[0] >= 128, in[0]%16, in[1] >= 128, uint64(in[1]%128)
		isControl := op >= 8
		if in[0]/16%8 != 0 || masked == client || !strings.ContainsRune("\x00\x01\x02\x08\x09\x0a", rune(op)) ||
			isControl && (!fin || length > 125) || op == 0 && kind == 0 || op > 0 && !isControl && kind != 0 {
			return msgs, 1002, 0
		}
		size := uint64(2) // of the header
		if length >= 126 {
			more := map[uint64]uint64{126: 2, 127: 8}[length]
			if uint64(len(in)) < 2+more {
				return msgs, 0, len(in)
			}
			length = 0
			for _, b := range in[2 : 2+more] {
				length = length*256 + uint64(b)
			}
			size += more
		}
		if length >= 1<<63 {
			return msgs, 1002, 0
		}
		if !isControl && length+uint64(len(message)) > uint64(limit) {
			return msgs, 1009, 0
		}
		if masked {
			size += 4
		}
		if uint64(len(in)) < size+length {
			return msgs, 0, len(in)
		}
		payload := slices.Clone(in[size : size+length])
		for i := range payload {
			if masked {
				payload[i] ^= in[size-4:][i%4]
			}
		}
		in = in[size+length:]
		if isControl {
			if c := referenceClose(payload); op == 8 && c != 0 {
				return msgs, c, 0
			}
			msgs = append(msgs, got{Opcode(op), string(payload)})
			continue
		}
		if message = append(message, payload...); op != 0 {
			kind = op
		}
		if !fin {
			continue
		}
		if kind == 1 && !referenceUTF8(message) {
			return msgs, 1007, 0
		}
		msgs = append(msgs, got{Opcode(kind), string(message)})
		message, kind = nil, 0
	}
	return msgs, 0, len(in)
}

// referenceClose is the code that a Close payload is refused with, or 0.
func referenceClose(payload []byte) uint16 {
	if len(payload) == 0 {
		return 0
	}
	if len(payload) == 1 {
		return 1002
	}
	code := int(payload[0])*256 + int(payload[1])
	for _, span := range [][2]int{{0, 999}, {1004, 1006}, {1015, 2999}, {5000, 65535}} {
		if span[0] <= code && code <= span[1] {
			return 1002
		}
	}
	if !referenceUTF8(payload[2:]) {
		return 1007
	}
	return 0
}

// referenceUTF8 checks by encoding again: what cannot be told from its own
// decoding is valid. A bad byte becomes U+FFFD, which is longer.
func referenceUTF8(b []byte) bool {
	var again []byte
	for _, r := range string(b) {
		again = utf8.AppendRune(again, r)
	}
	return string(again) == string(b)
}
