package crowd

import (
	"bytes"
	"strconv"

	"resound/bench/wire"
)

// The data of an event has a mark, the number of its channel, its own number there, and when it was due. So each
// process can tell what it got, and how late it is.
const (
	eventMark   = '#'
	whisperMark = '~'
	joinMark    = '@' // in the user_info of a member: when it asked to be one

	digits  = 8 + 8 + 16
	minData = 1 + digits
)

// A table's event is {"id":12,"mark":"#...","fill":"xxx"}, JSON within JSON.
const (
	rowHead = `{\"id\":`
	rowMark = `,\"mark\":\"`
	rowFill = `\",\"fill\":\"`
	rowEnd  = `\"}`

	escapes = 10 // backslashes in it
)

// minSize is the least size of the group's events.
func (g *Group) minSize() int {
	if g.Table.Rows == 0 {
		return minData
	}
	return len(rowHead) + len(strconv.Itoa(g.Table.Rows)) + len(rowMark) + minData + len(rowFill) + len(rowEnd) - escapes
}

// appendMark appends the mark of an event and what is behind it.
func appendMark(dst []byte, mark byte, channel int32, number uint32, due int64) []byte {
	dst = wire.AppendHex(append(dst, mark), uint64(channel), 8)
	dst = wire.AppendHex(dst, uint64(number), 8)
	return wire.AppendHex(dst, uint64(due), 16)
}

// parseMark reads what appendMark wrote, wherever it is in a message.
func parseMark(text []byte) (mark byte, channel int32, number uint32, due int64, ok bool) {
	for _, mark = range []byte{eventMark, whisperMark} {
		at := bytes.IndexByte(text, mark) + 1
		if at == 0 || len(text) < at+digits {
			continue
		}
		b := text[at : at+digits]
		c, ok1 := wire.Hex(b[:8])
		n, ok2 := wire.Hex(b[8:16])
		d, ok3 := wire.Hex(b[16:])
		if ok1 && ok2 && ok3 {
			return mark, int32(c), uint32(n), int64(d), true
		}
	}
	return 0, 0, 0, 0, false
}

// appendData appends the data of an event as it stands in JSON.
func (g *Group) appendData(dst []byte, channel int32, number uint32, due int64) []byte {
	if g.Table.Rows == 0 {
		start := len(dst)
		return fill(appendMark(dst, eventMark, channel, number, due), start+g.Publish.Size)
	}
	start := len(dst)
	dst = strconv.AppendUint(append(dst, rowHead...), uint64(number)%uint64(g.Table.Rows), 10)
	dst = appendMark(append(dst, rowMark...), eventMark, channel, number, due)
	dst = append(dst, rowFill...)
	return append(fill(dst, start+g.Publish.Size+escapes-len(rowEnd)), rowEnd...)
}

// fill appends filler up to a length.
func fill(dst []byte, length int) []byte {
	for len(dst) < length {
		dst = append(dst, 'x')
	}
	return dst
}
