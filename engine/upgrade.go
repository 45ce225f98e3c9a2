package engine

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"

	gobwas "github.com/gobwas/ws"

	"resound/internal/overload"
	"resound/protocol"
)

// head reads a request head. The connection becomes a WebSocket, or one of the HTTP server, or the request
// is answered here, or more is waited for. It returns how many bytes it is done with.
func (l *loop) head(c *conn, buf []byte) (n int) {
	const get = "GET "
	if len(buf) == 0 {
		return 0
	}
	var o opening
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if c.awaits == readHead {
		// The HTTP server has seen an upgrade where websocket may be false, as in a list of
		// protocols. Handing it over again would go on for ever.
		if end < 0 {
			end = len(buf) - len("\r\n\r\n")
		}
		o.read(buf[:end+4])
		l.upgrade(c, &o)
		return end + 4
	}
	if c.awaits == helloFirst {
		return l.hello(c, buf)
	}
	if buf[0] == recordHandshake {
		// A TLS handshake on a plain port. pusher-js tries wss beside ws, so this is ordinary.
		c.drop()
		return len(buf)
	}
	if begin := buf[:min(len(buf), len(get))]; string(begin) != get[:len(begin)] {
		if n := l.answer(c, buf); n > 0 {
			return n
		}
		l.host.handover(c, buf)
		return len(buf)
	}
	// A head whose lines end in LF alone would be awaited for ever: the HTTP server says what is wrong with it. And
	// it is the one to wait for the rest of a later head.
	if end < 0 && len(buf) <= maxHead && c.awaits == firstHead && !bytes.Contains(buf, []byte("\n\n")) {
		return 0
	}
	if end >= 0 && end+4 <= maxHead {
		o.read(buf[:end+4])
	}
	if !o.websocket {
		l.host.handover(c, buf)
		return len(buf)
	}
	l.upgrade(c, &o)
	return end + 4
}

// upgrade answers a handshake and begins the session.
func (l *loop) upgrade(c *conn, o *opening) {
	key, err := l.engine.appKey(o.target)
	if o.fault != nil {
		err = o.fault
	}
	if err != nil {
		c.queue(protocol.NewRawFrame(appendRefusal(nil, err)))
		c.linger() // the answer says why
		return
	}
	if bye := l.engine.farewell.Load(); bye != nil { // it came on a connection of the HTTP server's
		c.queue(protocol.NewRawFrame(appendAnswer(make([]byte, 0, answerSize), o.key, "")))
		c.state = stateOpen
		c.closeWith(uint16(bye.Code), bye.Text)
		return
	}
	if status := l.turnedAway(c, o); status != 0 {
		c.queue(protocol.NewRawFrame(appendTurnedAway(nil, status)))
		c.linger()
		return
	}
	c.id = protocol.NewSocketID() // who is refused has one too, for the trace
	refused := l.begin(c, key, o.origin)
	extension := ""
	if c.app != nil && c.app.Settings().Compression {
		extension = negotiate(o.extensions)
	}
	// The answer and the first event are one frame, and so one write.
	answer := appendAnswer(make([]byte, 0, answerSize), o.key, extension)
	c.state = stateOpen
	l.stats.upgraded.Add(1)
	if refused != nil {
		l.engine.refusedBy.add(refused.Code)
		c.queue(protocol.NewRawFrame(answer))
		c.Send(refused.Frame())
		c.say(uint16(refused.Code), refused.Text)
		return
	}
	settings := c.app.Settings()
	l.wheel.arm(c, seconds(settings.PingInterval))
	c.rate.began = l.wheel.now
	hello := protocol.Established(c.id, settings.ActivityTimeout)
	if t := l.engine.trace; t != nil {
		t.Opened(c.id)
		t.Sent(c.id, hello)
	}
	c.queue(protocol.NewRawFrame(append(answer, hello.Bytes()...)))
	if extension != "" {
		c.decoder.Deflate()
	}
	if c.awaits != readHead { // else it was accepted for another request
		l.openings.end(c, &l.stats.opening)
	}
}

const (
	keySize = 24 // of a Sec-WebSocket-Key, 16 bytes in base64

	// answerSize is room for the answer to a handshake and the first event.
	answerSize = 400

	// poweredBy is Reverb's header, by which scripts tell that they reached it.
	poweredBy = "X-Powered-By: Laravel Reverb\r\n"
)

// appendAnswer accepts a handshake. extension is a header line, or nothing.
func appendAnswer(dst, key []byte, extension string) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3
	var room [keySize + len(guid)]byte
	sum := sha1.Sum(append(append(room[:0], key...), guid...))
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	dst = append(dst, "\r\n"+poweredBy...)
	return append(append(dst, extension...), "\r\n"...)
}

// appendRefusal says why a handshake is not accepted.
func appendRefusal(dst []byte, why error) []byte {
	status, headers := http.StatusBadRequest, ""
	if r, ok := why.(*gobwas.ConnectionRejectedError); ok {
		status = r.StatusCode()
	}
	if status == http.StatusUpgradeRequired {
		headers = "Sec-WebSocket-Version: 13\r\n"
	}
	return appendText(dst, status, headers, why.Error())
}

// appendText answers in words. headers are whole lines, or none.
func appendText(dst []byte, status int, headers, text string) []byte {
	return fmt.Appendf(dst, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n%s%sContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), poweredBy, headers, len(text), text)
}

// begin starts the session of the application with that key, or says why not.
func (l *loop) begin(c *conn, key, origin []byte) *protocol.Error {
	settings := l.engine.registry.ByKey(key)
	if settings == nil {
		return protocol.ErrAppNotFound
	}
	if !settings.OriginAllowed(string(origin)) {
		return protocol.ErrOrigin
	}
	if l.engine.full() {
		l.engine.governor.CountFor(overload.Socket, overload.Descriptors)
		return protocol.ErrOverCapacity
	}
	return c.session.begin(l.engine.hub.App(settings))
}

// appKey returns the key in the path of an upgrade: /app/{key}, with the
// configured prefix or without it. The query is ignored, as in Reverb.
func (e *Engine) appKey(target []byte) ([]byte, error) {
	path, _, _ := bytes.Cut(originForm(target), []byte{'?'})
	for _, prefix := range []string{e.prefix, ""} {
		bare, _ := bytes.CutPrefix(path, []byte(prefix))
		if key, ok := bytes.CutPrefix(bare, []byte("/app/")); ok && len(key) > 0 && bytes.IndexByte(key, '/') < 0 {
			if bytes.IndexByte(key, '%') >= 0 {
				if plain, err := url.PathUnescape(string(key)); err == nil {
					key = []byte(plain)
				}
			}
			return key, nil
		}
	}
	if bytes.HasPrefix(path, []byte("/apps/")) {
		return nil, errAPI
	}
	return nil, errNoSocket
}

var (
	errNoSocket = refusal(http.StatusNotFound, noSocket)
	errAPI      = refusal(http.StatusBadRequest, noSocket)
)

const noSocket = "There is no WebSocket here: connect to /app/{key}"

// originForm takes scheme and host off a request target: HTTP allows them, and some proxies send them.
func originForm(target []byte) []byte {
	if scheme, rest, ok := bytes.Cut(target, []byte("://")); ok && !bytes.ContainsAny(scheme, "/?") {
		if at := bytes.IndexAny(rest, "/?"); at >= 0 {
			return rest[at:]
		}
		return []byte{'/'}
	}
	return target
}
