package e2e

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// killing is a server that is killed again and again while it is published to, with pages that come back each time.
type killing struct {
	t     testing.TB
	plan  plan
	pages []*replayPage

	mu     sync.Mutex
	server *server // guarded by mu: the present process
	acked  []int   // the publisher's until it has ended: what it was told is safe
}

const killChannels = 4

// TestEveryAcknowledgedEventSurvivesKills: whatever the publisher was told is safe reaches every page exactly once, in
// order, over 100 kills of the server, and nobody is told of a gap.
func TestEveryAcknowledgedEventSurvivesKills(t *testing.T) {
	kills, pages := 100, 200
	if testing.Short() {
		kills, pages = 8, 20
	}
	k := newKilling(t, "process", pages)
	k.run(kills)
	drops := 0
	for i, p := range k.pages {
		if err := p.check(k.acked); err != nil {
			t.Errorf("page %d on %s: %v", i, p.channel, err)
		}
		if n := p.gaps(); n > 0 {
			t.Errorf("page %d on %s was told of %d gaps", i, p.channel, n)
		}
		drops += int(p.drops.Load())
	}
	t.Logf("%d kills, %d events acknowledged, %d pages on %d channels, %d drops", kills, len(k.acked), pages, killChannels, drops)
	if len(k.acked) < 2*kills || drops < kills*pages/2 {
		t.Errorf("the kills did not meet the publishing")
	}
}

// TestEveryLossIsAnnounced: without a write for each event a kill may lose some, and then every page is told so
// before anything else comes.
func TestEveryLossIsAnnounced(t *testing.T) {
	kills, pages := 20, 40
	if testing.Short() {
		kills, pages = 4, 10
	}
	k := newKilling(t, "async", pages)
	k.run(kills)
	gaps := 0
	for i, p := range k.pages {
		if err := p.check(k.acked); err != nil {
			t.Errorf("page %d on %s: %v", i, p.channel, err)
		}
		gaps += p.gaps()
	}
	t.Logf("%d kills, %d events acknowledged, %d gaps told to %d pages", kills, len(k.acked), gaps, pages)
	if gaps < kills*pages/2 {
		t.Errorf("%d gaps were told to %d pages over %d kills", gaps, pages, kills)
	}
}

func newKilling(t testing.TB, durability string, pages int) *killing {
	k := &killing{t: t, plan: plan{args: append([]string{"--data-dir", t.TempDir(), "--durability", durability, "--log-level", "warn"}, appFlags...)}}
	k.server = launch(t, k.plan)
	k.plan.port = k.server.port
	for i := range pages {
		k.pages = append(k.pages, newReplayPage(t, k.server, "kill-"+strconv.Itoa(i%killChannels)))
	}
	return k
}

// run publishes, kills the server so many times, and returns when all pages have the last event.
func (k *killing) run(kills int) {
	var group sync.WaitGroup
	for _, p := range k.pages {
		group.Go(p.run)
	}
	defer group.Wait()
	defer func() {
		for _, p := range k.pages {
			p.leave()
		}
	}()
	for _, p := range k.pages {
		select {
		case <-p.joined:
		case <-time.After(patience):
			k.t.Error("a page could not subscribe")
			return
		}
	}
	var done atomic.Bool
	var published atomic.Int64
	var publisher sync.WaitGroup
	publisher.Go(func() { k.publish(&done, &published) })
	for i := range kills {
		// Between one and twenty acknowledged events a life, so that kills meet every stage of it.
		target := published.Load() + int64(1+i*7%20)
		eventually(k.t, "events to be acknowledged", func() bool { return published.Load() >= target || k.t.Failed() })
		k.restart()
	}
	// One more, that no kill can take: every page waits for it.
	target := published.Load() + 2
	eventually(k.t, "the last events to be acknowledged", func() bool { return published.Load() >= target })
	done.Store(true)
	publisher.Wait()
	last := k.acked[len(k.acked)-1]
	for _, p := range k.pages {
		eventually(k.t, fmt.Sprintf("event %d to reach a page on %s", last, p.channel), func() bool { return p.newest() >= last || p.stop.Load() })
	}
	k.server.stop(syscall.SIGTERM)
}

// restart kills the server and starts it on the same port.
func (k *killing) restart() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.server.kill()
	next, err := tryLaunch(k.t, k.plan)
	if err != nil {
		k.t.Fatalf("the server does not start behind a kill: %v", err)
	}
	k.server = next
}

// publish sends numbered events, each to all channels, until done. What fails is not tried again: nobody knows whether it
// has arrived.
func (k *killing) publish(done *atomic.Bool, published *atomic.Int64) {
	client := k.server.publisher()
	client.HTTPClient.Timeout = patience
	channels := make([]string, killChannels)
	for i := range channels {
		channels[i] = "kill-" + strconv.Itoa(i)
	}
	for n := 1; !done.Load(); n++ {
		if err := client.TriggerMulti(channels, "tick", strconv.Itoa(n)); err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		k.acked = append(k.acked, n)
		published.Add(1)
	}
}
