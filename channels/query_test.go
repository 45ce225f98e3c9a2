package channels

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"resound/internal/apps"
	"resound/protocol"
)

func TestChannels(t *testing.T) {
	n := newNode(t, 2)
	if list := n.app.Channels(""); len(list) != 0 {
		t.Errorf("nobody is there: %v", list)
	}
	a, b := n.socket(0), n.socket(1)
	a.subscribe("orders-1")
	b.subscribe("orders-1")
	a.subscribe("orders-2")
	a.subscribe(room, `{"user_id":1}`)
	b.subscribe(room, `{"user_id":1}`)
	member := Traffic{1, uint64(len(`{"event":"pusher_internal:member_added","data":"{\"user_id\":1}","channel":"`+room+`"}`) + 2)}
	for prefix, want := range map[string][]Info{
		"":         {{Name: "orders-1", Presence: false, Subscriptions: 2, Users: 0}, {Name: "orders-2", Presence: false, Subscriptions: 1, Users: 0}, {Name: room, Presence: true, Subscriptions: 2, Users: 1, Traffic: member}},
		"orders-":  {{Name: "orders-1", Presence: false, Subscriptions: 2, Users: 0}, {Name: "orders-2", Presence: false, Subscriptions: 1, Users: 0}},
		"orders-2": {{Name: "orders-2", Presence: false, Subscriptions: 1, Users: 0}},
		room:       {{Name: room, Presence: true, Subscriptions: 2, Users: 1, Traffic: member}},
		"rders":    {},
	} {
		list := n.app.Channels(prefix)
		slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
		if !slices.Equal(list, want) {
			t.Errorf("prefix %q: %+v, want %+v", prefix, list, want)
		}
	}
	for name, want := range map[string]Info{
		"orders-1":   {Name: "orders-1", Presence: false, Subscriptions: 2, Users: 0},
		room:         {Name: room, Presence: true, Subscriptions: 2, Users: 1, Traffic: member},
		"nowhere":    {Name: "nowhere", Presence: false, Subscriptions: 0, Users: 0},
		"presence-x": {Name: "presence-x", Presence: true, Subscriptions: 0, Users: 0},
	} {
		if got := n.app.Channel([]byte(name)); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if n.channels() != 3 {
		t.Error("asking for a channel made one")
	}
}

func TestUsers(t *testing.T) {
	n := newNode(t, 1)
	for _, id := range []string{`1`, `"2"`, `"1"`, `3.5`, `"ü\n"`} {
		n.socket(0).subscribe(room, `{"user_id":`+id+`}`)
	}
	ids, ok := n.app.Users([]byte(room))
	if got := fmt.Sprintf("%s", ids); !ok || got != `[1 "2" 3.5 "ü\n"]` {
		t.Errorf("users are %s, %v", got, ok)
	}
	n.socket(0).subscribe("a")
	for _, name := range []string{"a", "nowhere", "presence-x"} {
		if ids, ok := n.app.Users([]byte(name)); ok || ids != nil {
			t.Errorf("%s has users %s", name, ids)
		}
	}
}

func TestTerminate(t *testing.T) {
	n := newNode(t, 2)
	one, two, other, guest := n.socket(0), n.socket(1), n.socket(0), n.socket(0)
	for _, channel := range []string{room, "presence-b"} {
		one.subscribe(channel, `{"user_id":7}`)
		other.subscribe(channel, `{"user_id":77}`)
	}
	two.subscribe("presence-b", `{"user_id":"7"}`)
	guest.subscribe("private-x", `{"user_id":7}`) // no presence channel knows this one
	for _, s := range []*testSocket{one, two, other, guest} {
		s.got()
	}
	if c := n.app.Terminate("07"); c != 0 {
		t.Errorf("%d connections of user 07", c)
	}
	if c := n.app.Terminate("7"); c != 2 {
		t.Errorf("%d connections, want 2", c)
	}
	if one.closed != nil {
		t.Error("closed outside its loop")
	}
	other.expect("the other user", removedFrame(room, `7`), removedFrame("presence-b", `7`))
	if one.closed != protocol.ErrTerminated || two.closed != protocol.ErrTerminated || other.closed != nil || guest.closed != nil {
		t.Errorf("closed: %v, %v, %v, %v", one.closed, two.closed, other.closed, guest.closed)
	}
	if c := n.app.Terminate("7"); c != 0 {
		t.Errorf("a second time: %d connections", c)
	}
}

// Who is terminated still gets what was published before: the reason, as a rule.
func TestTerminateComesAfterWhatWasPublished(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe("private-x")
	s.subscribe(room, `{"user_id":7}`)
	other.subscribe("private-x")
	s.got()
	other.got()
	n.publish("private-x", `1`, nobody)
	n.loops[0].turn(all, 0) // 1 is in the channel's queue, 2 still in the mailbox
	n.publish("private-x", `2`, nobody)
	n.publish("private-x", `3`, s.id)
	n.app.Terminate("7")
	n.publish("private-x", `4`, nobody)
	s.expect("terminated", eventFrame("private-x", `1`), eventFrame("private-x", `2`))
	other.expect("stayed", eventFrame("private-x", `1`), eventFrame("private-x", `2`), eventFrame("private-x", `3`), eventFrame("private-x", `4`))
}

// The connection is gone, or somebody else by then: the task that closes it must not mind.
func TestTerminateWhileClosing(t *testing.T) {
	n := newNode(t, 1)
	s, other := n.socket(0), n.socket(0)
	s.subscribe(room, `{"user_id":7}`)
	other.subscribe(room, `{"user_id":8}`)
	s.got()
	other.got()
	if c := n.app.Terminate("7") + n.app.Terminate("7"); c != 2 {
		t.Errorf("%d, want the same connection twice", c)
	}
	n.publish(room, `1`, nobody)
	s.hangUp()
	s.expect("hung up")
	other.expect("once", eventFrame(room, `1`), removedFrame(room, `7`))
	if s.closed != protocol.ErrPongTimeout || n.app.Terminate("7") != 0 {
		t.Errorf("closed: %v", s.closed)
	}
}

func TestConnections(t *testing.T) {
	settings := apps.New("1", "key", "secret")
	settings.MaxConnections = 2
	a := NewHub(nil).App(settings)
	for i, want := range []*protocol.Error{nil, nil, protocol.ErrOverQuota, protocol.ErrOverQuota} {
		if err := a.Connect(); err != want {
			t.Errorf("connection %d: %v, want %v", i, err, want)
		}
	}
	if c := a.Connections(); c != 2 {
		t.Errorf("%d connections, want 2", c)
	}
	a.Disconnect()
	if err := a.Connect(); err != nil {
		t.Errorf("one has left: %v", err)
	}
	open := apps.New("2", "key2", "secret")
	b := NewHub(nil).App(open)
	for range 1000 {
		if err := b.Connect(); err != nil {
			t.Fatal(err)
		}
	}
	// A limit that is lowered closes nobody and admits nobody.
	lower := *open
	lower.MaxConnections = 10
	b.hub.Update([]*apps.App{&lower})
	if b.Connect() == nil || b.Connections() != 1000 {
		t.Errorf("over a lowered limit: %d connections", b.Connections())
	}
}

// However many dial at once, exactly as many as fit are admitted, and nobody ever counts more.
func TestConnectionsAtTheLimit(t *testing.T) {
	settings := apps.New("1", "key", "secret")
	settings.MaxConnections = 4
	a := NewHub(nil).App(settings)
	// Three hold a place for good, so one place is left, and one goroutine at a time has it.
	for range 3 {
		a.Connect()
	}
	var wg sync.WaitGroup
	admitted := make([]int, 8)
	for i := range admitted {
		wg.Go(func() {
			for range 20_000 {
				if a.Connect() == nil {
					admitted[i]++
					if c := a.Connections(); c != 4 {
						t.Errorf("%d connections, want 4", c)
					}
					a.Disconnect()
				} else if c := a.Connections(); c > 4 {
					t.Errorf("%d connections are over the limit", c)
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, c := range admitted {
		total += c
	}
	if a.Connections() != 3 || total == 0 {
		t.Errorf("%d connections are left, %d were admitted", a.Connections(), total)
	}
}
