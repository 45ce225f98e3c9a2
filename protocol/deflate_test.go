package protocol

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"resound/protocol/ws"
)

// order is an event of about n bytes as an application sends it.
func order(n int) *Frame {
	var data strings.Builder
	data.WriteString(`{\"lines\":[`)
	for i := 1; data.Len() < n-76; i++ {
		fmt.Fprintf(&data, `{\"id\":%d,\"sku\":\"SKU-%05d\",\"quantity\":%d,\"unit_price\":%d.%02d,\"token\":\"%08x\"},`,
			i*7919%1000003, i*104729%99991, i*31%9+1, i*6151%100, i*37%100, uint32(i*i)*2654435761)
	}
	return Event(Raw(`"App\\Events\\OrderShipped"`), "private-orders.1", Raw(`"`+data.String()[:n-76]+`"`))
}

func TestDeflated(t *testing.T) {
	for _, n := range []int{200, 1000, 70_000} {
		f := order(n)
		payload := string(f.Payload())
		for _, least := range []int{0, len(payload)} {
			d := f.Deflated(least)
			if d == f || d.Len() >= f.Len() || d.Bytes()[0] != 0xc1 {
				t.Fatalf("%d bytes became %d", f.Len(), d.Len())
			}
			if d != f.Deflated(1) || d != d.Deflated(0) {
				t.Error("it is made more than once")
			}
			decoder := ws.NewClientDecoder()
			decoder.Deflate()
			m, used, ok, err := decoder.Next(append([]byte(nil), d.Bytes()...), len(payload))
			if !ok || err != nil || used != d.Len() || m.Op != ws.OpText || string(m.Payload) != payload {
				t.Errorf("%d bytes: %v %v, %d of %d bytes read", len(payload), ok, err, used, d.Len())
			}
		}
		if string(f.Payload()) != payload || f.Bytes()[0] != 0x81 {
			t.Error("the plain frame has changed")
		}
	}
}

func TestDeflatedLeavesAlone(t *testing.T) {
	f := order(1000)
	for name, tc := range map[string]struct {
		frame *Frame
		least int
	}{
		"less than least":  {f, len(f.Payload()) + 1},
		"does not shorten": {newFrame(0, func(dst []byte) []byte { return append(dst, `{"a":1}`...) }), 0},
		"ping":             {NewControlFrame(ws.OpPing, make([]byte, 125)), 0},
		"close":            {NewCloseFrame(1000, strings.Repeat("a", 120)), 0},
		"bytes":            {NewRawFrame([]byte("HTTP/1.1 101 Switching Protocols" + strings.Repeat("\r\nX: x", 50))), 0},
	} {
		if d := tc.frame.Deflated(tc.least); d != tc.frame {
			t.Errorf("%s: % x…", name, d.Bytes()[:2])
		}
	}
}

// TestDeflatedOnce: however many loops ask at the same moment, all get the same frame.
func TestDeflatedOnce(t *testing.T) {
	for n := range 50 {
		f := order(500 + n)
		var got [8]*Frame
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() { got[i] = f.Deflated(0) })
		}
		wg.Wait()
		for _, d := range got {
			if d != got[0] || d == f {
				t.Fatalf("%p and %p of %p", d, got[0], f)
			}
		}
	}
}

// Who asks after the first costs nothing but a look.
func TestDeflatedAllocates(t *testing.T) {
	f := order(1000)
	f.Deflated(256)
	if n := testing.AllocsPerRun(100, func() { f.Deflated(256) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDeflate is what it costs to compress one event, whoever it is for, and what each delivery then has fewer bytes.
func BenchmarkDeflate(b *testing.B) {
	for _, n := range []int{200, 256, 512, 1 << 10, 4 << 10, 16 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			plain, f := order(n), new(Frame)
			b.ReportAllocs()
			for b.Loop() {
				f = (&Frame{bytes: plain.bytes}).Deflated(0)
			}
			b.ReportMetric(float64(plain.Len()), "plain-B")
			b.ReportMetric(float64(f.Len()), "deflated-B")
		})
	}
}

// BenchmarkInflate is what a compressed message of a client costs beside the plain one.
func BenchmarkInflate(b *testing.B) {
	for _, n := range []int{200, 1 << 10, 8 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := order(n).Deflated(0)
			b.ReportAllocs()
			decoder := ws.NewClientDecoder()
			decoder.Deflate()
			for b.Loop() {
				if _, _, ok, err := decoder.Next(f.Bytes(), n+1); !ok {
					b.Fatal(err)
				}
			}
		})
	}
}

// What an application asks for counts each time: its setting may have changed while the frame was kept.
func TestTheSmallestMessageMayChange(t *testing.T) {
	f := Event(Raw(`"e"`), "cache-news", Raw(`"`+strings.Repeat("x", 500)+`"`))
	if f.Deflated(100) == f {
		t.Fatal("it is not compressed")
	}
	if f.Deflated(1000) != f {
		t.Error("a message below the smallest size is compressed, because it once was")
	}
}
