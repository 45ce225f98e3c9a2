package api

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"resound/channels"
	"resound/persist"
)

// withLog gives the node a log in a directory of its own.
func (n *node) withLog(b testing.TB, d persist.Durability) *persist.Log {
	hub := n.server.o.Hub
	retention := func(app, channel string) persist.Retention {
		return channels.Retention(n.server.o.Registry.ByID([]byte(app)), channel)
	}
	log, err := persist.Open(persist.Options{Dir: b.TempDir(), Durability: d, Retention: retention, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := log.Close(); err != nil {
			b.Error(err)
		}
	})
	hub.UseLog(log, 1<<26, func(err error, app, channel string) { b.Errorf("%s of %s: %v", channel, app, err) })
	return log
}

// A publish is answered when the log has it.
func TestPublishGoesToTheLog(t *testing.T) {
	n := newNode(t)
	log := n.withLog(t, persist.Process)
	if status := n.prepared(laravelEvent)(); status != 200 {
		t.Fatalf("answered %d", status)
	}
	stream, err := log.Stream(testID, "private-orders.1")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Release()
	if head, on := stream.Head(); !on || head.Serial != 1 {
		t.Errorf("the log stands at %+v, %v", head, on)
	}
}

// BenchmarkLoggedPublish is the handler alone, with 64 publishers at once on channels of their own.
func BenchmarkLoggedPublish(b *testing.B) {
	for _, d := range []persist.Durability{persist.Async, persist.Process, persist.Disk} {
		b.Run(d.String(), func(b *testing.B) {
			n := newNode(b)
			n.withLog(b, d)
			var next atomic.Int32
			b.SetParallelism(64)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				channel := "private-" + string(rune('a'+next.Add(1)%26))
				call := n.prepared(strings.Replace(laravelEvent, "private-orders.1", channel, 1))
				for pb.Next() {
					if status := call(); status != 200 {
						b.Errorf("answered %d", status)
					}
				}
			})
		})
	}
}
