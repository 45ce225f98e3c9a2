package channels

import (
	"fmt"
	"testing"
)

const room = "presence-room"

func member(id, name string) string {
	return `{"user_id":` + id + `,"user_info":{"name":"` + name + `"}}`
}

func TestPresenceJoinAndLeave(t *testing.T) {
	n := newNode(t, 2)
	ann, bob := n.socket(0), n.socket(1)
	ann.subscribe(room, member(`1`, "Ann"))
	ann.expect("alone", rollFrame(room, `{"count":1,"ids":[1],"hash":{"1":{"name":"Ann"}}}`))
	bob.subscribe(room, member(`"b"`, "Bob"))
	bob.expect("the second", rollFrame(room, `{"count":2,"ids":[1,"b"],"hash":{"1":{"name":"Ann"},"b":{"name":"Bob"}}}`))
	ann.expect("the second came", addedFrame(room, member(`"b"`, "Bob")))
	ann.subscribe(room, member(`1`, "Ann"))
	ann.expect("again", rollFrame(room, `{"count":2,"ids":[1,"b"],"hash":{"1":{"name":"Ann"},"b":{"name":"Bob"}}}`))
	bob.expect("the first subscribed again")
	bob.unsubscribe(room)
	bob.expect("left")
	ann.expect("the second left", removedFrame(room, `"b"`))
	ann.hangUp()
	if n.channels() != 0 {
		t.Error("the channel is still there")
	}
}

// A user is a user_id, whether it came as a number or as text, and is there with any number of sockets.
func TestPresenceCountsUsers(t *testing.T) {
	n := newNode(t, 2)
	watcher := n.socket(0)
	watcher.subscribe(room, member(`9`, "W"))
	watcher.got()
	tabs := []*testSocket{n.socket(0), n.socket(1), n.socket(1)}
	for i, id := range []string{`1`, `"1"`, `"\u0031"`} {
		tabs[i].subscribe(room, member(id, fmt.Sprint("tab ", i)))
		// The first socket's id and info stand for the user.
		tabs[i].expect(id, rollFrame(room, `{"count":2,"ids":[9,1],"hash":{"9":{"name":"W"},"1":{"name":"tab 0"}}}`))
	}
	watcher.expect("three tabs came", addedFrame(room, member(`1`, "tab 0")))
	if i := n.app.Channel([]byte(room)); i.Users != 2 || i.Subscriptions != 4 || !i.Presence {
		t.Errorf("%+v, want 2 users with 4 sockets", i)
	}
	tabs[0].hangUp()
	tabs[2].unsubscribe(room)
	watcher.expect("two tabs left")
	tabs[1].hangUp()
	watcher.expect("the last tab left", removedFrame(room, `1`))
}

func TestPresenceNeedsAUser(t *testing.T) {
	n := newNode(t, 1)
	s := n.socket(0)
	for _, data := range []string{"", "{}", "[]", `{"user_info":{}}`, `{"user_id":""}`, `{"user_id":null}`, `{"user_id":[1]}`, `{"user_id":true}`} {
		if err := s.say(s.subscription(room, data)); err == nil || err.Code != 4009 || err.Closes {
			t.Errorf("channel_data %q: %v, want 4009 on an open connection", data, err)
		}
	}
	s.expect("refused")
	if n.channels() != 0 {
		t.Error("a refused member made a channel")
	}
}

// 0 and what PHP takes for a list are users like any other; one without user_info has null in the roster.
func TestPresenceOddMembers(t *testing.T) {
	n := newNode(t, 1)
	zero, one := n.socket(0), n.socket(0)
	zero.subscribe(room, `{"user_id":0}`)
	zero.expect("0", rollFrame(room, `{"count":1,"ids":[0],"hash":{"0":null}}`))
	one.subscribe(room, `{"user_id":1,"user_info":{"q":"\"\\","e":{},"f":1.0},"more":true}`)
	one.expect("1", rollFrame(room, `{"count":2,"ids":[0,1],"hash":{"0":null,"1":{"q":"\"\\","e":{},"f":1.0}}}`))
	zero.expect("1 came", addedFrame(room, `{"user_id":1,"user_info":{"q":"\"\\","e":{},"f":1.0}}`))
	zero.hangUp()
	one.expect("0 left", removedFrame(room, `0`))
}

