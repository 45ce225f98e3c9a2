package e2e

import (
	"fmt"
	"strings"
)

// framing is 1: messages of every form of length.
func framing() (all []conformCase) {
	for i, op := range []byte{opText, opBinary} {
		// An empty message is whole, but no command.
		all = append(all, conformCase{name: fmt.Sprintf("1.%d.1 empty", i+1), stream: once(frame(fin|op, "")), get: []string{"pusher:error"}})
		for j, size := range []int{125, 126, 127, 128, 65535, 65536} {
			event, data := sized(size)
			all = append(all,
				conformCase{name: fmt.Sprintf("1.%d.%d %d bytes", i+1, j+2, size), stream: once(frame(fin|op, event)), echo: []string{data}},
				conformCase{name: fmt.Sprintf("1.%d.%d in chops of 997", i+1, j+2), stream: chop(997, frame(fin|op, event)), echo: []string{data}})
		}
		event, data := sized(125)
		all = append(all, conformCase{name: fmt.Sprintf("1.%d.2 in chops of 1", i+1), stream: chop(1, frame(fin|op, event)), echo: []string{data}})
		padded := `{"event":"pusher:ping"` + strings.Repeat(" ", 65536-23) + "}"
		all = append(all, conformCase{name: fmt.Sprintf("1.%d padded with spaces", i+1), stream: once(frame(fin|op, padded)), get: []string{"pusher:pong"}})
	}
	return all
}

// pingsAndPongs is 2.
func pingsAndPongs() []conformCase {
	binary := "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	longest := strings.Repeat("\xfe", 125)
	var ten [][]byte
	var answers []string
	for i := range 10 {
		ten = append(ten, frame(fin|opPing, fmt.Sprint("payload-", i)))
		answers = append(answers, fmt.Sprint("pong payload-", i))
	}
	var crowd [][]byte
	var crowded []string
	for i := range 2000 { // more than one write to the socket may hold
		crowd = append(crowd, frame(fin|opPing, fmt.Sprint(i)))
		crowded = append(crowded, fmt.Sprint("pong ", i))
	}
	return []conformCase{
		{name: "2.1 an empty ping", stream: once(frame(fin|opPing, "")), get: []string{"pong "}},
		{name: "2.2 a ping with text", stream: once(frame(fin|opPing, "Hello, world!")), get: []string{"pong Hello, world!"}},
		{name: "2.3 a ping with bytes", stream: once(frame(fin|opPing, binary)), get: []string{"pong " + binary}},
		{name: "2.4 a ping of 125 bytes", stream: once(frame(fin|opPing, longest)), get: []string{"pong " + longest}},
		{name: "2.5 a ping of 126 bytes", stream: once(frame(fin|opPing, longest+"\xfe")), code: 1002},
		{name: "2.6 a ping of 125 bytes in chops of 1", stream: chop(1, frame(fin|opPing, longest)), get: []string{"pong " + longest}},
		{name: "2.7 an unsolicited pong", stream: once(frame(fin|opPong, ""))},
		{name: "2.8 an unsolicited pong with text", stream: once(frame(fin|opPong, "unsolicited pong payload"))},
		{name: "2.9 a pong, then a ping", stream: once(frame(fin|opPong, "unsolicited"), frame(fin|opPing, "ping payload")), get: []string{"pong ping payload"}},
		{name: "2.10 ten pings", stream: once(ten...), get: answers},
		{name: "2.11 ten pings in chops of 1", stream: chop(1, ten...), get: answers},
		{name: "2 two thousand pings", stream: once(crowd...), get: crowded},
		{name: "2 a ping between commands", stream: once(frame(fin|opText, say("a")), frame(fin|opPing, "b"), frame(fin|opText, `{"event":"pusher:ping"}`)),
			get: []string{"pong b", "pusher:pong"}, echo: []string{"a"}},
	}
}

// reservedBits is 3: what came before is answered, what comes behind is not.
func reservedBits() (all []conformCase) {
	rsv := func(bits, first byte, payload string) []byte { return frame(first|bits<<4, payload) }
	hello := frame(fin|opText, say("Hello"))
	after := frame(fin|opPing, "never answered")
	all = []conformCase{
		{name: "3.1 rsv 1", stream: once(rsv(1, fin|opText, say("x"))), code: 1002},
		{name: "3.2 rsv 2 behind a message", stream: once(hello, rsv(2, fin|opText, say("x")), after), echo: []string{"Hello"}, code: 1002},
		{name: "3.3 rsv 3 in a write of its own", stream: framewise(hello, rsv(3, fin|opText, say("x")), after), echo: []string{"Hello"}, code: 1002},
		{name: "3.4 rsv 4 in chops of 1", stream: chop(1, hello, rsv(4, fin|opText, say("x")), after), echo: []string{"Hello"}, code: 1002},
		{name: "3.5 rsv 5, binary", stream: once(rsv(5, fin|opBinary, "\x00\xff\xfe")), code: 1002},
		{name: "3.6 rsv 6, a ping", stream: once(rsv(6, fin|opPing, "x")), code: 1002},
		{name: "3.7 rsv 7, a close", stream: once(rsv(7, fin|opClose, "\x03\xe8")), code: 1002},
	}
	for bits := byte(1); bits < 8; bits++ {
		for _, first := range []byte{opText, fin | opText, fin | opBinary, fin | opClose, fin | opPing, fin | opPong} {
			all = append(all, conformCase{name: fmt.Sprintf("3 rsv %d, first byte %#x", bits, first),
				stream: once(hello, rsv(bits, first, ""), after), echo: []string{"Hello"}, code: 1002})
		}
		all = append(all, conformCase{name: fmt.Sprintf("3 rsv %d, a continuation", bits),
			stream: once(frame(opText, say("Hello")[:5]), rsv(bits, fin|opMore, say("Hello")[5:]), after), code: 1002})
	}
	return all
}

// opcodes is 4: those that nobody has defined.
func opcodes() (all []conformCase) {
	hello := frame(fin|opText, say("Hello"))
	after := frame(fin|opPing, "never answered")
	for i, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		number := fmt.Sprintf("4.%d.%d op %#x", 1+i/5, 1+i%5, op)
		all = append(all,
			conformCase{name: number, stream: once(frame(fin|op, "")), code: 1002},
			conformCase{name: number + " with a payload", stream: once(frame(fin|op, "reserved opcode payload")), code: 1002},
			conformCase{name: number + " between", stream: framewise(hello, frame(fin|op, ""), after), echo: []string{"Hello"}, code: 1002},
			conformCase{name: number + " in chops of 1", stream: chop(1, hello, frame(fin|op, "x"), after), echo: []string{"Hello"}, code: 1002},
			conformCase{name: number + " not final", stream: once(frame(op, "x"), after), code: 1002},
			conformCase{name: number + " in a message", stream: once(frame(opText, "{"), frame(fin|op, ""), after), code: 1002})
	}
	return all
}
