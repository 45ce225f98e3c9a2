package ws

import (
	"encoding/binary"
	"math"

	gobwas "github.com/gobwas/ws"
)

// Opcode is the kind of a message or of a control frame.
type Opcode byte

// The opcodes a Message can have.
const (
	OpText   = Opcode(gobwas.OpText)
	OpBinary = Opcode(gobwas.OpBinary)
	OpClose  = Opcode(gobwas.OpClose)
	OpPing   = Opcode(gobwas.OpPing)
	OpPong   = Opcode(gobwas.OpPong)

	opContinuation = Opcode(gobwas.OpContinuation)
)

// MaxControlPayload is the most bytes that a Close, Ping or Pong can carry.
const MaxControlPayload = gobwas.MaxControlFramePayloadSize

// control reports whether o is, or is reserved for, a control frame.
func (o Opcode) control() bool { return o&0x8 != 0 }

// Message is one whole data message or one control frame. Payload aliases what
// was given to Next, or is a buffer that fragments were gathered in; either way
// it is valid until the next call of Next, and to be overwritten freely until then.
type Message struct {
	Op      Opcode
	Payload []byte
}

// The bits of the first two bytes of a frame.
const (
	bitFin   = 0x80
	bitsRsv  = 0x70
	bitsOp   = 0x0f
	bitMask  = 0x80
	bitsLen  = 0x7f
	len16    = 126 // the length is in the next 2 bytes
	len64    = 127 // the length is in the next 8 bytes
	maskSize = 4
)

// maxLimit bounds every limit, so that the size of a frame fits the 32 bits
// that Decoder has for it, and an int on every machine.
const maxLimit = math.MaxInt32 - gobwas.MaxHeaderSize

// bounded is a limit as it is used.
func bounded(limit int) int { return min(max(limit, 0), maxLimit) }

// header is what the decoder needs to know of a frame.
type header struct {
	op       Opcode
	fin      bool
	deflated bool // of the first frame of a message
	size     int  // bytes before the payload, the mask included
}

// checkStart judges the first two bytes of a frame: all rules but those on the
// length of data, so that most faults are found before the rest has come.
func (d *Decoder) checkStart(b0, b1 byte) *CloseError {
	op := Opcode(b0 & bitsOp)
	switch {
	case b0&bitsRsv == bitDeflated && d.deflate && (op == OpText || op == OpBinary):
	case b0&bitsRsv == bitDeflated && d.deflate:
		return errDeflatedBit
	case b0&bitsRsv != 0:
		return errReservedBits
	}
	switch {
	case b1&bitMask == 0 && !d.client:
		return errUnmasked
	case b1&bitMask != 0 && d.client:
		return errMasked
	case op > OpBinary && op < OpClose || op > OpPong:
		return errOpcode
	case op.control():
		if b0&bitFin == 0 {
			return errControlFragmented
		}
		if b1&bitsLen > MaxControlPayload {
			return errControlTooLong
		}
	case op == opContinuation && d.op == 0:
		return errOrphan
	case op != opContinuation && d.op != 0:
		return errInterrupted
	}
	return nil
}

// parseHeader reads the header at the start of b. need is how many bytes of b
// it takes to get on: more of the header while need > len(b) and the length is
// unknown, and the whole frame from then on. h is set in the second case.
func (d *Decoder) parseHeader(b []byte, limit int) (h header, need int, err *CloseError) {
	if len(b) < 2 {
		return h, 2, nil
	}
	if err = d.checkStart(b[0], b[1]); err != nil {
		return h, 0, err
	}
	h.op, h.fin, h.deflated, h.size = Opcode(b[0]&bitsOp), b[0]&bitFin != 0, b[0]&bitDeflated != 0, 2
	length := uint64(b[1] & bitsLen)
	switch length {
	case len16:
		if h.size = 4; len(b) < h.size {
			return h, h.size, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case len64:
		if h.size = 10; len(b) < h.size {
			return h, h.size, nil
		}
		if length = binary.BigEndian.Uint64(b[2:]); length > math.MaxInt64 {
			return h, 0, errLengthSign
		}
	}
	// Control frames are in no message, and bounded already. The sum cannot
	// overflow: the top bit of length is clear, and fragments stay below maxLimit.
	if !h.op.control() && length+uint64(d.held()) > uint64(d.room(h, limit)) {
		return h, 0, errTooBig
	}
	if !d.client {
		h.size += maskSize
	}
	return h, h.size + int(length), nil
}
