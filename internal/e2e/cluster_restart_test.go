package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"resound/internal/redistest"
)

// clusterHandsOver: processes of a node follow each other under publishing to it, while another node is there. Nothing is lost or comes
// twice on either, no publish fails, and who is on the other node sees its users stay.
func clusterHandsOver(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	env := scaling(redis.Addr(), "handover")
	first := startChain(t, plan{env: env})
	other := start(t, plan{env: env})
	(&cluster{t: t, plans: make([]plan, 2), nodes: []*server{first.server, other}}).together()
	ann, both := join(t, other, "ann"), join(t, other, "both")
	elsewhere := join(t, first.server, "both")
	stock := listenTo(t, other, "restarts")
	crowd := watchers(t, first.server, 20)
	for range 3 {
		crowd.more(20)
		if out, err := first.restart(t); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		crowd.more(5)
		elsewhere.leave()
		elsewhere = join(t, first.server, "both")
	}
	crowd.finish()
	if n := crowd.failed.Load(); n > 0 {
		t.Errorf("%d publishes failed", n)
	}
	last := strconv.Itoa(crowd.acked[len(crowd.acked)-1])
	eventually(t, "the last event on the other node", func() bool { return strings.HasSuffix(fmt.Sprint(stock.data()), last+"]") })
	if got, want := fmt.Sprint(stock.data()), fmt.Sprint(crowd.acked); got != want {
		t.Errorf("the other node's socket got %s, want %s", got, want)
	}
	for _, l := range []*listener{ann, both, stock} {
		l.connected(t)
	}
	for _, l := range []*listener{ann, both} {
		if n := l.count("pusher_internal:member_removed", `"both"`); n > 0 {
			t.Errorf("a user who is on another node too was told to leave %d times", n)
		}
	}
}
