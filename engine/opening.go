package engine

import (
	"bytes"

	gobwas "github.com/gobwas/ws"
)

// opening is what a request head says of an upgrade. Its slices are of the head, unless a header came in pieces.
type opening struct {
	target                  []byte // of the request line
	key                     []byte // Sec-WebSocket-Key
	origin                  []byte // Origin; the last one counts
	extensions              []byte // Sec-WebSocket-Extensions; several are one list
	forwardedFor, forwarded []byte // X-Forwarded-For and Forwarded; several are one list
	realIP                  []byte // X-Real-IP; the last one counts

	websocket bool  // an Upgrade header names the protocol, and nothing else
	fault     error // why this can be no upgrade; the first reason counts
	seen      header
}

// header is a set of headers that were seen.
type header uint8

const (
	seenHost header = 1 << iota
	seenUpgrade
	seenConnection // that names the upgrade
	seenVersion
	seenKey
)

// read goes through a head once.
//
// A head that two servers may read differently is refused, as the HTTP server does it: behind a proxy it can carry
// somebody else's request.
func (o *opening) read(head []byte) {
	line, rest := o.cutLine(head)
	o.requestLine(line)
	for len(rest) > 0 {
		if line, rest = o.cutLine(rest); len(line) > 0 || len(rest) > 0 {
			o.headerLine(line)
		}
	}
	for _, must := range []struct {
		header header
		fault  error
	}{
		{seenHost, gobwas.ErrHandshakeBadHost},
		{seenUpgrade, gobwas.ErrHandshakeBadUpgrade},
		{seenConnection, gobwas.ErrHandshakeBadConnection},
		{seenVersion, gobwas.ErrHandshakeBadSecVersion},
		{seenKey, gobwas.ErrHandshakeBadSecKey},
	} {
		if o.seen&must.header == 0 {
			o.fail(must.fault)
		}
	}
}

func (o *opening) fail(why error) {
	if o.fault == nil {
		o.fault = why
	}
}

// once notes a header that may be there one time only.
func (o *opening) once(h header) {
	if o.seen&h != 0 {
		o.fail(errTwice)
	}
	o.seen |= h
}

// cutLine returns the first line, without its end, and what is behind it.
func (o *opening) cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i < 0:
		return b, nil
	case i == 0 || b[i-1] != '\r':
		o.fail(errControl) // an end of a line to one server, and none to another
		return b[:i], b[i+1:]
	}
	return b[:i-1], b[i+1:]
}

// requestLine reads the method, the target and the version.
func (o *opening) requestLine(line []byte) {
	method, rest, _ := bytes.Cut(line, []byte{' '})
	target, version, _ := bytes.Cut(rest, []byte{' '})
	o.target = target
	major, minor, ok := httpVersion(version)
	switch {
	case !ok || controls(target):
		o.fail(gobwas.ErrMalformedRequest)
	case major != '1' || minor == '0':
		o.fail(gobwas.ErrHandshakeBadProtocol)
	case string(method) != "GET":
		o.fail(gobwas.ErrHandshakeBadMethod)
	}
}

// httpVersion reads the two digits of HTTP/1.1.
func httpVersion(b []byte) (major, minor byte, ok bool) {
	const form = "HTTP/0.0"
	if len(b) != len(form) || string(b[:5]) != form[:5] || b[6] != '.' || !digit(b[5]) || !digit(b[7]) {
		return 0, 0, false
	}
	return b[5], b[7], true
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// longestName is the length of the longest name of a header that means something here.
const longestName = len("sec-websocket-extensions")

// headerLine reads one header.
func (o *opening) headerLine(line []byte) {
	var room [longestName]byte
	n := 0
	for ; n < len(line) && line[n] != ':'; n++ {
		b := lower[line[n]]
		if b == 0 {
			o.fail(errName)
			return
		}
		if n < len(room) {
			room[n] = b
		}
	}
	if n == 0 || n == len(line) {
		o.fail(errName)
		return
	}
	value := bytes.Trim(line[n+1:], " \t")
	if controls(value) {
		o.fail(errControl)
	}
	if n <= len(room) {
		o.header(room[:n], value)
	}
}

// header notes what a header says. Its name is in lower case.
func (o *opening) header(name, value []byte) {
	switch string(name) {
	case "host":
		o.once(seenHost)
	case "upgrade":
		o.seen |= seenUpgrade
		if bytes.EqualFold(value, []byte("websocket")) {
			o.websocket = true
		} else {
			o.fail(gobwas.ErrHandshakeBadUpgrade)
		}
	case "connection":
		o.connection(value)
	case "sec-websocket-version":
		o.once(seenVersion)
		if string(value) != "13" {
			o.fail(gobwas.ErrHandshakeUpgradeRequired)
		}
	case "sec-websocket-key":
		o.once(seenKey)
		if o.key = value; len(value) != keySize {
			o.fail(gobwas.ErrHandshakeBadSecKey)
		}
	case "sec-websocket-extensions":
		o.extensions = joined(o.extensions, value)
	case "x-forwarded-for":
		o.forwardedFor = joined(o.forwardedFor, value)
	case "forwarded":
		o.forwarded = joined(o.forwarded, value)
	case "x-real-ip":
		o.realIP = value
	case "origin":
		o.origin = value
	case "transfer-encoding":
		o.fail(errBody)
	case "content-length":
		if string(value) != "0" {
			o.fail(errBody)
		}
	}
}

// joined appends a value to the list of those before it, of which there are none in nearly every head.
func joined(list, value []byte) []byte {
	if list == nil {
		return value
	}
	return bytes.Join([][]byte{list, value}, []byte(", "))
}

// connection reads a list of options, which may be in several headers.
func (o *opening) connection(list []byte) {
	for option := range bytes.SplitSeq(list, []byte{','}) {
		option = bytes.Trim(option, " \t")
		for _, b := range option {
			if lower[b] == 0 {
				o.fail(gobwas.ErrHandshakeBadConnection)
				return
			}
		}
		if bytes.EqualFold(option, []byte("upgrade")) {
			o.seen |= seenConnection
		}
	}
}

// controls reports whether there is a control character other than a tab.
func controls(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// lower has the bytes that the name of a header is made of, in lower case, and 0 for those that it can't have.
var lower = func() (table [256]byte) {
	for i := range table {
		b := byte(i)
		switch {
		case 'A' <= b && b <= 'Z':
			table[i] = b - 'A' + 'a'
		case b > ' ' && b != 0x7f && bytes.IndexByte([]byte("\"(),/:;<=>?@[\\]{}"), b) < 0:
			table[i] = b
		}
	}
	return table
}()

// What gobwas does not look for.
var (
	errControl = refusal(400, "a control character in the request head")
	errName    = refusal(400, "a header without a proper name")
	errBody    = refusal(400, "an upgrade has no body")
	errTwice   = refusal(400, "a header that may be there once is there twice")
)

func refusal(status int, why string) error {
	return gobwas.RejectConnectionError(gobwas.RejectionStatus(status), gobwas.RejectionReason(why))
}
