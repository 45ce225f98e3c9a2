package node

import (
	"testing"

	"resound/channels"
)

// A channel that everybody left between two looks counts anew, and may have more messages by then in fewer bytes.
func TestAChannelThatBeganAnew(t *testing.T) {
	rate := func(before, now uint64) float64 { return float64(now - before) }
	for name, was := range map[string]channels.Traffic{
		"more messages before": {Messages: 9, Bytes: 90}, "more bytes before": {Messages: 1, Bytes: 9000}, "not there before": {},
	} {
		before := moment{channels: map[channelName]channels.Traffic{{"app", "news"}: was}}
		there := []channels.Occupied{{App: "app", Name: "news", Subscriptions: 2, Traffic: channels.Traffic{Messages: 3, Bytes: 300}}}
		if got := busiest(before, there, rate)[0]; got.Messages != 3 || got.Size != 100 || got.Sent != 600 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// In a small container the newest events are no more than a quarter of what there is.
func TestReplayMemoryFits(t *testing.T) {
	for _, test := range []struct {
		setting int
		bound   uint64
		want    int
	}{{64 << 20, 0, 64 << 20}, {64 << 20, 64 << 20, 16 << 20}, {64 << 20, 1 << 40, 64 << 20}, {0, 64 << 20, 0}} {
		if got := replayMemory(test.setting, test.bound); got != test.want {
			t.Errorf("%d in %d: %d, want %d", test.setting, test.bound, got, test.want)
		}
	}
}
