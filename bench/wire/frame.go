package wire

import (
	"encoding/binary"

	"resound/protocol/ws"
)

// mask is that of every frame: a load has nothing to hide from proxies.
var mask = [4]byte{1, 2, 3, 4}

// FrameSize reads the header of a server's frame: the bytes of the header, and those of the payload behind it. It
// is not ok while the header is not whole.
func FrameSize(b []byte) (header, size int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch n := int(b[1] & 0x7f); {
	case n < 126:
		return 2, n, true
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:])), true
	case n == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:]) & (1<<40 - 1)), true
	}
	return 0, 0, false
}

// Frames gives handle the whole frames of what was read, b, behind what earlier reads left, rest, and returns what is
// left now, in the memory of rest. It stops early when handle wants no more.
func Frames(rest, b []byte, handle func(frame []byte, header int) (more bool)) []byte {
	if len(rest) > 0 {
		rest = append(rest, b...)
		b = rest
	}
	for {
		header, size, ok := FrameSize(b)
		if !ok || len(b) < header+size {
			return append(rest[:0], b...)
		}
		if !handle(b[:header+size], header) {
			return rest[:0]
		}
		b = b[header+size:]
	}
}

// AppendText appends a text message of a client.
func AppendText(dst, text []byte) []byte { return ws.AppendMasked(dst, ws.OpText, text, mask) }

// AppendPong appends the answer to a ping with payload.
func AppendPong(dst, payload []byte) []byte { return ws.AppendMasked(dst, ws.OpPong, payload, mask) }

// AppendClose appends a client's farewell, code 1000.
func AppendClose(dst []byte) []byte {
	return ws.AppendMasked(dst, ws.OpClose, binary.BigEndian.AppendUint16(nil, 1000), mask)
}
