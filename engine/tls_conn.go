package engine

import (
	"net/http"

	"resound/protocol"
)

// extra is what most connections do not have.
type extra struct {
	carry []byte     // plaintext that waits for the rest of a message
	tls   *transport // nil on plain ones
}

// scratch is room that all connections with TLS of a loop use, one after the other, so that an idle one has none.
type scratch struct {
	plain  []byte // decrypted
	joined []byte // frames to be encrypted together
	sealed []byte // encrypted
}

// secured returns the connection's TLS; nil if it has none.
func (c *conn) secured() *transport {
	if c.extra == nil {
		return nil
	}
	return c.extra.tls
}

// plainOnTLS answers who speaks HTTP where TLS is spoken.
var plainOnTLS = appendText(nil, http.StatusBadRequest, "Connection: close\r\n", "This port speaks https: use https:// or wss://.\n")

// hello looks at the first bytes on a port of TLS. It returns how many bytes it is done with.
func (l *loop) hello(c *conn, buf []byte) (n int) {
	if buf[0] != recordHandshake {
		l.engine.handshakes.plain.Add(1)
		l.engine.log.Debug("plain HTTP came to a port of TLS")
		c.queue(protocol.NewRawFrame(plainOnTLS))
		c.linger()
		return len(buf)
	}
	// Who does not even send a whole record takes no goroutine.
	if len(buf) < recordHeader || len(buf) < recordHeader+min(int(buf[3])<<8|int(buf[4]), maxRecord) {
		return 0
	}
	l.host.handshake(c, buf)
	return len(buf)
}

// arrives begins with a connection that comes from elsewhere.
func (l *loop) arrives(c *conn, a *arrival) {
	if a.tls == nil && len(a.early) == 0 {
		return
	}
	c.extra = &extra{carry: a.early, tls: a.tls}
	if a.tls == nil {
		l.traffic(c, nil)
	} else {
		l.decrypt(c, nil)
	}
}

// decrypt reads what has come on a connection with TLS, and what its TLS has read already.
func (l *loop) decrypt(c *conn, buf []byte) {
	c.heard, c.pinged = l.wheel.now, false
	if c.state != stateHead && c.state != stateOpen {
		return // what comes behind the end is thrown away as it is
	}
	t := c.extra.tls
	plain, err := t.open(l.scratch.plain[:0], buf)
	if len(plain) > 0 || buf == nil {
		l.received(c, plain)
	}
	l.scratch.plain = emptied(plain, maxScratch)
	if c.state != stateGone && len(t.out) > 0 { // an alert, or an answer to a new key
		if !c.transmit() {
			return
		}
		if c.slow != nil {
			c.settle()
		}
	}
	if err != errNothing && (c.state == stateHead || c.state == stateOpen) {
		c.drop()
	}
}

// received goes on with plaintext, or keeps it while a message is not whole.
func (l *loop) received(c *conn, plain []byte) {
	if c.arrived(len(plain)) {
		l.traffic(c, plain)
		return
	}
	l.stats.received.Add(len(plain))
	c.extra.carry = append(c.extra.carry, plain...)
}

// give hands the kernel what it takes of b now, and returns how much that is. On TLS all that is encrypted counts as
// taken: what the kernel does not take of it is owed to it, before anything else.
func (c *conn) give(b []byte) (n int, err error) {
	if c.secured() == nil {
		n, err = c.loop.host.write(c, b)
		c.loop.outbox.wrote(n)
		return n, err
	}
	one := append(c.loop.outbox.slices[:0], b)
	n, err = c.seal(one)
	clear(one)
	return n, err
}

// givev is give for several slices. It may change them.
func (c *conn) givev(slices [][]byte) (n int, err error) {
	if c.secured() == nil {
		n, err = c.loop.host.writev(c, slices)
		c.loop.outbox.wrote(n)
		return n, err
	}
	return c.seal(slices)
}

// seal is givev for TLS. It goes on, maxSealed bytes for each call of the kernel, until the kernel leaves something. So much
// is encrypted for a slow reader and no more: the rest of its backlog are frames, which it shares with all others.
func (c *conn) seal(slices [][]byte) (n int, err error) {
	s, t := &c.loop.scratch, c.extra.tls
	for len(slices) > 0 && !c.owes() {
		var chunk []byte
		chunk, slices = s.chunk(slices)
		if t.out == nil {
			t.out = s.sealed[:0]
		}
		if _, err := t.tls.Write(chunk); err != nil {
			t.out = nil
			return n, err
		}
		if n += len(chunk); !c.transmit() {
			return n, errLost
		}
	}
	return n, nil
}

// chunk returns up to maxSealed of the bytes that the slices begin with, and what is behind them. It is good until the next call.
func (s *scratch) chunk(slices [][]byte) (chunk []byte, rest [][]byte) {
	if len(slices) == 1 || len(slices[0]) >= maxSealed {
		n := min(len(slices[0]), maxSealed)
		chunk, slices[0] = slices[0][:n], slices[0][n:]
	} else {
		for chunk = s.joined[:0]; len(slices) > 0; slices = slices[1:] {
			n := min(len(slices[0]), maxSealed-len(chunk))
			chunk, slices[0] = append(chunk, slices[0][:n]...), slices[0][n:]
			if len(slices[0]) > 0 {
				break
			}
		}
		s.joined = chunk[:0]
	}
	if len(slices) > 0 && len(slices[0]) == 0 {
		slices = slices[1:]
	}
	return chunk, slices
}

// transmit gives the kernel what TLS has written. What it does not take is owed. It reports false when the connection is lost, and
// closed.
func (c *conn) transmit() bool {
	l, t, n := c.loop, c.extra.tls, 0
	if !c.owes() {
		var err error
		n, err = l.host.write(c, t.out)
		l.outbox.wrote(n)
		if err != nil {
			t.out = nil
			c.drop()
			return false
		}
	}
	if rest := t.out[n:]; len(rest) > 0 {
		if c.slow == nil {
			c.slow = new(backlog)
		}
		c.slow.sealed = append(c.slow.sealed, rest...)
		c.slow.size += len(rest)
	}
	l.scratch.sealed, t.out = emptied(t.out, maxScratch), nil
	return true
}

// owes reports whether the kernel has not taken all that is encrypted.
func (c *conn) owes() bool { return c.slow != nil && len(c.slow.sealed) > 0 }

// pay gives that to the kernel. It reports false when the connection is lost, and closed.
func (c *conn) pay() bool {
	b := c.slow
	n, err := c.loop.host.write(c, b.sealed)
	c.loop.outbox.wrote(n)
	if err != nil {
		c.drop()
		return false
	}
	b.size -= n
	if b.sealed = b.sealed[n:]; len(b.sealed) == 0 {
		b.sealed = nil
	}
	return true
}

// hangUp says that nothing more will be written, in the language of TLS first.
func (c *conn) hangUp() {
	if t := c.secured(); t != nil {
		_ = t.tls.CloseWrite() // into memory, and once: it is called again when a slow reader has taken it
		if len(t.out) > 0 && !c.transmit() {
			return
		}
		if c.slow != nil {
			c.loop.host.watch(c)
			return
		}
	}
	c.loop.host.shutdown(c)
}
