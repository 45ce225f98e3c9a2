package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func play1(t *testing.T, loads int, groups []Group, args ...string) *PlayResult {
	t.Helper()
	r, err := Play{Targets: []Target{resound(t, args...)}, Name: "test", Workload: Workload{Warmup: 300 * time.Millisecond, Duration: 1200 * time.Millisecond, Groups: groups},
		Loads: loads, Publishers: 2, Patience: 2 * time.Second, Cores: unpinned, Progress: &Progress{}}.Run(context.Background())
	if r != nil {
		_ = r.Table().Write(os.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScenarios(t *testing.T) {
	for name, c := range map[string]struct {
		groups []Group
		args   []string
	}{
		"steady":   {Steady{Sockets: 50, Size: 64, Rate: 50}.Groups(), nil},
		"rooms":    {Rooms{Rooms: 30, Sockets: 60, Subscribe: 3, Size: 100, Batch: 2, Rate: 200}.Groups(), nil},
		"table":    {LiveTable{Tables: 2, Rows: 100, Viewers: 50, Size: 200, Updates: 40}.Groups(), nil},
		"presence": {PresenceChurn{Channels: 5, Members: 10, UserInfo: 50, Size: 64, Churn: 30, Rate: 10}.Groups(), nil},
		"whisper":  {WhisperRooms{Channels: 5, Members: 10, Size: 64, Rate: 20}.Groups(), nil},
		"replay":   {Comeback{Sockets: 50, Channels: 2, Size: 64, Rate: 50, Drops: 30, Away: 200 * time.Millisecond, Replay: true}.Groups(), []string{"--durability=process"}},
		"drops":    {Comeback{Sockets: 50, Channels: 2, Size: 64, Rate: 50, Drops: 30, Away: 200 * time.Millisecond}.Groups(), nil},
	} {
		for _, loads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d", name, loads), func(t *testing.T) {
				play1(t, loads, c.groups, c.args...)
			})
		}
	}
}
