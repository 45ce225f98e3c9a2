package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"resound/bench/sys"
)

// ends is the end of a head.
var ends = []byte("\r\n\r\n")

// AppendUpgrade appends the request that makes a connection one of the protocol. prefix is what stands before the
// server's paths, or "".
func AppendUpgrade(dst []byte, host, prefix, key string) []byte {
	return fmt.Appendf(dst, "GET %s/app/%s?protocol=7&client=bench&version=1 HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", prefix, key, host)
}

// Upgraded reads the answer that b starts with, and returns what follows it at once. It is not done while the answer is
// not whole. Any other answer than 101 is an error with its first line.
func Upgraded(b []byte) (after []byte, done bool, err error) {
	head, after, ok := bytes.Cut(b, ends)
	if !ok {
		return nil, false, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		return nil, true, errors.New(string(line))
	}
	return after, true, nil
}

// AppendPost appends a signed request of the HTTP API.
func (s *Signer) AppendPost(dst []byte, host, path string, body []byte) []byte {
	dst = append(append(append(dst, "POST "...), path...), '?')
	dst = s.AppendQuery(dst, "POST", path, body)
	dst = append(append(append(dst, " HTTP/1.1\r\nHost: "...), host...), "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(body)), 10), ends...)
	return append(dst, body...)
}

// AnswerLen is the bytes of the answer that b starts with, 0 if it is not whole, and its status.
func AnswerLen(b []byte) (n, status int, err error) {
	head, _, ok := bytes.Cut(b, ends)
	if !ok {
		return 0, 0, nil
	}
	words := bytes.SplitN(head[:min(len(head), 16)], []byte(" "), 3)
	if len(words) < 2 || !bytes.HasPrefix(words[0], []byte("HTTP/1.")) {
		return 0, 0, fmt.Errorf("no answer of HTTP: %q", head)
	}
	if status, err = strconv.Atoi(string(bytes.TrimSpace(words[1]))); err != nil {
		return 0, 0, fmt.Errorf("no answer of HTTP: %q", head)
	}
	at := bytes.Index(bytes.ToLower(head), []byte("content-length:"))
	if at < 0 {
		return 0, status, fmt.Errorf("an answer without Content-Length: %q", head)
	}
	line, _, _ := bytes.Cut(head[at+len("content-length:"):], []byte("\r\n"))
	size, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || size < 0 {
		return 0, status, fmt.Errorf("an answer with Content-Length %q", line)
	}
	if whole := len(head) + len(ends) + size; len(b) >= whole {
		return whole, status, nil
	}
	return 0, status, nil
}

// IsLast says whether an answer is the last one on its connection.
func IsLast(answer []byte) bool {
	last := bytes.HasPrefix(answer, []byte("HTTP/1.0"))
	for line := range bytes.Lines(answer) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		switch {
		case !ok && len(bytes.TrimSpace(name)) == 0: // the end of the head
			return last
		case ok && bytes.EqualFold(name, []byte("Connection")):
			return bytes.EqualFold(bytes.TrimSpace(value), []byte("close"))
		}
	}
	return last
}

// Dial dials and waits for the connection.
func Dial(to sys.Addr, patience time.Duration) (int, error) {
	fd, err := sys.Dial([4]byte{}, to, 0)
	if err != nil {
		return 0, err
	}
	p, err := sys.NewPoller()
	if err != nil {
		sys.Close(fd)
		return 0, err
	}
	defer p.Close()
	if err = p.Add(fd, 0, sys.Out); err == nil {
		var n int
		if n, err = p.Wait(make([]sys.Event, 1), int(patience.Milliseconds())); err == nil && n == 0 {
			err = fmt.Errorf("no connection after %v", patience)
		}
	}
	if err == nil {
		err = sys.ConnectError(fd)
	}
	if err != nil {
		sys.Close(fd)
		return 0, err
	}
	return fd, nil
}
