package e2e

import "strings"

// inTwo is a command cut in the middle.
func inTwo(data string) (a, b string) {
	event := say(data)
	return event[:len(event)/2], event[len(event)/2:]
}

// fragmentation is 5, as far as messages are whole.
func fragmentation() []conformCase {
	a, b := inTwo("whole")
	whole := []string{"whole"}
	two := [][]byte{frame(opText, a), frame(fin|opMore, b)}
	between := [][]byte{frame(opText, a), frame(fin|opPing, "ping payload"), frame(fin|opMore, b)}
	five := [][]byte{frame(opText, a[:3]), frame(opMore, a[3:7]), frame(fin|opPing, "1"), frame(opMore, a[7:]),
		frame(opMore, b[:2]), frame(fin|opPing, "2"), frame(fin|opMore, b[2:])}
	empties := [][]byte{frame(opText, ""), frame(opMore, say("whole")), frame(opMore, ""), frame(fin|opMore, "")}
	return []conformCase{
		{name: "5.1 a ping in 2 fragments", stream: once(frame(opPing, "fragment1"), frame(fin|opMore, "fragment2")), code: 1002},
		{name: "5.2 a pong in 2 fragments", stream: once(frame(opPong, "fragment1"), frame(fin|opMore, "fragment2")), code: 1002},
		{name: "5 a close in 2 fragments", stream: once(frame(opClose, "\x03"), frame(fin|opMore, "\xe8")), code: 1002},
		{name: "5.3 text in 2 fragments", stream: once(two...), echo: whole},
		{name: "5.4 in 2 writes", stream: framewise(two...), echo: whole},
		{name: "5.5 in chops of 1", stream: chop(1, two...), echo: whole},
		{name: "5.6 a ping between", stream: once(between...), get: []string{"pong ping payload"}, echo: whole},
		{name: "5.7 in 3 writes", stream: framewise(between...), get: []string{"pong ping payload"}, echo: whole},
		{name: "5.8 in chops of 1", stream: chop(1, between...), get: []string{"pong ping payload"}, echo: whole},
		{name: "5.19 five fragments, two pings", stream: once(five...), get: []string{"pong 1", "pong 2"}, echo: whole},
		{name: "5.20 in a write each", stream: framewise(five...), get: []string{"pong 1", "pong 2"}, echo: whole},
		{name: "5 binary in 2 fragments", stream: once(frame(opBinary, a), frame(fin|opMore, b)), echo: whole},
		{name: "5 one byte a fragment", stream: once(split(opText, say("whole"), 1)...), echo: whole},
		{name: "5 empty fragments around", stream: once(empties...), echo: whole},
		{name: "5 a pong between", stream: once(frame(opText, a), frame(fin|opPong, "x"), frame(fin|opMore, b)), echo: whole},
		{name: "5 two messages in fragments", stream: once(append(two, two...)...), echo: append(whole, whole...)},
		{name: "5 ten thousand empty fragments", stream: once(frame(opText, a), []byte(strings.Repeat(string(frame(opMore, "")), 10_000)), frame(fin|opMore, b)), echo: whole},
	}
}

// orphans is 5, as far as fragments do not belong together.
func orphans() []conformCase {
	a, b := inTwo("whole")
	end := [][]byte{frame(fin|opMore, "non-continuation payload"), frame(fin|opText, say("never"))}
	more := [][]byte{frame(opMore, "non-continuation payload"), frame(fin|opText, say("never"))}
	again := [][]byte{frame(opMore, "fragment1"), frame(fin|opText, say("never")), frame(opMore, "fragment3"), frame(fin|opText, say("never"))}
	return []conformCase{
		{name: "5.9 a continuation of nothing", stream: once(end...), code: 1002},
		{name: "5.10 in 2 writes", stream: framewise(end...), code: 1002},
		{name: "5.11 in chops of 1", stream: chop(1, end...), code: 1002},
		{name: "5.12 one that is not final", stream: once(more...), code: 1002},
		{name: "5.13 in 2 writes", stream: framewise(more...), code: 1002},
		{name: "5.14 in chops of 1", stream: chop(1, more...), code: 1002},
		{name: "5.15 behind a whole message", stream: once(frame(opText, a), frame(fin|opMore, b), frame(opMore, a), frame(fin|opText, say("never"))),
			echo: []string{"whole"}, code: 1002},
		{name: "5.16 again and again", stream: once(again...), code: 1002},
		{name: "5.17 final ones", stream: once(frame(fin|opMore, "fragment1"), frame(fin|opText, say("never")), frame(fin|opMore, "x")), code: 1002},
		{name: "5.18 a message in a message", stream: once(frame(opText, a), frame(fin|opText, say("never"))), code: 1002},
		{name: "5.18 one that is not final", stream: once(frame(opText, a), frame(opText, b)), code: 1002},
		{name: "5 binary in text", stream: once(frame(opText, a), frame(fin|opBinary, b)), code: 1002},
		{name: "5 a message in a message, in chops of 1", stream: chop(1, frame(opText, a), frame(fin|opText, b)), code: 1002},
	}
}
