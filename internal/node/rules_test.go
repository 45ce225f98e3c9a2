package node

import (
	"testing"

	"resound/internal/apps"
	"resound/persist"
	"resound/protocol"
)

// position is where a page stands that has everything of a channel.
func (n *Node) position(t *testing.T, channel string) (p persist.Position) {
	t.Helper()
	app := n.Apps()[0]
	if err := n.engine.Hub().App(app).Publish([]byte(channel), []byte(`"e"`), []byte(`1`), protocol.SocketID{}).Wait(); err != nil {
		t.Fatal(err)
	}
	s, err := n.events.Stream(app.ID, channel)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	p, on := s.Head()
	if !on {
		t.Fatal("the log is off")
	}
	return p
}

func (n *Node) gap(t *testing.T, channel string, p persist.Position) persist.Gap {
	t.Helper()
	s, err := n.events.Stream(n.Apps()[0].ID, channel)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	return s.Resume(p).Gap
}

// What was published while a channel was not kept is in no log: who comes back from before is told so, whether the rules
// changed while the server ran or between two runs. As long as they stay the same nobody is.
func TestOtherRulesAreAGap(t *testing.T) {
	dir := t.TempDir()
	open := func(args ...string) *Node {
		args = append([]string{"--data-dir", dir, "--app-id", "1", "--app-key", "k", "--app-secret", "s"}, args...)
		return newNode(t, settings(t, args...))
	}
	n := open()
	before := n.position(t, "orders")
	if before.Epoch != 1 || before.Serial != 1 {
		t.Errorf("a fresh log begins at %+v", before)
	}
	stop(t, n)

	n = open()
	if gap := n.gap(t, "orders", before); gap != persist.None {
		t.Errorf("the same rules are a gap: %v", gap)
	}
	off := *n.Apps()[0]
	off.HistoryRules = []apps.HistoryRule{{Channels: []string{"orders"}, History: off.History}}
	off.HistoryRules[0].Messages = 0
	for range 2 {
		if err := n.Reload([]*apps.App{&off}); err != nil {
			t.Fatal(err)
		}
	}
	if gap := n.gap(t, "orders", before); gap != persist.Epoch {
		t.Errorf("other rules are no gap: %v", gap)
	}
	now := n.position(t, "others")
	if err := n.Reload([]*apps.App{&off}); err != nil {
		t.Fatal(err)
	}
	if gap := n.gap(t, "others", now); gap != persist.None {
		t.Errorf("a reload that changes nothing is a gap: %v", gap)
	}
	stop(t, n)

	n = open() // with the rules of before, so others than at the end
	if gap := n.gap(t, "others", now); gap != persist.Epoch {
		t.Errorf("other rules at the start are no gap: %v", gap)
	}
	now = n.position(t, "others")
	stop(t, n)

	n = open("--durability", "off")
	stop(t, n)
	n = open()
	if gap := n.gap(t, "others", now); gap != persist.Epoch {
		t.Errorf("a run without the log is no gap: %v", gap)
	}
	stop(t, n)
}

// The log keeps what an application says also before its first connection: the first sweep begins with the server.
func TestRetentionBeforeTheFirstConnection(t *testing.T) {
	n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--history-messages=50000", "--history-age=24h")
	want := n.registry.All()[0].History
	got := n.retention(n.registry.All()[0].ID, "orders")
	if got.Messages != want.Messages || got.Age != want.Age {
		t.Errorf("the log keeps %d events for %v, configured are %d for %v", got.Messages, got.Age, want.Messages, want.Age)
	}
}
