package redisbroker

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strconv"
)

// wire is a connection on which ECHO PONG goes out in the place of each PING. rueidis sends one behind each UNSUBSCRIBE, for
// its answer, and panics later when it gets an error that it does not know. Redis answers PING, and PING only, with such an
// error while it cannot write its disk. The answer to ECHO PONG passes for one to PING.
//
// It reads no further into commands than the lengths in front of what it passes on, so that no byte of a payload is taken for a PING.
type wire struct {
	net.Conn
	args int    // of the present command that are still to come
	data int    // bytes of the present argument that are still to come, with its CRLF
	held []byte // a head that was not whole: rueidis fills a buffer and writes it, wherever it ends
}

var (
	ping = []byte("*1\r\n$4\r\nPING\r\n")
	echo = []byte("*2\r\n$4\r\nECHO\r\n$4\r\nPONG\r\n")
)

// Write is called by one goroutine at a time, as rueidis does.
func (w *wire) Write(b []byte) (int, error) {
	in := b
	if len(w.held) > 0 {
		in = append(w.held, b...)
		w.held = nil
	}
	var out []byte // if anything is changed
	start, at := 0, 0
	for at < len(in) {
		if w.data > 0 {
			n := min(w.data, len(in)-at)
			w.data -= n
			at += n
			continue
		}
		if rest := in[at:]; w.args == 0 && bytes.HasPrefix(rest, ping) {
			out = append(append(out, in[start:at]...), echo...)
			at += len(ping)
			start = at
			continue
		} else if end := bytes.IndexByte(rest, '\n'); end < 0 || w.args == 0 && len(rest) < len(ping) && bytes.HasPrefix(ping, rest) {
			w.held = bytes.Clone(rest)
			in = in[:at]
		} else {
			w.head(rest[:end])
			at += end + 1
		}
	}
	if out == nil {
		out = in
	} else {
		out = append(out, in[start:]...)
	}
	if len(out) > 0 {
		if _, err := w.Conn.Write(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// head takes "*3\r" or "$12\r".
func (w *wire) head(line []byte) {
	n, err := strconv.Atoi(string(bytes.TrimSuffix(line[1:], []byte("\r"))))
	if err != nil {
		return // rueidis writes nothing else; Redis would refuse it
	}
	if line[0] == '*' {
		w.args = n
	} else {
		w.args--
		w.data = n + 2
	}
}

// dial makes the connections of a broker. ctx is rueidis's, done the broker's.
func dial(ctx, done context.Context, address string, d *net.Dialer, conf *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	stop := context.AfterFunc(done, cancel)
	defer stop()
	var c net.Conn
	var err error
	switch {
	case isSocket(address):
		c, err = d.DialContext(ctx, "unix", address)
	case conf == nil:
		c, err = d.DialContext(ctx, "tcp", address)
	default:
		c, err = (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	if d.KeepAlive == guardGap {
		return c, nil // Sentinels know no ECHO, and have no disk
	}
	return &wire{Conn: c}, nil
}