func TestPresenceChangesUser(t *testing.T) {
	n := newNode(t, 2)
	s, watcher := n.socket(0), n.socket(1)
	watcher.subscribe(room, member(`9`, "W"))
	s.subscribe(room, member(`1`, "Ann"))
	s.got()
	watcher.got()
	n.publish(room, `1`, nobody)
	s.subscribe(room, member(`2`, "Bob"))
	n.publish(room, `2`, nobody)
	roll := rollFrame(room, `{"count":2,"ids":[9,2],"hash":{"9":{"name":"W"},"2":{"name":"Bob"}}}`)
	// It never left the channel, so it has what was published before it changed.
	s.expect("changed", roll, eventFrame(room, `1`), eventFrame(room, `2`))
	watcher.expect("another changed", eventFrame(room, `1`), removedFrame(room, `1`), addedFrame(room, member(`2`, "Bob")), eventFrame(room, `2`))

	tab := n.socket(0)
	tab.subscribe(room, member(`2`, "Bob"))
	tab.got()
	tab.subscribe(room, member(`9`, "other"))
	tab.expect("became one who is there", rollFrame(room, `{"count":2,"ids":[9,2],"hash":{"9":{"name":"W"},"2":{"name":"Bob"}}}`))
	s.expect("nobody new")
	watcher.hangUp()
	s.expect("one tab of two left")
	s.hangUp()
	tab.expect("the other left", removedFrame(room, `2`))
	if ids, ok := n.app.Users([]byte(room)); !ok || len(ids) != 1 || string(ids[0]) != `9` {
		t.Errorf("users are %s", ids)
	}
	// Alone on the channel it changes too, without anybody to tell.
	tab.subscribe(room, member(`3`, "Cy"))
	tab.expect("alone", rollFrame(room, `{"count":1,"ids":[3],"hash":{"3":{"name":"Cy"}}}`))
	tab.hangUp()
	if n.channels() != 0 {
		t.Error("the channel is still there")
	}
}

// A join is told in the order of the channel: behind what was published before, ahead of what the new member says.
func TestPresenceOrder(t *testing.T) {
	n := newNode(t, 2)
	watcher, s := n.socket(0), n.socket(1)
	watcher.subscribe(room, member(`9`, "W"))
	watcher.got()
	n.publish(room, `1`, nobody)
	s.subscribe(room, member(`1`, "Ann"))
	s.say(`{"event":"client-x","channel":"` + room + `","data":{}}`)
	n.publish(room, `2`, nobody)
	s.unsubscribe(room)
	n.publish(room, `3`, nobody)
	watcher.expect("in order", eventFrame(room, `1`), addedFrame(room, member(`1`, "Ann")),
		`{"event":"client-x","channel":"`+room+`","data":{},"user_id":1}`,
		eventFrame(room, `2`), removedFrame(room, `1`), eventFrame(room, `3`))
}

// Sockets and users leave in any order, and every one of them is found at its place.
func TestRosterLeavesInAnyOrder(t *testing.T) {
	for _, step := range []int{1, 3, 7, 11} { // each coprime to the number of sockets
		n := newNode(t, 1)
		watcher := n.socket(0)
		watcher.subscribe(room, member(`"w"`, "W"))
		const users, each = 20, 5
		var sockets []*testSocket
		for i := range users * each {
			s := n.socket(0)
			s.subscribe(room, member(fmt.Sprint(i%users), "x"))
			sockets = append(sockets, s)
		}
		watcher.got()
		left := make(map[int]int)
		gone := 0
		for i := range sockets {
			at := i * step % len(sockets)
			sockets[at].unsubscribe(room)
			if left[at%users]++; left[at%users] == each {
				gone++
				watcher.expect("the last socket", removedFrame(room, fmt.Sprint(at%users)))
			} else {
				watcher.expect("not the last socket")
			}
			if i := n.app.Channel([]byte(room)); i.Users != users+1-gone {
				t.Fatalf("step %d: %d users, want %d", step, i.Users, users+1-gone)
			}
		}
		if r := n.app.find([]byte(room)).roster; len(r.byKey) != 1 || r.bytes != len(`"w"{"name":"W"}`) {
			t.Errorf("step %d: the roster keeps %d keys, counts %d bytes", step, len(r.byKey), r.bytes)
		}
	}
}
