package ws

import (
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"
)

// Decoder takes the frames of one connection apart. Its zero value reads what
// clients send to a server. It is used by one goroutine at a time.
type Decoder struct {
	parts    *[]byte // the payload so far of a message in fragments; nil while it is empty
	need     uint32  // bytes that the next look at the buffer should find; 0 if unknown
	op       Opcode  // of the message whose fragments are coming; 0 outside of one
	client   bool    // reads what a server sends
	deflate  bool    // messages may be compressed
	deflated bool    // the message whose fragments are coming is
}

// NewClientDecoder returns a Decoder for the client's end of a connection: its
// frames come from a server and must not be masked.
func NewClientDecoder() Decoder { return Decoder{client: true} }

// Deflate lets messages be compressed from now on, each on its own: permessage-deflate was negotiated.
func (d *Decoder) Deflate() { d.deflate = true }

// Deflates reports whether Deflate was called.
func (d *Decoder) Deflates() bool { return d.deflate }

// Next decodes the next message or control frame at the start of buf.
//
// n is how many bytes of buf are done with; the caller discards them and calls
// again with the rest. Where ok is false and err is nil, the rest is an
// incomplete frame, if anything, and n may be above 0: fragments were taken over.
// limit is the largest payload in bytes of a message, over all its fragments and
// decompressed.
//
// m.Payload is valid until the next call. err is always a *CloseError, with the
// code and reason to close with; it is final, n is then len(buf), and nothing
// read later means anything. Next writes to buf: it unmasks there.
func (d *Decoder) Next(buf []byte, limit int) (m Message, n int, ok bool, err error) {
	d.need = 0
	for {
		rest := buf[n:]
		h, need, fault := d.parseHeader(rest, limit)
		if fault == nil {
			if len(rest) < need {
				d.need = uint32(need)
				return Message{}, n, false, nil
			}
			n += need
			m, ok, fault = d.frame(h, rest[:need], limit)
		}
		if fault != nil {
			d.Reset()
			return Message{}, len(buf), false, fault
		}
		if ok {
			return m, n, true, nil
		}
	}
}

// frame takes one whole frame, header included, and returns the message that it
// completes, if it does.
func (d *Decoder) frame(h header, b []byte, limit int) (m Message, ok bool, err *CloseError) {
	payload := b[h.size:]
	if !d.client {
		gobwas.Cipher(payload, [maskSize]byte(b[h.size-maskSize:]), 0)
	}
	switch {
	case h.op == OpClose:
		if _, _, err = parseClose(payload); err != nil {
			return Message{}, false, err
		}
		return Message{h.op, payload}, true, nil
	case h.op.control():
		return Message{h.op, payload}, true, nil
	case !h.fin:
		if h.op != opContinuation {
			d.op, d.deflated = h.op, h.deflated
		}
		d.gather(payload, d.room(h, limit))
		return Message{}, false, nil
	case h.op == opContinuation:
		h.op, h.deflated, payload = d.finish(payload, d.room(h, limit))
	}
	if h.deflated {
		if payload, err = inflate(payload, limit); err != nil {
			return Message{}, false, err
		}
	}
	if h.op == OpText && !utf8.Valid(payload) {
		return Message{}, false, errTextUTF8
	}
	return Message{h.op, payload}, true, nil
}

// room is how many bytes a message, of which h is a frame, may have as it comes.
func (d *Decoder) room(h header, limit int) int {
	if h.deflated || h.op == opContinuation && d.deflated {
		return deflatedBound(limit)
	}
	return bounded(limit)
}

// held is the number of bytes gathered of a message in fragments.
func (d *Decoder) held() int {
	if d.parts == nil {
		return 0
	}
	return len(*d.parts)
}

// gather copies one fragment behind those before it. The room doubles, from
// what is there and never past the limit, so that many small fragments are not
// copied again and again. The header was checked: all of it fits the room.
func (d *Decoder) gather(payload []byte, room int) {
	if len(payload) == 0 {
		return
	}
	if d.parts == nil {
		d.parts = new([]byte)
	}
	have := *d.parts
	if whole := len(have) + len(payload); whole > cap(have) {
		have = append(make([]byte, 0, min(max(2*cap(have), whole), room)), have...)
	}
	*d.parts = append(have, payload...)
}

// finish ends a message with its last fragment and lets go of the buffer, so
// that the message is all that holds it. Where only the last fragment had any
// bytes there is no buffer, and the message is where it came in.
func (d *Decoder) finish(last []byte, room int) (op Opcode, deflated bool, payload []byte) {
	payload = last
	if d.parts != nil {
		d.gather(last, room)
		payload = *d.parts
	}
	op, deflated = d.op, d.deflated
	d.op, d.deflated, d.parts = 0, false, nil
	return op, deflated, payload
}

// Need is how many bytes, counted after the discard of what Next consumed, must
// be there before another call of Next can do anything; 0 if that is unknown.
// It spares a frame that comes byte by byte a look for each.
func (d *Decoder) Need() int { return int(d.need) }

// Reset forgets the connection's past, and with it the fragments of a message
// that did not end. What kind of frames the Decoder reads stays.
func (d *Decoder) Reset() { *d = Decoder{client: d.client, deflate: d.deflate} }
