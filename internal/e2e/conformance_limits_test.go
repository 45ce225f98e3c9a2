package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// largeMessages is 9.1 to 9.6 and 10: as large as the limit, in frames, fragments and chops of all sizes.
func largeMessages() (all []conformCase) {
	for i, op := range []byte{opText, opBinary} {
		for j, size := range []int{64 << 10, 256 << 10, 1 << 20} {
			event, data := sized(size)
			all = append(all, conformCase{name: fmt.Sprintf("9.%d.%d %d bytes", i+1, j+1, size), stream: once(frame(fin|op, event)), echo: []string{data}})
		}
		event, data := sized(1 << 20)
		for j, n := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} {
			all = append(all, conformCase{name: fmt.Sprintf("9.%d.%d fragments of %d", i+3, j+1, n),
				stream: chop(64<<10, split(op, event, n)...), echo: []string{data}})
		}
		for j, n := range []int{64, 128, 256, 512, 1024, 2048} {
			all = append(all, conformCase{name: fmt.Sprintf("9.%d.%d chops of %d", i+5, j+1, n),
				stream: chop(n, frame(fin|op, event)), echo: []string{data}})
		}
		small, data := sized(64 << 10)
		all = append(all,
			conformCase{name: fmt.Sprintf("10.1.%d fragments of 1300", i+1), stream: once(split(op, small, 1300)...), echo: []string{data}},
			conformCase{name: fmt.Sprintf("10.1.%d fragments of 1", i+1), stream: once(split(op, small, 1)...), echo: []string{data}})
	}
	return all
}

// manyMessages is 9.7 and 9.8, together never more than somebody may be behind: who listens shall not be too slow.
func manyMessages() (all []conformCase) {
	for i, op := range []byte{opText, opBinary} {
		for j, size := range []int{0, 16, 64, 256, 700} {
			data := strings.Repeat("*", size)
			all = append(all, conformCase{name: fmt.Sprintf("9.%d.%d a thousand of %d bytes", i+7, j+1, size),
				stream: chop(4096, slices.Repeat([][]byte{frame(fin|op, say(data))}, 1000)...), echo: slices.Repeat([]string{data}, 1000)})
		}
	}
	return all
}

// limits is the largest message there may be, and one byte more.
func limits(limit int) (all []conformCase) {
	event, data := sized(limit)
	over, _ := sized(limit + 1)
	before := frame(fin|opText, say("before"))
	never := frame(fin|opText, say("never"))
	for _, op := range []byte{opText, opBinary} {
		name := fmt.Sprintf("9 limit %d, op %d: ", limit, op)
		all = append(all,
			conformCase{name: name + "at it", stream: once(frame(fin|op, event)), echo: []string{data}},
			conformCase{name: name + "one above it", stream: once(before, frame(fin|op, over), never), echo: []string{"before"}, code: 1009},
			conformCase{name: name + "one above it, refused by the header", stream: once(before, frame(fin|op, over)[:14]), echo: []string{"before"}, code: 1009},
			conformCase{name: name + "at it in fragments", stream: once(split(op, event, 1000)...), echo: []string{data}},
			conformCase{name: name + "at it, and an empty fragment", stream: once(frame(op, event), frame(fin|opMore, "")), echo: []string{data}},
			conformCase{name: name + "at it, pings between", stream: once(frame(op, event[:limit/2]), frame(fin|opPing, strings.Repeat("x", 125)), frame(fin|opMore, event[limit/2:])),
				get: []string{"pong " + strings.Repeat("x", 125)}, echo: []string{data}},
			conformCase{name: name + "one above it in fragments", stream: once(before, slices.Concat(split(op, over, 1000)...), never), echo: []string{"before"}, code: 1009},
			conformCase{name: name + "one above it, refused by the last header", stream: once(frame(op, event), frame(fin|opMore, "}")[:6]), code: 1009},
			conformCase{name: name + "twice at it", stream: once(frame(fin|op, event), frame(fin|op, event)), echo: []string{data, data}},
			conformCase{name: name + "2^63-1 promised", stream: once([]byte{fin | op, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), code: 1009},
			conformCase{name: name + "2^63-1 promised in a second fragment", stream: once(frame(op, "{"), []byte{fin | opMore, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), code: 1009},
			conformCase{name: name + "2^64-1 promised", stream: once([]byte{fin | op, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), code: 1002})
	}
	return all
}
