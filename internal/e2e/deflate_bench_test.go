package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resound/protocol"
)

// offering opens a plain connection that offers permessage-deflate, and reads the answer.
func (s *server) offering(t testing.TB) (net.Conn, *bufio.Reader, http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute)) // nothing here waits for ever
	_, _ = io.WriteString(conn, "GET /app/"+appKey+"?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", answer, err)
	}
	return conn, r, answer.Header
}

// invoice is n bytes of JSON as an application sends it.
func invoice(n int) string {
	var b strings.Builder
	b.WriteString(`{"order":{"id":48213,"status":"shipped"},"lines":[`)
	for i := 1; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":%d,"sku":"SKU-%05d","quantity":%d,"unit_price":%d.%02d,"token":"%08x"},`,
			i*7919%1000003, i*104729%99991, i*31%9+1, i*6151%100, i*37%100, uint32(i*i)*2654435761)
	}
	return b.String()[:n]
}

// hall is a server with 1,000 subscribers that offer to compress.
type hall struct {
	*server
	read atomic.Int64 // bytes that came to all of them
}

func newHall(b *testing.B, compression string, channels []string) *hall {
	b.Helper()
	c := &hall{server: pinned(b, "--durability", "off", compression)}
	for range fanSize {
		conn, r, _ := c.offering(b)
		for _, name := range channels {
			_, _ = conn.Write(mask(1, []byte(`{"event":"pusher:subscribe","data":{"channel":"`+name+`"}}`)))
		}
		for range 1 + len(channels) { // all short: a header of two bytes
			var head [2]byte
			if _, err := io.ReadFull(r, head[:]); err != nil {
				b.Fatal(err)
			}
			if _, err := r.Discard(int(head[1])); err != nil {
				b.Fatal(err)
			}
		}
		go func() {
			room := make([]byte, 64<<10)
			for {
				n, err := r.Read(room)
				if err != nil {
					return
				}
				c.read.Add(int64(n))
			}
		}()
	}
	return c
}

// round publishes so many events, one at a time, each of which is a frame of that many bytes, and returns what the server used.
func (c *hall) round(b *testing.B, p *rawPublisher, events, frame int) time.Duration {
	before := c.cpu(b)
	for range events {
		want := c.read.Load() + int64(frame*fanSize)
		if err := p.publish(); err != nil {
			b.Fatal(err)
		}
		for c.read.Load() < want {
			time.Sleep(50 * time.Microsecond)
		}
	}
	return c.cpu(b) - before
}

// BenchmarkDeflateFanout is one publication at a time to 1,000 subscribers that offer permessage-deflate, to a server that does not
// agree and to one that does. They take turns, so that what else happens on the machine happens to both.
func BenchmarkDeflateFanout(b *testing.B) {
	const events = 5
	sizes := []int{200, 1 << 10, 4 << 10, 16 << 10}
	var channels []string
	for _, size := range sizes {
		channels = append(channels, fmt.Sprint("fan", size))
	}
	off, on := newHall(b, "--compression=false", channels), newHall(b, "--compression", channels)
	for i, size := range sizes {
		data := invoice(size)
		frame := protocol.Event(protocol.Raw(`"tick"`), channels[i], protocol.Raw(fmt.Sprintf("%q", data)))
		plain, deflated := frame.Len(), frame.Deflated(256).Len()
		toOff, toOn := off.rawPublisher(b, channels[i], data), on.rawPublisher(b, channels[i], data)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var without, with time.Duration
			for b.Loop() {
				without += off.round(b, toOff, events, plain)
				with += on.round(b, toOn, events, deflated)
			}
			million := float64(b.N*events*fanSize) / 1e6
			b.ReportMetric(without.Seconds()/million, "off-s/M")
			b.ReportMetric(with.Seconds()/million, "on-s/M")
			b.ReportMetric(with.Seconds()/without.Seconds(), "on/off")
			b.ReportMetric(float64(plain), "plain-B")
			b.ReportMetric(float64(deflated), "deflated-B")
		})
	}
}
