package channels

import (
	"testing"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

func missFrame(channel string) string {
	return `{"event":"pusher:cache_miss","channel":"` + channel + `"}`
}

// at moves the hub's clock to so many seconds after the start.
func (n *testNode) at(start time.Time, seconds int) {
	n.hub.Tick(start.Add(time.Duration(seconds) * time.Second))
}

func TestCacheChannels(t *testing.T) {
	for _, channel := range []string{"cache-a", "private-cache-a", "private-encrypted-cache-a"} {
		n := newNode(t, 2)
		early, late := n.socket(0), n.socket(1)
		early.subscribe(channel)
		early.expect("E85 nothing is kept", succeededFrame(channel), missFrame(channel))
		n.publish(channel, `1`, protocol.SocketID{})
		n.publish(channel, `2`, early.id)
		early.expect("live, but not what it is excluded from", eventFrame(channel, `1`))
		late.subscribe(channel)
		late.expect("E86 the newest, E89 also one with an excluded sender", succeededFrame(channel), eventFrame(channel, `2`))
		late.subscribe(channel)
		late.expect("E58 and again", succeededFrame(channel), eventFrame(channel, `2`))
	}
}

func TestCacheOfAPresenceChannel(t *testing.T) {
	n := newNode(t, 1)
	a, b := n.socket(0), n.socket(0)
	const channel = "presence-cache-a"
	n.publish(channel, `1`, protocol.SocketID{})
	a.subscribe(channel, `{"user_id":1}`)
	a.got()
	b.subscribe(channel, `{"user_id":2}`)
	b.hangUp()
	if err := a.say(`{"event":"client-x","channel":"` + channel + `","data":{}}`); err != nil {
		t.Fatal(err)
	}
	c := n.socket(0)
	c.subscribe(channel, `{"user_id":3}`)
	got := c.got()
	if len(got) != 2 || got[1] != eventFrame(channel, `1`) {
		t.Errorf("E88 a whisper or a leave overwrote the event: %q", got)
	}
}

func TestCacheKeepsWhileNobodyListensAndForgets(t *testing.T) {
	n := newNode(t, 1)
	settings := apps.New("1", "key", "secret")
	settings.CacheTTL = 10 * time.Minute
	n.hub.Update([]*apps.App{settings})
	start := time.Now().Truncate(time.Minute).Add(time.Hour)
	n.at(start, 0)

	n.publish("cache-a", `1`, protocol.SocketID{}) // E87
	if i := n.app.Channel([]byte("cache-a")); i.Subscriptions != 0 || i.Cached == nil || i.TTL != 600 {
		t.Errorf("an event that is kept: %+v", i)
	}
	if list := n.app.Channels(""); len(list) != 0 {
		t.Errorf("nobody is on a channel, yet it is occupied: %+v", list)
	}
	n.at(start, 599)
	s := n.socket(0)
	s.subscribe("cache-a")
	s.expect("just in time", succeededFrame("cache-a"), eventFrame("cache-a", `1`))
	s.unsubscribe("cache-a")
	if n.channels() != 1 {
		t.Error("E69 the channel went although it keeps an event")
	}
	n.at(start, 600)
	s.subscribe("cache-a")
	s.expect("too late", succeededFrame("cache-a"), missFrame("cache-a"))
	s.hangUp()
	if n.channels() != 0 {
		t.Error("a channel without event and subscribers stays")
	}
	n.publish("cache-b", `1`, protocol.SocketID{})
	n.at(start, 1199)
	if n.channels() != 1 {
		t.Error("an event was forgotten too early")
	}
	n.at(start, 1260)
	if n.channels() != 0 {
		t.Error("an event that nobody asked for stays for ever")
	}
}

func TestPresenceLimits(t *testing.T) {
	n := newNode(t, 1)
	settings := apps.New("1", "key", "secret")
	settings.MaxPresenceMembers, settings.MaxUserInfo = 2, 20
	n.hub.Update([]*apps.App{settings})
	a, b, c := n.socket(0), n.socket(0), n.socket(0)
	a.subscribe(room, `{"user_id":1,"user_info":{"name":"Ann Lee"}}`)
	b.subscribe(room, `{"user_id":2}`)
	if err := c.say(c.subscription(room, `{"user_id":3}`)); err == nil || err.Code != 4100 {
		t.Errorf("one too many: %v", err)
	}
	c.subscribe(room, `{"user_id":2}`) // a second tab of a member
	if err := c.say(c.subscription("presence-other", `{"user_id":3,"user_info":{"name":"Bob Lee"}} `)); err != nil {
		t.Errorf("just small enough: %v", err)
	}
	if err := c.say(c.subscription("presence-other", `{"user_id":4,"user_info":{"name":"Robert Lee"}}`)); err == nil || err.Code != 4200 {
		t.Errorf("too much user_info: %v", err)
	}
	// Who comes again as somebody else may take no more room than it gives up.
	if err := c.say(c.subscription(room, `{"user_id":3}`)); err == nil || err.Code != 4100 {
		t.Errorf("a second tab that becomes a third user: %v", err)
	}
	a.subscribe(room, `{"user_id":5}`)
	if ids, _ := n.app.Users([]byte(room)); len(ids) != 2 {
		t.Errorf("%d users on a channel for two", len(ids))
	}
	a.hangUp()
	d := n.socket(0)
	d.subscribe(room, `{"user_id":4}`)
}
