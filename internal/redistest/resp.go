package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// patience is when a test gives up waiting. It says nothing of how long anything should take.
const patience = 30 * time.Second

// Error is an answer of Redis that says what is wrong.
type Error string

func (e Error) Error() string { return string(e) }

// wire is a connection that sends one command at a time.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
}

// dial connects, and says the password if there is one.
func dial(addr, password string) (*wire, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	w := &wire{c, bufio.NewReader(c)}
	if password != "" {
		if _, err := w.do("AUTH", password); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// do sends a command and returns the answer: a string, an int64, nil, or an []any of those. What Redis refuses is an Error.
func (w *wire) do(args ...string) (any, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(w.conn, b.String()); err != nil {
		return nil, err
	}
	return read(w.r)
}

// read reads one answer. An Error within an array is one of its elements.
func read(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, fmt.Errorf("an empty line in the place of an answer")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, Error(rest)
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the answer %q: %w", line, err)
	}
	switch {
	case kind == ':':
		return n, nil
	case kind == '$' && n < 0, kind == '*' && n < 0:
		return nil, nil
	case kind == '$':
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		return string(text[:n]), nil
	case kind == '*':
		list := make([]any, n)
		for i := range list {
			v, err := read(r)
			if e, is := err.(Error); is {
				v, err = e, nil
			}
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	return nil, fmt.Errorf("the answer %q is of an unknown kind", line)
}
