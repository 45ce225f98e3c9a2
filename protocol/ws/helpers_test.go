package ws

import (
	"bytes"
	"fmt"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// The frames that tests decode are built by gobwas/ws and not by encode.go, so
// that a mistake cannot be made twice and cancel out.

var testMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame is a client's frame that is the last of its message.
func frame(op Opcode, payload string) []byte { return rawFrame(true, 0, op, payload) }

// part is a client's frame with more to follow.
func part(op Opcode, payload string) []byte { return rawFrame(false, 0, op, payload) }

func rawFrame(fin bool, rsv byte, op Opcode, payload string) []byte {
	f := gobwas.NewFrame(gobwas.OpCode(op), fin, []byte(payload))
	f.Header.Rsv = rsv
	return gobwas.MustCompileFrame(gobwas.MaskFrameWith(f, testMask))
}

// serverFrame is an unmasked frame.
func serverFrame(op Opcode, payload string) []byte {
	return gobwas.MustCompileFrame(gobwas.NewFrame(gobwas.OpCode(op), true, []byte(payload)))
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// got is a decoded message as tests compare it.
type got struct {
	op      Opcode
	payload string
}

func (g got) String() string {
	if len(g.payload) > 40 {
		return fmt.Sprintf("%d:%d bytes %q…", g.op, len(g.payload), g.payload[:40])
	}
	return fmt.Sprintf("%d:%q", g.op, g.payload)
}

// feeder does with a Decoder what the reactor does: it keeps a buffer that
// grows with each read, calls Next until there is nothing more, discards what
// was consumed, and does not call again before Need is met.
type feeder struct {
	d     Decoder
	limit int
	buf   []byte
	msgs  []got
	fault *CloseError
	looks int // calls of Next
}

// read is one read from the socket.
func (f *feeder) read(t testing.TB, b []byte) {
	t.Helper()
	f.buf = append(f.buf, b...)
	for f.fault == nil && len(f.buf) >= f.d.Need() {
		f.looks++
		m, n, ok, err := f.d.Next(f.buf, f.limit)
		if n < 0 || n > len(f.buf) {
			t.Fatalf("consumed %d of %d bytes", n, len(f.buf))
		}
		if ok {
			f.msgs = append(f.msgs, got{m.Op, string(m.Payload)})
		}
		// What was consumed is gone: a Decoder that still looks at it decodes rubbish.
		clear(f.buf[:n])
		f.buf = f.buf[n:]
		switch {
		case err != nil:
			f.fault = err.(*CloseError)
			if ok || len(f.buf) > 0 || f.d != (Decoder{client: f.d.client, deflate: f.d.deflate}) {
				t.Fatalf("after %v: ok=%v, %d bytes left, %+v", err, ok, len(f.buf), f.d)
			}
		case !ok && f.d.Need() <= len(f.buf):
			t.Fatalf("nothing decoded of %d bytes, but only %d are needed", len(f.buf), f.d.Need())
		case !ok:
			return
		}
	}
}

// decode feeds chunks to a server's Decoder.
func decode(t testing.TB, limit int, chunks ...[]byte) *feeder {
	t.Helper()
	f := &feeder{limit: limit}
	for _, c := range chunks {
		f.read(t, c)
	}
	return f
}

// bytewise cuts b into single bytes.
func bytewise(b []byte) [][]byte {
	chunks := make([][]byte, len(b))
	for i := range b {
		chunks[i] = b[i : i+1]
	}
	return chunks
}

// chopped cuts b into pieces of at most size bytes.
func chopped(b []byte, size int) (chunks [][]byte) {
	for ; len(b) > size; b = b[size:] {
		chunks = append(chunks, b[:size])
	}
	return append(chunks, b)
}

// want compares messages and the error with what is wanted; a nil
// fault means that there must be none.
func (f *feeder) want(t testing.TB, msgs []got, fault *CloseError) {
	t.Helper()
	if f.fault != fault {
		t.Errorf("error %v, want %v", f.fault, fault)
	}
	for i := range max(len(f.msgs), len(msgs)) {
		switch {
		case i >= len(msgs):
			t.Errorf("message %d too many: %v", i, f.msgs[i])
		case i >= len(f.msgs):
			t.Errorf("message %d is missing: %v", i, msgs[i])
		case f.msgs[i] != msgs[i]:
			t.Errorf("message %d is %v, want %v", i, f.msgs[i], msgs[i])
		}
	}
}
