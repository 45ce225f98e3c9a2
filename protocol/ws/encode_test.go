package ws

import (
	"bytes"
	"math"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// The sizes at which the form of the length changes, and those beside them.
var sizes = []int{0, 1, 2, 3, 15, 16, 17, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 1 << 20}

func TestEncodersAgreeWithGobwas(t *testing.T) {
	prefix := []byte("before")
	for _, op := range []Opcode{OpText, OpBinary, OpPing, OpPong} {
		for _, size := range sizes {
			payload := bytes.Repeat([]byte{'x'}, size)
			want := join(prefix, serverFrame(op, string(payload)))
			header := AppendHeader(bytes.Clone(prefix), op, size)
			if !bytes.Equal(header, want[:len(want)-size]) {
				t.Errorf("header of op %d with %d bytes: % x", op, size, header)
			}
			if HeaderLen(size) != len(header)-len(prefix) {
				t.Errorf("HeaderLen(%d) = %d, but the header has %d", size, HeaderLen(size), len(header)-len(prefix))
			}
			if b := AppendFrame(bytes.Clone(prefix), op, payload); !bytes.Equal(b, want) {
				t.Errorf("AppendFrame: op %d with %d bytes differs", op, size)
			}
			want = join(prefix, frame(op, string(payload)))
			if b := AppendMasked(bytes.Clone(prefix), op, payload, testMask); !bytes.Equal(b, want) {
				t.Errorf("AppendMasked: op %d with %d bytes differs", op, size)
			}
			if bytes.Count(payload, []byte{'x'}) != size {
				t.Fatalf("AppendMasked changed its payload of %d bytes", size)
			}
		}
	}
}

// A header is written for a length that need not exist in memory.
func TestHeaderOfTheLargestLength(t *testing.T) {
	h, err := gobwas.ReadHeader(bytes.NewReader(AppendHeader(nil, OpBinary, math.MaxInt)))
	if err != nil || h.Length != math.MaxInt || !h.Fin || h.Masked || h.OpCode != gobwas.OpBinary {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, size := range sizes {
		payload := strings.Repeat("é", size/2) + strings.Repeat("e", size%2)
		want := []got{{OpText, payload}}
		decode(t, size, AppendMasked(nil, OpText, []byte(payload), testMask)).want(t, want, nil)
		f := &feeder{d: NewClientDecoder(), limit: size}
		f.read(t, AppendFrame(nil, OpText, []byte(payload)))
		f.want(t, want, nil)
	}
}

func TestEncodersDoNotAllocate(t *testing.T) {
	dst, payload := make([]byte, 0, 4096), make([]byte, 1024)
	reason := strings.Repeat("é", 200)
	for name, f := range map[string]func(){
		"AppendHeader": func() { AppendHeader(dst, OpText, 1024) },
		"AppendFrame":  func() { AppendFrame(dst, OpText, payload) },
		"AppendMasked": func() { AppendMasked(dst, OpText, payload, testMask) },
		"AppendClose":  func() { AppendClose(dst, CloseGoingAway, reason) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
