package api

import (
	"bytes"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Direct answers publishes on the goroutine that has read them: an event loop's. One goroutine uses it.
//
// It takes none where events go to a log. A disk may take as long as it likes, and a loop that waited for it would
// hold up all of its sockets; a goroutine of the HTTP server may wait.
type Direct struct {
	server *Server
	http   *fasthttp.Server
	conn   memory
}

// Direct returns a new one.
func (s *Server) Direct() *Direct {
	c := s.newCounts()
	return &Direct{server: s, http: s.plain(func(ctx *fasthttp.RequestCtx) { s.handle(ctx, c) })}
}

// Takes reports whether a POST to that target can be answered without waiting, and here.
func (d *Direct) Takes(target []byte) bool {
	if d.server.o.Hub.Waits() || d.server.gate.closed.Load() {
		return false
	}
	path, _, _ := bytes.Cut(target, []byte{'?'})
	rt, _ := d.server.route(path)
	return rt.kind == events || rt.kind == batchEvents
}

// Answer appends the answers to whole requests to dst. keep is whether the connection is kept.
func (d *Direct) Answer(dst, requests []byte) (answers []byte, keep bool) {
	d.conn = memory{in: requests, out: dst}
	err := d.http.ServeConn(&d.conn)
	answers, keep = d.conn.out, err == nil && d.conn.dry
	d.conn = memory{}
	return answers, keep
}

// memory is a connection whose peer has sent all that it will, and waits for the answers.
type memory struct {
	in, out []byte
	dry     bool // somebody wanted to read more than there is
}

func (m *memory) Read(p []byte) (n int, err error) {
	if len(m.in) == 0 {
		m.dry = true
		return 0, io.EOF
	}
	n = copy(p, m.in)
	m.in = m.in[n:]
	return n, nil
}

func (m *memory) Write(p []byte) (n int, err error) {
	m.out = append(m.out, p...)
	return len(p), nil
}

func (*memory) Close() error                     { return nil }
func (*memory) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (*memory) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (*memory) SetDeadline(time.Time) error      { return nil }
func (*memory) SetReadDeadline(time.Time) error  { return nil }
func (*memory) SetWriteDeadline(time.Time) error { return nil }
