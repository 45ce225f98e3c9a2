package swarm

import (
	"bytes"
	"fmt"
	"strconv"

	"resound/bench/wire"
	"resound/protocol/ws"
)

// frames handles the frames of what was read and keeps the start of the next.
func (s *Swarm) frames(id int32, c *conn, b []byte) {
	rest := wire.Frames(c.rest, b, func(frame []byte, header int) bool {
		s.handle(id, c, frame, header)
		return c.state != closed
	})
	if c.state != closed {
		c.rest = rest
	}
}

// handle is one whole frame.
func (s *Swarm) handle(id int32, c *conn, frame []byte, header int) {
	payload := frame[header:]
	if s.raw() && c.state < ready {
		s.chatted(id, c)
		return
	}
	if s.raw() {
		s.Delivered++
		s.frame = len(frame)
		if s.arrived != nil {
			s.arrived(c.got)
		}
		c.got++
		return
	}
	switch ws.Opcode(frame[0] & 0x0f) {
	case ws.OpText, ws.OpBinary:
		if c.state >= ready && !wire.IsProtocol(payload) {
			s.event(id, c, frame, payload)
			return
		}
		s.protocol(id, c, payload)
	case ws.OpPing:
		s.Pings++
		s.out = wire.AppendPong(s.out[:0], payload)
		s.write(id, c, s.out)
	case ws.OpClose:
		code, _, _ := ws.ParseClose(payload)
		s.lost(id, c, strconv.Itoa(int(code)))
	default:
		s.Other++
	}
}

// protocol is a message of the protocol itself.
func (s *Swarm) protocol(id int32, c *conn, text []byte) {
	switch {
	case c.state == greeting:
		s.greeted(id, c, text)
	case wire.IsPing(text):
		s.Pings++
		s.send(id, c, wire.Pong)
	case c.state == subscribing && wire.IsSubscribed(text):
		if s.further(id, c) {
			return
		}
		c.got, c.sum = s.counts[s.channelOf(int(id))], s.sums[s.channelOf(int(id))]
		s.subscribed(id, c)
	case c.state == subscribing && wire.IsError(text):
		s.lost(id, c, string(text))
	default:
		s.Other++
	}
}

// event is one delivery.
func (s *Swarm) event(id int32, c *conn, frame, payload []byte) {
	number, ok := numberOf(payload)
	if !ok {
		s.Other++
		return
	}
	if s.o.Foreign && !c.began {
		c.began, c.got = true, number
	}
	if number != c.got && s.o.Publishers == 1 {
		s.fail(fmt.Errorf("socket %d got event %d of its channel where number %d was next", id, number, c.got))
	}
	c.got++
	c.sum += mix(number)
	s.Delivered++
	s.frame = len(frame)
	if s.arrived != nil {
		s.arrived(number)
	}
}

// mix spreads a number over 32 bits, so that a sum of them tells one set from another.
func mix(number uint32) uint32 {
	number = (number ^ number>>16) * 0x45d9f3b
	return number ^ number>>16 ^ 0x5bd1e995
}

// The data of an event is a mark, eight hexadecimal digits, and filler.
const (
	mark       = '#'
	minPayload = 16
)

func appendData(dst []byte, number uint32, size int) []byte {
	start := len(dst)
	dst = wire.AppendHex(append(dst, mark), uint64(number), 8)
	for len(dst)-start < size {
		dst = append(dst, 'x')
	}
	return dst
}

func numberOf(payload []byte) (uint32, bool) {
	at := bytes.IndexByte(payload, mark) + 1
	if at == 0 || len(payload) < at+8 {
		return 0, false
	}
	number, ok := wire.Hex(payload[at : at+8])
	return uint32(number), ok
}
