package protocol

import "resound/protocol/ws"

// Frame is one encoded event, WebSocket header included, or several that were
// joined. It is immutable and shared by all who receive it; the garbage
// collector frees it behind the last loop.
type Frame struct {
	bytes []byte
	parts []*Frame // those that were joined; nil for one event
}

// maxHeader is the longest header of a frame that a server sends.
const maxHeader = 10

// newFrame makes the frame of the text message that encode appends. size is a guess at its length
// in bytes; with a good one the whole frame is two allocations.
func newFrame(size int, encode func(dst []byte) []byte) *Frame {
	b := make([]byte, maxHeader, maxHeader+size)
	b = encode(b)
	n := len(b) - maxHeader
	from := maxHeader - ws.HeaderLen(n)
	ws.AppendHeader(b[from:from:maxHeader], ws.OpText, n)
	return &Frame{bytes: b[from:]}
}

// Bytes returns the frame as it goes to the socket. The bytes are shared: do not change them.
func (f *Frame) Bytes() []byte { return f.bytes }

// Len returns how many bytes the frame is on the wire.
func (f *Frame) Len() int { return len(f.bytes) }

// Join returns frames as one that goes out in one write. It keeps the list.
func Join(frames []*Frame) *Frame {
	size := 0
	for _, f := range frames {
		size += len(f.bytes)
	}
	b := make([]byte, 0, size)
	for _, f := range frames {
		b = append(b, f.bytes...)
	}
	return &Frame{bytes: b, parts: frames}
}

// Each calls yield with every frame that was joined, or with f itself, until it returns false.
func (f *Frame) Each(yield func(*Frame) bool) {
	if f.parts == nil {
		yield(f)
		return
	}
	for _, p := range f.parts {
		if !yield(p) {
			return
		}
	}
}

// Payload returns the JSON of the event, which must be one.
func (f *Frame) Payload() []byte {
	switch f.bytes[1] & 0x7f {
	case 126:
		return f.bytes[4:]
	case 127:
		return f.bytes[10:]
	default:
		return f.bytes[2:]
	}
}

// NewControlFrame returns a ping or pong with that payload, of at most 125 bytes.
func NewControlFrame(op ws.Opcode, payload []byte) *Frame {
	return &Frame{bytes: ws.AppendFrame(nil, op, payload)}
}

// NewCloseFrame returns a close frame. The reason is cut to what a close frame holds.
func NewCloseFrame(code uint16, reason string) *Frame {
	return &Frame{bytes: ws.AppendClose(nil, code, reason)}
}

// NewRawFrame returns bytes as they are, to be written in their turn: the
// answer to a handshake is no WebSocket frame, but goes out like one.
func NewRawFrame(b []byte) *Frame { return &Frame{bytes: b} }
