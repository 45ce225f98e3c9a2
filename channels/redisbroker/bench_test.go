package redisbroker

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resound/channels"
	"resound/internal/redistest"
	"resound/persist"
	"resound/protocol"
)

// ear is a Receiver that counts.
type ear struct {
	events atomic.Uint64
	joined chan struct{}
	once   sync.Once
}

func (e *ear) Deliver(string, string, persist.LogID, channels.Event) { e.events.Add(1) }
func (e *ear) Hear(string, string, protocol.SocketID, []byte, bool)  {}
func (e *ear) Noted(string, string, uint64, channels.Record)         {}
func (e *ear) Ask(string, []byte) []byte                             { return nil }
func (e *ear) Parted()                                               {}
func (e *ear) NodeGone(channels.NodeID)                              {}
func (e *ear) Rejoined()                                             { e.once.Do(func() { close(e.joined) }) }

// BenchmarkPublish is a publish of 200 bytes that its own node hears, with 1 and with 64 that wait for theirs. cpu-ns is of this
// process, redis-ns of Redis.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct {
		name    string
		writers int
		keep    persist.Retention
	}{
		{"1", 1, persist.Retention{}}, {"64", 64, persist.Retention{}}, {"64-kept", 64, persist.Retention{Messages: 1000, Bytes: 1 << 20, Age: time.Hour}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := redistest.Start(b, redistest.Options{})
			e := &ear{joined: make(chan struct{})}
			n, err := New(Options{Secret: secret, Addresses: []string{r.Addr()}, Prefix: "bench:", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				b.Fatal(err)
			}
			n.Start(e)
			defer n.Close(context.Background())
			<-e.joined
			if err := n.Subscribe(context.Background(), "app1", "x"); err != nil {
				b.Fatal(err)
			}
			o := outgoing("x", string(make([]byte, 200)), 0)
			o.Keep = c.keep
			var next atomic.Int64
			var ids atomic.Uint64
			b.ReportAllocs()
			before, redisBefore := cpu(), redisCPU(b, r)
			b.ResetTimer()
			var wg sync.WaitGroup
			for range c.writers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						o := o
						o.ID = ids.Add(1)
						if err := n.Publish(o).Wait(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			for e.events.Load() < uint64(b.N) {
				runtime.Gosched()
			}
			b.StopTimer()
			s := n.Stats()
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(redisCPU(b, r)-redisBefore)/float64(b.N), "redis-ns/op")
			b.ReportMetric(s.Seconds*1e9/float64(s.Published), "wait-ns/op")
			b.ReportMetric(float64(s.Published)/float64(s.Trips), "events/trip")
		})
	}
}

// cpu is what this process has used, in ns.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// redisCPU is what Redis has used, in ns.
func redisCPU(b *testing.B, r *redistest.Server) (sum int64) {
	for _, f := range []string{"used_cpu_sys", "used_cpu_user"} {
		d, err := time.ParseDuration(r.Info(f, "INFO", "cpu") + "s")
		if err != nil {
			b.Fatal(err)
		}
		sum += int64(d)
	}
	return sum
}
