package ws

import (
	"fmt"
	"strings"
	"testing"
)

// The cases of the Autobahn test suite that apply where no extension is
// negotiated, under its numbers, as far as they are a matter of frames. What a
// server answers is for the engine's tests; here it is what it gets to see.

// conform decodes a stream whole, and again byte by byte.
func conform(t *testing.T, name string, stream []byte, want []got, fault *CloseError) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		decode(t, 1<<20, stream).want(t, want, fault)
		decode(t, 1<<20, bytewise(stream)...).want(t, want, fault)
	})
}

func text(s string) got { return got{OpText, s} }
func ping(s string) got { return got{OpPing, s} }
func pong(s string) got { return got{OpPong, s} }

func TestFraming(t *testing.T) { // 1.1 and 1.2
	for _, op := range []Opcode{OpText, OpBinary} {
		for _, size := range []int{0, 125, 126, 127, 128, 65535, 65536} {
			payload := strings.Repeat("*", size)
			conform(t, fmt.Sprintf("op %d, %d bytes", op, size), frame(op, payload), []got{{op, payload}}, nil)
		}
	}
}

func TestPingsAndPongs(t *testing.T) { // 2
	long := strings.Repeat("\xfe", 125)
	conform(t, "2.1 empty", frame(OpPing, ""), []got{ping("")}, nil)
	conform(t, "2.2 text", frame(OpPing, "Hello, world!"), []got{ping("Hello, world!")}, nil)
	conform(t, "2.3 binary", frame(OpPing, "\x00\xff\xfe\xfd"), []got{ping("\x00\xff\xfe\xfd")}, nil)
	conform(t, "2.4 125 bytes", frame(OpPing, long), []got{ping(long)}, nil)
	conform(t, "2.5 126 bytes", frame(OpPing, long+"x"), nil, errControlTooLong)
	conform(t, "2.7 unsolicited pong", frame(OpPong, ""), []got{pong("")}, nil)
	conform(t, "2.9 pong, then ping", join(frame(OpPong, "a"), frame(OpPing, "b")), []got{pong("a"), ping("b")}, nil)
	var stream []byte
	var want []got
	for i := range 10 {
		stream = append(stream, frame(OpPing, fmt.Sprint("payload-", i))...)
		want = append(want, ping(fmt.Sprint("payload-", i)))
	}
	conform(t, "2.10 ten pings", stream, want, nil)
}

func TestReservedBits(t *testing.T) { // 3
	hello := frame(OpText, "Hello")
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, op := range []Opcode{opContinuation, OpText, OpBinary, OpClose, OpPing, OpPong} {
			stream := join(hello, rawFrame(true, rsv, op, ""), frame(OpPing, "never seen"))
			conform(t, fmt.Sprintf("rsv %d, op %d", rsv, op), stream, []got{text("Hello")}, errReservedBits)
		}
	}
}

func TestOpcodes(t *testing.T) { // 4.1 and 4.2
	for _, op := range []Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "reserved opcode payload"} {
			stream := join(frame(OpText, "Hello"), frame(op, payload), frame(OpPing, ""))
			conform(t, fmt.Sprintf("op %d %q", op, payload), stream, []got{text("Hello")}, errOpcode)
		}
		conform(t, fmt.Sprintf("op %d in a message", op), join(part(OpText, "a"), frame(op, "")), nil, errOpcode)
	}
}

func TestFragmentation(t *testing.T) { // 5
	const c = opContinuation
	both := []got{text("fragment1fragment2")}
	conform(t, "5.1 ping in fragments", join(part(OpPing, "a"), frame(c, "b")), nil, errControlFragmented)
	conform(t, "5.2 pong in fragments", join(part(OpPong, "a"), frame(c, "b")), nil, errControlFragmented)
	conform(t, "close in fragments", join(part(OpClose, "\x03"), frame(c, "\xe8")), nil, errControlFragmented)
	conform(t, "5.3 text in 2", join(part(OpText, "fragment1"), frame(c, "fragment2")), both, nil)
	conform(t, "binary in 2", join(part(OpBinary, "\xff"), frame(c, "\xfe")), []got{{OpBinary, "\xff\xfe"}}, nil)
	conform(t, "5.6 ping between", join(part(OpText, "fragment1"), frame(OpPing, "p"), frame(c, "fragment2")),
		append([]got{ping("p")}, both...), nil)
	conform(t, "5.9 orphan", join(frame(c, "x"), frame(OpText, "Hello")), nil, errOrphan)
	conform(t, "5.12 orphan with more to follow", join(part(c, "x"), frame(OpText, "Hello")), nil, errOrphan)
	conform(t, "5.15 orphan after a whole one", join(part(OpText, "fragment1"), frame(c, "fragment2"),
		part(c, "fragment3"), frame(OpText, "fragment4")), both, errOrphan)
	conform(t, "5.16 orphans again and again", join(part(c, "a"), frame(OpText, "b"), part(c, "a")), nil, errOrphan)
	conform(t, "5.18 text in text", join(part(OpText, "fragment1"), frame(OpText, "fragment2")), nil, errInterrupted)
	conform(t, "binary in text", join(part(OpText, "fragment1"), part(OpBinary, "fragment2")), nil, errInterrupted)
	conform(t, "5.19 five fragments and pings", join(part(OpText, "1"), part(c, "2"), frame(OpPing, "x"), part(c, "3"),
		part(c, "4"), frame(OpPong, "y"), frame(c, "5"), frame(OpText, "6")),
		[]got{ping("x"), pong("y"), text("12345"), text("6")}, nil)
	conform(t, "empty fragments", join(part(OpText, ""), part(c, ""), frame(c, "")), []got{text("")}, nil)
	conform(t, "only the last has bytes", join(part(OpText, ""), part(c, ""), frame(c, "last")), []got{text("last")}, nil)
	conform(t, "only the first has bytes", join(part(OpText, "first"), part(c, ""), frame(c, "")), []got{text("first")}, nil)
	conform(t, "close in a message", join(part(OpText, "a"), frame(OpClose, "\x03\xe8")), []got{{OpClose, "\x03\xe8"}}, nil)
}

