package main

import (
	"strings"
	"testing"

	"resound/internal/control"
)

func TestShowTop(t *testing.T) {
	top := control.Top{
		Took: 1, Sockets: 12_345, Slow: 2, Backlog: 2_500_000, Lag: 1.26, Draining: true, Accepted: 0.6, Messages: 1.2, Sent: 123_456_789, Requests: 90,
		Published: 95.4, Delivered: 1_234_567, Processor: 0.4213, Others: 1,
		Level: "closed", Reason: "memory", Memory: 0.814, MemoryUsed: 390 << 20, MemoryBound: 480 << 20, Refused: 12.3,
		Events:   []control.TopEvent{{App: "shop", Name: "changed\x1b[2J", Messages: 5, Size: 400, Delivered: 60_000, Sent: 24_000_000}},
		Apps:     []control.TopApp{{ID: "shop", Connections: 12_345, Channels: 3, Subscriptions: 20_000, Published: 95.4, Delivered: 1_234_567, Sent: 123_456_789}},
		Channels: []control.TopChannel{{App: "shop", Name: "prices", Subscriptions: 12_000, Messages: 5, Size: 400, Sent: 24_000_000}, {App: "shop", Name: "bad\x1b[2Jname", Subscriptions: 1}},
	}
	top.Cluster = &control.TopCluster{Redis: "redis.internal:6379", Prefix: "reverb:1001:", Joined: true, Others: 2, RoundTrip: 0.42, Fetched: 1.5}
	for range maxApps {
		top.Apps = append(top.Apps, control.TopApp{ID: "quiet"})
	}
	var b strings.Builder
	if err := show(&b, top, 4711, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "top.txt", []byte(b.String()))
	b.Reset()
	if err := show(&b, top, 4711, true); err != nil || !strings.HasPrefix(b.String(), "\x1b[H") || !strings.HasSuffix(b.String(), "\x1b[J") || strings.Contains(b.String(), "bad\x1b") {
		t.Errorf("live: %q, %v", b.String(), err)
	}
}
