package e2e

import (
	"fmt"
	"strings"
)

// closed is the payload of a close frame.
func closed(code uint16, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// closing is 7 but for the codes: how it ends, and that nothing comes behind.
func closing() []conformCase {
	hello := frame(fin|opText, say("Hello"))
	never := frame(fin|opText, say("never"))
	goodbye := frame(fin|opClose, closed(1000, ""))
	a, b := inTwo("never")
	big, data := sized(256 << 10)
	longest := strings.Repeat("*", 123)
	return []conformCase{
		{name: "7.1.1 a message, then a close", stream: once(hello, goodbye), echo: []string{"Hello"}, code: 1000},
		{name: "7.1.2 two closes", stream: once(goodbye, goodbye), code: 1000},
		{name: "7.1.2 two closes that differ", stream: once(goodbye, frame(fin|opClose, closed(1001, ""))), code: 1000},
		{name: "7.1.3 a ping behind a close", stream: once(goodbye, frame(fin|opPing, "never")), code: 1000},
		{name: "7.1.4 a message behind a close", stream: once(goodbye, never), code: 1000},
		{name: "7.1.4 in a write of its own", stream: framewise(goodbye, never), code: 1000},
		{name: "7.1.4 a bad frame behind a close", stream: once(goodbye, frame(0xf3, "")), code: 1000},
		{name: "7.1.5 a close inside of a message", stream: once(frame(opText, a), goodbye, frame(fin|opMore, b)), code: 1000},
		{name: "7.1.6 a large message, a close, a ping", stream: once(frame(fin|opText, big), goodbye, frame(fin|opPing, "x")), echo: []string{data}, code: 1000},
		{name: "7.3.1 an empty close", stream: once(frame(fin|opClose, "")), code: 1000},
		{name: "7.3.2 a close of one byte", stream: once(frame(fin|opClose, "\x03")), code: 1002},
		{name: "7.3.3 a code", stream: once(frame(fin|opClose, closed(1000, ""))), code: 1000},
		{name: "7.3.4 a reason", stream: once(frame(fin|opClose, closed(1000, "Hello World!"))), code: 1000},
		{name: "7.3.5 the longest reason", stream: once(frame(fin|opClose, closed(1000, longest))), code: 1000},
		{name: "7.3.6 a reason that is too long", stream: once(frame(fin|opClose, closed(1000, longest+"*"))), code: 1002},
		{name: "7.5.1 a reason that is not UTF-8", stream: once(frame(fin|opClose, closed(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"))), code: 1007},
		{name: "7.5 a reason that ends in a rune", stream: once(frame(fin|opClose, closed(1000, "\xe2\x82"))), code: 1007},
		{name: "7 a close in chops of 1", stream: chop(1, goodbye), code: 1000},
		{name: "7 a message behind a bad frame", stream: once(hello, frame(0xb, ""), never), echo: []string{"Hello"}, code: 1002},
		{name: "7 nothing follows", fin: true},
		{name: "7 nothing follows a message", stream: once(hello, frame(fin|opPing, "x")), get: []string{"pong x"}, echo: []string{"Hello"}, fin: true},
		{name: "7 nothing follows a large message", stream: once(frame(fin|opText, big)), echo: []string{data}, fin: true},
		{name: "7 nothing follows half a message", stream: once(hello, frame(opText, a)), echo: []string{"Hello"}, fin: true},
		{name: "7 nothing follows half a frame", stream: once(hello, frame(fin|opText, b)[:20]), echo: []string{"Hello"}, fin: true},
	}
}

// closeCodes is 7.7, 7.9 and 7.13: a code that may be sent comes back, any other is an error.
func closeCodes() (all []conformCase) {
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014, 3500, 4001, 4200} {
		all = append(all, conformCase{name: fmt.Sprintf("7.7.%d code %d", i+1, code), stream: once(frame(fin|opClose, closed(code, "bye"))), code: code})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015, 5000, 65535} {
		all = append(all, conformCase{name: fmt.Sprintf("7.9.%d code %d", i+1, code), stream: once(frame(fin|opClose, closed(code, ""))), code: 1002})
	}
	return all
}
