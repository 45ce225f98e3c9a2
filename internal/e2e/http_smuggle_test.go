package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// statusLine finds the answers in what came back. No text of ours holds one.
var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d\d\d) `)

// smuggled: where a request ends must not be a matter of opinion, or somebody behind a proxy sends a
// request in another's name. None of these is answered twice, and none publishes what it carries.
func smuggled(t *testing.T, s *server, a *audience) {
	inner := publish("smuggled")
	carrier := func(lines ...string) string { return publishHead("", lines...) }
	length := fmt.Sprintf("Content-Length: %d", len(inner))
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	upgrade := "GET /up HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
	tests := []struct{ name, request string }{
		{"length and chunks", carrier(length, "Transfer-Encoding: chunked") + "0\r\n\r\n" + inner},
		{"chunks and length", carrier("Transfer-Encoding: chunked", "Content-Length: 4") + chunk},
		{"a length of 0 and chunks", carrier("Content-Length: 0", "Transfer-Encoding: chunked") + chunk},
		{"two lengths", carrier("Content-Length: 0", length) + inner},
		{"the same length twice", carrier(length, length) + inner},
		{"a list of lengths", carrier("Content-Length: 0, 0") + inner},
		{"a signed length", carrier("Content-Length: +0") + inner},
		{"a negative length", carrier("Content-Length: -1") + inner},
		{"a length in hex", carrier("Content-Length: 0x0") + inner},
		{"an empty length", carrier("Content-Length:") + inner},
		{"a length with a space inside", carrier("Content-Length: 0 0") + inner},
		{"a length that overflows", carrier("Content-Length: 18446744073709551616") + inner},
		{"chunked twice", carrier("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n" + inner},
		{"chunked, then identity", carrier("Transfer-Encoding: chunked, identity", "Content-Length: 0") + inner},
		{"gzip, chunked", carrier("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + inner},
		{"something chunked", carrier("Transfer-Encoding: xchunked", "Content-Length: 0") + inner},
		{"chunked in quotes", carrier("Transfer-Encoding: \"chunked\"", "Content-Length: 0") + inner},
		{"chunked behind a vertical tab", carrier("Transfer-Encoding: \vchunked", "Content-Length: 0") + inner},
		{"a space before the colon", carrier("Transfer-Encoding : chunked", "Content-Length: 0") + inner},
		{"a tab before the colon", carrier("Content-Length\t: 0") + inner},
		{"a space before the name", carrier(" Content-Length: 0") + inner},
		{"a space inside of the name", carrier("Content Length: 0", "Transfer Encoding: chunked", "Content-Length: "+fmt.Sprint(len(inner))) + inner},
		{"a length on a folded line", carrier("X: a\r\n Content-Length: 0", length) + inner},
		{"a null in a value", carrier("X: a\x00b", "Content-Length: 0") + inner},
		{"a bare CR in a value", carrier("X: a\rContent-Length: 0", "Content-Length: 0") + inner},
		{"a bare CR before a name", carrier("\rTransfer-Encoding: chunked", "Content-Length: 0") + inner},
		{"a line without a colon", carrier("Content-Length 0", "Content-Length: 0") + inner},
		{"a line without a name", carrier(": chunked", "Content-Length: 0") + inner},
		{"two hosts", carrier("Host: b", "Content-Length: 0") + inner},
		{"chunks in HTTP/1.0", strings.Replace(carrier("Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1) + "0\r\n\r\n" + inner},
		{"HTTP/1.2", strings.Replace(carrier("Content-Length: 0"), "HTTP/1.1", "HTTP/1.2", 1) + inner},
		{"HTTP/2.0", strings.Replace(carrier("Content-Length: 0"), "HTTP/1.1", "HTTP/2.0", 1) + inner},
		{"HTTP/0.9", "GET /up\r\n\r\n" + inner},
		{"a chunk whose size is no number", carrier("Transfer-Encoding: chunked") + "g\r\n" + inner},
		{"a chunk with a signed size", carrier("Transfer-Encoding: chunked") + "-1\r\n" + inner},
		{"a chunk in hex notation", carrier("Transfer-Encoding: chunked") + "0x0\r\n\r\n" + inner},
		{"a chunk whose size overflows", carrier("Transfer-Encoding: chunked") + "10000000000000000\r\n" + inner},
		{"a chunk that ends late", carrier("Transfer-Encoding: chunked") + "1\r\nxx\r\n0\r\n\r\n" + inner},
		{"a chunk size behind a space", carrier("Transfer-Encoding: chunked") + " 0\r\n\r\n" + inner},
		{"LF behind a chunk size", carrier("Transfer-Encoding: chunked") + "0\n\n" + inner},
		{"LF in a chunk extension", carrier("Transfer-Encoding: chunked") + "0;a\nb\r\n\r\n" + inner},
		{"lines that end in LF", strings.ReplaceAll(carrier("Content-Length: 0"), "\r\n", "\n") + inner},
		{"a head that ends in LF", strings.Replace(carrier("Content-Length: 0"), "\r\n\r\n", "\r\n\n", 1) + inner},
		{"a head that ends in LF LF", strings.Replace(carrier("Content-Length: 0"), "\r\n\r\n", "\n\n", 1) + inner},
		{"a line that ends in LF", carrier("X: a\nY: b", "Content-Length: 0") + inner},
		{"a body in an upgrade", upgrade + "Connection: Upgrade\r\n" + length + "\r\n\r\n" + inner},
		{"an upgrade without a connection", upgrade + "\r\n" + inner},
		{"an upgrade with chunks", upgrade + "Transfer-Encoding: chunked\r\n\r\n" + chunk},
		{"an upgrade of another version", strings.Replace(head, "Version: 13", "Version: 777", 1) + inner},
		{"an upgrade with a length", strings.Replace(head, "\r\n\r\n", "\r\n"+length+"\r\n\r\n", 1) + inner},
		{"an upgrade with a request behind it", head + inner},
	}
	for _, test := range tests {
		answer := shove(t, s.dial(t), []byte(test.request))
		got := statusLine.FindAllStringSubmatch(string(answer), -1)
		if len(got) > 1 || len(got) == 1 && got[0][1][0] == '2' {
			t.Errorf("%s: answered with %q", test.name, answer)
		}
		if heard := a.heard(t); len(heard) > 0 {
			t.Errorf("%s: it published %q", test.name, heard)
		}
	}
	// The same two requests, put as what they are, are two: it is not for want of trying.
	empty := publish("carrier")
	if got := statusLine.FindAllString(string(shove(t, s.dial(t), []byte(empty+inner))), -1); len(got) != 2 {
		t.Errorf("two requests were answered with %q", got)
	}
	a.want(t, "carrier", "smuggled")
}
