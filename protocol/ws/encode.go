package ws

import (
	"encoding/binary"
	"math"

	gobwas "github.com/gobwas/ws"
)

// HeaderLen is the size in bytes, 2, 4 or 10, of the header that AppendHeader
// writes for a payload of that many bytes.
func HeaderLen(payloadLen int) int {
	switch {
	case payloadLen < len16:
		return 2
	case payloadLen <= math.MaxUint16:
		return 4
	default:
		return 10
	}
}

// AppendHeader appends the header of a server's frame to dst: a whole message,
// unmasked. A control frame's payload is at most MaxControlPayload bytes.
func AppendHeader(dst []byte, op Opcode, payloadLen int) []byte {
	return appendHeader(dst, op, payloadLen, 0)
}

// appendHeader appends a header without its mask; maskBit is 0 or bitMask.
func appendHeader(dst []byte, op Opcode, payloadLen int, maskBit byte) []byte {
	switch HeaderLen(payloadLen) {
	case 2:
		return append(dst, bitFin|byte(op), maskBit|byte(payloadLen))
	case 4:
		return binary.BigEndian.AppendUint16(append(dst, bitFin|byte(op), maskBit|len16), uint16(payloadLen))
	default:
		return binary.BigEndian.AppendUint64(append(dst, bitFin|byte(op), maskBit|len64), uint64(payloadLen))
	}
}

// AppendFrame appends a server's frame with the whole payload to dst.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendMasked appends a client's frame with the whole payload to dst. payload
// stays as it is: the copy is masked.
func AppendMasked(dst []byte, op Opcode, payload []byte, mask [4]byte) []byte {
	dst = append(appendHeader(dst, op, len(payload), bitMask), mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	gobwas.Cipher(dst[start:], mask, 0)
	return dst
}
