package protocol

import (
	"sync"
	"sync/atomic"

	"resound/protocol/ws"
)

// Frame is one encoded event, WebSocket header included, or several that were
// joined. It is immutable and shared by all who receive it; the garbage
// collector frees it behind the last loop.
type Frame struct {
	bytes []byte
	extra atomic.Pointer[extra] // nil for one event until somebody asks for it compressed
}

// extra is what few frames have.
type extra struct {
	parts    []*Frame // those that were joined; nil for one event
	once     sync.Once
	deflated *Frame // the compressed form, which is made once
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
	joined := &Frame{bytes: b}
	joined.extra.Store(&extra{parts: frames})
	return joined
}

// Each calls yield with every frame that was joined, or with f itself, until it returns false.
func (f *Frame) Each(yield func(*Frame) bool) {
	x := f.extra.Load()
	if x == nil || x.parts == nil {
		yield(f)
		return
	}
	for _, p := range x.parts {
		if !yield(p) {
			return
		}
	}
}

// Deflated returns the frame with each message compressed on its own, for who has negotiated permessage-deflate. It
// is made when the first asks, and is the same for all; loops that ask at the same moment wait for the one that makes it.
// A message of less than least bytes, one that would not get shorter, and what is no message at all, stays as it is.
func (f *Frame) Deflated(least int) *Frame {
	x := f.extra.Load()
	if x == nil || x.parts == nil {
		if f.bytes[0] != textMessage || len(f.Payload()) < least {
			return f
		}
	}
	if x == nil {
		x = new(extra)
		if !f.extra.CompareAndSwap(nil, x) {
			x = f.extra.Load()
		}
	}
	x.once.Do(func() {
		x.deflated = f
		if x.parts != nil {
			x.deflated = f.deflatedParts(x.parts, least)
		} else if b := ws.DeflatedFrame(ws.OpText, f.Payload()); b != nil {
			x.deflated = &Frame{bytes: b}
		}
	})
	return x.deflated
}

// deflatedParts joins the compressed forms of parts, of which f is joined.
func (f *Frame) deflatedParts(parts []*Frame, least int) *Frame {
	out, shorter := make([]*Frame, len(parts)), false
	for i, p := range parts {
		out[i] = p.Deflated(least)
		shorter = shorter || out[i] != p
	}
	if !shorter {
		return f
	}
	return Join(out)
}

// textMessage begins a text message of one frame, neither compressed nor a part of one.
const textMessage = 0x80 | byte(ws.OpText)

// Payload returns the JSON of the event, as it is on the wire. There must be one event.
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
