package swarm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"resound/protocol/ws"
)

// frames handles the frames of what was read and keeps the start of the next.
func (s *Swarm) frames(id int32, c *conn, b []byte) {
	if len(c.rest) > 0 {
		c.rest = append(c.rest, b...)
		b = c.rest
	}
	for c.state != closed {
		header, size, ok := frameSize(b)
		if !ok || len(b) < header+size {
			break
		}
		s.handle(id, c, b[:header+size], header)
		b = b[header+size:]
	}
	switch {
	case c.state == closed:
	case len(b) == 0:
		c.rest = c.rest[:0]
	default:
		c.rest = append(c.rest[:0], b...)
	}
}

// frameSize reads the header of a server's frame.
func frameSize(b []byte) (header, size int, ok bool) {
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

var (
	eventOf    = []byte(`"pusher`) // in all messages of the protocol itself
	pingOf     = []byte(`pusher:ping`)
	succeeded  = []byte(`subscription_succeeded`)
	pongAnswer = []byte(`{"event":"pusher:pong","data":{}}`)
)

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
		if c.state >= ready && !bytes.Contains(payload[:min(len(payload), 24)], eventOf) {
			s.event(id, c, frame, payload)
			return
		}
		s.protocol(id, c, payload)
	case ws.OpPing:
		s.Pings++
		s.out = ws.AppendMasked(s.out[:0], ws.OpPong, payload, [4]byte{1, 2, 3, 4})
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
	case bytes.Contains(text, pingOf):
		s.Pings++
		s.send(id, c, pongAnswer)
	case c.state == subscribing && bytes.Contains(text, succeeded):
		c.got, c.sum = s.counts[s.channelOf(int(id))], s.sums[s.channelOf(int(id))]
		s.subscribed(id, c)
	case c.state == subscribing && bytes.Contains(text, []byte("error")):
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
	dst = append(dst, mark)
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[number>>shift&15])
	}
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
	var number uint32
	for _, digit := range payload[at : at+8] {
		digit -= '0'
		if digit > 9 {
			digit -= 'a' - '0' - 10
		}
		number = number<<4 | uint32(digit)
	}
	return number, true
}
