package persist

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// writers is how many publishers wait for their records at the same time.
const writers = 64

// event is the stock JSON of an event, of 200 bytes; n makes each another one.
func event(dst []byte, n int) []byte {
	dst = fmt.Appendf(dst[:0], `{"event":"App\\Events\\OrderShipped","channel":"orders.%d","data":"{\"order\":{\"id\":%d,\"status\":\"shipped\",\"total\":%d.%02d},\"customer\":\"c-%08x\"`,
		n%97, n, n%1000, n%100, uint32(n)*2654435761)
	for len(dst) < 198 {
		dst = append(dst, byte('a'+(n*31+len(dst)*7)%26))
	}
	return append(dst, `"}`...)
}

// inParallel has b.N calls made by 64 goroutines, and reports how many there were a second and what CPU each took.
func inParallel(b *testing.B, do func(writer, n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	began, cpu := time.Now(), cpuTime(b)
	for w := range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := do(w, int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/took.Seconds(), "appends/s")
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/append")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend: 64 publishers of 200 bytes each, on the real disk, to one stream and to one each, with retention;
// and Pebble alone with the same options, which keeps everything and knows no streams.
func BenchmarkAppend(b *testing.B) {
	for _, d := range []Durability{Async, Process, Disk} {
		b.Run("pebble/"+d.String(), func(b *testing.B) { benchPebble(b, d) })
		b.Run("one/"+d.String(), func(b *testing.B) { benchAppend(b, d, 1) })
		b.Run("many/"+d.String(), func(b *testing.B) { benchAppend(b, d, writers) })
	}
}

func benchPebble(b *testing.B, d Durability) {
	l := &Log{opt: Options{Dir: filepath.Join(b.TempDir(), "log"), Durability: d}}
	l.opt.setDefaults()
	l.log = l.opt.Log
	db, _, err := l.openPebble(&guard{FS: vfs.Default, noSync: d != Disk}, false, false)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	how := &pebble.WriteOptions{Sync: d != Async}
	var payloads [writers][]byte
	inParallel(b, func(w, n int) error {
		var key [recordKeySize]byte
		key[0] = kindRecord
		binary.BigEndian.PutUint64(key[1:], uint64(w))
		binary.BigEndian.PutUint64(key[9:], uint64(n))
		payloads[w] = event(payloads[w], n)
		return db.Set(key[:], payloads[w], how)
	})
}

func benchAppend(b *testing.B, d Durability, streams int) {
	l := mustOpen(b, Options{Dir: filepath.Join(b.TempDir(), "log"), Durability: d,
		Retention: keep(Retention{Messages: 1000, Age: time.Hour, Bytes: 1 << 20})})
	type channel struct {
		sync.Mutex
		*Stream
	}
	var channels [writers]channel
	for i := range streams {
		channels[i].Stream = mustStream(b, l, fmt.Sprint("orders.", i))
	}
	var payloads [writers][]byte
	inParallel(b, func(w, n int) error {
		c := &channels[w%streams]
		payloads[w] = event(payloads[w], n)
		c.Lock()
		_, commit, err := c.Append([2]uint32{}, payloads[w])
		c.Unlock()
		if err != nil {
			return err
		}
		return commit.Wait()
	})
}

// BenchmarkSince: what a page gets that was away for 50, or for 1000 messages.
func BenchmarkSince(b *testing.B) {
	for _, n := range []int{50, 1000} {
		for _, where := range []string{"memory", "disk"} {
			b.Run(fmt.Sprintf("%d/%s", n, where), func(b *testing.B) { benchSince(b, n, where == "disk") })
		}
	}
}

func benchSince(b *testing.B, n int, flushed bool) {
	const streams = 64
	l := mustOpen(b, Options{Dir: filepath.Join(b.TempDir(), "log"), Durability: Async})
	var all [streams]*Stream
	for i := range all {
		all[i] = mustStream(b, l, fmt.Sprint("orders.", i))
	}
	var payload []byte
	for j := range 1000 {
		for _, s := range all {
			payload = event(payload, j)
			put(b, s, string(payload))
		}
	}
	if flushed {
		if err := l.Compact(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		got := 0
		err := all[i%streams].Since(context.Background(), uint64(1000-n), 1000, func(Record) bool { got++; return true })
		if err != nil || got != n {
			b.Fatal(got, err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	if flushed {
		tables, err := filepath.Glob(filepath.Join(l.opt.Dir, "*.sst"))
		if err != nil {
			b.Fatal(err)
		}
		size := int64(0)
		for _, name := range tables {
			if info, err := os.Stat(name); err == nil { // else it was not needed any more
				size += info.Size()
			}
		}
		b.ReportMetric(float64(size)/(streams*1000), "B/message")
	}
}
