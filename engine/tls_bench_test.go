package engine

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"resound/protocol"
)

// doors are a plain port and one of TLS.
var doors = map[string]func(testing.TB) *tls.Config{
	"plain": func(testing.TB) *tls.Config { return nil },
	"TLS":   serverTLS,
}

// subscribedOn opens a connection on a channel and returns what is beneath its TLS, which the client has forgotten.
func subscribedOn(b *testing.B, e *Engine) net.Conn {
	c := dial(b, e)
	c.upgrade()
	c.say(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	c.next()
	return beneath(c.Conn)
}

// BenchmarkTLSIdle says what an idle socket takes in memory, at both ends, of which the client's is the same: it keeps nothing but its
// TCP connection.
func BenchmarkTLSIdle(b *testing.B) {
	for name, config := range doors {
		b.Run(name, func(b *testing.B) {
			e := startWith(b, Options{Loops: 2, TLS: config(b)})
			held := []net.Conn{subscribedOn(b, e)}
			before := inUse()
			b.ResetTimer()
			for range b.N {
				held = append(held, subscribedOn(b, e))
			}
			b.StopTimer()
			b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/socket")
			runtime.KeepAlive(held)
		})
	}
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkTLSDelivery publishes to 200 sockets that throw away what they get, undecrypted.
func BenchmarkTLSDelivery(b *testing.B) {
	const sockets = 200
	for _, size := range []int{100, 10_000} {
		for name, config := range doors {
			b.Run(fmt.Sprintf("%s %d", name, size), func(b *testing.B) {
				e := startWith(b, Options{Loops: 1, TLS: config(b), Backlog: 1 << 30})
				var got atomic.Int64
				for range sockets {
					c := subscribedOn(b, e)
					go func() {
						buf := make([]byte, 64<<10)
						for {
							n, err := c.Read(buf)
							if err != nil {
								return
							}
							got.Add(int64(n))
						}
					}()
				}
				app := e.Hub().App(e.registry.ByID([]byte("1")))
				data := protocol.Raw(`"` + strings.Repeat("x", size) + `"`)
				publish := func(want int64) {
					app.Publish([]byte("news"), protocol.Raw(`"e"`), data, protocol.SocketID{})
					for got.Load() < want {
						time.Sleep(100 * time.Microsecond) // a spin would be what is measured
					}
				}
				publish(sockets * int64(size))
				time.Sleep(100 * time.Millisecond) // until all of it has come
				one := got.Load()
				var start, end unix.Rusage
				_ = unix.Getrusage(unix.RUSAGE_SELF, &start)
				b.ResetTimer()
				for i := range b.N {
					publish(one * int64(i+2))
				}
				b.StopTimer()
				_ = unix.Getrusage(unix.RUSAGE_SELF, &end)
				cpu := end.Utime.Nano() + end.Stime.Nano() - start.Utime.Nano() - start.Stime.Nano()
				b.ReportMetric(float64(cpu)/float64(b.N*sockets)/1000, "cpu-µs/delivery")
			})
		}
	}
}
