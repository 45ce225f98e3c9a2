package engine

import (
	"bytes"
	"slices"
)

// flaw says what is wrong with the head of an upgrade that gobwas does not look for; "" is nothing.
// A head that two servers may read differently is refused, as the HTTP server does it: behind a proxy
// it can carry somebody else's request.
func flaw(head []byte) string {
	var host, key, version int
	for i, line := range headLines(head) {
		if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return "a control character in the request head"
		}
		if i == 0 {
			continue // the request line is gobwas's
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if len(name) == 0 || bytes.ContainsAny(name, " \t\"(),/;<=>?@[\\]{}") {
			return "a header without a proper name"
		}
		switch value = bytes.TrimSpace(value); string(bytes.ToLower(name)) {
		case "host":
			host++
		case "sec-websocket-key":
			key++
		case "sec-websocket-version":
			version++
		case "transfer-encoding":
			return "an upgrade has no body"
		case "content-length":
			if string(value) != "0" {
				return "an upgrade has no body"
			}
		}
	}
	if max(host, key, version) > 1 {
		return "a header that may be there once is there twice"
	}
	return ""
}

// joinConnection makes one Connection header of several, which mean the same as a list. gobwas wants
// each of them to name the upgrade. A head that has one at most is returned as it is.
func joinConnection(head []byte) []byte {
	var values [][]byte
	lines := headLines(head)
	rest := slices.DeleteFunc(lines, func(line []byte) bool {
		name, value, ok := bytes.Cut(line, []byte{':'})
		is := ok && bytes.EqualFold(name, []byte("connection"))
		if is {
			values = append(values, bytes.TrimSpace(value))
		}
		return is
	})
	if len(values) < 2 {
		return head
	}
	all := append(bytes.Join(rest, []byte("\r\n")), "\r\nConnection: "...)
	return append(append(all, bytes.Join(values, []byte(", "))...), "\r\n\r\n"...)
}

// headLines are the lines of a head without the empty one at its end.
func headLines(head []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(head, []byte("\r\n\r\n")), []byte("\r\n"))
}
