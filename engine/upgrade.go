package engine

import (
	"bytes"
	"net/url"
	"strings"

	gobwas "github.com/gobwas/ws"

	"resound/protocol"
)

// head reads a request head. It becomes a WebSocket, or a connection of the
// HTTP server, or waits for more. It returns how many bytes it is done with.
func (l *loop) head(c *conn, buf []byte) (n int) {
	const get = "GET "
	if len(buf) == 0 {
		return 0
	}
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if c.adopted {
		// The HTTP server has seen an upgrade where isUpgrade may see none, as in a list of
		// protocols. Handing it over again would go on for ever, so gobwas has the last word.
		if end < 0 {
			end = len(buf) - len("\r\n\r\n")
		}
		l.upgrade(c, buf[:end+4])
		return end + 4
	}
	if buf[0] == 0x16 {
		// A TLS handshake on a plain port. pusher-js tries wss beside ws, so this is ordinary.
		c.drop()
		return len(buf)
	}
	if begin := buf[:min(len(buf), len(get))]; string(begin) != get[:len(begin)] {
		l.host.handover(c, buf)
		return len(buf)
	}
	// A head whose lines end in LF alone would be awaited for ever: the HTTP server says what is wrong with it.
	if end < 0 && len(buf) <= maxHead && !bytes.Contains(buf, []byte("\n\n")) {
		return 0
	}
	if end < 0 || end+4 > maxHead || !isUpgrade(buf[:end+2]) {
		l.host.handover(c, buf)
		return len(buf)
	}
	l.upgrade(c, buf[:end+4])
	return end + 4
}

// isUpgrade reports whether a request head asks for a WebSocket.
func isUpgrade(head []byte) bool {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && bytes.EqualFold(name, []byte("upgrade")) && bytes.EqualFold(bytes.TrimSpace(value), []byte("websocket")) {
			return true
		}
	}
	return false
}

// exchange is what gobwas reads a request head from and writes the answer to.
type exchange struct {
	bytes.Reader
	answer bytes.Buffer
}

func (x *exchange) Write(p []byte) (int, error) { return x.answer.Write(p) }

// poweredBy is Reverb's header, by which scripts tell that they reached it.
var poweredBy = gobwas.HandshakeHeaderString("X-Powered-By: Laravel Reverb\r\n")

// upgrade answers a handshake and begins the session.
func (l *loop) upgrade(c *conn, head []byte) {
	var key, origin, extension string
	upgrader := gobwas.Upgrader{
		Header: poweredBy,
		OnRequest: func(uri []byte) (err error) {
			if why := flaw(head); why != "" {
				return gobwas.RejectConnectionError(gobwas.RejectionStatus(400), gobwas.RejectionReason(why))
			}
			key, err = l.engine.appKey(string(uri))
			return err
		},
		OnHeader: func(name, value []byte) error {
			if bytes.EqualFold(name, []byte("Origin")) {
				origin = string(value)
			}
			return nil
		},
		OnBeforeUpgrade: func() (gobwas.HandshakeHeader, error) {
			if app := l.engine.registry.ByKey([]byte(key)); app != nil && app.Compression {
				extension = negotiate(head)
			}
			return gobwas.HandshakeHeaderString(extension), nil
		},
	}
	var x exchange
	x.Reset(joinConnection(head))
	_, err := upgrader.Upgrade(&x)
	if err != nil && x.answer.Len() == 0 { // gobwas says nothing where it cannot read the request line
		x.answer.WriteString("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	}
	c.queue(protocol.NewRawFrame(x.answer.Bytes()))
	if err != nil {
		c.linger() // the answer says why
		return
	}
	c.state = stateOpen
	if extension != "" {
		c.decoder.Deflate()
	}
	c.id = protocol.NewSocketID() // who is refused has one too, for the trace
	refusal := l.begin(c, key, origin)
	if refusal != nil {
		c.Close(refusal)
		return
	}
	settings := c.app.Settings()
	l.wheel.arm(c, seconds(settings.PingInterval))
	c.rate.began = l.wheel.now
	if t := l.engine.trace; t != nil {
		t.Opened(c.id)
	}
	c.Send(protocol.Established(c.id, settings.ActivityTimeout))
}

// begin starts the session of the application with that key, or says why not.
func (l *loop) begin(c *conn, key, origin string) *protocol.Error {
	settings := l.engine.registry.ByKey([]byte(key))
	if settings == nil {
		return protocol.ErrAppNotFound
	}
	if !settings.OriginAllowed(origin) {
		return protocol.ErrOrigin
	}
	if l.engine.full() {
		return protocol.ErrOverCapacity
	}
	return c.session.begin(l.engine.hub.App(settings))
}

// appKey returns the key in the path of an upgrade: /app/{key}, with the
// configured prefix or without it. The query is ignored, as in Reverb.
func (e *Engine) appKey(uri string) (string, error) {
	path, _, _ := strings.Cut(originForm(uri), "?")
	for _, prefix := range []string{e.prefix, ""} {
		bare, _ := strings.CutPrefix(path, prefix)
		if key, ok := strings.CutPrefix(bare, "/app/"); ok && key != "" && !strings.Contains(key, "/") {
			if plain, err := url.PathUnescape(key); err == nil {
				key = plain
			}
			return key, nil
		}
	}
	status := 404
	if strings.HasPrefix(path, "/apps/") {
		status = 400
	}
	return "", gobwas.RejectConnectionError(
		gobwas.RejectionStatus(status),
		gobwas.RejectionReason("There is no WebSocket here: connect to /app/{key}"),
	)
}

// originForm takes scheme and host off a request target: HTTP allows them, and some proxies send them.
func originForm(uri string) string {
	if scheme, rest, ok := strings.Cut(uri, "://"); ok && !strings.ContainsAny(scheme, "/?") {
		if at := strings.IndexAny(rest, "/?"); at >= 0 {
			return rest[at:]
		}
		return "/"
	}
	return uri
}
