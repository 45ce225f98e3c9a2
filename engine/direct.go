package engine

import (
	"bytes"

	"resound/protocol"
)

// Answerer answers requests on a loop, each of which has one of its own. It never waits.
type Answerer interface {
	// Takes reports whether POST requests to a target are its own. All others go to the HTTP server.
	Takes(target []byte) bool
	// Answer appends the answers to whole requests, one behind the other, to dst. keep is whether the
	// connection goes on. It keeps neither of the slices.
	Answer(dst, requests []byte) (answers []byte, keep bool)
}

// AnswerWith makes every loop answer requests itself, with one of what answerer returns. It is called before Start.
//
// A publish that is answered where it was read costs no goroutine, no second descriptor and no change of
// threads, and the turn that delivers it is the next thing that the loop does.
func (e *Engine) AnswerWith(answerer func() Answerer) {
	for _, l := range e.loops {
		l.answerer = answerer()
	}
}

// answer answers the whole requests that buf begins with, and returns how many bytes they are: 0 when the
// HTTP server is to have them. It has time to wait for the rest of a request, and an answer for what is wrong with one.
func (l *loop) answer(c *conn, buf []byte) (n int) {
	if l.answerer == nil || l.engine.frozen.Load() {
		return 0
	}
	requests := 0
	for {
		target, size := wholePost(buf[n:])
		if size == 0 || !l.answerer.Takes(target) {
			break
		}
		n += size
		requests++
	}
	if n == 0 {
		return 0
	}
	l.stats.answered.Add(requests)
	l.events += requests - 1 // a broadcast that waits does not wait for each event's worth of them
	l.muted = l.muted || l.mailbox.mute()
	answers, keep := l.answerer.Answer(l.answers[:0], buf[:n])
	l.answers = emptied(answers, maxPooled)
	sent, err := c.give(answers)
	switch {
	case err != nil:
		c.drop()
	case c.owes():
		if sent < len(answers) {
			c.queue(protocol.NewRawFrame(bytes.Clone(answers[sent:])))
		}
		l.outbox.mark(c)
		c.linger()
	case sent < len(answers):
		// Somebody who does not read answers has megabytes of them to read. It gets these, and may come again.
		c.queue(protocol.NewRawFrame(bytes.Clone(answers[sent:])))
		c.linger()
	case !keep:
		c.linger()
		c.hangUp()
	case c.awaits != nextHead:
		c.awaits = nextHead
		l.wheel.arm(c, seconds(keepAlive))
	}
	return n
}

// wholePost returns the target and the size of the POST request that b begins with, or 0 when it is not all there, or not as
// plain as those of publishers are: then it is not for us to say where it ends.
func wholePost(b []byte) (target []byte, size int) {
	const post, version = "POST ", " HTTP/1.1"
	if !bytes.HasPrefix(b, []byte(post)) {
		return nil, 0
	}
	end := bytes.Index(b[:min(len(b), maxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		return nil, 0
	}
	line, rest, _ := bytes.Cut(b[:end], []byte("\r\n"))
	if !bytes.HasSuffix(line, []byte(version)) || len(line) < len(post)+len(version) || controls(line) {
		return nil, 0
	}
	body, ok := bodyLength(rest)
	if size = end + 4 + body; !ok || size > len(b) {
		return nil, 0
	}
	return line[len(post) : len(line)-len(version)], size
}

// bodyLength returns the one Content-Length of a request's headers. It reports false where there is none or several, and where
// a header changes how a body is sent or what comes behind it.
func bodyLength(headers []byte) (n int, ok bool) {
	for len(headers) > 0 {
		var line []byte
		line, headers, _ = bytes.Cut(headers, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte{':'})
		if len(name) == 0 || lower[name[0]] == 0 || bytes.IndexByte(line, '\n') >= 0 {
			return 0, false
		}
		switch {
		case isName(name, "content-length"):
			var digits bool
			if n, digits = number(bytes.Trim(value, " \t")); !digits || ok {
				return 0, false
			}
			ok = true
		case isName(name, "transfer-encoding"), isName(name, "expect"), isName(name, "upgrade"):
			return 0, false
		}
	}
	return n, ok
}

// isName reports whether a header's name is that one, which is in lower case.
func isName(name []byte, lowerCase string) bool {
	return len(name) == len(lowerCase) && lower[name[0]] == lowerCase[0] && bytes.EqualFold(name, []byte(lowerCase))
}

// number reads up to nine digits.
func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if !digit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, 0 < len(b) && len(b) < 10
}
