package redisbroker

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"resound/internal/redistest"
	"resound/protocol"
)

// TestClientsTakeNoRoomOfPublishers: what clients say to each other, as much as they like, leaves room for what publishers publish: that is
// refused when the queue is full, and what clients say may get lost.
func TestClientsTakeNoRoomOfPublishers(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, r.Addr())
	a := join(t, proxy.Addr(), func(o *Options) { o.Grace = patience }) // however long the flood takes
	proxy.Blackhole(redistest.Both)
	for range maxQueued {
		a.Say("app1", "x", protocol.SocketID{A: 1, B: 2}, []byte("hello"))
	}
	if a.Stats().Unsaid == 0 {
		t.Errorf("nothing was refused: %+v", a.Stats())
	}
	ticket := a.Publish(outgoing("x", "1", 1))
	proxy.Heal()
	if err := ticket.Wait(); err != nil {
		t.Errorf("published: %v; %+v", err, a.Stats())
	}
}

// TestNamesOfVisitors: whoever may connect may subscribe to any number of public channels, one after the other. What Redis remembers of
// each is not kept for a day when nothing was ever published there and nobody hears it.
func TestNamesOfVisitors(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	a := join(t, r.Addr())
	const visitors = 1000
	for i := range visitors {
		topic := fmt.Sprint("visited", i)
		a.subscribe(topic)
		a.load(topic)
		a.Unsubscribe("app1", topic)
	}
	list, _ := r.Do("HGETALL", a.part("x").names.log()).([]any)
	fields, now := 0, time.Now().UnixMilli()
	for i := 0; i+1 < len(list); i += 2 {
		value := fmt.Sprint(list[i+1])
		if !strings.HasPrefix(fmt.Sprint(list[i]), "m:app1:visited") || len(value) < 8 {
			continue
		}
		fields++
		if left := int64(binary.BigEndian.Uint64([]byte(value[len(value)-8:]))) - now; left > 3*touchEvery.Milliseconds() {
			t.Fatalf("%s stays for %d s", list[i], left/1000)
		}
	}
	if fields != visitors {
		t.Errorf("%d fields of %d channels: they stand elsewhere", fields, visitors)
	}
}