func TestUTF8(t *testing.T) { // 6
	for s, valid := range map[string]bool{
		"": true, "Hello-µ@ßöäüàá-UTF-8!!": true, "κόσμε": true, // 6.1, 6.2, 6.5
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited": false, // 6.3
		"\x00": true, "\u0080": true, "\u0800": true, "\U00010000": true, // 6.6, 6.7
		"\x7f": true, "\u07ff": true, "\uffff": true, "\U0010ffff": true, // 6.9
		"\xf4\x90\x80\x80": false, "\xf8\x88\x80\x80\x80": false, "\xfc\x84\x80\x80\x80\x80": false, // above, 5 and 6 bytes
		"\xf7\xbf\xbf\xbf": false, "\xfb\xbf\xbf\xbf\xbf": false, "\xfd\xbf\xbf\xbf\xbf\xbf": false, // 6.10
		"\ud7ff": true, "\ue000": true, "\ufffd": true, // 6.11
		"\x80": false, "\xbf": false, "\x80\xbf\x80": false, // 6.12, stray continuation bytes
		"\xc3": false, "\xe2\x82": false, "\xf0\x9f\x98": false, "\xc3 ": false, "\xe2\x82 ": false, // 6.13, 6.14, cut short
		"\xfe": false, "\xff": false, "\xfe\xfe\xff\xff": false, // 6.16
		"\xc0\xaf": false, "\xe0\x80\xaf": false, "\xf0\x80\x80\xaf": false, // 6.17, overlong
		"\xc1\xbf": false, "\xe0\x9f\xbf": false, "\xf0\x8f\xbf\xbf": false, "\xc0\x80": false, // 6.18, 6.19
		"\xed\xa0\x80": false, "\xed\xbf\xbf": false, "\xed\xa0\x80\xed\xb0\x80": false, // 6.20, 6.21, surrogates
		"\ufffe": true, "\U0001fffe": true, // 6.22, no characters, but valid
	} {
		checkUTF8(t, s, valid)
	}
}

// checkUTF8 sends s whole and in two fragments, cut at each byte; as binary it
// is never looked at.
func checkUTF8(t *testing.T, s string, valid bool) {
	t.Helper()
	want, fault := []got{text(s)}, (*CloseError)(nil)
	if !valid {
		want, fault = nil, errTextUTF8
	}
	conform(t, fmt.Sprintf("%+q", s), frame(OpText, s), want, fault)
	for i := range s {
		conform(t, fmt.Sprintf("%+q+%+q", s[:i], s[i:]), join(part(OpText, s[:i]), frame(opContinuation, s[i:])), want, fault)
	}
	conform(t, fmt.Sprintf("binary %+q", s), frame(OpBinary, s), []got{{OpBinary, s}}, nil)
}

func TestClose(t *testing.T) { // 7
	long := strings.Repeat("*", 123)
	conform(t, "7.3.1 empty", frame(OpClose, ""), []got{{OpClose, ""}}, nil)
	conform(t, "7.3.2 one byte", frame(OpClose, "\x03"), nil, errCloseShort)
	conform(t, "7.3.3 a code", frame(OpClose, "\x03\xe8"), []got{{OpClose, "\x03\xe8"}}, nil)
	conform(t, "7.3.4 a reason", frame(OpClose, "\x03\xe8bye"), []got{{OpClose, "\x03\xe8bye"}}, nil)
	conform(t, "7.3.5 the longest reason", frame(OpClose, "\x03\xe8"+long), []got{{OpClose, "\x03\xe8" + long}}, nil)
	conform(t, "7.3.6 one byte more", frame(OpClose, "\x03\xe8*"+long), nil, errControlTooLong)
	conform(t, "7.5.1 reason is not UTF-8", frame(OpClose, "\x03\xe8\xed\xa0\x80"), nil, errCloseUTF8)
	conform(t, "7.1.3 a ping behind it", join(frame(OpClose, "\x03\xe8"), frame(OpPing, "")),
		[]got{{OpClose, "\x03\xe8"}, ping("")}, nil)
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} { // 7.7
		payload := string([]byte{byte(code >> 8), byte(code)})
		conform(t, fmt.Sprint("7.7 code ", code), frame(OpClose, payload), []got{{OpClose, payload}}, nil)
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} { // 7.9, 7.13
		conform(t, fmt.Sprint("7.9 code ", code), frame(OpClose, string([]byte{byte(code >> 8), byte(code)})), nil, errCloseCode)
	}
}

func TestLargeMessages(t *testing.T) { // 9
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
		payload := strings.Repeat("BAsd7&jh", size/8)
		for _, chop := range []int{64, 1024, 65536, size} { // 9.5, 9.6: the size of a read
			decode(t, 1<<20, chopped(frame(OpText, payload), chop)...).want(t, []got{text(payload)}, nil)
		}
		for _, fragment := range []int{64, 1024, 65536, size} { // 9.3, 9.4: the size of a fragment
			stream := part(OpBinary, "")
			for _, p := range chopped([]byte(payload), fragment) {
				stream = append(stream, part(opContinuation, string(p))...)
			}
			stream = append(stream, frame(opContinuation, "")...)
			decode(t, 1<<20, chopped(stream, 4096)...).want(t, []got{{OpBinary, payload}}, nil)
		}
	}
}
