package redisbroker

import (
	"fmt"
	"testing"

	"resound/channels"
	"resound/internal/redistest"
)

// TestManyTopicsOfALostNode: what a lost node has left on many topics is not a reason to ask for each of them who is alive.
func TestManyTopicsOfALostNode(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a, b := join(t, r.Addr()), join(t, r.Addr())
	const gone, n = channels.NodeID(0xABC), 300
	for i := range n {
		topic := fmt.Sprint("t", i)
		body := a.seal(&envelope{kind: kindRecord, id: uint64(gone), app: "app1", topic: topic, payload: appendRecord(nil, "k", []byte("v"))})
		a.note("app1", topic, gone, "put", []string{"k", string(body)})
	}
	eventually(t, "all noted", func() bool { return a.Stats().Queued == 0 })
	r.Do("CONFIG", "RESETSTAT")
	for i := range n {
		if s := b.load(fmt.Sprint("t", i)); len(s.Records) != 0 {
			t.Fatalf("%d records of nobody", len(s.Records))
		}
	}
	var calls int
	fmt.Sscanf(r.Info("cmdstat_zadd", "INFO", "commandstats"), "calls=%d", &calls)
	if calls > n/10 {
		t.Errorf("leases were looked at %d times for %d topics", calls, n)
	}
}
