package channels

import (
	"context"
	"testing"
)

// held is a load that says when it runs.
type held struct{ ran chan struct{} }

func (h held) load(context.Context) { h.ran <- struct{}{} }
func (held) dead() bool             { return false }

// While replays are held nothing begins, what is under way is waited for, and nothing is lost.
func TestHoldReplays(t *testing.T) {
	h := NewHub(nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); h.Replay(ctx) }()
	first, second := held{make(chan struct{})}, held{make(chan struct{})}
	h.replays.add(first)
	<-first.ran // and is not done yet
	over, end := context.WithCancel(context.Background())
	end()
	if err := h.HoldReplays(over); err == nil {
		t.Error("what is under way was not waited for")
	}
	waiting := make(chan error)
	go func() { waiting <- h.HoldReplays(ctx) }()
	h.replays.done()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	h.replays.add(second)
	if h.ReplayOne() {
		t.Error("something began while replays are held")
	}
	h.ReleaseReplays()
	<-second.ran
	h.replays.done()
	cancel()
	<-ended
}
