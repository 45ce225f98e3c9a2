package channels

import (
	"fmt"
	"testing"

	"resound/protocol"
)

// Which events make the server send most is known while somebody looks, and not before or after.
func TestCosts(t *testing.T) {
	n := newNode(t, 2)
	for i := range 4 {
		n.socket(i % 2).subscribe("big")
	}
	n.socket(0).subscribe("small")
	publish := func(channel, name string) {
		n.app.Publish([]byte(channel), protocol.Raw(name), protocol.Raw(`"x"`), protocol.SocketID{})
		n.settle()
	}
	publish("big", `"before"`)
	first := n.hub.Watch()
	publish("small", `"both"`)
	publish("nobody", `"both"`)
	second := n.hub.Watch()
	publish("big", `"both"`)
	publish("small", `"a \"quoted\" name"`)
	size := uint64(protocol.Event(protocol.Raw(`"both"`), "big", protocol.Raw(`"x"`)).Len())
	got := n.hub.Unwatch(second)
	if len(got) != 2 || got[0] != (EventCost{App: "1", Name: `"both"`, Messages: 1, Bytes: size, Deliveries: 4, Sent: 4 * size}) || got[1].Name != `"a \"quoted\" name"` {
		t.Errorf("the second sees %+v", got)
	}
	publish("big", `"after"`)
	if got := n.hub.Unwatch(first); len(got) != 3 || got[0].Messages != 2 || got[0].Deliveries != 5 {
		t.Errorf("the first sees %+v", got)
	}
	if n.hub.watchers.Load() != nil {
		t.Error("nobody looks any more")
	}
}

// However many names there are, memory is bounded, and the dearest is among those that are kept.
func TestCostsAreBounded(t *testing.T) {
	c := &Costs{byName: make(map[eventName]*EventCost)}
	for i := range 20 * maxCosts {
		c.add("app", protocol.Raw(fmt.Sprintf(`"noise %d"`, i)), 10, 1)
		if i%4 == 0 {
			c.add("app", protocol.Raw(`"dear"`), 100, 10)
		}
	}
	if len(c.heap) != maxCosts || len(c.byName) != maxCosts {
		t.Fatalf("%d names are kept", len(c.heap))
	}
	var h Hub
	list := h.Unwatch(c)
	if e := list[0]; e.Name != `"dear"` || e.Messages != 5*maxCosts || e.Sent-e.Surplus != 5*maxCosts*1000 || e.Deliveries != 50*maxCosts {
		t.Errorf("the first is %+v", e)
	}
	sum := uint64(0)
	for _, e := range list {
		if sum += e.Sent; e.Surplus > e.Sent {
			t.Errorf("%+v", e)
		}
	}
	if want := uint64(20*maxCosts*10 + 5*maxCosts*1000); sum != want {
		t.Errorf("in all %d bytes, want %d", sum, want)
	}
}
