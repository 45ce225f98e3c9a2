package engine

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// transport is what the TLS of a connection reads records from and writes them to. Beneath a handshake or the HTTP server
// that is a connection which waits; on a loop it is memory, and a read of what is not there yet fails for now: crypto/tls goes on
// with the next one, wherever in a record it was.
//
// Whoever has the connection uses it: a handshake, a loop or the HTTP server, each after the other.
type transport struct {
	tls   *tls.Conn
	under net.Conn // nil on a loop
	in    []byte   // read already
	out   []byte   // to be written before anything else
}

const (
	recordHandshake = 0x16 // the type of a record, its first byte
	recordHeader    = 5    // type, version, length
	maxRecord       = 16 << 10

	// minRead is how much room a read has at least.
	minRead = 4 << 10
)

// errNothing is a read on a loop that has to wait. It is temporary, or crypto/tls would read no more.
var errNothing net.Error = nothing{}

type nothing struct{}

// errLost is a write to a connection that is closed by now.
var errLost = errors.New("the connection is lost")

func (nothing) Error() string   { return "nothing more is there to read" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

func (t *transport) Read(p []byte) (int, error) {
	switch {
	case len(t.in) > 0:
		n := copy(p, t.in)
		if t.in = t.in[n:]; len(t.in) == 0 {
			t.in = nil // it may be much
		}
		return n, nil
	case t.under == nil:
		return 0, errNothing
	}
	return t.under.Read(p)
}

func (t *transport) Write(p []byte) (int, error) {
	if t.under == nil {
		t.out = append(t.out, p...)
		return len(p), nil
	}
	if len(t.out) > 0 {
		if _, err := t.under.Write(t.out); err != nil {
			return 0, err
		}
		t.out = nil
	}
	return t.under.Write(p)
}

// Close closes nothing on a loop, which does it itself.
func (t *transport) Close() error {
	if t.under == nil {
		return nil
	}
	return t.under.Close()
}

// The addresses are for who logs a handshake; nothing asks on a loop.

func (t *transport) LocalAddr() net.Addr  { return t.address(net.Conn.LocalAddr) }
func (t *transport) RemoteAddr() net.Addr { return t.address(net.Conn.RemoteAddr) }

func (t *transport) address(of func(net.Conn) net.Addr) net.Addr {
	if t.under == nil {
		return new(net.TCPAddr)
	}
	return of(t.under)
}

// Deadlines are for those who wait. crypto/tls sets one for its own goodbye.

func (t *transport) SetDeadline(at time.Time) error     { return t.bound(net.Conn.SetDeadline, at) }
func (t *transport) SetReadDeadline(at time.Time) error { return t.bound(net.Conn.SetReadDeadline, at) }
func (t *transport) SetWriteDeadline(at time.Time) error {
	return t.bound(net.Conn.SetWriteDeadline, at)
}

func (t *transport) bound(set func(net.Conn, time.Time) error, at time.Time) error {
	if t.under == nil {
		return nil
	}
	return set(t.under, at)
}

// open reads what in decrypts to, all of it, behind dst. An error other than errNothing is the end of the connection; what came
// before it counts.
func (t *transport) open(dst, in []byte) (plain []byte, err error) {
	t.in = in
	for {
		if cap(dst)-len(dst) < minRead {
			dst = append(dst, make([]byte, maxRecord)...)[:len(dst)]
		}
		n, err := t.tls.Read(dst[len(dst):cap(dst)])
		if dst = dst[:len(dst)+n]; err != nil {
			t.in = nil // it is the loop's buffer
			return dst, err
		}
	}
}
